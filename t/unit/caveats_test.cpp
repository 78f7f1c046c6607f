// What a token opens, until when, and what its holder may append.

#include "verifying.h"

using namespace unit;

namespace {

// A token that we minted with these caveats.
void assert_caveats(const std::vector<std::string> &caveats, Result wanted,
    uint8_t tier = 0)
{
    static Keys keys;
    Token       token(keys, caveats);
    std::string credential = token.credential();
    Facts       facts = facts_for(credential);
    Verdict     v;

    facts.tier = tier;
    v = verify(keys, facts);
    assert_judged(v, wanted, caveats);
}

// A paid token must not make its requests dear: lists are compared item by item.
void long_lists_may_not_be_appended_without_end(void **)
{
    std::string forward, backward;

    for (int i = 0; i < 64; i++) {
        std::string item = "s" + std::to_string(i);

        forward += (i ? "," : "") + item;
        backward = item + (i ? "," : "") + backward;
    }

    std::vector<std::string> caveats{"services=weather:0",
        "weather_capabilities=" + forward, "weather_capabilities=" + backward,
        "weather_capabilities=" + forward};

    assert_caveats(caveats, Result::ok);
    caveats.push_back("weather_capabilities=" + forward);
    assert_caveats(caveats, Result::ok);
    caveats.push_back("weather_capabilities=s1");
    assert_caveats(caveats, Result::caveat_refused);
}

// ---- service, tier, time ----

void a_token_opens_its_own_service_only(void **)
{
    assert_caveats({"services=weather:0"}, Result::ok);
    assert_caveats({"services=a:0,weather:0,b:0"}, Result::ok);
    assert_caveats({"services=maps:0"}, Result::wrong_service);
    assert_caveats({"services=weather2:0"}, Result::wrong_service);
    assert_caveats({"services=eather:0"}, Result::wrong_service);
    assert_caveats({"services=Weather:0"}, Result::wrong_service);
    assert_caveats({"services="}, Result::wrong_service);
    assert_caveats({"services=weather:0", "services="},
        Result::wrong_service);
    assert_caveats({"services=weather:0,a:0", "services=a:0"},
        Result::wrong_service);
}

void a_token_without_services_opens_nothing(void **)
{
    assert_caveats({}, Result::wrong_service);
    assert_caveats({"weather_valid_until=1700003600"}, Result::wrong_service);
    assert_caveats({"Services=weather:0"}, Result::wrong_service);
    assert_caveats({" services=weather:0"}, Result::wrong_service);
    assert_caveats({"services"}, Result::wrong_service);
}

void a_higher_tier_opens_a_lower_one(void **)
{
    assert_caveats({"services=weather:2"}, Result::ok, 0);
    assert_caveats({"services=weather:2"}, Result::ok, 2);
    assert_caveats({"services=weather:2"}, Result::insufficient, 3);
    assert_caveats({"services=weather:255"}, Result::ok, 255);
    assert_caveats({"services=weather:2", "services=weather:1"},
        Result::insufficient, 2);
    assert_caveats({"services=weather:2", "services=weather:1"}, Result::ok,
        1);
    // Named twice: the lower one counts.
    assert_caveats({"services=weather:0,weather:2"}, Result::insufficient, 1);
    assert_caveats({"services=weather:2,weather:0"}, Result::insufficient, 1);
}

void a_token_ends_at_its_second(void **)
{
    assert_caveats({"services=weather:0", "weather_valid_until=1700000001"},
        Result::ok);
    assert_caveats({"services=weather:0", "weather_valid_until=1700000000"},
        Result::expired);
    assert_caveats({"services=weather:0", "weather_valid_until=1699999999"},
        Result::expired);
    assert_caveats({"services=weather:0", "weather_valid_until=0"},
        Result::expired);
    assert_caveats({"services=weather:0", "valid_until=1700000001"},
        Result::ok);
    assert_caveats({"services=weather:0", "valid_until=1700000000"},
        Result::expired);
}

void the_earliest_end_counts(void **)
{
    Keys        keys;
    Token       token(keys, {"services=weather:0",
              "weather_valid_until=1700000900", "valid_until=1700000500",
              "weather_valid_until=1700000700"});
    std::string credential = token.credential();
    Facts       facts = facts_for(credential);

    assert_int_equal(verify(keys, facts).expires, 1700000500);
    facts.now = 1700000499;
    assert_result(keys, facts, Result::ok);
    facts.now = 1700000500;
    assert_result(keys, facts, Result::expired);
}

void a_token_without_an_end_has_none(void **)
{
    Keys        keys;
    Token       token(keys, {"services=weather:0"});
    std::string credential = token.credential();
    Facts       facts = facts_for(credential);

    facts.now = INT64_MAX;
    Verdict v = verify(keys, facts);
    assert_int_equal(int(v.result), int(Result::ok));
    assert_int_equal(v.expires, 0);
}

void the_end_of_another_service_is_not_ours(void **)
{
    assert_caveats({"services=weather:0", "maps_valid_until=1"}, Result::ok);
    assert_caveats({"services=weather:0", "maps_valid_until=x"}, Result::ok);
    assert_caveats({"services=weather:0", "weatherx_valid_until=1"},
        Result::ok);
}

// ---- attenuation ----

void what_a_holder_appends_may_only_narrow(void **)
{
    const std::pair<const char *, Result> cases[] = {
        {"services=weather:2,maps:1", Result::ok},
        {"services=maps:1,weather:2", Result::ok},
        {"services=weather:0", Result::ok},
        {"services=maps:1", Result::wrong_service},
        {"services=weather:3", Result::caveat_refused},      // raises
        {"services=weather:2,news:0", Result::caveat_refused},  // adds
        {"services=news:0", Result::caveat_refused},
        {"weather_valid_until=1700003600", Result::ok},
        {"weather_valid_until=1700000001", Result::ok},
        {"weather_valid_until=1700000000", Result::expired},
        {"weather_valid_until=1700003601", Result::caveat_refused},
        {"weather_valid_until=1900000000", Result::caveat_refused},
        {"valid_until=1900000000", Result::ok},  // the minted end stays
    };

    Keys  keys;
    Token token(keys, {"services=weather:2,maps:1",
                          "weather_valid_until=1700003600"});

    for (const auto &k : cases) {
        print_message("# %s\n", k.first);
        assert_result(keys, token.with(attenuate(token.bytes, k.first)),
            k.second);
    }
}

// Narrowed once and then wider again, though never wider than at first.
void what_was_narrowed_cannot_be_widened_again(void **)
{
    assert_caveats({"services=weather:2", "services=weather:1",
                       "services=weather:2"}, Result::caveat_refused);
    assert_caveats({"services=weather:0,maps:0", "services=maps:0",
                       "services=weather:0"}, Result::caveat_refused);
    assert_caveats({"services=weather:0", "services=",
                       "services=weather:0"}, Result::caveat_refused);
    assert_caveats({"services=weather:0", "weather_valid_until=1700000300",
                       "weather_valid_until=1700000200",
                       "weather_valid_until=1700000300"},
        Result::caveat_refused);
    assert_caveats({"services=weather:0", "valid_until=1700000200",
                       "valid_until=1700000300"}, Result::caveat_refused);
    assert_caveats({"services=weather:0", "weather_capabilities=read",
                       "weather_capabilities=read,write"},
        Result::caveat_refused);
}

void values_that_do_not_parse_are_refused(void **)
{
    for (const char *value : {"", " ", "+1900000000", "-1", " 1900000000",
             "1900000000 ", "1.9e9", "1e10", "0x7fffffff", "1900000000.0",
             "1_900_000_000", "1,900,000,000", "never", "1900000000\n",
             "99999999999999999999", "9223372036854775808",
             "18446744073709551616", "\xd9\xa1\xd9\xa2", "1900000000=",
             "=1900000000"}) {
        assert_caveats({"services=weather:0", std::string("weather_valid_until")
                               + "=" + value}, Result::caveat_refused);
        assert_caveats({"services=weather:0", std::string("valid_until=")
                               + value}, Result::caveat_refused);
    }
    assert_caveats({"services=weather:0",
                       std::string("weather_valid_until=1900000000\0", 31)},
        Result::caveat_refused);

    for (const char *value : {"weather", "weather:", ":0", "weather:256",
             "weather:-1", "weather:+1", "weather: 1", "weather:1 ",
             "weather:0:0", "weather:x", "weather:1e2", "weather:0,",
             ",weather:0", "weather:0,,maps:0", "weather:0, maps:0",
             " weather:0", "wea ther:0", "weather:0;maps:0", "weather:0x1",
             "weather:99999999999999999999", "wetter\xc3\xa9:0,weather:0"}) {
        assert_caveats({std::string("services=") + value},
            Result::caveat_refused);
    }
}

void capabilities_must_read_as_a_list(void **)
{
    assert_caveats({"services=weather:0", "weather_capabilities="},
        Result::ok);
    assert_caveats({"services=weather:0", "weather_capabilities=a,b",
                       "weather_capabilities=b"}, Result::ok);
    assert_caveats({"services=weather:0", "weather_capabilities=a,,b"},
        Result::caveat_refused);
    assert_caveats({"services=weather:0", "weather_capabilities=a b"},
        Result::caveat_refused);
}

void unknown_conditions_are_skipped_unless_told_otherwise(void **)
{
    for (const char *caveat : {"color=blue", "no condition at all", "", "=",
             "=x", "weather_color=blue", "weather_=1", "weather=1",
             "upload_max_bytes=10", "Valid_until=1", "\xff\xfe=\x01"}) {
        Keys        keys;
        Token       token(keys, {"services=weather:0", caveat});
        std::string credential = token.credential();
        Facts       facts = facts_for(credential);

        assert_result(keys, facts, Result::ok);
        facts.refuse_unknown_caveats = true;
        assert_result(keys, facts, Result::caveat_refused);
    }
}

void known_conditions_are_not_unknown(void **)
{
    Keys  keys;
    Token token(keys, {"services=weather:0", "weather_valid_until=1700003600",
                          "valid_until=1700003600", "weather_capabilities=",
                          "preimage="
                              "000102030405060708090a0b0c0d0e0f"
                              "101112131415161718191a1b1c1d1e1f"});
    std::string credential = token.credential();
    Facts       facts = facts_for(credential);

    facts.refuse_unknown_caveats = true;
    assert_result(keys, facts, Result::ok);
}

void a_preimage_caveat_must_be_the_preimage(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string hex = l402::to_hex(token.preimage);
    std::string upper = hex, other = hex;

    for (char &c : upper) {
        c = c >= 'a' && c <= 'f' ? char(c - 32) : c;
    }
    other[63] = other[63] == '0' ? '1' : '0';

    auto with = [&](const std::string &value) {
        return token.with(attenuate(token.bytes, "preimage=" + value));
    };
    assert_result(keys, with(hex), Result::ok);
    assert_result(keys, with(upper), Result::ok);
    assert_result(keys, with(other), Result::caveat_refused);
    assert_result(keys, with(""), Result::caveat_refused);
    assert_result(keys, with(hex.substr(1)), Result::caveat_refused);
    assert_result(keys, with(hex + "0"), Result::caveat_refused);

    std::string twice = attenuate(attenuate(token.bytes, "preimage=" + hex),
        "preimage=" + other);
    assert_result(keys, token.with(twice), Result::caveat_refused);
}

void third_party_caveats_are_refused(void **)
{
    // Verifier id and all, with a signature that a library would compute:
    // even were the chain extended by it, the token is not an L402.
    Keys           keys;
    Token          token(keys);
    l402::Macaroon m;
    uint8_t        s[32];

    assert_true(l402::parse_macaroon(token.bytes, m));
    std::copy_n(m.signature, 32, s);
    l402::extend_signature(s, "third");

    std::string bytes = token.bytes.substr(0, token.bytes.size() - 35);
    bytes += from_hex("02057468697264") + from_hex("0403766964") + '\0';
    bytes += from_hex("000620") + std::string(view(s, 32));
    assert_true(l402::parse_macaroon(bytes, m));
    assert_true(m.third_party);
    assert_result(keys, token.with(bytes), Result::caveat_refused);

    // By its name alone it is as good as any.
    assert_result(keys, token.with(attenuate(token.bytes, "third")),
        Result::ok);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(long_lists_may_not_be_appended_without_end),
        cmocka_unit_test(a_token_opens_its_own_service_only),
        cmocka_unit_test(a_token_without_services_opens_nothing),
        cmocka_unit_test(a_higher_tier_opens_a_lower_one),
        cmocka_unit_test(a_token_ends_at_its_second),
        cmocka_unit_test(the_earliest_end_counts),
        cmocka_unit_test(a_token_without_an_end_has_none),
        cmocka_unit_test(the_end_of_another_service_is_not_ours),
        cmocka_unit_test(what_a_holder_appends_may_only_narrow),
        cmocka_unit_test(what_was_narrowed_cannot_be_widened_again),
        cmocka_unit_test(values_that_do_not_parse_are_refused),
        cmocka_unit_test(capabilities_must_read_as_a_list),
        cmocka_unit_test(unknown_conditions_are_skipped_unless_told_otherwise),
        cmocka_unit_test(known_conditions_are_not_unknown),
        cmocka_unit_test(a_preimage_caveat_must_be_the_preimage),
        cmocka_unit_test(third_party_caveats_are_refused),
    };

    return cmocka_run_group_tests_name("caveats", tests, nullptr, nullptr);
}
