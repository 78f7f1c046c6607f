// The header fields that carry a credential, in the forms that clients send.

#include "verifying.h"

using namespace unit;

namespace {

void deployed_clients_forms_are_let_in(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string hex = l402::to_hex(token.preimage), upper = hex;
    std::string standard, url, bare;

    // Only some tokens have a character in which the alphabets differ.
    for (int i = 0; standard.find_first_of("+/") == standard.npos
         || standard.back() != '='; i++)
    {
        token = Token(keys, {"services=weather:0", "n=" + std::to_string(i)});
        standard = token.base64();
    }

    url = standard;
    for (char &c : url) {
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    bare = url.substr(0, url.find('='));
    for (char &c : upper) {
        c = c >= 'a' && c <= 'f' ? char(c - 32) : c;
    }

    const std::string good[] = {
        "L402 " + standard + ":" + hex,
        "L402 " + url + ":" + hex,
        "L402 " + bare + ":" + hex,
        "L402 " + standard.substr(0, standard.find('=')) + ":" + hex,
        "L402 " + standard + ":" + upper,
        "l402 " + standard + ":" + hex,
        "LSAT " + standard + ":" + hex,
        "lsat " + standard + ":" + hex,
        "L402 L402 " + standard + ":" + hex,
        "LSAT L402 " + standard + ":" + hex,
        "L402 " + l402::base64_encode(to_v1(token.bytes)) + ":" + hex,
    };
    for (const std::string &credential : good) {
        assert_result(keys, credential, Result::ok);
    }
}

void of_several_macaroons_one_must_be_good(void **)
{
    Keys        keys, others(key_2);
    Token       good(keys), forged(others), elsewhere(keys, {"services=a:0"});
    std::string g = good.base64(), f = forged.base64(),
                e = elsewhere.base64();
    std::string tail = ":" + l402::to_hex(good.preimage);

    for (const std::string &list : {g, g + "," + f, f + "," + g,
             f + "," + g + "," + e, f + "," + e + "," + g, "QUJD," + g,
             "!!," + g, g + "," + g}) {
        assert_result(keys, "L402 " + list + tail, Result::ok);
    }
    assert_true(result_of(keys, "L402 " + f + "," + e + tail) != Result::ok);
    assert_result(keys, "L402 QUJD,QUJD" + tail, Result::malformed);

    std::string crowd;
    for (size_t i = 0; i + 1 < l402::max_macaroons; i++) {
        crowd += f + ",";
    }
    assert_result(keys, "L402 " + crowd + g + tail, Result::ok);
    assert_result(keys, "L402 " + crowd + f + "," + g + tail,
        Result::malformed);
}

void malformed_credentials_are_told_apart(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string base64 = token.base64(), hex = l402::to_hex(token.preimage);

    for (const std::string &value : {std::string("L402"), std::string("L402 "),
             "L402 " + base64, "L402 " + base64 + ":", "L402 :" + hex,
             "L402 " + base64 + ":" + hex.substr(1),
             "L402 " + base64 + ":" + hex + "0",
             "L402 " + base64 + ":" + hex.substr(1) + "g",
             "L402 " + base64 + ":0x" + hex.substr(2),
             "L402 " + base64 + " " + hex, "L402 AAAA:" + hex,
             "L402 !!!!:" + hex, "L402 " + base64.substr(0, 40) + ":" + hex,
             "L402 token=\"" + base64 + "\", preimage=\"" + hex + "\"",
             "L402 macaroon=" + base64 + ":" + hex}) {
        Verdict v = verify(keys, facts_for(value));

        if (v.result != Result::malformed) {
            fail_msg("%s: %s", l402::describe(v.result).word, value.c_str());
        }
        assert_int_equal(int(v.field), int(CredentialField::authorization));
        assert_false(v.has_token);
    }
}

void hex_headers_carry_the_preimage_as_a_caveat(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string preimage = "preimage=" + l402::to_hex(token.preimage);
    std::string with = to_hex(attenuate(token.bytes, preimage));
    std::string v1 = to_hex(to_v1(attenuate(token.bytes, preimage)));
    std::string without = to_hex(token.bytes);
    std::string upper = with;

    for (char &c : upper) {
        c = c >= 'a' && c <= 'f' ? char(c - 32) : c;
    }

    for (int which = 0; which < 2; which++) {
        auto check = [&](std::string_view value, Result wanted) {
            Facts facts = facts_for("");

            (which ? facts.grpc_metadata_macaroon : facts.macaroon) = value;
            Verdict v = verify(keys, facts);
            if (v.result != wanted) {
                fail_msg("%s: %.*s", l402::describe(v.result).word,
                    int(value.size()), value.data());
            }
            if (wanted == Result::ok) {
                assert_int_equal(int(v.field),
                    int(which ? CredentialField::grpc_metadata_macaroon
                              : CredentialField::macaroon));
            }
        };

        check(with, Result::ok);
        check(upper, Result::ok);
        check(v1, Result::ok);
        check(without, Result::malformed);
        check(with.substr(2), Result::malformed);
        check(with + "0", Result::malformed);
        check(with + "00", Result::malformed);
        check("zz", Result::malformed);
        check(to_hex(attenuate(token.bytes, "preimage=00")),
            Result::malformed);
        check(to_hex(attenuate(token.bytes, "preimage="
            + std::string(64, '0'))), Result::bad_preimage);
        check(std::string(3 * l402::max_macaroon_size, '0'),
            Result::malformed);
    }
}

// The last one is the credential; an earlier one that differs is a caveat
// that it does not meet.
void the_last_preimage_caveat_is_the_credential(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string good = "preimage=" + l402::to_hex(token.preimage);
    std::string bad = "preimage=" + std::string(64, '0');
    std::string bad_then_good = to_hex(
        attenuate(attenuate(token.bytes, bad), good));
    std::string good_then_bad = to_hex(
        attenuate(attenuate(token.bytes, good), bad));
    Facts facts = facts_for("");

    facts.macaroon = bad_then_good;
    assert_result(keys, facts, Result::caveat_refused);
    facts.macaroon = good_then_bad;
    assert_result(keys, facts, Result::bad_preimage);
}

void any_good_header_is_enough(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string authorization = token.credential();
    std::string hex = to_hex(attenuate(token.bytes,
        "preimage=" + l402::to_hex(token.preimage)));

    for (const char *other : {"", "Basic dXNlcjpwYXNz", "Bearer x",
             "L402 broken"}) {
        Facts facts = facts_for(other);

        facts.macaroon = hex;
        Verdict v = verify(keys, facts);
        assert_int_equal(int(v.result), int(Result::ok));
        assert_int_equal(int(v.field), int(CredentialField::macaroon));
    }

    Facts facts = facts_for(authorization);
    facts.macaroon = "00";
    facts.grpc_metadata_macaroon = "zz";
    Verdict v = verify(keys, facts);
    assert_int_equal(int(v.result), int(Result::ok));
    assert_int_equal(int(v.field), int(CredentialField::authorization));
}

void the_first_header_that_is_there_gives_the_reason(void **)
{
    Keys        keys;
    Token       other(keys, {"services=maps:0"});
    std::string credential = other.credential();
    Facts       facts = facts_for(credential);

    facts.macaroon = "zz";
    Verdict v = verify(keys, facts);
    assert_int_equal(int(v.result), int(Result::wrong_service));
    assert_int_equal(int(v.field), int(CredentialField::authorization));
}

// A name in logs and variables must not be the forger's choice.
void a_forged_token_names_nobody(void **)
{
    Keys        keys, others(key_2);
    Token       forged(others);
    std::string credential = forged.credential();
    Verdict     v = verify(keys, facts_for(credential));

    assert_int_equal(int(v.result), int(Result::bad_signature));
    assert_false(v.has_token);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(deployed_clients_forms_are_let_in),
        cmocka_unit_test(of_several_macaroons_one_must_be_good),
        cmocka_unit_test(malformed_credentials_are_told_apart),
        cmocka_unit_test(hex_headers_carry_the_preimage_as_a_caveat),
        cmocka_unit_test(the_last_preimage_caveat_is_the_credential),
        cmocka_unit_test(any_good_header_is_enough),
        cmocka_unit_test(the_first_header_that_is_there_gives_the_reason),
        cmocka_unit_test(a_forged_token_names_nobody),
    };

    return cmocka_run_group_tests_name("forms", tests, nullptr, nullptr);
}
