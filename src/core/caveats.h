// Caveat values: what is well-formed, and what is only narrower. Shared by the
// checks of a request and by the attenuator.
#pragma once

#include "l402/macaroon.h"

namespace l402 {

inline constexpr size_t max_list_items = 64;
// Of one token's list items with those of the lists before, altogether: twice
// what two full lists take.
inline constexpr size_t max_comparisons = 2 * max_list_items * max_list_items;
inline constexpr size_t max_name = 64;
inline constexpr int64_t max_number = 999999999999999999;  // 18 digits

// condition=value, split at the first '='; false where there is none.
inline bool split_caveat(std::string_view caveat, std::string_view &condition,
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

// Letters, digits, '_', '-'; 1 to 64 of them.
bool is_service_name(std::string_view name) noexcept;

// Decimal digits only; false on anything else or beyond 18 of them.
inline bool parse_number(std::string_view text, int64_t &value) noexcept
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

// "name:tier"
bool parse_service(std::string_view text, std::string_view &name,
    uint8_t &tier) noexcept;

// Takes the first item off a comma list.
inline std::string_view next_item(std::string_view &list) noexcept
{
    size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);

    list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
    return item;
}

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

template <typename Holds>
bool any_item(std::string_view list, Holds holds) noexcept
{
    while (!list.empty()) {
        if (holds(next_item(list))) {
            return true;
        }
    }

    return false;
}

inline bool has_item(std::string_view list, std::string_view wanted) noexcept
{
    return any_item(list, [&](std::string_view item) {
        return item == wanted;
    });
}

// The value of the last caveat whose condition matches: the narrowest.
template <typename Matches>
bool last_value(const Slice *caveats, size_t count, Matches matches,
    std::string_view &value) noexcept
{
    for (size_t i = count; i > 0; i--) {
        std::string_view condition;

        if (split_caveat(caveats[i - 1].view(), condition, value)
            && matches(condition))
        {
            return true;
        }
    }

    return false;
}

// One pass over "name:tier,...": is it well-formed, and what does it say of
// `service`? A name that stands twice has its lower tier, so that nothing is
// gained by it.
struct ServiceList {
    bool    has_service = false;
    uint8_t tier = 0;

    bool read(std::string_view list, std::string_view service) noexcept;
};

// Of "name:tier" as it is minted the same once more, with a zero in front of
// its tier: what stands behind it was not minted, and no holder who repeats his
// services to give them away as they are writes it so.
std::string closing_services(std::string_view minted);

// What a condition's values look like.
enum class Values : uint8_t {
    services,
    number,     // each later one no larger
    names,      // a comma list
    preimage,   // 64 hex digits, always the same
    addresses,  // network.h
    hosts,      // request_value.h
    paths,
    methods,
};

bool value_is_good(Values kind, std::string_view value) noexcept;

// Both values are good ones.
bool value_narrows(Values kind, std::string_view before,
    std::string_view after) noexcept;

// The conditions that tie a token to its bearer's requests.
struct TyingCondition {
    std::string_view name;
    Values           kind;
};
inline constexpr TyingCondition tying_conditions[] = {
    {"client_address", Values::addresses},
    {"request_host", Values::hosts},
    {"request_path", Values::paths},
    {"request_method", Values::methods},
};
inline constexpr size_t tying_condition_count = 4;

// Of "<service>_<rest>" the rest; empty where the condition is another's.
inline std::string_view own_condition(std::string_view condition,
    std::string_view service) noexcept
{
    if (condition.size() > service.size() + 1
        && condition[service.size()] == '_'
        && condition.substr(0, service.size()) == service)
    {
        return condition.substr(service.size() + 1);
    }

    return {};
}

// What was minted stands first: services, and right behind it what the payment
// bought, in this order. Whatever else stands there ends it, a repeated
// services too. All of these may be appended, but not to that place.
class Minted {
public:
    enum Place : uint8_t { services, expiry, uses, balance, other };

    // Asked of every caveat in turn.
    bool stands_at(Place place) noexcept
    {
        bool minted = place >= next_ && place < other
                      && (next_ != services || place == services);

        next_ = minted ? uint8_t(place + 1) : uint8_t(other);
        return minted;
    }

private:
    uint8_t next_ = services;
};

// A condition whose meaning is fixed: l402_constraint may not name it.
bool is_reserved_condition(std::string_view condition,
    std::string_view service) noexcept;

}  // namespace l402
