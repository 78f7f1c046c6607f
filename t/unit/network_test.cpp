// client_address: addresses, networks, and who is in them.

#include "unit.h"

#include "core/network.h"

#include <arpa/inet.h>

using namespace l402;

namespace {

std::string packed(const char *text)
{
    char bytes[16];

    if (inet_pton(AF_INET, text, bytes) == 1) {
        return {bytes, 4};
    }
    assert_int_equal(inet_pton(AF_INET6, text, bytes), 1);
    return {bytes, 16};
}

void addresses_and_networks_are_read(void **)
{
    for (const char *good : {"192.0.2.7", "192.0.2.0/24", "0.0.0.0/0",
             "192.0.2.7/32", "::1", "2001:db8::/48", "::/0", "::ffff:1.2.3.4",
             "2001:db8::1/128", "unix:"})
    {
        if (!is_network(good)) {
            fail_msg("refused: %s", good);
        }
    }
}

void nothing_else_is(void **)
{
    for (std::string_view bad : {std::string_view(""), std::string_view("a"),
             std::string_view("192.0.2"), std::string_view("192.0.2.256"),
             std::string_view("192.0.2.7/"), std::string_view("192.0.2.7/33"),
             std::string_view("192.0.2.7/-1"), std::string_view("192.0.2.7/+1"),
             std::string_view("192.0.2.7/01"), std::string_view("192.0.2.7/ 1"),
             std::string_view("192.0.2.7/1/2"), std::string_view(" 192.0.2.7"),
             std::string_view("192.0.2.7 "), std::string_view("192.0.2.07"),
             std::string_view("::/129"), std::string_view("::/1000"),
             std::string_view("fe80::1%eth0"), std::string_view("[::1]"),
             std::string_view("unix"), std::string_view("unix:/a"),
             std::string_view("::1\0", 4), std::string_view("1.2.3.4\0x", 9),
             std::string_view("2001:0db8:0000:0000:0000:0000:0000:00001")})
    {
        if (is_network(bad)) {
            fail_msg("accepted: %s", std::string(bad).c_str());
        }
    }
}

void a_network_holds_its_own(void **)
{
    struct {
        const char *network, *address;
        bool        holds;
    } cases[] = {
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.128/25", "192.0.2.129", true},
        {"192.0.2.7/24", "192.0.2.9", true},
        {"192.0.2.7/31", "192.0.2.6", true},
        {"192.0.2.7/31", "192.0.2.8", false},
        {"0.0.0.0/0", "255.1.2.3", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::1", "::1", true},
        {"::1", "127.0.0.1", false},
        // One client, over a socket of either kind.
        {"192.0.2.7", "::ffff:192.0.2.7", true},
        {"::ffff:192.0.2.0/120", "192.0.2.7", true},
    };

    for (const auto &c : cases) {
        if (network_holds(c.network, packed(c.address)) != c.holds) {
            fail_msg("%s in %s: not %d", c.address, c.network, c.holds);
        }
    }
}

void who_has_no_address_is_in_no_network(void **)
{
    assert_true(network_holds("unix:", ""));
    assert_false(network_holds("0.0.0.0/0", ""));
    assert_false(network_holds("::/0", ""));
    assert_false(network_holds("unix:", packed("127.0.0.1")));
    assert_false(network_holds("192.0.2.7", "192"));
}

void a_narrower_network_is_within(void **)
{
    struct {
        const char *outer, *inner;
        bool        within;
    } cases[] = {
        {"192.0.2.0/24", "192.0.2.0/24", true},
        {"192.0.2.0/24", "192.0.2.7", true},
        {"192.0.2.0/24", "192.0.2.0/23", false},
        {"192.0.2.0/24", "192.0.3.0/25", false},
        {"192.0.2.7", "192.0.2.7/32", true},
        {"192.0.2.7", "::ffff:192.0.2.7", true},
        {"2001:db8::/32", "2001:db8:1::/48", true},
        {"2001:db8:1::/48", "2001:db8::/32", false},
        {"0.0.0.0/0", "::1", false},
        {"unix:", "unix:", true},
        {"unix:", "127.0.0.1", false},
        {"0.0.0.0/0", "unix:", false},
    };

    for (const auto &c : cases) {
        if (network_within(c.outer, c.inner) != c.within) {
            fail_msg("%s within %s: not %d", c.inner, c.outer, c.within);
        }
    }
}

void what_is_written_is_read(void **)
{
    for (const char *text : {"192.0.2.7", "::1", "2001:db8::1"}) {
        unit::assert_text(address_text(packed(text)), text);
        assert_true(network_holds(text, packed(text)));
    }
    unit::assert_text(address_text(""), "unix:");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_networks_are_read),
        cmocka_unit_test(nothing_else_is),
        cmocka_unit_test(a_network_holds_its_own),
        cmocka_unit_test(who_has_no_address_is_in_no_network),
        cmocka_unit_test(a_narrower_network_is_within),
        cmocka_unit_test(what_is_written_is_read),
    };

    return cmocka_run_group_tests_name("network", tests, nullptr, nullptr);
}
