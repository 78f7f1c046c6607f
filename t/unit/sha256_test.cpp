// SHA-256 and HMAC-SHA256: published vectors, and libsodium as an oracle.

#include "unit.h"

using namespace unit;

namespace {

std::string sha256_hex(std::string_view data)
{
    uint8_t out[32];

    l402::sha256(data, out);
    return l402::to_hex(out, 32);
}

// FIPS 180-4 examples.
void the_published_messages_hash_as_published(void **)
{
    assert_text(sha256_hex(""),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_text(sha256_hex("abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_text(
        sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_text(sha256_hex(std::string(1000000, 'a')),
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

void every_length_around_the_blocks_hashes_as_libsodium_does(void **)
{
    Random random;

    for (size_t size = 0; size < 400; size++) {
        std::string data = random.bytes(size);
        uint8_t     wanted[32];

        crypto_hash_sha256(wanted,
            reinterpret_cast<const uint8_t *>(data.data()), size);
        assert_text(sha256_hex(data), l402::to_hex(wanted, 32));
    }
}

std::string hmac_hex(std::string_view key, std::string_view data)
{
    l402::HmacKey prepared;
    uint8_t       out[32];

    l402::hmac_prepare(key.data(), key.size(), prepared);
    l402::hmac(prepared, data.data(), data.size(), out);
    return l402::to_hex(out, 32);
}

// RFC 4231, cases 1 to 4, 6 and 7.
void the_rfc_4231_cases_hold(void **)
{
    assert_text(hmac_hex(std::string(20, '\x0b'), "Hi There"),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_text(hmac_hex("Jefe", "what do ya want for nothing?"),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_text(hmac_hex(std::string(20, '\xaa'), std::string(50, '\xdd')),
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    assert_text(
        hmac_hex(from_hex("0102030405060708090a0b0c0d0e0f10111213141516171819"),
            std::string(50, '\xcd')),
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    assert_text(
        hmac_hex(std::string(131, '\xaa'),
            "Test Using Larger Than Block-Size Key - Hash Key First"),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_text(
        hmac_hex(std::string(131, '\xaa'),
            "This is a test using a larger than block-size key and a larger"
            " than block-size data. The key needs to be hashed before being"
            " used by the HMAC algorithm."),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

void every_message_and_key_size_is_as_libsodium_has_it(void **)
{
    Random random;

    for (size_t size = 0; size < 200; size++) {
        std::string key = random.bytes(random.below(140));
        std::string data = random.bytes(size);
        uint8_t     wanted[32];

        crypto_auth_hmacsha256_state state;
        crypto_auth_hmacsha256_init(&state,
            reinterpret_cast<const uint8_t *>(key.data()), key.size());
        crypto_auth_hmacsha256_update(&state,
            reinterpret_cast<const uint8_t *>(data.data()), data.size());
        crypto_auth_hmacsha256_final(&state, wanted);

        assert_text(hmac_hex(key, data), l402::to_hex(wanted, 32));
    }
}

void the_output_may_lie_over_the_message_or_the_key(void **)
{
    Hash    key, message;
    uint8_t wanted[32];

    key.fill(7);
    message.fill(9);
    l402::hmac(key.data(), message.data(), 32, wanted);

    Hash over = message;
    l402::hmac(key.data(), over.data(), 32, over.data());
    assert_memory_equal(over.data(), wanted, 32);

    over = key;
    l402::hmac(over.data(), message.data(), 32, over.data());
    assert_memory_equal(over.data(), wanted, 32);
}

void equality_sees_every_bit(void **)
{
    for (size_t size = 0; size <= 70; size++) {
        std::string a(size, '\x5a'), b = a;

        assert_true(l402::equal_constant_time(a.data(), b.data(), size));
        for (size_t bit = 0; bit < 8 * size; bit++) {
            b[bit / 8] = char(b[bit / 8] ^ (1 << bit % 8));
            assert_false(l402::equal_constant_time(a.data(), b.data(), size));
            b[bit / 8] = a[bit / 8];
        }
    }
}

void wipe_leaves_zeros_and_stops_at_the_end(void **)
{
    uint8_t data[5] = {1, 2, 3, 4, 5};
    uint8_t wanted[5] = {0, 0, 0, 0, 5};

    l402::wipe(data, 4);
    assert_memory_equal(data, wanted, 5);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_published_messages_hash_as_published),
        cmocka_unit_test(
            every_length_around_the_blocks_hashes_as_libsodium_does),
        cmocka_unit_test(the_rfc_4231_cases_hold),
        cmocka_unit_test(every_message_and_key_size_is_as_libsodium_has_it),
        cmocka_unit_test(the_output_may_lie_over_the_message_or_the_key),
        cmocka_unit_test(equality_sees_every_bit),
        cmocka_unit_test(wipe_leaves_zeros_and_stops_at_the_end),
    };

    return cmocka_run_group_tests_name("sha256", tests, nullptr, nullptr);
}
