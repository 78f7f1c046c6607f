// <service>_uses and <service>_balance: each later one is only lower, and what
// a token grants is what was minted. What is left of a payment, others count.

#include "verifying.h"

using namespace unit;
using Caveats = std::vector<std::string>;

namespace {

const std::string services = "services=weather:0";
const std::string expiry = "weather_valid_until=1700003600";

struct Needs {
    bool uses = false;
    bool balance = false;
};

Verdict judge(const Caveats &caveats, Needs needs = {}, uint8_t tier = 0)
{
    static Keys keys;
    Token       token(keys, caveats);
    std::string credential = token.credential();
    Facts       facts = facts_for(credential);

    facts.needs_uses = needs.uses;
    facts.needs_balance = needs.balance;
    facts.tier = tier;
    return verify(keys, facts);
}

void assert_result(const Caveats &caveats, Result wanted, Needs needs = {},
    uint8_t tier = 0)
{
    assert_judged(judge(caveats, needs, tier), wanted, caveats);
}

void a_verdict_says_what_a_payment_bought(void **)
{
    Verdict v = judge({services, expiry, "weather_uses=10",
        "weather_balance=5000"}, {true, true});

    assert_int_equal(int(v.result), int(Result::ok));
    assert_true(v.has_uses && v.has_balance);
    assert_int_equal(v.uses, 10);
    assert_int_equal(v.minted_uses, 10);
    assert_int_equal(v.balance_msat, 5000);
    assert_int_equal(v.minted_balance_msat, 5000);
    assert_int_equal(v.minted_expires, 1700003600);
}

void a_plain_token_grants_no_count(void **)
{
    Verdict v = judge({services, expiry});

    assert_int_equal(int(v.result), int(Result::ok));
    assert_false(v.has_uses || v.has_balance);
    assert_int_equal(v.uses, 0);
    assert_int_equal(v.minted_uses, 0);
    assert_int_equal(v.balance_msat, 0);
    assert_int_equal(v.minted_balance_msat, 0);
}

void each_later_count_is_only_lower(void **)
{
    for (const std::string condition : {"weather_uses=", "weather_balance="}) {
        assert_result({services, condition + "5", condition + "5"},
            Result::ok);
        assert_result({services, condition + "5", condition + "4"},
            Result::ok);
        assert_result({services, condition + "5", condition + "6"},
            Result::caveat_refused);
        assert_result({services, condition + "5", condition + "3",
                          condition + "5"}, Result::caveat_refused);
    }

    Verdict v = judge({services, "weather_uses=10", "weather_balance=900",
        "weather_uses=3", "color=red", "weather_balance=0", "weather_uses=2"});

    assert_int_equal(int(v.result), int(Result::ok));
    assert_int_equal(v.uses, 2);
    assert_int_equal(v.minted_uses, 10);
    assert_true(v.has_balance);
    assert_int_equal(v.balance_msat, 0);
    assert_int_equal(v.minted_balance_msat, 900);
}

void a_count_that_does_not_parse_refuses(void **)
{
    for (const char *value : {"", " ", "+5", "-1", "5.0", "1e3", "0x5", "5 ",
             "five", "1000sat", "1000000000000000000", "18446744073709551621"})
    {
        for (const std::string condition : {"weather_uses=",
                 "weather_balance="})
        {
            assert_result({services, condition + value},
                Result::caveat_refused);
            assert_result({services, condition + "9", condition + value},
                Result::caveat_refused);
        }
    }
    assert_int_equal(judge({services,
                               "weather_uses=999999999999999999"}).uses,
        999999999999999999);
}

void the_counts_of_another_service_are_not_ours(void **)
{
    for (const char *other : {"maps_uses=x", "uses=x", "weatherx_balance=x",
             "weather_uses_=x", "Weather_uses=5"})
    {
        Verdict v = judge({services, other});

        assert_int_equal(int(v.result), int(Result::ok));
        assert_false(v.has_uses || v.has_balance);
    }
}

// ---- what was minted ----

struct Row {
    Caveats caveats;
    int64_t expires;
    size_t  uses, balance;
};

const Row rows[] = {
    // Any of them may be missing.
    {{services}, 0, 0, 0},
    {{services, expiry, "weather_uses=5"}, 1700003600, 5, 0},
    {{services, "weather_uses=5"}, 0, 5, 0},
    {{services, "weather_balance=7"}, 0, 0, 7},
    {{services, expiry, "weather_balance=7"}, 1700003600, 0, 7},
    {{services, "weather_uses=5", "weather_balance=7"}, 0, 5, 7},
    {{services, "valid_until=1700003600", "weather_uses=5"}, 1700003600, 5, 0},
    // In another order they were appended.
    {{services, "weather_balance=7", "weather_uses=5"}, 0, 0, 7},
    {{services, "weather_uses=5", "weather_valid_until=1700000001"}, 0, 5, 0},
    {{services, "weather_uses=5", "valid_until=1700000001"}, 0, 5, 0},
    {{services, "weather_balance=7", "valid_until=1700000001"}, 0, 0, 7},
    // The first of each.
    {{services, "weather_uses=5", "weather_uses=4"}, 0, 5, 0},
    {{services, "weather_uses=5", "weather_uses=4", "weather_balance=7"}, 0, 5,
        0},
    {{services, expiry, "valid_until=1700003600", "weather_uses=5"},
        1700003600, 0, 0},
    // Right behind each other.
    {{services, expiry, services, "weather_uses=5"}, 1700003600, 0, 0},
    {{services, services, expiry, "weather_uses=5"}, 0, 0, 0},
    {{services, expiry, "weather_capabilities=read", "weather_uses=5"},
        1700003600, 0, 0},
    {{services, "weather_uses=5", "color=red", "weather_balance=7"}, 0, 5, 0},
    {{services, "nothing", "weather_uses=5"}, 0, 0, 0},
    {{services, "preimage=000102030405060708090a0b0c0d0e0f"
                "101112131415161718191a1b1c1d1e1f", "weather_uses=5"}, 0, 0, 0},
    {{services, "maps_valid_until=1", "weather_uses=5"}, 0, 0, 0},
    {{services, "weather_color=1", "weather_uses=5"}, 0, 0, 0},
    // And behind services.
    {{"weather_uses=5", services}, 0, 0, 0},
    {{expiry, services, "weather_uses=5"}, 0, 0, 0},
    {{"x", services, "weather_uses=5"}, 0, 0, 0},
};

void what_was_minted_stands_in_its_place(void **)
{
    for (const Row &row : rows) {
        Verdict v = judge(row.caveats);

        if (v.minted_expires != row.expires || v.minted_uses != row.uses
            || v.minted_balance_msat != row.balance)
        {
            fail_msg("minted %lld, %llu, %llu with ... %s",
                (long long) v.minted_expires, (unsigned long long)
                v.minted_uses, (unsigned long long) v.minted_balance_msat,
                row.caveats.back().c_str());
        }
    }
}

// The exploit: who holds a token of a time appends uses, where others sell the
// same service by uses. Minted closed, it does not look as if it had any.
void a_closed_token_gets_no_count_by_appending(void **)
{
    l402::Terms terms;

    terms.service = "weather";
    terms.valid_until = 1700003600;
    terms.closes_grants = true;

    Caveats caveats = l402::minted_caveats(terms);

    for (Needs needs : {Needs{true, false}, Needs{false, true}}) {
        caveats.push_back(needs.uses ? "weather_uses=1000000"
                                     : "weather_balance=1000000");

        Verdict v = judge(caveats, needs);

        assert_judged(v, Result::insufficient, caveats);
        assert_int_equal(v.minted_uses, 0);
        assert_int_equal(v.minted_balance_msat, 0);
        // Where nothing of the kind is sold it only narrows.
        assert_result(caveats, Result::ok);
    }
}

// Of uses for ever, that the count is forgotten with an appended expiry: the
// original would begin anew.
void uses_for_ever_stay_counted_for_ever(void **)
{
    l402::Terms terms;

    terms.service = "weather";
    terms.uses = 10;

    for (bool closes : {false, true}) {
        terms.closes_grants = closes;

        for (const char *appended : {"weather_valid_until=1700000001",
                 "valid_until=1700000001"})
        {
            Caveats caveats = l402::minted_caveats(terms);

            caveats.push_back(appended);

            Verdict v = judge(caveats, {true, false});

            assert_judged(v, Result::ok, caveats);
            assert_int_equal(v.expires, 1700000001);
            assert_int_equal(v.minted_expires, 0);
            assert_int_equal(v.minted_uses, 10);
        }
    }
}

// ---- where requests are counted ----

void a_token_without_minted_counts_buys_no_counted_requests(void **)
{
    const Needs uses{true, false}, balance{false, true}, both{true, true};

    assert_result({services, "weather_uses=5"}, Result::ok, uses);
    assert_result({services, "weather_balance=5"}, Result::ok, balance);
    assert_result({services, "weather_uses=5", "weather_balance=5"},
        Result::ok, both);

    assert_result({services}, Result::insufficient, uses);
    assert_result({services}, Result::insufficient, balance);
    assert_result({services, "weather_uses=5"}, Result::insufficient, both);
    assert_result({services, "weather_balance=5"}, Result::insufficient, uses);
    assert_result({services, "color=red", "weather_uses=5"},
        Result::insufficient, uses);
    // Who counts finds nothing left of it.
    assert_result({services, "weather_uses=5", "weather_uses=0"}, Result::ok,
        uses);
    assert_result({services, "weather_uses=0"}, Result::insufficient, uses);
}

class NeverAsked final : public l402::Measures {
public:
    size_t count() const noexcept override { return 1; }
    std::string_view condition(size_t) const noexcept override { return "n"; }

