// The one decision: may this request pass? Pure: bytes and facts in, verdict
// out; no I/O, no clock, no heap.
#pragma once

#include "l402/credential.h"
#include "l402/keyring.h"
#include "l402/memory.h"

namespace l402 {

// The facts of a request, collected by the caller. Empty means absent.
struct Facts {
    std::string_view authorization;
    std::string_view macaroon;                // hex
    std::string_view grpc_metadata_macaroon;  // hex
    std::string_view service;
    uint8_t          tier = 0;
    int64_t          now = 0;                 // unix seconds
    bool             refuse_unknown_caveats = false;
};

// Trivially copyable: lives in a request's pool.
struct Verdict {
    Result          result;
    CredentialField field;         // which header decided; none when absent
    uint8_t         tier;          // what the token opens at this service
    bool            has_token;     // the members below are set
    int64_t         expires;       // unix seconds; 0: never
    uint8_t         payment_hash[32];
    uint8_t         token_id[32];
};

// `memory` may be null. The fields are tried in the order of Facts; the
// first good one wins, else the reason of the first one that was present.
void verify(const Keyring &keys, const Facts &facts, VerifiedMemory *memory,
    Verdict &out) noexcept;

// The caveats alone, of a macaroon whose signature and preimage are known to be
// good. Fills in tier and expires.
Result check_caveats(const Slice *caveats, size_t count, const Facts &facts,
    const uint8_t preimage[32], Verdict &out) noexcept;

}  // namespace l402
