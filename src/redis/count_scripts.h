// What changes a payment's counts in Redis. Each script is given one key, so
// that a cluster can run it, and is carried out as a whole or not at all.
// docs/redis-counts.md has the fields.
#pragma once

#include <string>
#include <string_view>

namespace l402 {

struct CountScript {
    explicit CountScript(std::string_view body);

    std::string text;
    std::string sha1;  // in hex, as EVALSHA wants it
};

// id, uses, msat, limit of uses, of msat ("": not counted), minted uses, minted
// msat, minted expiry (0: never), seconds until the key may go (0: never)
//   -> {code, left of uses, of msat ("": not counted)}
// code 1: charged, now or by an earlier call of that id; 0: there is too little
// left; -1: the id was given back.
const CountScript &reserve_script();

// id -> 1: given back; 0: that id has nothing that could be, and never will.
const CountScript &give_back_script();

// id, cost in uses, in msat, limit of uses, of msat -> {code, left, left}
// code 1: charged, now or by an earlier call of that id; 0: that id holds
// nothing.
const CountScript &settle_script();

// Records are forgotten by age where nobody did so: when there are more fields
// than these, older ones than that.
inline constexpr int swept_above = 300;
inline constexpr int swept_after = 3600;  // seconds

}  // namespace l402
