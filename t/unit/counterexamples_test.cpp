// Cases that a property did not hold for, in the core or in a copy of it that
// was broken on purpose, as they were left by shrinking (property_*_test.cpp).

#include "chains.h"
#include "raising.h"

using namespace unit;

namespace {

struct Row {
    Caveats caveats;
    Result  wanted;
    void (*ask)(Request &) = [](Request &) {};  // of a GET / to weather
};

const Row rows[] = {
    // A later one adds a service, or raises a tier.
    {{"services=", "services=weather:3"}, Result::caveat_refused},
    {{"services=weather:0", "services=weather:1"}, Result::caveat_refused},
    {{"services=maps:0", "services=weather:0"}, Result::caveat_refused},
    // Twice in one list: the lower tier, also as what is narrowed.
    {{"services=weather:2,weather:1"}, Result::insufficient,
        [](Request &r) { r.tier = 2; }},
    {{"services=weather:2,weather:1", "services=weather:2"},
        Result::caveat_refused},
    {{"services=weather:2,weather:0", "services=weather:1"},
        Result::caveat_refused},
    {{"services=weather:2,maps:2,maps:0", "services=weather:2,maps:2,maps:0"},
        Result::caveat_refused},
    {{"services=weather:01"}, Result::ok, [](Request &r) { r.tier = 1; }},
    // A later one has more, or is wider.
    {{"services=weather:2", "weather_capabilities=",
         "weather_capabilities=write,d"}, Result::caveat_refused,
        [](Request &r) { r.capability = "write"; }},
    {{"services=weather:0", "request_path=/a/b", "request_path=/*"},
        Result::caveat_refused, [](Request &r) { r.path = "/a/b"; }},
    {{"services=weather:0", "request_path=/", "request_path=/*"},
        Result::caveat_refused},
    {{"services=weather:0", "request_method=HEAD", "request_method=GET"},
        Result::caveat_refused, [](Request &r) { r.method = "HEAD"; }},
    {{"services=weather:0", "client_address=203.0.113.7",
         "client_address=203.0.113.7/2"}, Result::caveat_refused,
        [](Request &r) { r.address = std::string("\xcb\0\x71\x07", 4); }},
    {{"services=weather:1", "weather_valid_until=0",
         "weather_valid_until=1700003601"}, Result::caveat_refused},
    {{"services=weather:1", "upload_max_bytes=0", "upload_max_bytes=1"},
        Result::caveat_refused,
        [](Request &r) { r.measures.numbers = {{"upload_max_bytes", 0}}; }},
    // Any network is one of clients that have an address.
    {{"services=weather:0", "client_address=::/0,203.0.113.7"},
        Result::caveat_refused},
    // What cannot be read, what is no later than its end, what is no more.
    {{"services=weather:0", "weather_rows=+5"}, Result::caveat_refused,
        [](Request &r) { r.measures.numbers = {{"weather_rows", 5}}; }},
    {{"services=weather:0", "weather_rows=1"}, Result::caveat_refused,
        [](Request &r) { r.measures.numbers = {{"weather_rows", 2}}; }},
    {{"services=weather:0", "weather_rows=1"}, Result::ok,
        [](Request &r) { r.measures.numbers = {{"weather_rows", 1}}; }},
    {{"services=weather:0", "weather_valid_until=1700003600"},
        Result::expired, [](Request &r) { r.time = 1700003600; }},
    {{"services=weather:0", "valid_until=+5"}, Result::caveat_refused},
    // Unknown, whatever it looks like.
    {{"services=weather:0", ""}, Result::caveat_refused,
        [](Request &r) { r.refuse_unknown = true; }},
    {{"services=weather:0", "="}, Result::caveat_refused,
        [](Request &r) { r.refuse_unknown = true; }},
    {{"services=weather:0", "upload_max_bytes"}, Result::ok,
        [](Request &r) { r.measures.numbers = {{"upload_max_bytes", 9}}; }},
};

void each_is_decided_as_the_table_says(void **)
{
    for (const Row &row : rows) {
        Case c;

        c.minted = row.caveats;
        row.ask(c.request);

        Result result = check(c.minted, c.request).result;
        if (result != row.wanted
            || result != check_naively(c.minted, c.request).result)
        {
            fail_msg("%s instead of %s: %s", l402::describe(result).word,
                l402::describe(row.wanted).word, c.text().c_str());
        }
    }
}

// ---- the minted expiry ----

struct MintedRow {
    Caveats caveats;
    int64_t wanted;
};

const MintedRow minted_rows[] = {
    {{"services=weather:1", "weather_valid_until=1700003600",
         "valid_until=1700000001"}, 1700003600},
    {{"services=weather:1", "valid_until=1700003600",
         "weather_valid_until=1700000001"}, 1700003600},
    {{"services=weather:1", "weather_valid_until=1700003600",
         "weather_valid_until=1700000001"}, 1700003600},
    {{"services=weather:1", "weather_valid_until=1700003600",
         "services=weather:1", "valid_until=1700000001"}, 1700003600},
    // Behind what stands behind an expiry, or behind what is never minted.
    {{"services=weather:1", "weather_capabilities=read",
         "valid_until=1700000001"}, 0},
    {{"services=weather:1", "x", "valid_until=1700000001"}, 0},
    {{"services=weather:1", "x=y", "weather_valid_until=1700000001"}, 0},
    {{"services=weather:1", "services=weather:1", "valid_until=1700000001"},
        0},
};

void an_appended_expiry_was_not_minted(void **)
{
    for (const MintedRow &row : minted_rows) {
        Case c;

        c.minted = row.caveats;

        Verdict v = check(c.minted, c.request);
        if (v.result != Result::ok || v.minted_expires != row.wanted) {
            fail_msg("%s, minted expiry %lld: %s",
                l402::describe(v.result).word, (long long) v.minted_expires,
                c.text().c_str());
        }
    }
}

// ---- the attenuator ----

struct JudgedRow {
    Caveats     caveats;
    std::string appended;
    Attenuation wanted;
};

const JudgedRow judged_rows[] = {
    {{"services="}, "services=weather:2", Attenuation::widens},
    {{"services=weather:5,weather:0"}, "services=weather:2",
        Attenuation::widens},
    {{"services=weather:0"}, "weather_capabilities=", Attenuation::narrows},
    {{"services=weather:0"}, "upload_max_bytes", Attenuation::unknown},
    {{"services=weather:0"}, "valid_until=+5", Attenuation::malformed},
    {{"services=weather:0", "client_address=2001:db8::"},
        "client_address=2001:db8::/2", Attenuation::widens},
    {{"services=weather:0", "request_path=/"}, "request_path=/*",
        Attenuation::widens},
    {{"services=weather:0", "request_method=HEAD"}, "request_method=HEAD,GET",
        Attenuation::widens},
    // A token without services opens nothing, and is not to.
    {{"upload_max_bytes=1000"}, "services=weather:2", Attenuation::widens},
};

void the_attenuator_says_so_too(void **)
{
    for (const JudgedRow &row : judged_rows) {
        Case c;

        c.minted = row.caveats;
        c.appended = {row.appended};
        if (judge(c) != row.wanted) {
            fail_msg("%d: %s", int(judge(c)), c.text().c_str());
        }
    }
}

// ---- raising ----

// What the holder appended is in the raised token as well.
void assert_carried(const Caveats &minted, const std::string &appended,
    void (*sell)(Sale &) = [](Sale &) {})
{
    Case c;
    Sale sale;

    c.minted = minted;
    c.appended = {appended};
    sell(sale);

    Raised  raised = raise(c, sale);
    Caveats after = caveats_of(raised.bytes);

    if (!raised.found || !raised.keeps_its_id || after.empty()
        || after.back() != appended)
    {
        fail_msg("%s at %s", c.text().c_str(), sale.text().c_str());
    }
}

void raising_carries_what_was_appended(void **)
{
    // The condition is empty, as the name of what was already taken away.
    assert_carried({"services=weather:1"}, "=");
    assert_carried({"services=weather:1"}, "=x");
    assert_carried({"services=weather:1"}, "x");
    assert_carried({"services=weather:1"}, "");
    assert_carried({"services=weather:1"}, "maps_valid_until=1");
    assert_carried({"services=weather:1"}, "request_path=/");
    assert_carried({"services=weather:1", "weather_capabilities=read,write"},
        "weather_capabilities=read",
        [](Sale &sale) { sale.has_capabilities = true; });
    assert_carried({"services=weather:1", "upload_max_bytes=1000"},
        "upload_max_bytes=5",
        [](Sale &sale) { sale.has_constraint = true; });
    assert_carried({"services=weather:1", "request_path=/"}, "request_path=/",
        [](Sale &sale) { sale.binds[2] = true; });
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(each_is_decided_as_the_table_says),
        cmocka_unit_test(an_appended_expiry_was_not_minted),
        cmocka_unit_test(the_attenuator_says_so_too),
        cmocka_unit_test(raising_carries_what_was_appended),
    };

    return cmocka_run_group_tests_name("counterexamples", tests, nullptr,
        nullptr);
}
