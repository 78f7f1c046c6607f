// A token of a lower tier is raised: same id, same key, no longer life, and
// nothing that its holder has narrowed is wide again.

#include "verifying.h"

using namespace unit;
using l402::Terms;
using l402::Upgrade;

namespace {

Terms tier_1()
{
    Terms terms;

    terms.service = "weather";
    terms.tier = 1;
    terms.valid_until = now + 3600;
    return terms;
}

struct Attempt {
    Keys        keys{std::string(key_1) + "\n" + key_2};
    std::string credential;
    Facts       facts;
    Verdict     verdict{};
    Upgrade     upgrade;

    // What lower tiers are minted with.
    std::vector<std::string> below{"services", "weather_valid_until"};

    explicit Attempt(const std::vector<std::string> &caveats, size_t key = 0)
    {
        credential = Token(keys, caveats, key).credential();
        facts = facts_for(credential);
        facts.tier = 1;
        facts.path = "/weather/oslo";
        facts.method = "GET";
    }

    bool find(const Terms &terms = tier_1())
    {
        l402::verify(keys, facts, nullptr, verdict);
        return l402::find_upgrade(keys, facts, verdict, terms, below, upgrade);
    }

    // The credential that is had for it.
    std::string bought(const Terms &terms = tier_1())
    {
        Token other(keys);

        return other.with(l402::mint_upgrade(keys, upgrade,
            other.payment_hash, terms));
    }

