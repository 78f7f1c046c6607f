// What an unpaid request is answered with, in each form that a caller reads.
// Source: docs/wire-format.md ("Challenge").
#pragma once

#include "l402/invoice.h"
#include "l402/verify.h"

namespace l402 {

// What a token shall grant, and what it is tied to. Values of a request are
// escaped where they become caveats.
struct Terms {
    struct Constraint {
        std::string_view condition;
        int64_t          grant;
    };

    std::string_view        service;
    uint8_t                 tier = 0;
    int64_t                 valid_until = 0;  // unix seconds; 0: for ever
    uint64_t                uses = 0;         // 0: not counted
    uint64_t                balance_msat = 0; // 0: none
    // Other tokens of this service are counted: what this one does not grant
    // shall not look minted when its holder appends it.
    bool                    closes_grants = false;
    std::string_view        capabilities;     // a comma list
    bool                    has_capabilities = false;
    std::vector<Constraint> constraints;

    // l402_bind; not tied where the flag is not set.
    bool             bind_address = false;
    bool             bind_host = false;
    bool             bind_path = false;
    bool             bind_method = false;
    std::string_view client_address;  // as in Facts
    std::string_view host;
    std::string_view path;
    std::string_view method;
};

struct Challenge {
    std::string token;              // base64, standard alphabet, padded
    std::string invoice;            // BOLT 11
    std::string payment_hash;       // hex
    uint64_t    price_msat = 0;
    int64_t     invoice_expires_at = 0;
    int64_t     token_expires_at = 0;  // 0: never
};

// The minted caveats in their fixed order: services, <service>_valid_until,
// <service>_uses, <service>_balance, services once more where they have to be
// closed, <service>_capabilities, constraints, client_address, request_host,
// request_path, request_method. A caveat's number has 18 digits at most: of a
// balance beyond that, which takes half of all bitcoin, the rest is not
// credited.
std::vector<std::string> minted_caveats(const Terms &terms);

// A longer token would not fit into the header line that nginx reads by
// default (8 kB), with room for what a holder appends.
inline constexpr size_t max_minted_size = 4096;  // bytes
size_t minted_size(const Terms &terms);

// A macaroon that commits to payment_hash, V2 binary, made with the first key
// (or `key`). token_id is random; its hint is stamped here.
std::string mint(const Keyring &keys, size_t key, const Hash &payment_hash,
    Hash token_id, const std::vector<std::string> &caveats);

// Raising a token of a lower tier: the new one keeps its token id, is made
// with the key that minted it, and carries what its holder has narrowed.
struct Upgrade {
    size_t                   key = 0;
    Hash                     token_id{};
    int64_t                  expires = 0;  // of the old token; 0: never
    std::vector<std::string> carried;      // caveats that stay in force
};

// What the old payment bought a number of stays its own: the new one buys what
// `terms` say, which a count that the holder appended may make less.
//
// False: the verdict is no lower tier of a token that is otherwise good, or
// what its holder appended forbids that any upgrade of it opens this request.
// `terms` are those of a token bought afresh; `out.expires` still has to be
// applied to them. `minted_below` has the conditions that lower tiers of the
// service are minted with: of those that `terms` mint too, the old token's
// first caveat gives way. Any other is its holder's.
bool find_upgrade(const Keyring &keys, const Facts &facts,
    const Verdict &verdict, const Terms &terms,
    const std::vector<std::string> &minted_below, Upgrade &out);

// The conditions of minted_caveats(), each once.
std::vector<std::string> minted_conditions(const Terms &terms);

// As mint(), with upgrade.carried after the minted caveats, but for counts that
// are no less than the minted ones.
std::string mint_upgrade(const Keyring &keys, const Upgrade &upgrade,
    const Hash &payment_hash, const Terms &terms);

// L402 macaroon="T", invoice="P", version="0", token="T" - in this order and
// spacing, which deployed clients rely on; `lsat` appends the old scheme.
std::string www_authenticate(const Challenge &challenge, bool lsat);

// L402 error="malformed" - for 401, where no invoice is made.
std::string www_authenticate_error(Result reason);

// application/problem+json (RFC 9457). `challenge` is null where there is none
// (401, 500, 503); then only type, title, status and reason are written.
std::string problem_json(Result reason, unsigned status,
    const Challenge *challenge);

// A self-contained page: no script, no font, no image from anywhere else.
// `what` (host and path) is escaped here.
std::string html_page(Result reason, unsigned status,
    const Challenge *challenge, std::string_view what);

// Does an Accept value (RFC 9110, q values) prefer text/html over JSON?
bool prefers_html(std::string_view accept) noexcept;

// Does a Content-Type begin with application/grpc?
bool is_grpc(std::string_view content_type) noexcept;

// grpc-status of an answer: 13 for a challenge (as Aperture), 14 where no
// invoice can be had or a payment is not settled, 16 for a malformed
// credential, 3 for a path that is too long.
struct GrpcStatus {
    unsigned    code;
    const char *message;
};
GrpcStatus grpc_status(Result reason, unsigned status) noexcept;

}  // namespace l402
