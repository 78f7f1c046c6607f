// The one decision: keys, signatures and preimages. Each test is a way in that
// must be open or, mostly, shut. caveats_test.cpp, forms_test.cpp and
// remembering_test.cpp have the rest.

#include <cstring>

#include "verifying.h"

using namespace unit;

namespace {

// ---- a good one ----

void a_minted_token_with_its_preimage_is_let_in(void **)
{
    Keys        keys;
    Token       token(keys, {"services=weather:3",
              "weather_valid_until=1700003600"});
    std::string credential = token.credential();
    Verdict     v = verify(keys, facts_for(credential));

    assert_int_equal(int(v.result), int(Result::ok));
    assert_int_equal(int(v.field), int(CredentialField::authorization));
    assert_int_equal(v.tier, 3);
    assert_int_equal(v.expires, 1700003600);
    assert_true(v.has_token);
    assert_memory_equal(v.payment_hash, token.payment_hash.data(), 32);
    assert_memory_equal(v.token_id, token.token_id.data(), 28);
}

void no_credential_is_absent(void **)
{
    Keys keys;

    for (const char *value : {"", "Basic dXNlcjpwYXNz", "Bearer abc",
             "Digest username=\"x\""}) {
        Verdict v = verify(keys, facts_for(value));

        assert_int_equal(int(v.result), int(Result::absent));
        assert_int_equal(int(v.field), int(CredentialField::none));
        assert_false(v.has_token);
    }
}

// The vectors' root keys are not derived from a master key, so nobody who
// has just the file can mint for us: they are forgeries here.
void a_token_of_another_issuer_is_refused(void **)
{
    Keys keys;
    auto vectors = nlohmann::json::parse(
        read_file(L402_VECTORS "/macaroons.json"));
    size_t tried = 0;

    for (const auto &t : vectors["tokens"]) {
        if (t.contains("preimage_hex")) {
            assert_result(keys, "L402 " + t["token_base64"].get<std::string>()
                    + ":" + t["preimage_hex"].get<std::string>(),
                Result::bad_signature);
            tried++;
        }
    }
    assert_true(tried > 0);
}

// ---- changed bytes ----

void no_bit_of_the_token_can_be_changed(void **)
{
    Keys  keys;
    Token token(keys, {"services=weather:0", "weather_valid_until=1700003600",
                          "preimage="
                              "000102030405060708090a0b0c0d0e0f"
                              "101112131415161718191a1b1c1d1e1f"});

    for (const std::string &bytes : {token.bytes, to_v1(token.bytes)}) {
        assert_result(keys, token.with(bytes), Result::ok);

        for (size_t bit = 0; bit < 8 * bytes.size(); bit++) {
            std::string other = bytes;

            other[bit / 8] = char(other[bit / 8] ^ (1 << bit % 8));
            if (result_of(keys, token.with(other)) == Result::ok) {
                fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
            }
        }
    }
}

// In the text as well: two texts for one token would be nothing to gain, but
// nothing that a proxy garbled should be taken for whole.
void no_bit_of_the_tokens_text_can_be_changed(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string good = token.credential();
    size_t      begin = strlen("L402 "), end = good.rfind(':');

    assert_result(keys, good, Result::ok);
    for (size_t bit = 8 * begin; bit < 8 * end; bit++) {
        std::string other = good;

        other[bit / 8] = char(other[bit / 8] ^ (1 << bit % 8));
        if (result_of(keys, other) == Result::ok) {
            fail_msg("%s", other.c_str());
        }
    }
}

void no_bit_of_the_preimage_can_be_changed(void **)
{
    Keys  keys;
    Token token(keys);

    for (size_t bit = 0; bit < 256; bit++) {
        Token other = token;

        other.preimage[bit / 8] ^= uint8_t(1 << bit % 8);
        assert_result(keys, other.credential(), Result::bad_preimage);
    }
}

void no_truncation_is_let_in(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string v1 = to_v1(token.bytes);
    std::string text = token.credential();

    for (const std::string &bytes : {token.bytes, v1}) {
        for (size_t size = 0; size < bytes.size(); size++) {
            assert_result(keys, token.with(bytes.substr(0, size)),
                Result::malformed);
            assert_true(result_of(keys, token.with(bytes.substr(size + 1)))
                != Result::ok);
        }
    }
    for (size_t size = 0; size < text.size(); size++) {
        assert_true(result_of(keys, text.substr(0, size)) != Result::ok);
    }
}

void no_trailing_byte_is_let_in(void **)
{
    Keys  keys;
    Token token(keys);

    for (int byte = 0; byte < 256; byte++) {
        assert_result(keys, token.with(token.bytes + char(byte)),
            Result::malformed);
    }
    for (const char *tail : {"0", "00", ":", ":00", ",", " x", "\x01", "\n",
             "="}) {
        assert_result(keys, token.credential() + tail, Result::malformed);
    }
    assert_result(keys, token.credential() + " ", Result::ok);
}

// Nobody has all caveats but the last: the chain runs forward only.
void no_caveat_can_be_taken_off_moved_or_changed(void **)
{
    Keys  keys;
    Token token(keys, {"services=weather:0", "weather_valid_until=1600000000"});
    l402::Macaroon m;

    assert_result(keys, token.credential(), Result::expired);
    assert_true(l402::parse_macaroon(token.bytes, m));

    const std::vector<std::string> others[] = {
        {"services=weather:0"},
        {"weather_valid_until=1600000000", "services=weather:0"},
        {"services=weather:0", "weather_valid_until=1900000000"},
        {"services=weather:0", "weather_valid_until=1600000000", "a=b"},
        {},
    };
    for (const auto &caveats : others) {
        assert_result(keys,
            token.with(l402::encode_macaroon(m.identifier.view(), caveats,
                m.signature)),
            Result::bad_signature);
    }
}

void the_location_is_ours_or_none(void **)
{
    Keys           keys;
    Token          token(keys);
    l402::Macaroon m;

    assert_true(l402::parse_macaroon(token.bytes, m));

    std::vector<std::string> caveats;
    for (size_t i = 0; i < m.caveat_count; i++) {
        caveats.emplace_back(m.caveats[i].view());
    }

    auto at = [&](std::string_view location) {
        return token.with(l402::encode_macaroon(m.identifier.view(), caveats,
            m.signature, location));
    };
    assert_result(keys, at("lsat"), Result::ok);
    assert_result(keys, at(""), Result::ok);
    assert_true(result_of(keys, at("LSAT")) != Result::ok);
    assert_true(result_of(keys, at("https://example.org")) != Result::ok);

    // An empty packet, which some libraries write.
    std::string bytes = token.bytes;
    bytes.replace(1, 6, from_hex("0100"));
    assert_result(keys, token.with(bytes), Result::ok);
}

// ---- other keys, other preimages ----

void another_payments_preimage_is_refused(void **)
{
    Keys   keys;
    Token  token(keys);
    Random random;

    for (int i = 0; i < 100; i++) {
        token.preimage = random.hash();
        assert_result(keys, token.credential(), Result::bad_preimage);
    }
    token.preimage = token.payment_hash;
    assert_result(keys, token.credential(), Result::bad_preimage);
    token.preimage.fill(0);
    assert_result(keys, token.credential(), Result::bad_preimage);
}

void every_key_of_the_file_verifies(void **)
{
    Keys both(std::string(key_1) + "\n" + key_2);
    Keys turned(std::string(key_2) + "\n" + key_1);
    Keys first(key_1), second(key_2);

    for (size_t key = 0; key < 2; key++) {
        Token token(both, {"services=weather:0"}, key);

        assert_result(both, token.credential(), Result::ok);
        assert_result(turned, token.credential(), Result::ok);
        assert_result(key == 0 ? first : second, token.credential(),
            Result::ok);
        assert_result(key == 0 ? second : first, token.credential(),
            Result::bad_signature);
    }
}

// A token id from elsewhere is all random and names no key: each is tried. One
// that names a key is tried with that alone, so that a forgery costs one chain.
void an_id_is_tried_with_the_key_it_names_or_with_all(void **)
{
    Keys keys(std::string(key_1) + "\n" + key_2);

    for (size_t key = 0; key < 2; key++) {
        for (size_t hint = 0; hint < 3; hint++) {
            Token   token(keys);
            uint8_t root[32], s[32];

            token.token_id.fill(0x99);
            if (hint < 2) {
                keys.stamp(hint, token.token_id);
            }

            std::string identifier = l402::make_identifier(
                token.payment_hash, token.token_id);
            keys.root_key(key, identifier, root);
            l402::first_signature(root, identifier, s);
            l402::extend_signature(s, "services=weather:0");
            assert_result(keys,
                token.with(l402::encode_macaroon(identifier,
                    {"services=weather:0"}, s)),
                hint == 2 || hint == key ? Result::ok
                                         : Result::bad_signature);
        }
    }
}

void an_unknown_identifier_version_is_refused(void **)
{
    Keys keys;

    for (size_t bit = 0; bit < 16; bit++) {
        Token       token(keys);
        std::string identifier = l402::make_identifier(token.payment_hash,
            token.token_id);
        uint8_t     root[32], s[32];

        identifier[bit / 8] = char(1 << bit % 8);
        keys.root_key(0, identifier, root);
        l402::first_signature(root, identifier, s);
        l402::extend_signature(s, "services=weather:0");
        assert_result(keys,
            token.with(l402::encode_macaroon(identifier,
                {"services=weather:0"}, s)),
            Result::bad_signature);
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_minted_token_with_its_preimage_is_let_in),
        cmocka_unit_test(no_credential_is_absent),
        cmocka_unit_test(a_token_of_another_issuer_is_refused),
        cmocka_unit_test(no_bit_of_the_token_can_be_changed),
        cmocka_unit_test(no_bit_of_the_tokens_text_can_be_changed),
        cmocka_unit_test(no_bit_of_the_preimage_can_be_changed),
        cmocka_unit_test(no_truncation_is_let_in),
        cmocka_unit_test(no_trailing_byte_is_let_in),
        cmocka_unit_test(no_caveat_can_be_taken_off_moved_or_changed),
        cmocka_unit_test(the_location_is_ours_or_none),
        cmocka_unit_test(another_payments_preimage_is_refused),
        cmocka_unit_test(every_key_of_the_file_verifies),
        cmocka_unit_test(an_id_is_tried_with_the_key_it_names_or_with_all),
        cmocka_unit_test(an_unknown_identifier_version_is_refused),
    };

    return cmocka_run_group_tests_name("verify", tests, nullptr, nullptr);
}
