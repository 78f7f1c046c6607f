// What `url` may say for the protocol lnurl: LUD-01 (encoding) and LUD-16
// (addresses) of the LNURL documents, as of January 2024.
#include "l402/invoice.h"

#include "cmocka_cpp.h"
#include "make_bolt11.h"

using namespace l402;

namespace {

std::string called(const std::string &text)
{
    ServiceUrl url;
    std::string error;

    if (!find_protocol("lnurl")->read_url(text, url, error)) {
        fail_msg("%s %s", text.c_str(), error.c_str());
    }

    return url.join("");
}

void refuses(const std::string &text, const char *word)
{
    ServiceUrl url;
    std::string error;

    url.host = "untouched";

    if (find_protocol("lnurl")->read_url(text, url, error)) {
        fail_msg("%s was accepted", text.c_str());
    }

    if (error.find(word) == error.npos) {
        fail_msg("%s: \"%s\" says nothing of \"%s\"", text.c_str(),
            error.c_str(), word);
    }

    assert_string_equal(url.host.c_str(), "untouched");
}

// LUD-16's example, and its onion services.
void an_address_is_a_well_known_place(void **)
{
    struct { const char *address, *url; } cases[] = {
        {"satoshi@bitcoin.org",
            "https://bitcoin.org:443/.well-known/lnurlp/satoshi"},
        {"Satoshi@Bitcoin.org",
            "https://bitcoin.org:443/.well-known/lnurlp/satoshi"},
        {"a-b_c.d+e@pay.example:8443",
            "https://pay.example:8443/.well-known/lnurlp/a-b_c.d+e"},
        {"a@abc.onion", "http://abc.onion:80/.well-known/lnurlp/a"},
        {"a@abc.onion:81", "http://abc.onion:81/.well-known/lnurlp/a"},
        {"a@abc.onion.example",
            "https://abc.onion.example:443/.well-known/lnurlp/a"},
    };

    for (const auto &c : cases) {
        assert_string_equal(called(c.address).c_str(), c.url);
    }

    for (const char *address : {"@bitcoin.org", "sat oshi@bitcoin.org",
             "s%40@bitcoin.org", "a@b@bitcoin.org", "a@bitcoin.org/x",
             "a@bitcoin.org?x", "a@bitcoin.org#x", "\xc3\xa4@bitcoin.org"})
    {
        refuses(address, "is no Lightning address");
    }

    refuses("a@", "has no host");
    refuses("a@bitcoin..org", "no name and no address");
}

void a_url_may_stand_as_it_is(void **)
{
    for (const char *url : {
             "https://h.example:443/.well-known/lnurlp/satoshi",
             "https://h.example:443/lnurlp/?id=1&b=%20",
             "http://127.0.0.1:5000/lnurlp/api/v1/abc/"})
    {
        assert_string_equal(called(url).c_str(), url);
    }

    assert_string_equal(called("http://unix:/run/pay.sock:/lnurlp/a").c_str(),
        "http://localhost:80/lnurlp/a");
    refuses("https://h.example", "has no path");
    refuses("http://unix:/run/pay.sock:", "has no path");
    refuses("http://Unix:1", "has no path");
    refuses("https://h.example/", "has no path");
    refuses("https://h.example/a#b", "fragment");
    refuses("https://a:b@h.example/a", "user information");
    refuses("ftp://h.example/a", "scheme");
    refuses("satoshi", "scheme");
}

// LUD-01's example.
void a_bech32_text_is_decoded(void **)
{
    const std::string text =
        "LNURL1DP68GURN8GHJ7UM9WFMXJCM99E3K7MF0V9CXJ0M385EKVCENXC6R2C35XVUKXE"
        "FCV5MKVV34X5EKZD3EV56NYD3HXQURZEPEXEJXXEPNXSCRVWFNV9NXZCN9XQ6XYEFHVG"
        "CXXCMYXYMNSERXFQ5FNS";
    const char *url = "https://service.com:443/api?q=3fc3645b439ce8e7f2553a69e"
                      "5267081d96dcd340693afabe04be7b0ccd178df";

    assert_string_equal(called(text).c_str(), url);

    std::string lower = text;

    for (char &c : lower) {
        c = static_cast<char>(tolower(c));
    }

    assert_string_equal(called(lower).c_str(), url);
    refuses(lower + "q", "is no LNURL: its checksum is wrong");
    refuses("lnurl1", "is no LNURL");
    refuses("LNurl1" + text.substr(6), "is no LNURL: it mixes");
    refuses(l402_test::bech32("lnurl1a", l402_test::to_words("https://a/b")),
        "is no LNURL: it does not begin");

    struct { const char *inside, *word; } cases[] = {
        {"ftp://a/b", "scheme"}, {"https://a/\n", "control character"},
        {"https://a", "has no path"}, {"http://unix:/a:/b", "port"},
        {"a@b.example", "scheme"},
    };

    for (const auto &c : cases) {
        refuses(l402_test::bech32("lnurl", l402_test::to_words(c.inside)),
            c.word);
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_a_well_known_place),
        cmocka_unit_test(a_url_may_stand_as_it_is),
        cmocka_unit_test(a_bech32_text_is_decoded),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
