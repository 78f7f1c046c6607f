// What a holder may append, as judged before he does.

#include "verifying.h"

#include "l402/attenuate.h"

#include <stdexcept>

using namespace unit;
using l402::Attenuation;

namespace {

const char *word(Attenuation a)
{
    static const char *const words[] = {"narrows", "unknown", "malformed",
        "widens"};
    return words[size_t(a)];
}

Attenuation judge(const std::vector<std::string> &caveats,
    std::string_view next)
{
    std::vector<l402::Slice> slices;

    for (const std::string &caveat : caveats) {
        slices.push_back({caveat.data(), caveat.size()});
    }
    return l402::judge_attenuation(slices.data(), slices.size(), next);
}

void each_condition_has_its_own_order(void **)
{
    static const std::vector<std::string> token = {
        "services=weather:1,maps:0", "weather_valid_until=1700003600",
        "weather_capabilities=read,write", "upload_max_bytes=100",
        "client_address=192.0.2.0/24", "request_path=/weather/*",
        "request_method=GET,POST"};
    static const struct {
        const char *caveat;
        Attenuation wanted;
    } cases[] = {
        {"services=weather:1", Attenuation::narrows},
        {"services=weather:0,maps:0", Attenuation::narrows},
        {"services=", Attenuation::narrows},
        {"services=weather:2", Attenuation::widens},
        {"services=other:0", Attenuation::widens},
        {"services=weather", Attenuation::malformed},
        {"weather_valid_until=1700003600", Attenuation::narrows},
        {"weather_valid_until=1700003601", Attenuation::widens},
        {"weather_valid_until=+1", Attenuation::malformed},
        {"weather_valid_until=", Attenuation::malformed},
        {"valid_until=1", Attenuation::narrows},
        {"maps_valid_until=1", Attenuation::narrows},
        {"other_valid_until=x", Attenuation::unknown},
        {"weather_capabilities=read", Attenuation::narrows},
        {"weather_capabilities=delete", Attenuation::widens},
        {"weather_capabilities=a b", Attenuation::malformed},
        {"maps_capabilities=anything", Attenuation::narrows},
        {"weather_uses=3", Attenuation::narrows},
        {"weather_uses=x", Attenuation::malformed},
        {"upload_max_bytes=99", Attenuation::narrows},
        {"upload_max_bytes=101", Attenuation::widens},
        {"upload_max_bytes=x", Attenuation::malformed},
        {"other_max_bytes=1", Attenuation::unknown},
        {"client_address=192.0.2.7", Attenuation::narrows},
        {"client_address=192.0.3.7", Attenuation::widens},
        {"client_address=x", Attenuation::malformed},
        {"request_path=/weather/oslo", Attenuation::narrows},
        {"request_path=/*", Attenuation::widens},
        {"request_path=/%61", Attenuation::malformed},
        {"request_method=HEAD", Attenuation::narrows},
        {"request_method=PUT", Attenuation::widens},
        {"request_host=a.example", Attenuation::narrows},
        {"nothing", Attenuation::unknown},
        {"", Attenuation::unknown},
    };

    for (const auto &c : cases) {
        Attenuation got = judge(token, c.caveat);

        if (got != c.wanted) {
            fail_msg("%s: %s instead of %s", c.caveat, word(got),
                word(c.wanted));
        }
    }
}

void the_preimage_stays_the_same(void **)
{
    std::string one = "preimage=" + std::string(64, 'a');
    std::string same = "preimage=" + std::string(64, 'A');
    std::string other = "preimage=" + std::string(64, 'b');

    assert_int_equal(int(judge({"services=a:0"}, one)),
        int(Attenuation::narrows));
    assert_int_equal(int(judge({"services=a:0", one}, same)),
        int(Attenuation::narrows));
    assert_int_equal(int(judge({"services=a:0", one}, other)),
        int(Attenuation::widens));
    assert_int_equal(int(judge({"services=a:0"}, "preimage=aa")),
        int(Attenuation::malformed));
}

void no_holder_gives_a_token_its_services(void **)
{
    assert_int_equal(int(judge({}, "services=weather:0")),
        int(Attenuation::widens));
}

void an_attenuated_token_is_what_every_library_makes(void **)
{
    Keys           keys;
    Token          token(keys);
    l402::Macaroon m;

    for (const std::string &bytes : {token.bytes, to_v1(token.bytes)}) {
        assert_true(l402::parse_macaroon(bytes, m));

        std::string got = l402::attenuate(m, {"color=red", "services=weather:0"});
        std::string wanted = unit::attenuate(
            unit::attenuate(token.bytes, "color=red"), "services=weather:0");

        assert_text(to_hex(got), to_hex(wanted));
        assert_result(keys, token.with(got), Result::ok);
    }
}

void a_token_has_an_end(void **)
{
    Keys           keys;
    Token          token(keys);
    l402::Macaroon m;

    assert_true(l402::parse_macaroon(token.bytes, m));

    std::vector<std::string> many(l402::max_caveats - 2, "x");
    std::string              full = l402::attenuate(m, many);

    assert_result(keys, token.with(full), Result::ok);
    many.push_back("x");
    try {
        l402::attenuate(m, many);
        fail_msg("one caveat too many");
    } catch (const std::length_error &) {
    }
    try {
        l402::attenuate(m, {std::string(l402::max_macaroon_size, 'x')});
        fail_msg("too long");
    } catch (const std::length_error &) {
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(each_condition_has_its_own_order),
        cmocka_unit_test(the_preimage_stays_the_same),
        cmocka_unit_test(no_holder_gives_a_token_its_services),
        cmocka_unit_test(an_attenuated_token_is_what_every_library_makes),
        cmocka_unit_test(a_token_has_an_end),
    };

    return cmocka_run_group_tests_name("attenuate", tests, nullptr, nullptr);
}