    bool value(size_t, int64_t &) noexcept override
    {
        fail_msg("measured for a credential that is refused");
        return false;
    }
};

void it_is_decided_after_the_end_and_before_what_is_measured(void **)
{
    assert_result({services, "weather_valid_until=1700000000"},
        Result::expired, {true, false});
    assert_result({"services=maps:0"}, Result::wrong_service, {true, false});

    Keys        keys;
    Token       token(keys, {services, "n=5"});
    std::string credential = token.credential();
    Facts       facts = facts_for(credential);
    NeverAsked  measures;

    facts.measures = &measures;
    facts.needs_uses = true;
    assert_int_equal(int(verify(keys, facts).result),
        int(Result::insufficient));
}

void a_counted_condition_is_known(void **)
{
    Keys        keys;
    Token       token(keys, {services, "weather_uses=5", "weather_balance=5",
              "weather_uses=4"});
    std::string credential = token.credential();
    Facts       facts = facts_for(credential);

    facts.refuse_unknown_caveats = true;
    unit::assert_result(keys, facts, Result::ok);
}

// Of several macaroons the one that lacks a tier alone can be raised.
void what_is_not_counted_cannot_be_raised(void **)
{
    Keys        keys;
    Token       plain(keys, {"services=weather:1"});
    Token       low(keys, {services, "weather_uses=5"});
    std::string credential = "L402 " + plain.base64() + ","
        + low.credential().substr(5);
    Facts       facts = facts_for(credential);

    facts.tier = 1;
    facts.needs_uses = true;

    Verdict v = verify(keys, facts);

    assert_int_equal(int(v.result), int(Result::insufficient));
    assert_int_equal(v.macaroon, 1);
    assert_int_equal(v.uses, 5);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_verdict_says_what_a_payment_bought),
        cmocka_unit_test(a_plain_token_grants_no_count),
        cmocka_unit_test(each_later_count_is_only_lower),
        cmocka_unit_test(a_count_that_does_not_parse_refuses),
        cmocka_unit_test(the_counts_of_another_service_are_not_ours),
        cmocka_unit_test(what_was_minted_stands_in_its_place),
        cmocka_unit_test(a_closed_token_gets_no_count_by_appending),
        cmocka_unit_test(uses_for_ever_stay_counted_for_ever),
        cmocka_unit_test(
            a_token_without_minted_counts_buys_no_counted_requests),
        cmocka_unit_test(
            it_is_decided_after_the_end_and_before_what_is_measured),
        cmocka_unit_test(a_counted_condition_is_known),
        cmocka_unit_test(what_is_not_counted_cannot_be_raised),
    };

    return cmocka_run_group_tests_name("minted_counts", tests, nullptr,
        nullptr);
}
