#include "l402/redis_pipeline.h"

#include "redis_replies.h"

#include <functional>

using namespace l402;
using namespace unit;

namespace {

struct Waiter final : RedisWaiter {
    void replied(const redisReply *const *replies, size_t count)
        noexcept override
    {
        times++;
        lost = lost || replies == nullptr;

        for (size_t i = 0; i < count; i++) {
            got += redis_text(*replies[i]);
        }

        if (then) {
            then();
        }
    }

    std::string           got;
    int                   times = 0;
    bool                  lost = false;
    std::function<void()> then;
};

RedisReplyPtr status(const char *text)
{
    return reply_of("+" + std::string(text) + "\r\n");
}

void each_gets_its_own_replies_in_order(void **)
{
    RedisPipeline pipeline;
    Waiter a, b;

    pipeline.add(2, 10, a);
    pipeline.add(1, 10, b);
    assert_true(pipeline.replied(status("1")));
    assert_int_equal(a.times, 0);
    assert_true(pipeline.replied(status("2")));
    assert_true(a.got == "12");
    assert_int_equal(b.times, 0);
    assert_true(pipeline.replied(status("3")));
    assert_true(b.got == "3");
    assert_true(pipeline.empty());
    assert_false(pipeline.replied(status("4")));
}

void whoever_is_forgotten_still_takes_its_place(void **)
{
    RedisPipeline pipeline;
    Waiter a, b;

    pipeline.add(2, 10, a);
    pipeline.add(1, 10, b);
    assert_true(pipeline.replied(status("1")));
    pipeline.forget(a);
    assert_true(pipeline.replied(status("2")));
    assert_true(pipeline.replied(status("3")));
    assert_int_equal(a.times, 0);
    assert_true(b.got == "3");
}

void the_earliest_deadline_counts_whoever_has_it(void **)
{
    RedisPipeline pipeline;
    Waiter a, b;

    assert_true(pipeline.first_deadline() == UINT64_MAX);
    pipeline.add(1, 20, a);
    pipeline.add(1, 10, b);
    assert_int_equal(pipeline.first_deadline(), 10);

    // A reply that does not come makes the ones behind it late, too.
    pipeline.forget(b);
    assert_int_equal(pipeline.first_deadline(), 10);
}

void all_are_told_once_that_no_answer_comes(void **)
{
    RedisPipeline pipeline;
    Waiter a, b;

    pipeline.add(2, 10, a);
    pipeline.add(1, 10, b);
    assert_true(pipeline.replied(status("1")));
    pipeline.fail();
    pipeline.fail();
    assert_true(a.lost && b.lost);
    assert_int_equal(a.times, 1);
    assert_int_equal(b.times, 1);
    assert_true(a.got.empty());
    assert_true(pipeline.empty());
}

void one_that_is_told_may_forget_others_and_ask_again(void **)
{
    RedisPipeline pipeline;
    Waiter a, b, c;

    a.then = [&] {
        pipeline.forget(b);
        pipeline.add(1, 20, c);
    };
    pipeline.add(1, 10, a);
    pipeline.add(1, 10, b);
    pipeline.fail();
    assert_int_equal(b.times, 0);

    // That was for the next connection.
    assert_int_equal(c.times, 0);
    assert_true(pipeline.replied(status("1")));
    assert_true(c.got == "1");
}

void one_that_is_answered_may_ask_again(void **)
{
    RedisPipeline pipeline;
    Waiter a, b;

    a.then = [&] { pipeline.add(1, 20, b); };
    pipeline.add(1, 10, a);
    assert_true(pipeline.replied(status("1")));
    assert_true(pipeline.replied(status("2")));
    assert_true(b.got == "2");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(each_gets_its_own_replies_in_order),
        cmocka_unit_test(whoever_is_forgotten_still_takes_its_place),
        cmocka_unit_test(the_earliest_deadline_counts_whoever_has_it),
        cmocka_unit_test(all_are_told_once_that_no_answer_comes),
        cmocka_unit_test(one_that_is_told_may_forget_others_and_ask_again),
        cmocka_unit_test(one_that_is_answered_may_ask_again),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
