#include "caveats.h"

#include "characters.h"
#include "l402/encoding.h"
#include "l402/sha256.h"
#include "network.h"
#include "request_value.h"

namespace l402 {

namespace {

constexpr Characters name_characters("_-");

}  // namespace

[[gnu::hot]] bool is_service_name(std::string_view name) noexcept
{
    bool good = !name.empty() && name.size() <= max_name;

    for (char c : name) {
        good &= name_characters.has(c);
    }

    return good;
}

namespace {

// As is_list() of names, in one pass: gates mint such a list.
[[gnu::hot]] bool is_name_list(std::string_view list) noexcept
{
    bool good = true;
    size_t items = 1, size = 0;

    for (char c : list) {
        if (c == ',') {
            good &= size - 1 < max_name;
            size = 0;
            items++;

        } else {
            good &= name_characters.has(c);
            size++;
        }
    }

    return list.empty()
           || (good && size - 1 < max_name && items <= max_list_items);
}

}  // namespace

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

[[gnu::hot]]
bool ServiceList::read(std::string_view list, std::string_view service) noexcept
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

std::string closing_services(std::string_view minted)
{
    std::string closing(minted);

    closing.insert(closing.find(':') + 1, 1, '0');
    return closing;
}

namespace {

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

// Every item of the later list is within one of the earlier list.
template <typename Within>
bool each_within(std::string_view before, std::string_view after,
    Within within) noexcept
{
    while (!after.empty()) {
        std::string_view item = next_item(after);

        if (!any_item(before, [&](std::string_view allowed) {
                return within(allowed, item);
            }))
        {
            return false;
        }
    }

    return true;
}

bool same(std::string_view a, std::string_view b) noexcept
{
    return a == b;
}

bool is_preimage(std::string_view value, uint8_t out[32]) noexcept
{
    return value.size() == 64 && hex_decode(value, out);
}

}  // namespace

[[gnu::hot]] bool value_is_good(Values kind, std::string_view value) noexcept
{
    int64_t number;
    uint8_t preimage[32];
    ServiceList services;

    switch (kind) {
    case Values::services:
        return services.read(value, {});
    case Values::number:
        return parse_number(value, number);
    case Values::names:
        return is_name_list(value);
    case Values::preimage:
        return is_preimage(value, preimage);
    case Values::addresses:
        return is_list(value, is_network);
    case Values::hosts:
        return is_list(value, is_host_item);
    case Values::paths:
        return is_list(value, is_path_item);
    case Values::methods:
        return is_list(value, is_method_item);
    }

    return false;
}

bool value_narrows(Values kind, std::string_view before,
    std::string_view after) noexcept
{
    int64_t had, has;
    uint8_t one[32], other[32];

    switch (kind) {
    case Values::services:
        return services_narrow(before, after);
    case Values::number:
        return parse_number(before, had) && parse_number(after, has)
               && has <= had;
    case Values::names:
    case Values::hosts:
        return each_within(before, after, same);
    case Values::preimage:
        return is_preimage(before, one) && is_preimage(after, other)
               && equal_constant_time(one, other, sizeof(one));
    case Values::addresses:
        return each_within(before, after, network_within);
    case Values::paths:
        return each_within(before, after, path_within);
    case Values::methods:
        return each_within(before, after, method_within);
    }

    return false;
}

bool is_reserved_condition(std::string_view condition,
    std::string_view service) noexcept
{
    for (const TyingCondition &tying : tying_conditions) {
        if (condition == tying.name) {
            return true;
        }
    }

    for (std::string_view name : {"services", "valid_until", "preimage"}) {
        if (condition == name) {
            return true;
        }
    }

    std::string_view own = own_condition(condition, service);

    for (std::string_view name :
        {"valid_until", "capabilities", "uses", "balance"})
    {
        if (own == name) {
            return true;
        }
    }

    return false;
}

}  // namespace l402