    Verdict judge(const std::string &text, uint8_t tier)
    {
        Facts f = facts;

        f.authorization = text;
        f.tier = tier;
        return unit::verify(keys, f);
    }
};

void an_upgrade_opens_both_tiers_under_one_token_id(void **)
{
    for (size_t key = 0; key < 2; key++) {
        Attempt a({"services=weather:0", "weather_valid_until=1700003600"},
            key);

        assert_true(a.find());
        assert_int_equal(a.upgrade.key, key);
        assert_int_equal(a.upgrade.expires, 1700003600);
        assert_int_equal(a.upgrade.carried.size(), 0);

        std::string bought = a.bought();

        for (uint8_t tier : {0, 1}) {
            Verdict v = a.judge(bought, tier);

            assert_int_equal(int(v.result), int(Result::ok));
            assert_memory_equal(v.token_id, a.verdict.token_id, 32);
        }
        assert_int_equal(int(a.judge(bought, 2).result),
            int(Result::insufficient));
    }
}

void an_id_without_a_stamp_is_kept_too(void **)
{
    Attempt     a({"services=weather:0"});
    Token       token(a.keys);
    uint8_t     root[32], s[32];
    std::string identifier = l402::make_identifier(token.payment_hash,
        token.token_id);

    a.keys.root_key(1, identifier, root);
    l402::first_signature(root, identifier, s);
    l402::extend_signature(s, "services=weather:0");
    a.credential = token.with(
        l402::encode_macaroon(identifier, {"services=weather:0"}, s));
    a.facts.authorization = a.credential;

    assert_true(a.find());
    assert_int_equal(a.upgrade.key, 1);
    assert_memory_equal(a.upgrade.token_id.data(), token.token_id.data(), 32);
    assert_int_equal(int(a.judge(a.bought(), 1).result), int(Result::ok));
}

void only_a_good_token_of_a_lower_tier_is_raised(void **)
{
    struct {
        std::vector<std::string> caveats;
        bool                     raised;
    } cases[] = {
        {{"services=weather:0"}, true},
        {{"services=weather:1"}, false},
        {{"services=weather:0", "weather_valid_until=1"}, false},
        {{"services=maps:0"}, false},
        {{"services=weather:0", "request_method=POST"}, false},
        {{"services=weather:0", "services=weather:1"}, false},
        // Its holder gave it away for this tier alone.
        {{"services=weather:1", "services=weather:0"}, false},
        {{"services=weather:0", "services=weather:0"}, false},
    };

    for (const auto &c : cases) {
        Attempt a(c.caveats);

        if (a.find() != c.raised) {
            fail_msg("not %d: %s", c.raised, c.caveats.back().c_str());
        }
    }

    Attempt forged({"services=weather:0"});
    Keys    others(std::string(64, '9'));

    forged.credential = Token(others, {"services=weather:0"}).credential();
    forged.facts.authorization = forged.credential;
    assert_false(forged.find());

    // Even where somebody claims that it was good.
    forged.verdict.result = Result::insufficient;
    assert_false(l402::find_upgrade(forged.keys, forged.facts, forged.verdict,
        tier_1(), forged.below, forged.upgrade));
}

// Of several macaroons the one that may be raised decides, and not one that
// lacks something else.
void the_one_that_can_be_raised_is(void **)
{
    Attempt     a({"services=weather:0"});
    Token       lacking(a.keys, {"services=weather:1",
              "weather_capabilities=read"});
    std::string credential = "L402 " + lacking.base64() + ","
        + Token(a.keys, {"services=weather:0"}).credential().substr(5);

    a.facts.authorization = credential;
    a.facts.capability = "write";
    assert_true(a.find());
    assert_int_equal(a.verdict.macaroon, 1);
}

void what_a_holder_appended_is_carried_over(void **)
{
    Attempt a({"services=weather:0", "weather_valid_until=1700003600",
        "weather_capabilities=read", "color=red", "nothing", "=x",
        "request_path=/weather/*", "weather_valid_until=1700000060",
        "preimage=000102030405060708090a0b0c0d0e0f"
        "101112131415161718191a1b1c1d1e1f"});

    assert_true(a.find());
    assert_int_equal(a.upgrade.expires, 1700000060);
    assert_int_equal(a.upgrade.carried.size(), 5);
    assert_text(a.upgrade.carried[0], "weather_capabilities=read");
    assert_text(a.upgrade.carried[1], "color=red");
    assert_text(a.upgrade.carried[2], "nothing");
    assert_text(a.upgrade.carried[3], "=x");
    assert_text(a.upgrade.carried[4], "request_path=/weather/*");

    std::string bought = a.bought();

    a.facts.path = "/elsewhere";
    assert_int_equal(int(a.judge(bought, 0).result),
        int(Result::caveat_refused));
}

// A dearer tier may allow more: what the location mints itself takes the place
// of what it minted for the cheaper one, but not of a holder's own.
void what_the_location_mints_is_minted_anew(void **)
{
    Terms   terms = tier_1();
    Attempt a({"services=weather:0", "weather_capabilities=read",
        "upload_max_bytes=10", "request_method=GET"});
    Attempt b({"services=weather:0", "weather_capabilities=read",
        "weather_capabilities=read", "upload_max_bytes=10",
        "upload_max_bytes=5"});

    terms.has_capabilities = true;
    terms.capabilities = "read,write";
    terms.constraints = {{"upload_max_bytes", 1000}};
    terms.bind_method = true;
    terms.method = "GET";

    // Not even the first one is the location's where no lower tier has any.
    assert_true(a.find(terms));
    assert_int_equal(a.upgrade.carried.size(), 3);

    a.below = b.below = l402::minted_conditions(terms);
    assert_true(a.find(terms));
    assert_int_equal(a.upgrade.carried.size(), 0);

    b.facts.capability = "read";
    assert_true(b.find(terms));
    assert_int_equal(b.upgrade.carried.size(), 2);
    assert_text(b.upgrade.carried[0], "weather_capabilities=read");
    assert_text(b.upgrade.carried[1], "upload_max_bytes=5");
}

void nobody_pays_for_an_upgrade_that_opens_nothing(void **)
{
    Attempt a({"services=weather:0", "weather_capabilities=read"});

    a.facts.capability = "write";
    assert_false(a.find());

    Terms   other = tier_1();
    Attempt b({"services=weather:0", "weather_capabilities=read",
        "weather_capabilities=read"});

    other.has_capabilities = true;
    other.capabilities = "write";
    assert_false(b.find(other));

    // No room for one more caveat.
    std::vector<std::string> many(l402::max_caveats, "x");

    many[0] = "services=weather:0";

    Attempt full(many);

    assert_false(full.find());
    many.pop_back();

    Attempt fits(many);

    assert_true(fits.find());
}

// ---- counts ----

Verdict raised(Attempt &a, const Terms &terms, Terms later)
{
    assert_true(a.find(terms));
    // The price may be worked out when the upgrade is sold.
    return a.judge(a.bought(later), 1);
}

Verdict raised(Attempt &a, const Terms &terms)
{
    return raised(a, terms, terms);
}

void the_old_payments_counts_stay_with_it(void **)
{
    Terms terms = tier_1();

    terms.uses = 3;
    terms.balance_msat = 7000;

    for (bool closed : {false, true}) {
        std::vector<std::string> caveats{"services=weather:0",
            "weather_valid_until=1700003600", "weather_uses=10",
            "weather_balance=500"};

        if (closed) {
            caveats.push_back("services=weather:00");
        }

        Attempt a(caveats);
        Attempt b(caveats);
        Verdict v = raised(a, terms);

        assert_int_equal(a.upgrade.carried.size(), 0);
        assert_int_equal(int(v.result), int(Result::ok));
        assert_int_equal(v.uses, 3);
        assert_int_equal(v.minted_uses, 3);
        assert_int_equal(v.balance_msat, 7000);
        assert_int_equal(v.minted_balance_msat, 7000);

        // Also where the new one is not counted.
        v = raised(b, tier_1());
        assert_int_equal(int(v.result), int(Result::ok));
        assert_false(v.has_uses || v.has_balance);
    }
}

void a_count_that_was_appended_is_carried_over(void **)
{
    Terms   terms = tier_1();
    Attempt a({"services=weather:0", "weather_uses=10", "weather_uses=5",
        "weather_uses=2", "weather_balance=900"});

    terms.uses = 3;

    Verdict v = raised(a, terms);

    assert_int_equal(a.upgrade.carried.size(), 3);
    assert_int_equal(int(v.result), int(Result::ok));
    assert_int_equal(v.uses, 2);
    assert_int_equal(v.minted_uses, 3);
    assert_int_equal(v.balance_msat, 900);
}

// What is carried over must not look minted: it would be a count of the
// holder's own choice, for nothing.
void what_is_carried_over_was_not_minted(void **)
{
    Attempt a({"services=weather:0", "weather_valid_until=1700003600",
        "valid_until=1700003600", "weather_uses=1000",
        "weather_balance=1000"});

    // Not the expiries that stood between.
    assert_true(a.find());
    assert_int_equal(a.upgrade.carried.size(), 2);

    std::string bought = a.bought();
    Verdict     v = a.judge(bought, 1);

    assert_int_equal(int(v.result), int(Result::ok));
    assert_int_equal(v.uses, 1000);
    assert_int_equal(v.minted_uses, 0);
    assert_int_equal(v.minted_balance_msat, 0);
    a.facts.needs_uses = true;
    assert_int_equal(int(a.judge(bought, 1).result),
        int(Result::insufficient));
}

// The price, and so the balance, may not be worked out when the upgrade is
// looked for.
void a_balance_is_compared_when_it_is_known(void **)
{
    Terms   terms = tier_1(), later = terms;
    Attempt a({"services=weather:0", "weather_balance=9000",
        "weather_balance=800"});

    terms.balance_msat = 1;
    a.facts.needs_balance = true;

    for (uint64_t balance : {500, 800, 5000}) {
        later.balance_msat = balance;

        Verdict v = raised(a, terms, later);

        assert_int_equal(int(v.result), int(Result::ok));
        assert_int_equal(v.minted_balance_msat, balance);
        assert_int_equal(v.balance_msat, std::min<uint64_t>(balance, 800));
    }
}

void a_closed_token_can_be_raised_and_its_holders_copy_cannot(void **)
{
    Terms terms = tier_1();

    for (bool closes : {false, true}) {
        terms.closes_grants = closes;

        for (const char *expiry : {"weather_valid_until=1700003600", "x"}) {
            Attempt a({"services=weather:0", expiry, "services=weather:00"});

            assert_int_equal(int(raised(a, terms).result), int(Result::ok));
        }
        for (const char *copy : {"services=weather:0", "services=",
                 "services=weather:00", "services=weather:000"})
        {
            Attempt a({"services=weather:0", "services=weather:00", copy});

            if (a.find(terms)) {
                fail_msg("raised with %s", copy);
            }
        }
    }
}

void nobody_pays_for_an_upgrade_of_which_nothing_is_left(void **)
{
    Terms terms = tier_1();

    terms.uses = 5;
    terms.balance_msat = 5;

    Attempt none({"services=weather:0", "weather_uses=9", "weather_uses=0"});
    Attempt broke({"services=weather:0", "weather_uses=9",
        "weather_balance=9", "weather_balance=0"});
    Attempt some({"services=weather:0", "weather_uses=9", "weather_uses=1"});

    assert_false(none.find(terms));
    assert_true(some.find(terms));
    // Only where balances are asked for.
    assert_true(broke.find(terms));
    broke.facts.needs_balance = true;
    assert_false(broke.find(terms));
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(an_upgrade_opens_both_tiers_under_one_token_id),
        cmocka_unit_test(an_id_without_a_stamp_is_kept_too),
        cmocka_unit_test(only_a_good_token_of_a_lower_tier_is_raised),
        cmocka_unit_test(the_one_that_can_be_raised_is),
        cmocka_unit_test(what_a_holder_appended_is_carried_over),
        cmocka_unit_test(what_the_location_mints_is_minted_anew),
        cmocka_unit_test(nobody_pays_for_an_upgrade_that_opens_nothing),
        cmocka_unit_test(the_old_payments_counts_stay_with_it),
        cmocka_unit_test(a_count_that_was_appended_is_carried_over),
        cmocka_unit_test(what_is_carried_over_was_not_minted),
        cmocka_unit_test(a_balance_is_compared_when_it_is_known),
        cmocka_unit_test(
            a_closed_token_can_be_raised_and_its_holders_copy_cannot),
        cmocka_unit_test(nobody_pays_for_an_upgrade_of_which_nothing_is_left),
    };

    return cmocka_run_group_tests_name("upgrade", tests, nullptr, nullptr);
}
