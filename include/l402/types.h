// Small shared types of the core. No nginx, no sockets, no clock.
//
// Units everywhere: amounts in msat (1 sat = 1000 msat), times in unix
// seconds, durations in seconds, sizes in bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#if __cplusplus < 201703L
#error "ngx_http_l402 needs a compiler whose default is C++17 or later"
#endif

namespace l402 {

using Hash = std::array<uint8_t, 32>;

// 21 million BTC: no price and no invoice may ask for more.
inline constexpr uint64_t max_amount_msat = 2100000000000000000ULL;

// Why a request may pass or not. One table (result.cpp) has the word that
// $l402_result, the body, the log and the metrics use, and the HTTP status.
enum class Result : uint8_t {
    ok,              // a good credential
    free,            // the price is 0
    absent,          // no credential of ours
    malformed,       // ours, but no macaroon or preimage can be read out of it
    bad_signature,   // not minted with one of our keys, or changed since
    bad_preimage,    // does not hash to the payment hash
    expired,
    wrong_service,
    insufficient,    // tier or capability too low
    caveat_refused,  // a caveat that does not parse, widens, or cannot be met
    revoked,
    used_up,
    unsettled,       // a good credential whose money is not there: 402 where it
                     // will not come, 503 where it may be on its way
    unconfirmed,     // nobody can say now whether it is there (503)
    unavailable,     // what has to be known or counted of the credential cannot
                     // be now (503)
    bad_price,       // the price of this request is not an amount (500)
    no_invoice,      // no invoice can be had now (503)
    too_long,        // what a token would be tied to has no room in it (414)
    error,           // anything else that went wrong in here (500)
};

inline constexpr size_t result_count = static_cast<size_t>(Result::error) + 1;

struct ResultInfo {
    const char *word;    // "bad_signature"
    const char *title;   // for people: "The credential's signature is wrong"
    uint16_t    status;  // 402 where a challenge is the answer, 0 for a pass
};

const ResultInfo &describe(Result result) noexcept;

}  // namespace l402
