// Hex and base64 (RFC 4648), strict.

#include <set>

#include "unit.h"

using namespace unit;

namespace {

bool decodes_hex(std::string_view text)
{
    std::string out(text.size() / 2 + 1, '\0');
    return l402::hex_decode(text, reinterpret_cast<uint8_t *>(&out[0]));
}

void hex_is_read_in_either_case_and_written_in_lower(void **)
{
    std::string bytes = from_hex("00fFAb09");

    assert_text(to_hex(bytes), "00ffab09");
    assert_int_equal(bytes.size(), 4);
}

void hex_of_every_byte_comes_back(void **)
{
    for (int i = 0; i < 256; i++) {
        std::string byte(1, char(i));
        assert_true(from_hex(to_hex(byte)) == byte);
    }
}

void anything_else_is_not_hex(void **)
{
    const char *bad[] = {"a", "abc", "0g", "g0", " 0", "0 ", "0x", "-1", "+1",
        "0\n", "\xc3\xa9", "ab:d"};

    for (const char *text : bad) {
        assert_false(decodes_hex(text));
    }
    for (int i = 0; i < 256; i++) {
        const char both[2][2] = {{char(i), '0'}, {'0', char(i)}};
        bool       digit = (i >= '0' && i <= '9') || (i >= 'a' && i <= 'f')
            || (i >= 'A' && i <= 'F');

        assert_int_equal(decodes_hex({both[0], 2}), digit);
        assert_int_equal(decodes_hex({both[1], 2}), digit);
    }
}

// RFC 4648, section 10.
void the_rfc_4648_vectors_hold(void **)
{
    const char *vectors[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"}};

    for (const auto &v : vectors) {
        assert_text(l402::base64_encode(v[0]), v[1]);
        assert_text(from_base64(v[1]), v[0]);
    }
}

ptrdiff_t decode(std::string_view text)
{
    std::string out(l402::base64_decoded_max(text.size()), '\0');
    return l402::base64_decode(text, reinterpret_cast<uint8_t *>(&out[0]));
}

void both_alphabets_padded_or_not_mean_the_same(void **)
{
    Random random;

    for (size_t size = 0; size < 130; size++) {
        std::string bytes = random.bytes(size);
        std::string text = l402::base64_encode(bytes);
        std::string url = text;

        for (char &c : url) {
            c = c == '+' ? '-' : c == '/' ? '_' : c;
        }

        std::string bare = text.substr(0, text.find('='));
        std::string bare_url = url.substr(0, url.find('='));

        assert_true(from_base64(text) == bytes);
        assert_true(from_base64(url) == bytes);
        assert_true(from_base64(bare) == bytes);
        assert_true(from_base64(bare_url) == bytes);
    }
}

void it_is_written_as_libsodium_writes_it(void **)
{
    Random random;

    for (size_t size = 0; size < 130; size++) {
        std::string bytes = random.bytes(size);
        char        wanted[256];

        sodium_bin2base64(wanted, sizeof(wanted),
            reinterpret_cast<const uint8_t *>(bytes.data()), size,
            sodium_base64_VARIANT_ORIGINAL);
        assert_text(l402::base64_encode(bytes), wanted);
    }
}

void anything_else_is_not_base64(void **)
{
    const char *bad[] = {"Z", "Zm9vY", "Zg=", "Zg===", "Zm8==", "Z===",
        "====", "=", "==", "Zm9v====", "Zg==Zg==", "=Zg=", "Zm 9v", " Zm9v",
        "Zm9v ", "Zm9v\n", "Zm.v", "Zm9\xc3", "Zm9v,", "Zm9v:"};

    for (const char *text : bad) {
        if (decode(text) != -1) {
            fail_msg("\"%s\" was read", text);
        }
    }
}

// A text that decodes to the same bytes as another would be a second name
// for one token.
void bits_that_say_nothing_must_be_zero(void **)
{
    assert_int_equal(decode("Zg"), 1);
    assert_int_equal(decode("Zh"), -1);
    assert_int_equal(decode("Zv=="), -1);
    assert_int_equal(decode("Zm8"), 2);
    assert_int_equal(decode("Zm9"), -1);
    assert_int_equal(decode("Zm/="), -1);

    std::set<std::string> seen;
    const std::string     alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
                                     "nopqrstuvwxyz0123456789+/";
    for (char a : alphabet) {
        for (char b : alphabet) {
            char text[2] = {a, b};
            if (decode({text, 2}) == 1) {
                assert_true(seen.insert(from_base64({text, 2})).second);
            }
        }
    }
    assert_int_equal(seen.size(), 256);
}

void the_stated_room_is_enough(void **)
{
    for (size_t size = 0; size < 100; size++) {
        std::string text(size, 'A');
        ptrdiff_t   n = decode(text);

        assert_true(n <= ptrdiff_t(l402::base64_decoded_max(size)));
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(hex_is_read_in_either_case_and_written_in_lower),
        cmocka_unit_test(hex_of_every_byte_comes_back),
        cmocka_unit_test(anything_else_is_not_hex),
        cmocka_unit_test(the_rfc_4648_vectors_hold),
        cmocka_unit_test(both_alphabets_padded_or_not_mean_the_same),
        cmocka_unit_test(it_is_written_as_libsodium_writes_it),
        cmocka_unit_test(anything_else_is_not_base64),
        cmocka_unit_test(bits_that_say_nothing_must_be_zero),
        cmocka_unit_test(the_stated_room_is_enough),
    };

    return cmocka_run_group_tests_name("encoding", tests, nullptr, nullptr);
}
