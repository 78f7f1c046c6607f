// A url rests after max_fails in a row, one probe finds out whether it is
// back, and the log hears of a change once.

#include "l402/breaker.h"

#include "cmocka_cpp.h"

using namespace l402;
using Change = Breaker::Change;

namespace {

constexpr BreakerRules rules{3, 10000};
constexpr uint64_t start = 1000000, probe_time = 6000;

bool is(Leave got, Leave wanted)
{
    return got == wanted;
}

// Three calls that fail.
Breaker down_at(uint64_t now)
{
    Breaker breaker{};

    for (int i = 0; i < 3; i++) {
        assert_true(is(breaker.leave(rules, now, probe_time), Leave::yes));
        assert_true(breaker.failed(rules, Leave::yes, now)
                    == (i == 2 ? Change::down : Change::none));
    }

    return breaker;
}

void it_rests_after_max_fails_in_a_row(void **)
{
    Breaker breaker{};

    for (int i = 0; i < 10; i++) {
        breaker.failed(rules, Leave::yes, start);
        breaker.failed(rules, Leave::yes, start);
        assert_true(breaker.worked() == Change::none);
    }

    assert_true(is(breaker.leave(rules, start, probe_time), Leave::yes));

    breaker = down_at(start);
    assert_true(is(breaker.leave(rules, start, probe_time), Leave::no));
    assert_true(is(breaker.leave(rules, start + 9999, probe_time), Leave::no));
    assert_int_equal(breaker.rests_for(start + 1), 9999);
}

void one_probe_goes_out_at_a_time(void **)
{
    Breaker breaker = down_at(start);
    uint64_t now = start + 10000;

    assert_int_equal(breaker.rests_for(now), 0);
    assert_true(is(breaker.leave(rules, now, probe_time), Leave::probe));
    assert_true(is(breaker.leave(rules, now, probe_time), Leave::no));

    assert_true(breaker.failed(rules, Leave::probe, now + 50) == Change::none);
    assert_true(is(breaker.leave(rules, now + 10049, probe_time), Leave::no));
    assert_true(is(breaker.leave(rules, now + 10050, probe_time),
        Leave::probe));
}

void a_probe_of_a_dead_process_ends_by_itself(void **)
{
    Breaker breaker = down_at(start);
    uint64_t now = start + 10000;

    assert_true(is(breaker.leave(rules, now, probe_time), Leave::probe));
    assert_true(is(breaker.leave(rules, now + 5999, probe_time), Leave::no));
    assert_true(is(breaker.leave(rules, now + 6000, probe_time),
        Leave::probe));
}

void a_probe_that_is_given_up_makes_way(void **)
{
    Breaker breaker = down_at(start);
    uint64_t now = start + 10000;

    breaker.leave(rules, now, probe_time);
    breaker.given_up(Leave::probe, now + 1);
    assert_true(is(breaker.leave(rules, now + 1, probe_time), Leave::probe));

    // An ordinary call changes nothing.
    breaker.given_up(Leave::yes, now + 2);
    assert_true(is(breaker.leave(rules, now + 2, probe_time), Leave::no));
}

void a_late_failure_does_not_lengthen_the_rest(void **)
{
    Breaker breaker = down_at(start);

    breaker.failed(rules, Leave::yes, start + 9000);
    assert_true(is(breaker.leave(rules, start + 10000, probe_time),
        Leave::probe));
}

void it_is_back_once_a_call_has_worked(void **)
{
    Breaker breaker = down_at(start);

    breaker.leave(rules, start + 10000, probe_time);
    assert_true(breaker.worked() == Change::back);
    assert_true(breaker.worked() == Change::none);
    assert_true(is(breaker.leave(rules, start + 10001, probe_time),
        Leave::yes));

    // All of max_fails again.
    breaker.failed(rules, Leave::yes, start + 10002);
    assert_true(is(breaker.leave(rules, start + 10002, probe_time),
        Leave::yes));
}

// And is told of as before.
void a_new_configuration_ends_the_rest(void **)
{
    Breaker breaker = down_at(start);

    breaker.try_anew();
    assert_true(is(breaker.leave(rules, start + 1, probe_time), Leave::yes));
    assert_true(breaker.worked() == Change::back);

    breaker = down_at(start);
    breaker.try_anew();
    breaker.failed(rules, Leave::yes, start + 1);
    breaker.failed(rules, Leave::yes, start + 1);
    assert_true(breaker.failed(rules, Leave::yes, start + 1) == Change::none);
    assert_true(is(breaker.leave(rules, start + 2, probe_time), Leave::no));
}

void max_fails_0_never_rests(void **)
{
    constexpr BreakerRules never{0, 10000};
    Breaker breaker{};

    for (int i = 0; i < 100; i++) {
        assert_true(breaker.failed(never, Leave::yes, start) == Change::none);
    }

    assert_true(is(breaker.leave(never, start, probe_time), Leave::yes));
}

// Down and back every second for a minute: six times "down", and each "back"
// follows one.
void a_url_that_flaps_is_seldom_told_of(void **)
{
    Breaker breaker{};
    constexpr BreakerRules quick{1, 500};
    int downs = 0, backs = 0;

    for (uint64_t now = start; now < start + 60000; now += 1000) {
        downs += breaker.failed(quick, Leave::yes, now) == Change::down;
        assert_true(is(breaker.leave(quick, now + 500, probe_time),
            Leave::probe));
        backs += breaker.worked() == Change::back;
        assert_int_equal(downs, backs);
    }

    assert_int_equal(downs, 6);
}

// Otherwise the last word of the log would be "back" for good.
void a_rest_that_was_not_told_of_is_told_of_later(void **)
{
    constexpr BreakerRules quick{1, 500};
    Breaker breaker{};

    assert_true(breaker.failed(quick, Leave::yes, start) == Change::down);
    breaker.leave(quick, start + 500, probe_time);
    assert_true(breaker.worked() == Change::back);
    assert_true(breaker.failed(quick, Leave::yes, start + 600)
                == Change::none);

    Change change = Change::none;

    for (uint64_t now = start + 1200; change == Change::none; now += 600) {
        assert_true(now < start + 11000);
        assert_true(is(breaker.leave(quick, now, probe_time), Leave::probe));
        change = breaker.failed(quick, Leave::probe, now);
    }

    assert_true(change == Change::down);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(it_rests_after_max_fails_in_a_row),
        cmocka_unit_test(one_probe_goes_out_at_a_time),
        cmocka_unit_test(a_probe_of_a_dead_process_ends_by_itself),
        cmocka_unit_test(a_probe_that_is_given_up_makes_way),
        cmocka_unit_test(a_late_failure_does_not_lengthen_the_rest),
        cmocka_unit_test(it_is_back_once_a_call_has_worked),
        cmocka_unit_test(a_new_configuration_ends_the_rest),
        cmocka_unit_test(max_fails_0_never_rests),
        cmocka_unit_test(a_url_that_flaps_is_seldom_told_of),
        cmocka_unit_test(a_rest_that_was_not_told_of_is_told_of_later),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
