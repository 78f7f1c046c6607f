// request_host, request_path, request_method: one spelling, and no way out of
// it.

#include "unit.h"

#include "core/request_value.h"

using namespace l402;

namespace {

// Whatever a request has in it, the caveat has none of what separates.
void every_byte_is_escaped_or_harmless(void **)
{
    for (int c = 0; c < 256; c++) {
        std::string raw = std::string("/a") + char(c) + "b";
        std::string item = path_item(raw);

        for (char e : item) {
            if (std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
                                 "qrstuvwxyz0123456789-._~/%")
                    .find(e) == std::string_view::npos)
            {
                fail_msg("byte %d is written as %s", c, item.c_str());
            }
        }

        assert_true(is_path_item(item));
        for (int d = 0; d < 256; d++) {
            std::string other = std::string("/a") + char(d) + "b";
            assert_int_equal(path_matches(item, other), c == d);
        }
    }
}

void hostile_paths_are_one_item(void **)
{
    unit::assert_text(path_item("/cheap:0,svc/dear"),
        "/cheap%3A0%2Csvc/dear");
    unit::assert_text(path_item("/a\nservices=b:9"), "/a%0Aservices%3Db%3A9");
    unit::assert_text(path_item("/a*"), "/a%2A");
    unit::assert_text(path_item("/%2A"), "/%252A");
    unit::assert_text(path_item(std::string_view("/a\0b", 4)), "/a%00b");
    unit::assert_text(path_item("/\xc3\xbc"), "/%C3%BC");
    assert_false(path_matches(path_item("/a*"), "/abc"));
}

void one_value_has_one_spelling(void **)
{
    for (const char *bad : {"", "*", "a", "a/", "/%61", "/%2f", "/%", "/%2",
             "/%2G", "/a b", "/a:b", "/a=b", "/a,b", "/a*b", "/a**", "/\n",
             "/\xc3\xbc", "/%2a", "/a%"})
    {
        if (is_path_item(bad)) {
            fail_msg("accepted: %s", bad);
        }
    }

    for (const char *good : {"/", "/*", "/a", "/a*", "/a/*", "/%2C", "/%2C*",
             "/a-._~", "/..", "/a//b"})
    {
        assert_true(is_path_item(good));
    }

    assert_true(is_host_item("api.example.org"));
    assert_true(is_host_item("%5B%3A%3A1%5D"));
    assert_true(is_host_item("."));
    assert_false(is_host_item("API.example.org"));
    assert_false(is_host_item("*.example.org"));
    assert_false(is_host_item(""));

    assert_true(is_method_item("GET"));
    assert_true(is_method_item("M-SEARCH"));
    assert_false(is_method_item("get"));
    assert_false(is_method_item("GET*"));
    assert_false(is_method_item(""));
}

void an_asterisk_at_the_end_is_whatever_follows(void **)
{
    assert_true(path_matches("/a/*", "/a/"));
    assert_true(path_matches("/a/*", "/a/b/c"));
    assert_false(path_matches("/a/*", "/a"));
    assert_false(path_matches("/a/*", "/b/a/"));
    assert_true(path_matches("/a*", "/a"));
    assert_true(path_matches("/a*", "/abc"));
    assert_true(path_matches("/*", "/"));
    assert_true(path_matches("/%2C*", "/,x"));
    assert_false(path_matches("/a", "/ab"));
    assert_false(path_matches("/ab", "/a"));
    assert_false(path_matches("/a/*", ""));
}

void within_is_never_more(void **)
{
    assert_true(path_within("/a/*", "/a/b"));
    assert_true(path_within("/a/*", "/a/b*"));
    assert_true(path_within("/a/*", "/a/*"));
    assert_true(path_within("/a*", "/a"));
    assert_false(path_within("/a/*", "/a*"));
    assert_false(path_within("/a/*", "/a"));
    assert_false(path_within("/a/b", "/a/*"));
    assert_false(path_within("/a", "/a*"));
    assert_false(path_within("/a", "/A"));

    assert_true(method_within("GET", "HEAD"));
    assert_false(method_within("HEAD", "GET"));
    assert_false(method_within("POST", "GET"));
}

void a_head_is_a_get(void **)
{
    assert_true(method_matches("GET", "HEAD"));
    assert_true(method_matches("GET", "GET"));
    assert_true(method_matches("HEAD", "HEAD"));
    assert_false(method_matches("HEAD", "GET"));
    assert_false(method_matches("GET", "POST"));
    assert_false(method_matches("GET", "get"));
    assert_false(method_matches("GET", ""));
    unit::assert_text(method_item("HEAD"), "GET");
    unit::assert_text(method_item("POST"), "POST");
}

void who_names_no_host_has_one_of_his_own(void **)
{
    unit::assert_text(host_item(""), ".");
    assert_true(host_matches(".", ""));
    assert_false(host_matches(".", "a"));
    assert_false(host_matches("a", ""));
    unit::assert_text(host_item("[::1]"), "%5B%3A%3A1%5D");
    assert_true(host_matches("%5B%3A%3A1%5D", "[::1]"));
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_escaped_or_harmless),
        cmocka_unit_test(hostile_paths_are_one_item),
        cmocka_unit_test(one_value_has_one_spelling),
        cmocka_unit_test(an_asterisk_at_the_end_is_whatever_follows),
        cmocka_unit_test(within_is_never_more),
        cmocka_unit_test(a_head_is_a_get),
        cmocka_unit_test(who_names_no_host_has_one_of_his_own),
    };

    return cmocka_run_group_tests_name("request_value", tests, nullptr,
        nullptr);
}
