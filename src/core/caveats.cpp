// The table of docs/wire-format.md ("Caveats"): what each condition demands,
// and that each later one is only narrower.

#include "caveats.h"

#include "l402/encoding.h"
#include "l402/verify.h"

namespace l402 {

[[gnu::hot]]
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

[[gnu::hot]] bool is_service_name(std::string_view name) noexcept
{
    bool good = !name.empty() && name.size() <= max_name;

    for (char c : name) {
        good &= name_characters.good[static_cast<uint8_t>(c)];
    }

    return good;
}

[[gnu::hot]] bool parse_number(std::string_view text, int64_t &value) noexcept
{
    if (text.empty() || text.size() > 18) {
        return false;
    }

    uint64_t number = 0;

    for (char c : text) {
        unsigned digit = static_cast<unsigned char>(c) - unsigned('0');

        if (digit > 9) {
            return false;
        }

        number = number * 10 + digit;
    }

    value = static_cast<int64_t>(number);
    return true;
}

[[gnu::hot]] bool parse_service(std::string_view text, std::string_view &name,
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

[[gnu::hot]] std::string_view next_item(std::string_view &list) noexcept
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

// One pass over "name:tier,...": is it well-formed, and what does it say of
// `service`? A name that stands twice has its lower tier, so that nothing is
// gained by it.
struct ServiceList {
    bool    has_service = false;
    uint8_t tier = 0;

    bool read(std::string_view list, std::string_view service) noexcept
    {
        return is_list(list, [&](std::string_view item) {
            std::string_view name;
            uint8_t t;

            if (!parse_service(item, name, t)) {
                return false;
            }

            if (name == service) {
                tier = has_service && tier < t ? tier : t;
                has_service = true;
            }

            return true;
        });
    }
};

bool services_narrow(std::string_view before, std::string_view after) noexcept
{
    while (!after.empty()) {
        std::string_view name;
        uint8_t tier;
        ServiceList had;

        if (!parse_service(next_item(after), name, tier)
            || !had.read(before, name) || !had.has_service || tier > had.tier)
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
    ServiceList      last_services{};
    bool             has_capabilities = false;
    std::string_view capabilities{};
    Falling          service_valid_until{};
    Falling          valid_until{};

    bool check(std::string_view condition, std::string_view value) noexcept;
    bool check_own(std::string_view name, std::string_view value,
        bool &known) noexcept;
};

// Conditions that begin with "<service>_".
[[gnu::hot]]
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

[[gnu::hot]]
bool Checker::check(std::string_view condition, std::string_view value) noexcept
{
    if (condition == "services") {
        ServiceList list;

        if (!list.read(value, facts.service)
            || (has_services && !services_narrow(services, value)))
        {
            return false;
        }

        last_services = list;
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

[[gnu::hot]] void lower_expiry(int64_t &expires, const Falling &limit) noexcept
{
    if (limit.seen && (expires == 0 || limit.value < expires)) {
        // 0 stands for never, so a limit of 0 is written as 1: long past.
        expires = limit.value ? limit.value : 1;
    }
}

}  // namespace

[[gnu::hot]]
Result check_caveats(const Slice *caveats, size_t count, const Facts &facts,
    const uint8_t preimage[32], Verdict &out) noexcept
{
    Checker checker{facts, preimage};

    for (size_t i = 0; i < count; i++) {
        std::string_view condition, value;

        if (split_caveat(caveats[i].view(), condition, value)) {
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

    if (!checker.last_services.has_service) {
        return Result::wrong_service;
    }

    out.tier = checker.last_services.tier;

    if (out.expires != 0 && facts.now >= out.expires) {
        return Result::expired;
    }

    if (out.tier < facts.tier) {
        return Result::insufficient;
    }

    return Result::ok;
}

}  // namespace l402
