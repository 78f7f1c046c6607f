#include "l402/admin.h"

#include "l402/encoding.h"

#include <nlohmann/json.hpp>

namespace l402 {

namespace {

#define RFC9110 "https://www.rfc-editor.org/rfc/rfc9110#section-"

// In the order of the enum.
constexpr AdminErrorInfo table[] = {
    {"unknown_path", "No such path: there are revocations, "
        "revocations/token/<id>, revocations/payment/<hash> and "
        "payments/<hash>", 404, RFC9110 "15.5.5"},
    {"bad_id", "A token id or payment hash is 64 hex digits", 400,
        RFC9110 "15.5.1"},
    {"bad_method", "This path has no such method", 405, RFC9110 "15.5.6"},
    {"bad_query", "The query may have limit, from 1 to 10000, and after, as "
        "next had it", 400, RFC9110 "15.5.1"},
    {"bad_body", "The body has to be empty or {'until': <unix seconds>}", 400,
        RFC9110 "15.5.1"},
    {"until_past", "until is past: the revocation would be forgotten at once",
        400, RFC9110 "15.5.1"},
    {"body_too_large", "The body is larger than 4096 bytes", 413,
        RFC9110 "15.5.14"},
    {"not_revoked", "There is no such revocation", 404, RFC9110 "15.5.5"},
    {"unknown_payment", "Nothing was counted of this payment", 404,
        RFC9110 "15.5.5"},
    {"zone_full", "l402_zone has no room for another revocation: nothing was "
        "changed", 507, "https://www.rfc-editor.org/rfc/rfc4918#section-11.5"},
    {"redis_unavailable", "Redis does not answer now", 503, RFC9110 "15.6.4"},
    {"error", "Internal error", 500, RFC9110 "15.6.1"},
};

#undef RFC9110

static_assert(sizeof(table) / sizeof(table[0]) == admin_error_count);

// Later ones are a mistake, such as milliseconds.
constexpr int64_t max_until = 999999999999;

bool take_prefix(std::string_view &text, std::string_view prefix) noexcept
{
    if (text.substr(0, prefix.size()) != prefix) {
        return false;
    }

    text.remove_prefix(prefix.size());
    return true;
}

bool parse_digits(std::string_view text, uint64_t max, uint64_t &out) noexcept
{
    uint64_t n = 0;

    for (char c : text) {
        if (c < '0' || c > '9' || n > (max - uint64_t(c - '0')) / 10) {
            return false;
        }

        n = n * 10 + uint64_t(c - '0');
    }

    out = n;
    return !text.empty();
}

void add_number_or_null(std::string &out, const char *name, bool is_number,
    uint64_t value)
{
    out += ",\"";
    out += name;
    out += "\":";
    out += is_number ? std::to_string(value) : "null";
}

uint64_t left_of(uint64_t minted, uint64_t spent, uint64_t held) noexcept
{
    uint64_t left = minted > spent ? minted - spent : 0;

    return left > held ? left - held : 0;
}

}  // namespace

const AdminErrorInfo &describe(AdminError error) noexcept
{
    size_t i = static_cast<size_t>(error);

    return i < admin_error_count ? table[i] : table[admin_error_count - 1];
}

std::string admin_problem_json(AdminError error)
{
    const AdminErrorInfo &info = describe(error);
    std::string out = "{\"type\":\"";

    out += info.type;
    out += "\",\"title\":\"";
    out += info.title;
    out += "\",\"status\":";
    out += std::to_string(info.status);
    out += ",\"reason\":\"";
    out += info.word;
    out += "\"}";
    return out;
}

const char *AdminTarget::methods() const noexcept
{
    return kind == Kind::revocation ? "PUT, DELETE" : "GET, HEAD";
}

bool parse_admin_path(std::string_view path, AdminTarget &out,
    AdminError &error) noexcept
{
    (void) take_prefix(path, "/");

    if (!path.empty() && path.back() == '/') {
        path.remove_suffix(1);
    }

    if (path == "revocations") {
        out.kind = AdminTarget::Kind::revocations;
        return true;
    }

    if (take_prefix(path, "revocations/token/")) {
        out.kind = AdminTarget::Kind::revocation;
        out.subject = Subject::token;

    } else if (take_prefix(path, "revocations/payment/")) {
        out.kind = AdminTarget::Kind::revocation;
        out.subject = Subject::payment;

    } else if (take_prefix(path, "payments/")) {
        out.kind = AdminTarget::Kind::payment;

    } else {
        error = AdminError::unknown_path;
        return false;
    }

    error = AdminError::bad_id;
    return path.size() == 64 && hex_decode(path, out.id.data());
}

bool parse_admin_query(std::string_view query, AdminPage &out) noexcept
{
    while (!query.empty()) {
        size_t end = std::min(query.find('&'), query.size());
        std::string_view item = query.substr(0, end);
        uint64_t number;

        query.remove_prefix(std::min(end + 1, query.size()));

        if (item.empty()) {
            continue;
        }

        if (take_prefix(item, "limit=")) {
            if (!parse_digits(item, AdminPage::max_limit, number)
                || number == 0)
            {
                return false;
            }

            out.limit = size_t(number);

        } else if (take_prefix(item, "after=")) {
            if (!parse_digits(item, INT64_MAX, out.position)) {
                return false;
            }

        } else {
            return false;
        }
    }

    return true;
}

bool parse_admin_body(std::string_view body, int64_t now, int64_t &until,
    AdminError &error)
{
    until = 0;
    error = AdminError::bad_body;

    if (body.find_first_not_of(" \t\r\n") == body.npos) {
        return true;
    }

    auto json = nlohmann::json::parse(body, nullptr, false);

    // A member of another name could be one that was to be `until`.
    if (!json.is_object() || json.size() > 1
        || json.size() != json.count("until"))
    {
        return false;
    }

    if (json.empty() || json["until"].is_null()) {
        return true;
    }

    if (!json["until"].is_number_integer()) {
        return false;
    }

    until = json["until"].get<int64_t>();

    if (until > max_until
        || (json["until"].is_number_unsigned() && until < 0))
    {
        return false;
    }

    error = AdminError::until_past;
    return until > now;
}

std::string revocations_json(const std::vector<Revocation> &list,
    uint64_t next, const RedisHealth *redis)
{
    std::string out;

    out.reserve(list.size() * 110 + 100);
    out += "{\"revocations\":[";

    for (const Revocation &revocation : list) {
        out += &revocation == list.data() ? "\n{\"" : ",\n{\"";
        out += revocation.subject == Subject::token ? "token_id"
                                                    : "payment_hash";
        out += "\":\"";
        out += to_hex(revocation.id);
        out += '"';
        add_number_or_null(out, "until", revocation.until != 0,
            uint64_t(revocation.until));
        out += '}';
    }

    out += "],\"next\":";
    out += next ? '"' + std::to_string(next) + '"' : "null";
    out += ",\"redis\":";

    if (redis) {
        out += "{\"connected\":";
        out += redis->connected ? "true" : "false";
        add_number_or_null(out, "age_seconds", redis->age >= 0,
            uint64_t(redis->age));
        out += "}}";

    } else {
        out += "null}";
    }

    return out;
}

std::string payment_json(const Payment &payment, bool is_revoked)
{
    const Amount &minted = payment.minted;
    const Amount &spent = payment.spent;
    const Amount &held = payment.held;
    std::string out = "{\"payment_hash\":\"" + to_hex(payment.hash) + '"';

    add_number_or_null(out, "uses", true, spent.uses);
    add_number_or_null(out, "uses_held", true, held.uses);
    add_number_or_null(out, "uses_limit", minted.uses != 0, minted.uses);
    add_number_or_null(out, "uses_left", minted.uses != 0,
        left_of(minted.uses, spent.uses, held.uses));
    add_number_or_null(out, "balance_msat", minted.msat != 0,
        left_of(minted.msat, spent.msat, held.msat));
    add_number_or_null(out, "credited_msat", minted.msat != 0, minted.msat);
    add_number_or_null(out, "spent_msat", true, spent.msat);
    add_number_or_null(out, "held_msat", true, held.msat);
    add_number_or_null(out, "expires", payment.expires != 0,
        uint64_t(payment.expires));
    out += ",\"revoked\":";
    out += is_revoked ? "true}" : "false}";
    return out;
}

}  // namespace l402
