#include "l402/url.h"

#include "cmocka_cpp.h"

#include <cstring>

using namespace l402;

namespace {

void parts_are_taken_apart(void **)
{
    struct {
        const char *text;
        const char *host;
        bool        is_address;
        uint16_t    port;
        const char *user;
        const char *password;
    } cases[] = {
        {"socks5h://127.0.0.1:9050", "127.0.0.1", true, 9050, "", ""},
        {"SOCKS5H://Tor.Example:1/", "tor.example", false, 1, "", ""},
        {"socks5h://[::1]:9050", "::1", true, 9050, "", ""},
        {"socks5h://me@tor:9050", "tor", false, 9050, "me", ""},
        {"socks5h://me:@tor:9050", "tor", false, 9050, "me", ""},
        {"socks5h://me:a:b@[::1]:9050", "::1", true, 9050, "me", "a:b"},
        {"socks5h://me:a@b@tor:9050", "tor", false, 9050, "me", "a@b"},
        {"socks5h://m%3ae:%2F%25%c3%a9@tor:9050", "tor", false, 9050, "m:e",
            "/%\xc3\xa9"},
    };

    for (const auto &c : cases) {
        ProxyUrl proxy;
        std::string error;

        if (!parse_proxy_url(c.text, proxy, error)) {
            fail_msg("%s %s", c.text, error.c_str());
        }

        assert_string_equal(proxy.host.c_str(), c.host);
        assert_int_equal(proxy.host_is_address, c.is_address);
        assert_int_equal(proxy.port, c.port);
        assert_string_equal(proxy.user.c_str(), c.user);
        assert_string_equal(proxy.password.c_str(), c.password);
    }
}

void refuses(const std::string &text, const char *word)
{
    ProxyUrl proxy;
    std::string error;

    proxy.host = "untouched";

    if (parse_proxy_url(text, proxy, error)) {
        fail_msg("%s was accepted", text.c_str());
    }

    if (error.find(word) == error.npos) {
        fail_msg("%s: \"%s\" says nothing of \"%s\"", text.c_str(),
            error.c_str(), word);
    }

    assert_null(strstr(error.c_str(), "secret"));
    assert_string_equal(proxy.host.c_str(), "untouched");
}

void proxies_that_are_not_told_names_are_refused(void **)
{
    for (const char *scheme : {"socks5", "socks4", "SOCKS5"}) {
        refuses(std::string(scheme) + "://me:secret@tor:1",
            "names looked up here");
    }

    for (const char *text : {"socks4a://tor:1", "http://tor:1",
             "https://me:secret@tor:1", "socks://tor:1", "tor:9050", "", "off",
             "127.0.0.1:9050", "socks5h:tor:1", "socks5h", "://tor:1"})
    {
        refuses(text, "no SOCKS5 proxy that is told names");
    }
}

void what_is_no_host_and_port_is_refused(void **)
{
    struct { const char *text, *word; } cases[] = {
        {"socks5h://", "no host"},
        {"socks5h:///", "no host"},
        {"socks5h://:9050", "no host"},
        {"socks5h://me:secret@", "no host"},
        {"socks5h://me:secret@:9050", "no host"},
        {"socks5h://tor", "no port"},
        {"socks5h://[::1]", "no port"},
        {"socks5h://tor:", "port"},
        {"socks5h://tor:0", "port"},
        {"socks5h://tor:65536", "port"},
        {"socks5h://tor:socks", "port"},
        {"socks5h://::1:9050", "brackets"},
        {"socks5h://[::g]:9050", "IPv6"},
        {"socks5h://[::1:9050", "\"]\""},
        {"socks5h://127.1:9050", "IPv4"},
        {"socks5h://to..r:9050", "host"},
        {"socks5h://tor:9050/path", "goes on"},
        {"socks5h://tor:9050//", "goes on"},
        {"socks5h://tor:9050?a", "goes on"},
        {"socks5h://tor:9050#a", "goes on"},
        {"socks5h://unix:/run/tor/socks", "goes on"},
        {"socks5h://unix:1", "unix socket"},
        {"socks5h://t or:9050", "space"},
        {"socks5h://tor:9050\n", "control"},
        {"socks5h://abcdef.onion:9050", "onion"},
    };

    for (const auto &c : cases) {
        refuses(c.text, c.word);
    }
}

void what_socks_cannot_carry_is_refused(void **)
{
    std::string most(255, 'a');
    ProxyUrl proxy;
    std::string error;

    assert_true(parse_proxy_url("socks5h://" + most + ":" + most + "@tor:1",
        proxy, error));
    refuses("socks5h://" + most + "a@tor:1", "255");
    refuses("socks5h://a:" + most + "a@tor:1", "255");
    refuses("socks5h://@tor:1", "no user");
    refuses("socks5h://:secret@tor:1", "no user");
    refuses("socks5h://me%00:secret@tor:1", "zero");

    for (const char *end : {"%", "%4", "%4g", "%g4", "%%41"}) {
        refuses("socks5h://me:secret" + std::string(end) + "@tor:1", "hex");
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_taken_apart),
        cmocka_unit_test(proxies_that_are_not_told_names_are_refused),
        cmocka_unit_test(what_is_no_host_and_port_is_refused),
        cmocka_unit_test(what_socks_cannot_carry_is_refused),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
