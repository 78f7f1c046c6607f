// The table of docs/wire-format.md ("Caveats"): what each condition demands,
// and that each later one is only narrower.

#include "caveats.h"

#include "l402/encoding.h"
#include "l402/verify.h"

namespace l402 {

bool split_caveat(std::string_view caveat, std::string_view &condition,
    std::string_view &value) noexcept
{
    size_t equals = caveat.find('=');

    if (equals == caveat.npos) {
        return false;
    }

    condition = caveat.substr(0, equals);
    value = caveat.substr(equals + 1);
    return true;
}

namespace {

struct NameCharacters {
    bool good[256];
};

constexpr NameCharacters make_name_characters()
{
    NameCharacters n{};

    for (char c :
        std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789_-"))
    {
        n.good[static_cast<uint8_t>(c)] = true;
    }

    return n;
}

constexpr NameCharacters name_characters = make_name_characters();

}  // namespace

bool is_service_name(std::string_view name) noexcept
{
    bool good = !name.empty() && name.size() <= max_name;

    for (size_t i = 0; good && i < name.size(); i++) {
        good = name_characters.good[static_cast<uint8_t>(name[i])];
    }

    return good;
}

bool parse_number(std::string_view text, int64_t &value) noexcept
{
    if (text.empty() || text.size() > 18) {
        return false;
    }

    value = 0;

    for (char c : text) {
        if (c < '0' || c > '9') {
            return false;
        }

        value = value * 10 + (c - '0');
    }

    return true;
}

bool parse_service(std::string_view text, std::string_view &name,
    uint8_t &tier) noexcept
{
    size_t colon = text.find(':');
    int64_t number;

    if (colon == text.npos || !parse_number(text.substr(colon + 1), number)
        || number > 255)
    {
        return false;
    }

    name = text.substr(0, colon);
    tier = static_cast<uint8_t>(number);
    return is_service_name(name);
}

std::string_view next_item(std::string_view &list) noexcept
{
    size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);

    list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
    return item;
}

namespace {

// A comma list in which every item is well-formed, or nothing at all.
template <typename ItemIsGood>
bool is_list(std::string_view list, ItemIsGood good) noexcept
{
    if (list.empty()) {
        return true;
    }

    if (list.back() == ',') {
        return false;
    }

    for (size_t n = 0; !list.empty(); n++) {
        if (n == max_list_items || !good(next_item(list))) {
            return false;
        }
    }

    return true;
}

bool is_service_item(std::string_view item) noexcept
{
    std::string_view name;
    uint8_t tier;

    return parse_service(item, name, tier);
}

// In a list that is well-formed.
bool service_in(std::string_view list, std::string_view name,
    uint8_t &tier) noexcept
{
    bool found = false;

    while (!list.empty()) {
        std::string_view item = next_item(list), n;
        uint8_t t;

        if (item.size() > name.size() && item[name.size()] == ':'
            && item.substr(0, name.size()) == name
            && parse_service(item, n, t))
        {
            // Named twice: the lower one, so that nothing is gained by it.
            tier = found && tier < t ? tier : t;
            found = true;
        }
    }

    return found;
}

bool services_narrow(std::string_view before, std::string_view after) noexcept
{
    while (!after.empty()) {
        std::string_view name;
        uint8_t tier, had;

        if (!parse_service(next_item(after), name, tier)
            || !service_in(before, name, had) || tier > had)
        {
            return false;
        }
    }

    return true;
}

bool item_in(std::string_view list, std::string_view item) noexcept
{
    while (!list.empty()) {
        if (next_item(list) == item) {
            return true;
        }
    }

    return false;
}

bool list_narrows(std::string_view before, std::string_view after) noexcept
{
    while (!after.empty()) {
        if (!item_in(before, next_item(after))) {
            return false;
        }
    }

    return true;
}

// A number that each later caveat of its condition may only lower.
struct Falling {
    bool    seen = false;
    int64_t value = 0;

    bool narrow(std::string_view text) noexcept
    {
        int64_t next;

        if (!parse_number(text, next) || (seen && next > value)) {
            return false;
        }

        seen = true;
        value = next;
        return true;
    }
};

struct Checker {
    const Facts   &facts;
    const uint8_t *preimage;

    bool             has_services = false;
    std::string_view services{};
    bool             has_capabilities = false;
    std::string_view capabilities{};
    Falling          service_valid_until{};
    Falling          valid_until{};

    bool check(std::string_view condition, std::string_view value) noexcept;
    bool check_own(std::string_view name, std::string_view value,
        bool &known) noexcept;
};

// Conditions that begin with "<service>_".
bool Checker::check_own(std::string_view name, std::string_view value,
    bool &known) noexcept
{
    known = true;

    if (name == "valid_until") {
        return service_valid_until.narrow(value);
    }

    if (name == "capabilities") {
        if (!is_list(value, is_service_name)
            || (has_capabilities && !list_narrows(capabilities, value)))
        {
            return false;
        }

        has_capabilities = true;
        capabilities = value;
        return true;
    }

    // Counts that nothing here keeps yet: such a token cannot be honoured
    // without letting it be used for ever.
    if (name == "uses" || name == "balance") {
        return false;
    }

    known = false;
    return true;
}

bool Checker::check(std::string_view condition, std::string_view value) noexcept
{
    if (condition == "services") {
        if (!is_list(value, is_service_item)
            || (has_services && !services_narrow(services, value)))
        {
            return false;
        }

        has_services = true;
        services = value;
        return true;
    }

    if (condition == "valid_until") {
        return valid_until.narrow(value);
    }

    if (condition == "preimage") {
        uint8_t bytes[32];

        return value.size() == 64 && hex_decode(value, bytes)
               && equal_constant_time(bytes, preimage, sizeof(bytes));
    }

    std::string_view service = facts.service;

    if (condition.size() > service.size() + 1
        && condition[service.size()] == '_'
        && condition.substr(0, service.size()) == service)
    {
        bool known;
        bool good = check_own(condition.substr(service.size() + 1), value,
            known);

        if (known) {
            return good;
        }
    }

    return !facts.refuse_unknown_caveats;
}

void lower_expiry(int64_t &expires, const Falling &limit) noexcept
{
    if (limit.seen && (expires == 0 || limit.value < expires)) {
        // 0 stands for never, so a limit of 0 is written as 1: long past.
        expires = limit.value ? limit.value : 1;
    }
}

}  // namespace

Result check_caveats(const Macaroon &macaroon, const Facts &facts,
    const uint8_t preimage[32], Verdict &out) noexcept
{
    if (macaroon.third_party) {
        return Result::caveat_refused;
    }

    Checker checker{facts, preimage};

    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        std::string_view condition, value;

        if (split_caveat(macaroon.caveats[i].view(), condition, value)) {
            if (!checker.check(condition, value)) {
                return Result::caveat_refused;
            }

        } else if (facts.refuse_unknown_caveats) {
            return Result::caveat_refused;
        }
    }

    out.expires = 0;
    lower_expiry(out.expires, checker.service_valid_until);
    lower_expiry(out.expires, checker.valid_until);

    if (!checker.has_services
        || !service_in(checker.services, facts.service, out.tier))
    {
        return Result::wrong_service;
    }

    if (out.expires != 0 && facts.now >= out.expires) {
        return Result::expired;
    }

    if (out.tier < facts.tier) {
        return Result::insufficient;
    }

    return Result::ok;
}

}  // namespace l402
