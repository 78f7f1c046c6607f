#include "l402/utf8.h"

#include "cmocka_cpp.h"

using namespace l402;

namespace {

void characters_have_one_to_four_bytes(void **)
{
    assert_int_equal(utf8_character("a"), 1);
    assert_int_equal(utf8_character(std::string_view("\0", 1)), 1);
    assert_int_equal(utf8_character("\u0080b"), 2);
    assert_int_equal(utf8_character("\u0800b"), 3);
    assert_int_equal(utf8_character("\U00010000b"), 4);
    assert_int_equal(utf8_character("\U0010ffff"), 4);
    assert_int_equal(utf8_character(""), 0);
    assert_true(is_utf8(""));
    assert_true(is_utf8("a\u00e4\u20ac\U0001f326"));
}

void what_is_no_character_is_refused(void **)
{
    for (const char *text : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf",
             "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
             "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3(",
             "\xe2\x82(", "\xf0\x9f\x8c("})
    {
        assert_int_equal(utf8_character(text), 0);
        assert_false(is_utf8(std::string("a") + text));
    }
}

// The bytes that would make it whole stand behind the view's end.
void a_character_is_not_read_beyond_the_end(void **)
{
    for (std::string_view whole : {"\u00e4", "\u20ac", "\U0001f326"}) {
        for (size_t size = 1; size < whole.size(); size++) {
            assert_int_equal(utf8_character(whole.substr(0, size)), 0);
        }
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(characters_have_one_to_four_bytes),
        cmocka_unit_test(what_is_no_character_is_refused),
        cmocka_unit_test(a_character_is_not_read_beyond_the_end),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
