// Key files, and the root keys that come of them.

#include "unit.h"

using namespace unit;

namespace {

const std::string k1 = key_1, k2 = key_2;

void assert_parses(const std::string &text, size_t count)
{
    l402::Keyring keys;
    std::string   error;

    if (!keys.parse(text, error)) {
        fail_msg("refused: %s", error.c_str());
    }
    assert_int_equal(keys.size(), count);
}

// Returns the message.
std::string assert_refused(const std::string &text)
{
    l402::Keyring keys;
    std::string   error;

    if (keys.parse(text, error)) {
        fail_msg("was read: %s", text.c_str());
    }
    assert_false(error.empty());
    return error;
}

void a_line_is_a_key_and_perhaps_a_comment(void **)
{
    assert_parses(k1, 1);
    assert_parses(k1 + "\n", 1);
    assert_parses(k1 + " web, 2026\n" + k2 + "\tolder\n", 2);
    assert_parses(k1 + "\r\n" + k2 + "\r\n", 2);
    assert_parses("# new\n\n  \n" + k1 + "\n#" + k2 + "\n", 1);
    assert_parses("ABCDEFabcdef0123456789ABCDEFabcdef0123456789ABCDEFabcdef"
                  "01234567", 1);
}

void nothing_else_is_a_key(void **)
{
    assert_refused("");
    assert_refused("\n\n");
    assert_refused("# a comment alone\n");
    assert_refused(k1.substr(1));
    assert_refused(k1 + "1");
    assert_refused(k1.substr(1) + "g");
    assert_refused("0x" + k1);
    assert_refused("\"" + k1 + "\"");
    assert_refused(k1.substr(0, 32) + " " + k1.substr(32));
    assert_refused(k1 + ",comment");
    assert_refused(std::string("\xef\xbb\xbf") + k1);
}

// One bad line spoils the file: a rotation with a typo must not silently
// leave a key out.
void a_bad_line_among_good_ones_is_refused(void **)
{
    std::string error = assert_refused("# keys\n" + k1 + "\n" + "beef\n" + k2);
    assert_true(error.find("line 3") != error.npos);
}

void a_message_holds_no_digit_of_a_key(void **)
{
    const std::string digits = "deadbeefcafe0123deadbeefcafe0123"
                               "deadbeefcafe0123deadbeefcafe01";

    for (const std::string &bad : {digits, digits + "zz", digits + "0123"}) {
        std::string error = assert_refused(bad);

        for (size_t i = 0; i + 6 <= bad.size(); i++) {
            assert_true(error.find(bad.substr(i, 6)) == error.npos);
        }
    }
}

void there_are_at_most_max_keys(void **)
{
    std::string text;

    for (size_t i = 0; i < l402::max_keys; i++) {
        text += k1 + "\n";
    }
    assert_parses(text, l402::max_keys);
    assert_refused(text + k1 + "\n");
}

// root_key = HMAC-SHA256(master, "l402 root key v0" || identifier), computed
// here by libsodium.
void root_keys_are_derived_as_documented(void **)
{
    Keys        keys(k1 + "\n" + k2);
    Random      random;
    std::string masters[] = {from_hex(k1), from_hex(k2)};

    for (size_t i = 0; i < 20; i++) {
        std::string identifier = random.bytes(l402::identifier_size);
        std::string message = "l402 root key v0" + identifier;

        for (size_t key = 0; key < 2; key++) {
            uint8_t wanted[32], got[32];

            crypto_auth_hmacsha256(wanted,
                reinterpret_cast<const uint8_t *>(message.data()),
                message.size(),
                reinterpret_cast<const uint8_t *>(masters[key].data()));
            keys.root_key(key, identifier, got);
            assert_memory_equal(got, wanted, 32);
        }
    }
}

void the_stamp_names_the_key_and_leaves_the_rest(void **)
{
    Keys keys(k1 + "\n" + k2);
    Hash id;

    for (size_t key = 0; key < 2; key++) {
        id.fill(0x77);
        keys.stamp(key, id);
        assert_int_equal(keys.hinted_key(id.data()), key);
        for (size_t i = 0; i < 28; i++) {
            assert_int_equal(id[i], 0x77);
        }
    }
}

void an_unstamped_id_names_no_key(void **)
{
    Keys keys(k1 + "\n" + k2);
    Hash id;

    id.fill(0x77);
    assert_int_equal(keys.hinted_key(id.data()), keys.size());

    // Half of a stamp is none.
    keys.stamp(1, id);
    id[28] ^= 1;
    assert_int_equal(keys.hinted_key(id.data()), keys.size());
}

// The hint goes with the key and not with its place in the file.
void the_stamp_survives_a_rotation(void **)
{
    Keys before(k1), after(k2 + "\n" + k1);
    Hash id{};

    before.stamp(0, id);
    assert_int_equal(after.hinted_key(id.data()), 1);
}

// Clients see the hint: it must not tell anything about the key.
void the_stamp_is_not_a_part_of_the_key(void **)
{
    Keys        keys(k1);
    Hash        id{};
    std::string master = from_hex(k1);

    keys.stamp(0, id);
    assert_true(master.find(std::string(view(&id[28], 4))) == master.npos);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_key_and_perhaps_a_comment),
        cmocka_unit_test(nothing_else_is_a_key),
        cmocka_unit_test(a_bad_line_among_good_ones_is_refused),
        cmocka_unit_test(a_message_holds_no_digit_of_a_key),
        cmocka_unit_test(there_are_at_most_max_keys),
        cmocka_unit_test(root_keys_are_derived_as_documented),
        cmocka_unit_test(the_stamp_names_the_key_and_leaves_the_rest),
        cmocka_unit_test(an_unstamped_id_names_no_key),
        cmocka_unit_test(the_stamp_survives_a_rotation),
        cmocka_unit_test(the_stamp_is_not_a_part_of_the_key),
    };

    return cmocka_run_group_tests_name("keyring", tests, nullptr, nullptr);
}
