// What a location demands besides the service: a capability, numbers, and
// that the request is the one a token is tied to.

#include "verifying.h"

using namespace unit;

namespace {

struct Numbers final : l402::Measures {
    std::vector<std::pair<std::string, int64_t>> wanted;  // -1: no number
    size_t                                       asked = 0;

    size_t count() const noexcept override { return wanted.size(); }
    std::string_view condition(size_t i) const noexcept override
    {
        return wanted[i].first;
    }
    bool value(size_t i, int64_t &out) noexcept override
    {
        asked++;
        out = wanted[i].second;
        return out >= 0;
    }
};

Facts request()
{
    Facts facts = facts_for("");

    facts.client_address = std::string_view("\xc0\0\x02\x07", 4);
    facts.host = "api.example.org";
    facts.path = "/weather/oslo";
    facts.method = "GET";
    return facts;
}

void assert_verdict(Facts facts, std::vector<std::string> caveats,
    Result wanted)
{
    static Keys keys;

    caveats.insert(caveats.begin(), "services=weather:0");

    std::string credential = Token(keys, caveats).credential();

    facts.authorization = credential;
    Verdict v = verify(keys, facts);
    assert_judged(v, wanted, caveats);
}

// ---- capabilities ----

void a_capability_must_be_among_those_of_the_token(void **)
{
    Facts facts = request();

    facts.capability = "write";
    assert_verdict(facts, {}, Result::ok);
    assert_verdict(facts, {"weather_capabilities=read,write"}, Result::ok);
    assert_verdict(facts, {"weather_capabilities=write"}, Result::ok);
    assert_verdict(facts, {"weather_capabilities=read"},
        Result::insufficient);
    assert_verdict(facts, {"weather_capabilities="}, Result::insufficient);
    assert_verdict(facts, {"weather_capabilities=writer,wri"},
        Result::insufficient);
    assert_verdict(facts, {"weather_capabilities=Write"},
        Result::insufficient);
    assert_verdict(facts,
        {"weather_capabilities=read,write", "weather_capabilities=read"},
        Result::insufficient);
    assert_verdict(facts,
        {"weather_capabilities=read", "weather_capabilities=read,write"},
        Result::caveat_refused);
    assert_verdict(facts, {"weather_capabilities=", "weather_capabilities=write"},
        Result::caveat_refused);
    assert_verdict(facts, {"maps_capabilities=read"}, Result::ok);
}

void where_none_is_needed_none_is_missed(void **)
{
    assert_verdict(request(), {"weather_capabilities="}, Result::ok);
    assert_verdict(request(), {"weather_capabilities=read"}, Result::ok);
    assert_verdict(request(), {"weather_capabilities=read,"},
        Result::caveat_refused);
    assert_verdict(request(), {"weather_capabilities=re ad"},
        Result::caveat_refused);
}

// ---- numbers ----

void a_number_bounds_what_is_measured(void **)
{
    Numbers numbers;
    Facts   facts = request();

    numbers.wanted = {{"upload_max_bytes", 100}};
    facts.measures = &numbers;
    assert_verdict(facts, {}, Result::ok);
    assert_int_equal(numbers.asked, 0);
    assert_verdict(facts, {"upload_max_bytes=100"}, Result::ok);
    assert_verdict(facts, {"upload_max_bytes=99"}, Result::caveat_refused);
    assert_verdict(facts, {"upload_max_bytes=200", "upload_max_bytes=100"},
        Result::ok);
    assert_verdict(facts, {"upload_max_bytes=200", "upload_max_bytes=99"},
        Result::caveat_refused);
    assert_verdict(facts, {"upload_max_bytes=200", "upload_max_bytes=201"},
        Result::caveat_refused);
    assert_verdict(facts, {"other_max_bytes=1"}, Result::ok);

    numbers.wanted = {{"upload_max_bytes", 0}};
    assert_verdict(facts, {"upload_max_bytes=0"}, Result::ok);
    numbers.wanted = {{"upload_max_bytes", -1}};
    assert_verdict(facts, {"upload_max_bytes=100"}, Result::caveat_refused);
}

void a_number_that_is_none_refuses(void **)
{
    Numbers numbers;
    Facts   facts = request();

    numbers.wanted = {{"upload_max_bytes", 0}};
    facts.measures = &numbers;
    for (const char *bad : {"", " 1", "1 ", "+1", "-1", "1e3", "0x1", "1.0",
             "1,0", "1000000000000000000", "99999999999999999999999", "x"})
    {
        assert_verdict(facts, {std::string("upload_max_bytes=") + bad},
            Result::caveat_refused);
    }
    // Where it is not enforced, it is none of ours.
    facts.measures = nullptr;
    assert_verdict(facts, {"upload_max_bytes=x"}, Result::ok);
}

// Values may be costly, and one that fails is logged: not for the unpaid.
void nothing_is_measured_for_a_credential_that_is_refused(void **)
{
    static const std::vector<std::string> refused[] = {
        {"weather_valid_until=1"},
        {"services=weather:0", "services="},
        {"request_method=POST"},
        {"weather_capabilities=read"},
    };

    for (std::vector<std::string> caveats : refused) {
        Numbers numbers;
        Facts   facts = request();
        Keys    keys;
        Verdict v;

        caveats.insert(caveats.begin(), "services=weather:0");
        caveats.push_back("upload_max_bytes=1");
        numbers.wanted = {{"upload_max_bytes", 0}};
        facts.measures = &numbers;
        facts.capability = "write";

        std::string credential = Token(keys, caveats).credential();

        facts.authorization = credential;
        l402::verify(keys, facts, nullptr, v);
        assert_int_not_equal(int(v.result), int(Result::ok));
        assert_int_equal(numbers.asked, 0);
    }
}

// ---- ties to a request ----

void a_token_is_tied_to_what_its_caveats_say(void **)
{
    struct {
        const char *caveat;
        Result      wanted;
    } cases[] = {
        {"client_address=192.0.2.7", Result::ok},
        {"client_address=192.0.2.8", Result::caveat_refused},
        {"client_address=::1,192.0.2.0/24", Result::ok},
        {"client_address=", Result::caveat_refused},
        {"client_address=192.0.2.7,x", Result::caveat_refused},
        {"client_address=unix:", Result::caveat_refused},
        {"request_host=api.example.org", Result::ok},
        {"request_host=example.org,api.example.org", Result::ok},
        {"request_host=example.org", Result::caveat_refused},
        {"request_host=API.example.org", Result::caveat_refused},
        {"request_path=/weather/oslo", Result::ok},
        {"request_path=/weather/*", Result::ok},
        {"request_path=/weather/", Result::caveat_refused},
        {"request_path=/weather/bergen,/weather/oslo", Result::ok},
        {"request_path=", Result::caveat_refused},
        {"request_path=/weather/%6Fslo", Result::caveat_refused},
        {"request_path=/weather/oslo,*", Result::caveat_refused},
        {"request_method=GET", Result::ok},
        {"request_method=POST", Result::caveat_refused},
        {"request_method=POST,GET", Result::ok},
        {"request_method=get", Result::caveat_refused},
    };

    for (const auto &c : cases) {
        assert_verdict(request(), {c.caveat}, c.wanted);
    }
}

void a_later_tie_is_only_tighter(void **)
{
    static const struct {
        const char *first, *second;
        Result      wanted;
    } cases[] = {
        {"client_address=192.0.2.0/24", "client_address=192.0.2.7",
            Result::ok},
        {"client_address=192.0.2.7", "client_address=192.0.2.0/24",
            Result::caveat_refused},
        {"request_path=/weather/*", "request_path=/weather/oslo", Result::ok},
        {"request_path=/weather/oslo", "request_path=/weather/*",
            Result::caveat_refused},
        {"request_method=GET,POST", "request_method=GET", Result::ok},
        {"request_method=GET", "request_method=GET,POST",
            Result::caveat_refused},
        {"request_host=api.example.org", "request_host=api.example.org,b",
            Result::caveat_refused},
    };

    for (const auto &c : cases) {
        assert_verdict(request(), {c.first, c.second}, c.wanted);
    }
}

void facts_that_are_not_given_match_nothing(void **)
{
    for (const char *caveat : {"client_address=0.0.0.0/0",
             "request_host=api.example.org", "request_path=/*",
             "request_method=GET"})
    {
        assert_verdict(facts_for(""), {caveat}, Result::caveat_refused);
    }
    assert_verdict(facts_for(""), {"client_address=unix:"}, Result::ok);
}

void unknown_conditions_are_skipped_or_refused(void **)
{
    Numbers numbers;
    Facts   facts = request();

    facts.refuse_unknown_caveats = true;
    numbers.wanted = {{"upload_max_bytes", 1}};
    facts.measures = &numbers;

    for (const char *known : {"services=weather:0", "upload_max_bytes=1",
             "weather_valid_until=1700000001", "valid_until=1700000001",
             "weather_capabilities=", "client_address=192.0.2.7",
             "request_host=api.example.org", "request_path=/*",
             "request_method=GET",
             "preimage=000102030405060708090a0b0c0d0e0f"
             "101112131415161718191a1b1c1d1e1f"})
    {
        assert_verdict(facts, {known}, Result::ok);
    }

    for (const char *unknown : {"nothing", "", "=", "=1", "color=red",
             "maps_valid_until=1", "weather_color=red", "Services=weather:0",
             "client_address ", "other_max_bytes=1"})
    {
        assert_verdict(facts, {unknown}, Result::caveat_refused);
        assert_verdict(request(), {unknown}, Result::ok);
    }
}

// ---- what was minted ----

int64_t minted_expires(const std::vector<std::string> &caveats)
{
    Verdict                  v{};
    std::vector<l402::Slice> slices;
    const uint8_t            preimage[32] = {};

    for (const std::string &caveat : caveats) {
        slices.push_back({caveat.data(), caveat.size()});
    }
    l402::check_caveats(slices.data(), slices.size(), request(), preimage, v);
    return v.minted_expires;
}

void what_is_appended_shortens_no_count(void **)
{
    static const std::string services = "services=weather:0";
    static const std::string minted = "weather_valid_until=1700003600";

    assert_int_equal(minted_expires({services}), 0);
    assert_int_equal(minted_expires({services, minted}), 1700003600);
    assert_int_equal(minted_expires({services, "valid_until=1700003600"}),
        1700003600);

    for (const char *appended : {"weather_valid_until=1700000001",
             "valid_until=1700000001"})
    {
        assert_int_equal(minted_expires({services, minted, appended}),
            1700003600);
        assert_int_equal(minted_expires({services, minted,
                             "weather_capabilities=read", appended}),
            1700003600);
        for (const char *other : {"weather_capabilities=read", "color=red",
                 "nothing", "request_path=/*", "services=weather:0"})
        {
            assert_int_equal(minted_expires({services, other, appended}), 0);
        }
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_capability_must_be_among_those_of_the_token),
        cmocka_unit_test(where_none_is_needed_none_is_missed),
        cmocka_unit_test(a_number_bounds_what_is_measured),
        cmocka_unit_test(a_number_that_is_none_refuses),
        cmocka_unit_test(nothing_is_measured_for_a_credential_that_is_refused),
        cmocka_unit_test(a_token_is_tied_to_what_its_caveats_say),
        cmocka_unit_test(a_later_tie_is_only_tighter),
        cmocka_unit_test(facts_that_are_not_given_match_nothing),
        cmocka_unit_test(unknown_conditions_are_skipped_or_refused),
        cmocka_unit_test(what_is_appended_shortens_no_count),
    };

    return cmocka_run_group_tests_name("demands", tests, nullptr, nullptr);
}
