// What an operator asks of the location with l402_admin, and what it is
// answered, without nginx. docs/directives.md has the paths and documents.
#pragma once

#include "l402/ledger.h"

namespace l402 {

enum class AdminError : uint8_t {
    unknown_path,
    bad_id,
    bad_method,
    bad_query,
    bad_body,
    until_past,
    body_too_large,
    not_revoked,
    unknown_payment,
    zone_full,
    redis_unavailable,  // nothing is known of what Redis has now
    error,
};

inline constexpr size_t admin_error_count =
    static_cast<size_t>(AdminError::error) + 1;

struct AdminErrorInfo {
    const char *word;    // "bad_id"
    const char *title;   // for people
    uint16_t    status;
    const char *type;    // where the status is defined
};

const AdminErrorInfo &describe(AdminError error) noexcept;
// application/problem+json
std::string admin_problem_json(AdminError error);

struct AdminTarget {
    enum class Kind : uint8_t { revocations, revocation, payment };

    Kind    kind{};
    Subject subject{};  // of a revocation
    Hash    id{};       // of a revocation or a payment

    const char *methods() const noexcept;  // as Allow has them
};

// What follows the location's name: "revocations", "revocations/token/<hex>",
// "revocations/payment/<hex>" or "payments/<hex>", with or without a slash at
// either end.
bool parse_admin_path(std::string_view path, AdminTarget &out,
    AdminError &error) noexcept;

struct AdminPage {
    static constexpr size_t max_limit = 10000;

    size_t   limit = 1000;
    uint64_t position = 0;  // of Ledger::revocations()
};

// "limit=<1 to max_limit>&after=<next>"; what is absent stays as it is in
// `out`.
bool parse_admin_query(std::string_view query, AdminPage &out) noexcept;

inline constexpr size_t max_admin_body = 4096;

// Empty, or {"until": <unix seconds, or null>}: 0 where it is for ever.
bool parse_admin_body(std::string_view body, int64_t now, int64_t &until,
    AdminError &error);

// What this host's list of revocations comes from.
struct RedisHealth {
    bool    connected = false;
    int64_t age = -1;  // seconds since the list was known whole; -1: never yet
};

// `next` is where the next page starts; 0: there is none. `redis` may be null.
std::string revocations_json(const std::vector<Revocation> &list,
    uint64_t next, const RedisHealth *redis);
std::string payment_json(const Payment &payment, bool is_revoked);

}  // namespace l402
