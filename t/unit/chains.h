// Random chains of caveats and random requests, drawn from pools in which the
// same names and values meet often; and what makes a failing case small.
#pragma once

#include "request.h"
#include "unit.h"

namespace unit {

// ---- pools ----

using Pool = std::vector<std::string>;

inline const std::string &one_of(Random &random, const Pool &pool)
{
    return pool[random.below(pool.size())];
}

inline const Pool service_pool{"weather", "maps", "weather_pro"};
inline const Pool condition_pool{"services", "weather_valid_until",
    "valid_until", "maps_valid_until", "weather_capabilities",
    "maps_capabilities", "weather_uses", "weather_balance", "upload_max_bytes",
    "weather_rows", "client_address",
    "request_host", "request_path", "request_method", "preimage"};
inline const Pool odd_conditions{"Services", "services ", " services", "",
    "weather_", "_valid_until", "maps_uses", "uses", "maps_balance",
    "x", "weather_uses ",
    "weather_pro_valid_until", "weather_pro_capabilities", "request_hosts",
    "client_addres", "weather-valid_until", "VALID_UNTIL"};
inline const Pool name_pool{"read", "write", "list", "a-b_c", "read"};
inline const Pool tier_pool{"0", "1", "2", "3", "255", "01", "1", "2"};
inline const Pool time_pool{"1700000001", "1700000000", "1699999999",
    "1700000500", "1700003600", "1700003601", "0", "999999999999999999"};
inline const Pool count_pool{"0", "1", "5", "10", "1000", "010"};
inline const Pool bad_numbers{"", "+5", " 5", "5 ", "-1", "1e3", "0x10", "5.0",
    "1000000000000000000", "99999999999999999999999", "5,", "٥", "five",
    std::string("5\0", 2)};
inline const Pool address_pool{"203.0.113.7", "203.0.113.0/24",
    "203.0.113.7/32", "203.0.113.4/30", "0.0.0.0/0", "::/0", "2001:db8::1",
    "2001:db8::/32", "2001:db8::/33", "unix:", "::ffff:203.0.113.7",
    "::ffff:0:0/96", "198.51.100.1", "203.0.113.99/24"};
inline const Pool host_pool{"a.example", "b.example", "a", ".",
    "%C3%A9.example", "a.example"};
inline const Pool path_pool{"/", "/*", "/a", "/a*", "/a/*", "/a/b", "/a/b*",
    "/b", "/%20", "/%2C*", "/a/b%3D", "/%0A"};
inline const Pool method_pool{"GET", "HEAD", "POST", "PUT", "GET"};
inline const Pool bad_items{"", " ", "%", "%4", "%41", "%c3", "a b", "A", "*",
    "/x%zz", "get", "203.0.113.7/33", "203.0.113", "1.2.3.4/08", "::/129",
    "unix", "a:b", "a:1:2", ":1", "a:256", "a:-1", "a:", "weather:1 ", "\xff",
    "/a?b", std::string("a\0", 2), "203.0.113.7/"};

inline std::string list_of(Random &random, const Pool &pool)
{
    std::string out;

    // Up to more than a list may have.
    for (size_t n = random.below(random.below(50) ? 5 : 66), i = 0; i < n; i++)
    {
        out += (i ? "," : "")
            + (random.below(60) ? one_of(random, pool)
                                : one_of(random, bad_items));
    }
    if (random.below(120) == 0) {
        out += ",";
    }
    return out;
}

inline std::string services_value(Random &random)
{
    Pool items;

    for (const std::string &name : service_pool) {
        items.push_back(name + ":" + one_of(random, tier_pool));
    }
    return list_of(random, items);
}

inline std::string number_value(Random &random, const Pool &pool)
{
    return random.below(30) ? one_of(random, pool)
                            : one_of(random, bad_numbers);
}

inline std::string value_for(Random &random, const std::string &condition)
{
    auto ends_in = [&](std::string_view tail) {
        return condition.size() >= tail.size()
            && condition.compare(condition.size() - tail.size(), tail.size(),
                   tail) == 0;
    };

    if (condition == "services") {
        return services_value(random);
    }
    if (ends_in("valid_until")) {
        return number_value(random, time_pool);
    }
    if (ends_in("capabilities")) {
        return list_of(random, name_pool);
    }
    if (condition == "client_address") {
        return list_of(random, address_pool);
    }
    if (condition == "request_host") {
        return list_of(random, host_pool);
    }
    if (condition == "request_path") {
        return list_of(random, path_pool);
    }
    if (condition == "request_method") {
        return list_of(random, method_pool);
    }
    if (condition == "preimage") {
        return l402::to_hex(random.below(8) ? chain_preimage()
                                            : random.hash());
    }
    return number_value(random, count_pool);
}

inline std::string mangled(Random &random, std::string text)
{
    size_t at = random.below(text.size() + 1);

    switch (random.below(3)) {
    case 0:
        return text.insert(at, random.bytes(1));
    case 1:
        return text.erase(at, 1);
    default:
        return text.substr(0, at);
    }
}

// As long as it fits into a token.
inline std::string garbage(Random &random)
{
    return random.bytes(random.below(random.below(50) ? 40 : 7800));
}

inline std::string random_caveat(Random &random)
{
    std::string condition = random.below(10) ? one_of(random, condition_pool)
                                             : one_of(random, odd_conditions);
    std::string caveat = condition + "=" + value_for(random, condition);

    switch (random.below(40)) {
    case 0:
        return garbage(random);
    case 1:
        return condition + "=" + garbage(random);
    case 2:
        return mangled(random, caveat);
    default:
        return caveat;
    }
}

// Half of the time what a location mints, else anything.
inline Caveats minted_chain(Random &random)
{
    Caveats out{"services=" + one_of(random, service_pool) + ":"
        + one_of(random, tier_pool)};

    if (random.below(3) == 0) {
        out[0] += ",maps:1,weather_pro:0";
    }
    if (random.below(3)) {
        out.push_back("weather_valid_until=1700003600");
    }
    if (random.below(4) == 0) {
        out.push_back("weather_uses=" + one_of(random, count_pool));
    }
    if (random.below(4) == 0) {
        out.push_back("weather_balance=" + one_of(random, count_pool));
    }
    if (random.below(4) == 0) {
        out.push_back(out[0]);
    }
    for (size_t n = random.below(3); n > 0; n--) {
        out.push_back(random_caveat(random));
    }
    return out;
}

inline Request random_request(Random &random)
{
    static const Pool addresses{"", std::string("\xcb\0\x71\x07", 4),
        std::string("\xcb\0\x71\x08", 4), std::string("\xc6\x33\x64\x01", 4),
        from_hex("20010db8000000000000000000000001"),
        from_hex("00000000000000000000ffffcb007107")};
    static const Pool hosts{"a.example", "a.example", "b.example", "", ".",
        "\xc3\xa9.example"};
    static const Pool paths{"/", "/a", "/a/b", "/a/b=", "/b", "/ ", "/,",
        "/\n", "/a/b/c"};
    static const Pool capabilities{"", "", "read", "write"};
    static const int64_t times[] = {now, now, now + 1, now - 1, now + 499,
        now + 3600};
    Request r;

    r.service = random.below(4) ? "weather" : one_of(random, service_pool);
    r.tier = uint8_t(random.below(8) ? random.below(3) : random.next());
    r.capability = one_of(random, capabilities);
    r.time = times[random.below(std::size(times))];
    r.refuse_unknown = random.below(6) == 0;
    r.needs_uses = random.below(6) == 0;
    r.needs_balance = random.below(8) == 0;
    for (const char *condition : {"upload_max_bytes", "weather_rows"}) {
        if (random.below(2)) {
            r.measures.numbers.emplace_back(condition,
                int64_t(random.below(12)) - 1);
        }
    }
    r.address = one_of(random, addresses);
    r.host = one_of(random, hosts);
    r.path = one_of(random, paths);
    r.method = random.below(2) ? "GET" : one_of(random, method_pool);
    return r;
}

// ---- a failing case made small ----

namespace shrinking {

// Each caveat that the failure does not need.
template <typename Fails>
bool drop_one(Case &c, Caveats Case::*list, Fails fails)
{
    for (size_t i = (c.*list).size(); i > 0; i--) {
        Case smaller = c;

        (smaller.*list).erase((smaller.*list).begin() + long(i - 1));
        if (fails(smaller)) {
            c = smaller;
            return true;
        }
    }
    return false;
}

// Runs of characters, the longest first.
template <typename Fails>
bool shorten_one(Case &c, Caveats Case::*list, Fails fails)
{
    for (size_t i = 0; i < (c.*list).size(); i++) {
        size_t length = (c.*list)[i].size();

        for (size_t run = length; run > 0; run /= 2) {
            for (size_t at = 0; at + run <= length; at++) {
                Case smaller = c;

                (smaller.*list)[i].erase(at, run);
                if (fails(smaller)) {
                    c = smaller;
                    return true;
                }
            }
        }
    }
    return false;
}

// Each fact that may as well be as it is by default.
template <typename Fails>
bool default_one(Case &c, Fails fails)
{
    static const Request plain;

    auto reset = [&](auto Request::*fact) {
        using Fact = std::decay_t<decltype(c.request.*fact)>;

        if constexpr (!std::is_same_v<Fact, FixedMeasures>) {
            if (c.request.*fact == plain.*fact) {
                return false;
            }
        } else if (c.request.measures.numbers.empty()) {
            return false;
        }

        Case smaller = c;
        smaller.request.*fact = plain.*fact;
        if (!fails(smaller)) {
            return false;
        }
        c = smaller;
        return true;
    };

    return reset(&Request::service) || reset(&Request::capability)
        || reset(&Request::address) || reset(&Request::host)
        || reset(&Request::path) || reset(&Request::method)
        || reset(&Request::tier) || reset(&Request::time)
        || reset(&Request::refuse_unknown) || reset(&Request::needs_uses)
        || reset(&Request::needs_balance) || reset(&Request::measures);
}

}  // namespace shrinking

template <typename Fails>
Case shrink(Case c, Fails fails)
{
    using namespace shrinking;

    while (drop_one(c, &Case::appended, fails)
           || drop_one(c, &Case::minted, fails)
           || default_one(c, fails)
           || shorten_one(c, &Case::appended, fails)
           || shorten_one(c, &Case::minted, fails))
    {
        // as long as anything can go
    }
    return c;
}

// Where a case fails: the smallest one that does, as JSON.
template <typename Fails>
void assert_never(Fails fails, Case &c, const char *what)
{
    if (fails(c)) {
        fail_msg("%s: %s", what, shrink(c, fails).text().c_str());
    }
}

}  // namespace unit
