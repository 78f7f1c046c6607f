// The one decision: may this request pass? Pure: bytes and facts in, verdict
// out; no I/O, no clock, no heap.
#pragma once

#include "l402/credential.h"
#include "l402/keyring.h"
#include "l402/memory.h"

namespace l402 {

inline constexpr size_t max_measures = 16;  // of one location

// What a location demands of numbers: a token that has a caveat `condition`
// must have at least the number that the request measures.
class Measures {
public:
    virtual ~Measures() = default;

    // No more than max_measures.
    virtual size_t count() const noexcept = 0;
    virtual std::string_view condition(size_t i) const noexcept = 0;
    // Asked for an otherwise good credential that has such a caveat. False:
    // there is no number, and the credential is refused.
    virtual bool value(size_t i, int64_t &out) noexcept = 0;
};

// The facts of a request, collected by the caller. Empty means absent.
struct Facts {
    std::string_view authorization;
    std::string_view macaroon;                // hex
    std::string_view grpc_metadata_macaroon;  // hex
    std::string_view service;
    uint8_t          tier = 0;
    std::string_view capability;              // needed here; empty: none
    int64_t          now = 0;                 // unix seconds
    bool             refuse_unknown_caveats = false;
    // A token has to have been minted with what is counted here, else it does
    // not buy counted requests: Result::insufficient, and no upgrade helps.
    bool             needs_uses = false;
    bool             needs_balance = false;
    Measures        *measures = nullptr;      // null: none

    // What caveats may tie a token to, as the server understands it and not
    // as a header claims it.
    std::string_view client_address;  // 4 or 16 bytes; empty: a unix socket
    std::string_view host;
    std::string_view path;            // decoded, without arguments
    std::string_view method;
};

// Trivially copyable: lives in a request's pool.
struct Verdict {
    Result          result;
    CredentialField field;         // which header decided; none when absent
    uint8_t         macaroon;      // of several in Authorization, which
    uint8_t         tier;          // what the token opens at this service
    bool            has_token;     // the members below are set
    int64_t         expires;       // unix seconds; 0: never
    // The expiry among the minted caveats: how long what the payment bought is
    // counted, whatever a holder appends. 0: for ever.
    int64_t         minted_expires;
    // <service>_uses and <service>_balance: the lowest that stands in the
    // token, and what was minted (0: nothing, and where there is one it was
    // appended, which only refuses).
    bool            has_uses;
    bool            has_balance;
    uint64_t        uses;
    uint64_t        minted_uses;
    uint64_t        balance_msat;
    uint64_t        minted_balance_msat;
    uint8_t         payment_hash[32];
    uint8_t         token_id[32];
};

// `memory` may be null. The fields are tried in the order of Facts; the
// first good one wins, else the reason of the first one that was present.
void verify(const Keyring &keys, const Facts &facts, VerifiedMemory *memory,
    Verdict &out) noexcept;

// The caveats alone, of a macaroon whose signature and preimage are known to be
// good. Fills in tier, expires, and what was granted.
Result check_caveats(const Slice *caveats, size_t count, const Facts &facts,
    const uint8_t preimage[32], Verdict &out) noexcept;

// The macaroon that a verdict on these facts was about. Points into itself:
// not to be copied.
struct PresentedMacaroon {
    uint8_t  bytes[max_macaroon_size + 4];
    Macaroon macaroon;
};
bool presented_macaroon(const Facts &facts, const Verdict &verdict,
    PresentedMacaroon &out) noexcept;

}  // namespace l402
