#include "l402/url.h"

#include "cmocka_cpp.h"

using namespace l402;

namespace {

ServiceUrl parsed(const std::string &text)
{
    ServiceUrl url;
    std::string error;

    if (!parse_service_url(text, url, error)) {
        fail_msg("%s %s", text.c_str(), error.c_str());
    }

    return url;
}

void refuses(const std::string &text, const char *word)
{
    ServiceUrl url;
    std::string error;

    url.host = "untouched";

    if (parse_service_url(text, url, error)) {
        fail_msg("%s was accepted", text.c_str());
    }

    if (error.find(word) == error.npos) {
        fail_msg("%s: \"%s\" says nothing of \"%s\"", text.c_str(),
            error.c_str(), word);
    }

    assert_string_equal(url.host.c_str(), "untouched");
}

void parts_are_taken_apart(void **)
{
    struct {
        const char *text;
        bool        https;
        const char *host;
        bool        is_address;
        unsigned    port;
        const char *base;
    } cases[] = {
        {"https://node.example", true, "node.example", false, 443, ""},
        {"https://node.example/", true, "node.example", false, 443, ""},
        {"https://node.example//", true, "node.example", false, 443, ""},
        {"http://node.example", false, "node.example", false, 80, ""},
        {"https://node.example:8080/lnd", true, "node.example", false, 8080,
            "/lnd"},
        {"https://node.example/lnd/", true, "node.example", false, 443,
            "/lnd"},
        {"HTTPS://Node.Example/LND", true, "node.example", false, 443,
            "/LND"},
        {"http://127.0.0.1:65535", false, "127.0.0.1", true, 65535, ""},
        {"http://[::1]:1/a/b", false, "::1", true, 1, "/a/b"},
        {"http://[2001:DB8::1]", false, "2001:db8::1", true, 80, ""},
        {"http://lnd_node:8080", false, "lnd_node", false, 8080, ""},
        {"http://localhost", false, "localhost", false, 80, ""},
        {"http://1.example", false, "1.example", false, 80, ""},
        {"http://1a", false, "1a", false, 80, ""},
        {"http://h/a%20b/~c/.d/...", false, "h", false, 80,
            "/a%20b/~c/.d/..."},
    };

    for (const auto &c : cases) {
        ServiceUrl url = parsed(c.text);

        assert_int_equal(url.https, c.https);
        assert_string_equal(url.host.c_str(), c.host);
        assert_int_equal(url.host_is_address, c.is_address);
        assert_int_equal(url.port, c.port);
        assert_string_equal(url.base.c_str(), c.base);
        assert_string_equal(url.unix_socket.c_str(), "");
    }
}

void unix_sockets_are_taken_apart(void **)
{
    ServiceUrl url = parsed("http://unix:/run/lnd.sock:");

    assert_false(url.https);
    assert_string_equal(url.unix_socket.c_str(), "/run/lnd.sock");
    assert_string_equal(url.host.c_str(), "localhost");
    assert_int_equal(url.port, 80);
    assert_string_equal(url.base.c_str(), "");
    assert_string_equal(parsed("http://unix:/a:/b/").base.c_str(), "/b");
    assert_int_equal(parsed("http://unix:/" + std::string(106, 'a') + ":")
                         .unix_socket.size(), 107);
}

void paths_are_appended(void **)
{
    struct { const char *url, *joined; } cases[] = {
        {"https://node.example", "https://node.example:443/v1/invoices"},
        {"http://node.example:8080/lnd/",
            "http://node.example:8080/lnd/v1/invoices"},
        {"http://[::1]/", "http://[::1]:80/v1/invoices"},
        {"http://unix:/a:/b", "http://localhost:80/b/v1/invoices"},
    };

    for (const auto &c : cases) {
        assert_string_equal(parsed(c.url).join("/v1/invoices").c_str(),
            c.joined);
    }
}

void other_schemes_are_refused(void **)
{
    for (const char *text : {"", "node.example", "node.example:8080",
             "127.0.0.1:8080", "//node.example", "ftp://node.example",
             "https:/node.example", "https:node.example", "https//x",
             "xhttps://node.example", "socks5h://node.example"})
    {
        refuses(text, "scheme");
    }
}

void bad_hosts_are_refused(void **)
{
    for (const char *text : {"https://", "https:///lnd", "https://:8080"}) {
        refuses(text, "has no host");
    }

    for (const char *text : {"https://-a", "https://a-.b", "https://a..b",
             "https://.a", "https://a.", "https://a*b", "https://a%41",
             "https://a\\b", "https://\xc3\xa4.example", "https://a,b"})
    {
        refuses(text, "no name and no address");
    }

    refuses("https://" + std::string(64, 'a'), "no name and no address");
    refuses("https://" + std::string(63, 'a') + "." + std::string(63, 'a')
            + "." + std::string(63, 'a') + "." + std::string(63, 'a'),
        "no name and no address");

    for (const char *text : {"http://127.1", "http://1", "http://2130706433",
             "http://0x7f000001", "http://0x7f.1", "http://127.0.0.256",
             "http://127.0.0.1.1", "http://127.0.0.01", "http://a.0x"})
    {
        refuses(text, "no full IPv4 address");
    }

    for (const char *text : {"http://[]", "http://[127.0.0.1]",
             "http://[::g]", "http://[fe80::1%25eth0]", "http://[::1::]"})
    {
        refuses(text, "no IPv6 address");
    }

    refuses("http://[::1", "\"]\"");
    refuses("http://[::1]8080", "after \"]\"");
    refuses("http://::1", "brackets");
    refuses("http://a:1:2", "brackets");
}

void bad_ports_are_refused(void **)
{
    for (const char *port : {"", "0", "65536", "99999", "100000", "000080",
             "-1", "+1", "8a", "0x50", "4294967297"})
    {
        refuses(std::string("http://a:") + port + "/b", "port");
        refuses(std::string("http://[::1]:") + port, "port");
    }
}

void what_cannot_be_part_of_a_base_is_refused(void **)
{
    for (const char *text : {"http://a?b", "http://a/?b", "http://a/b?c=d",
             "http://a#b", "http://a/b#", "http://unix:/a?:/b"})
    {
        refuses(text, "query or a fragment");
    }

    for (const char *text : {"http://a/\"", "http://a/<b>", "http://a/b\\c",
             "http://a/{b}", "http://a/%", "http://a/%4", "http://a/%zz",
             "http://a/\xc3\xa4", "http://a/b|c", "http://unix:/a:/%"})
    {
        refuses(text, "%XX");
    }

    for (const char *text : {"http://a/..", "http://a/../b", "http://a/b/..",
             "http://a/./b", "http://a/b/.", "http://unix:/a:/.."})
    {
        refuses(text, "\"..\"");
    }

    for (const std::string &text : {std::string("http://a b"),
             std::string("http://a/b c"), std::string(" http://a"),
             std::string("http://a\n"), std::string("http://a/\t"),
             std::string("http://a\0b", 10), std::string("http://a/\x7f")})
    {
        refuses(text, "control character");
    }
}

void bad_unix_sockets_are_refused(void **)
{
    for (const char *text : {"http://unix:/run/lnd.sock", "http://unix:",
             "http://unix::", "http://unix:run/lnd.sock:"})
    {
        refuses(text, "is no unix socket");
    }

    refuses("http://unix:/a:b", "\"/base\"");
    refuses("http://unix:/" + std::string(107, 'a') + ":", "107");
    refuses("https://unix:/a:", "TLS on a unix socket");
}

void user_information_is_refused_and_not_repeated(void **)
{
    for (const char *text : {"https://user:hunter2@node.example",
             "https://hunter2@node.example:8080/a", "http://a:hunter2@[::1]"})
    {
        ServiceUrl url;
        std::string error;

        assert_false(parse_service_url(text, url, error));
        assert_true(error.find("credential_file") != error.npos);
        assert_true(error.find("hunter2") == error.npos);
    }
}

// ---- resources ----

std::string resource(const std::string &text)
{
    ServiceUrl url;
    std::string error;

    if (!parse_resource_url(text, url, error)) {
        fail_msg("%s %s", text.c_str(), error.c_str());
    }

    return url.join("");
}

void a_resource_is_called_to_the_byte(void **)
{
    struct { const char *text, *called; } cases[] = {
        {"https://h.example", "https://h.example:443"},
        {"https://h.example/a/", "https://h.example:443/a/"},
        {"https://h.example/a//?b=/?c&%20",
            "https://h.example:443/a//?b=/?c&%20"},
        {"https://h.example?a", "https://h.example:443?a"},
        {"http://[::1]:81/?", "http://[::1]:81/?"},
    };

    for (const auto &c : cases) {
        assert_string_equal(resource(c.text).c_str(), c.called);
    }
}

void what_is_no_resource_is_refused(void **)
{
    struct { const char *text, *word; } cases[] = {
        {"http://unix:/run/a.sock:/b", "port"},
        {"https://a/b#c", "fragment"}, {"https://a/?#", "fragment"},
        {"https://a:b@h/", "user information"},
        {"https://h/\r\nX: y", "control character"},
        {"https://h/../b", "\"..\""}, {"https://h/?a=\"", "query"},
        {"https://h/?a=%4", "query"}, {"https://h/\xc3\xa4", "path"},
        {"file:///etc/passwd", "scheme"}, {"//h/a", "scheme"},
        {"", "scheme"}, {"https://?a", "has no host"},
    };

    for (const auto &c : cases) {
        ServiceUrl url;
        std::string error;

        url.host = "untouched";

        if (parse_resource_url(c.text, url, error)) {
            fail_msg("%s was accepted", c.text);
        }

        if (error.find(c.word) == error.npos) {
            fail_msg("%s: \"%s\" says nothing of \"%s\"", c.text,
                error.c_str(), c.word);
        }

        assert_string_equal(url.host.c_str(), "untouched");
    }
}

void a_callback_is_no_less_safe_than_the_service(void **)
{
    struct { const char *from, *callback; bool allowed; } cases[] = {
        {"https://a", "https://b/c", true},
        {"https://a", "http://a/c", false},
        {"https://a", "http://b/c", false},
        {"https://a", "http://127.0.0.1/c", false},
        {"https://a", "http://b.onion/c", true},
        {"https://a", "http://b.ONION:81/c", true},
        {"https://a", "http://b.onion.example/c", false},
        {"https://a", "http://bonion/c", false},
        {"http://a", "http://b/c", true},
        {"http://a", "https://b/c", true},
        {"http://unix:/a:", "http://b/c", true},
        {"http://a", "http://unix:/a:/c", false},
        {"http://a", "ftp://b/c", false},
        {"http://a", "/c", false},
    };

    for (const auto &c : cases) {
        ServiceUrl out;
        std::string error;

        if (parse_callback_url(c.callback, parsed(c.from), out, error)
            != c.allowed)
        {
            fail_msg("%s from %s: %s", c.callback, c.from, error.c_str());
        }
    }
}

void a_callback_at_the_same_place_is_reached_in_the_same_way(void **)
{
    struct { const char *callback, *socket; } cases[] = {
        {"http://localhost/c", "/run/a.sock"},
        {"http://localhost:80/c?d", "/run/a.sock"},
        {"http://localhost:81/c", ""},
        {"https://localhost/c", ""},
        {"https://localhost:80/c", ""},
        {"http://127.0.0.1/c", ""},
    };

    for (const auto &c : cases) {
        ServiceUrl out;
        std::string error;

        assert_true(parse_callback_url(c.callback,
            parsed("http://unix:/run/a.sock:"), out, error));
        assert_string_equal(out.unix_socket.c_str(), c.socket);
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_taken_apart),
        cmocka_unit_test(unix_sockets_are_taken_apart),
        cmocka_unit_test(paths_are_appended),
        cmocka_unit_test(other_schemes_are_refused),
        cmocka_unit_test(bad_hosts_are_refused),
        cmocka_unit_test(bad_ports_are_refused),
        cmocka_unit_test(what_cannot_be_part_of_a_base_is_refused),
        cmocka_unit_test(bad_unix_sockets_are_refused),
        cmocka_unit_test(user_information_is_refused_and_not_repeated),
        cmocka_unit_test(a_resource_is_called_to_the_byte),
        cmocka_unit_test(what_is_no_resource_is_refused),
        cmocka_unit_test(a_callback_is_no_less_safe_than_the_service),
        cmocka_unit_test(
            a_callback_at_the_same_place_is_reached_in_the_same_way),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
