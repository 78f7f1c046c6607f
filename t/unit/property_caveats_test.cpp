// Over random chains: what a holder appends only takes away, and what a token
// grants is what was minted.

#include "chains.h"
#include "properties.h"

using namespace unit;
using l402::Attenuation;

namespace {

constexpr size_t chains = 20000;
constexpr size_t requests = 16;

void whatever_is_appended_opens_nothing_more(void **)
{
    Random random;
    size_t opened = 0, closed = 0;

    for (size_t n = 0; n < chains; n++) {
        Case                 c;
        std::vector<Request> sample;

        c.minted = minted_chain(random);
        while (sample.size() < requests) {
            sample.push_back(random_request(random));
        }
        // Step by step, so that each caveat is judged behind all before it.
        for (size_t more = random.below(8); more > 0; more--) {
            c.appended = {random_caveat(random)};
            for (Request &request : sample) {
                c.request = request;
                assert_never(gains, c, "an appended caveat gains");
                opened += opens(c.minted, request);
                closed += opens(c.minted, request)
                    && !opens(c.all(), request);
            }
            c.minted = c.all();
        }
    }
    // The sample says something only where doors were open and were closed.
    print_message("# opened %zu, closed %zu\n", opened, closed);
    assert_true(opened > 20 * chains / 10 && closed > chains / 2);
}

void every_verdict_is_the_tables(void **)
{
    Random random;
    size_t seen[l402::result_count] = {};

    for (size_t n = 0; n < chains; n++) {
        Case c;

        c.minted = minted_chain(random);
        for (size_t more = random.below(5); more > 0; more--) {
            c.appended.push_back(random_caveat(random));
        }
        for (size_t i = 0; i < requests / 2; i++) {
            c.request = random_request(random);
            assert_never(differs_from_the_table, c, "not as the table says");
            seen[size_t(check(c.all(), c.request).result)]++;
        }
    }
    for (Result result : {Result::ok, Result::wrong_service, Result::expired,
             Result::insufficient, Result::caveat_refused}) {
        assert_true(seen[size_t(result)] > chains / 100);
    }
}

// ---- what was minted ----

l402::Terms random_terms(Random &random)
{
    l402::Terms terms;

    terms.service = "weather";
    terms.tier = uint8_t(random.below(3));
    terms.valid_until = random.below(4)
        ? now + 1 + int64_t(random.below(5000)) : 0;
    terms.uses = random.below(2) ? 1 + random.below(10) : 0;
    terms.balance_msat = random.below(3) ? 0 : 1 + random.below(1000);
    terms.closes_grants = true;
    terms.has_capabilities = random.below(2);
    terms.capabilities = "read,write";
    if (random.below(2)) {
        terms.constraints.push_back({"upload_max_bytes", 10});
    }
    terms.bind_path = random.below(3) == 0;
    terms.path = "/a/b";
    return terms;
}

void nothing_appended_moves_what_was_minted(void **)
{
    Random random;
    size_t moved = 0, lowered = 0;

    for (size_t n = 0; n < chains; n++) {
        Case        c;
        l402::Terms terms = random_terms(random);

        c.minted = l402::minted_caveats(terms);
        for (size_t more = 1 + random.below(3); more > 0; more--) {
            c.appended.push_back(random_caveat(random));
        }
        for (size_t i = 0; i < requests / 2; i++) {
            c.request = random_request(random);
            c.request.service = "weather";

            Verdict bought = check(c.minted, c.request);
            if (bought.result != Result::caveat_refused) {
                assert_int_equal(bought.minted_expires, terms.valid_until);
                assert_int_equal(bought.minted_uses, terms.uses);
                assert_int_equal(bought.minted_balance_msat,
                    terms.balance_msat);
                assert_true(is_closed(c.minted, c.request));
            }
            assert_never(moves_what_was_minted, c, "what was minted is moved");

            Verdict v = check(c.all(), c.request);
            moved += v.result == Result::ok && v.expires != v.minted_expires;
            lowered += v.result == Result::ok && v.uses < v.minted_uses;
        }
    }
    print_message("# moved %zu, lowered %zu\n", moved, lowered);
    assert_true(moved > chains / 20 && lowered > chains / 100);
}

// ---- the attenuator's judgement ----

void the_attenuator_judges_as_the_gate_does(void **)
{
    Random random;
    size_t judged[4] = {};

    for (size_t n = 0; n < chains; n++) {
        Case c;

        c.minted = minted_chain(random);
        for (int more = 0; more < 6; more++) {
            c.appended = {random_caveat(random)};
            for (size_t i = 0; i < requests / 4; i++) {
                c.request = random_request(random);
                assert_never(is_spoilt, c, "narrows, but cannot be read");
                assert_never(is_refused_for_nothing, c,
                    "widens or is malformed, but is let in");
                assert_never(is_known_after_all, c,
                    "unknown, but makes a difference");
            }
            judged[size_t(judge(c))]++;
            if (judge(c) == Attenuation::narrows) {
                c.minted = c.all();
            }
        }
    }
    for (size_t count : judged) {
        assert_true(count > chains / 10);
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_appended_opens_nothing_more),
        cmocka_unit_test(every_verdict_is_the_tables),
        cmocka_unit_test(nothing_appended_moves_what_was_minted),
        cmocka_unit_test(the_attenuator_judges_as_the_gate_does),
    };

    return cmocka_run_group_tests_name("property_caveats", tests, nullptr,
        nullptr);
}
