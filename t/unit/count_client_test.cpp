// The client that counts in Redis, over a real one: what is answered and told.

#include "unit.h"

#include "counting.h"

using namespace l402;
using namespace unit;

namespace {

// ---- what is answered ----

void a_reservation_takes_one_round_trip(void **)
{
    RedisServer server;
    Worker worker(server);

    // The first one of all brings the script along.
    JournalRef claim = worker.reserve();

    assert_int_equal(worker.link.batches, 2);
    worker.client.settle(claim, {1, 100});
    assert_false(bool(claim));
    claim = worker.reserve();
    assert_int_equal(worker.link.batches, 3);
    worker.client.settle(claim, {1, 100});
    assert_int_equal(worker.link.batches, 3);
    assert_int_equal(worker.journal.size(), 0);
    assert_counted(server, "2", "200");
}

void what_is_left_is_told(void **)
{
    RedisServer server;
    Worker worker(server);
    JournalRef claim;
    Told told, none;

    assert_true(worker.start(told, claim, {1, 400}) == Start::asked);
    assert_int_equal(told.count, 0);
    worker.link.run();
    told.assert_told(Kind::held);
    assert_int_equal(told.answer.left.uses, 2);
    assert_int_equal(told.answer.left.msat, 600);

    JournalRef refused;

    assert_true(worker.start(none, refused, {1, 601}) == Start::asked);
    worker.link.run();
    none.assert_told(Kind::used_up);
    assert_int_equal(none.answer.left.uses, 2);
    assert_int_equal(none.answer.left.msat, 600);
    assert_int_equal(worker.journal.size(), 1);
    assert_counted(server, "1", "400");

    // Its claim is to nothing.
    worker.client.give_back(refused);
    worker.client.settle(refused, {9, 9});
    worker.link.run();
    assert_counted(server, "1", "400");
}

void what_is_not_counted_has_no_limit(void **)
{
    RedisServer server;
    Worker worker(server);
    Allowance plain;
    JournalRef claim;
    Told told;

    assert_true(worker.client.reserve(hash_of(1), plain, {1, 0}, next_id(),
        now, told, claim) == Start::asked);
    worker.link.run();
    told.assert_told(Kind::held);
    assert_true(told.answer.left.uses == no_limit);
    assert_true(told.answer.left.msat == no_limit);
    assert_int_equal(server.number({"TTL", key_of(1)}), -1);
}

void several_are_under_way_at_a_time(void **)
{
    RedisServer server;
    Worker worker(server);
    Told told[5];
    JournalRef claims[5];

    for (size_t i = 0; i < 5; i++) {
        assert_true(worker.start(told[i], claims[i]) == Start::asked);
    }
    worker.link.run();
    for (size_t i = 0; i < 5; i++) {
        told[i].assert_told(i < 3 ? Kind::held : Kind::used_up);
    }
}

void what_is_given_back_may_be_had_again(void **)
{
    RedisServer server;
    Worker worker(server);
    JournalRef claim = worker.reserve(Kind::held, {3, 1000});

    (void) worker.reserve(Kind::used_up);
    worker.client.give_back(claim);
    assert_false(bool(claim));
    worker.client.give_back(claim);
    worker.link.run();
    assert_counted(server, "0", "0");
    assert_int_equal(worker.journal.size(), 0);
    (void) worker.reserve(Kind::held, {3, 1000});
}

void a_cost_that_is_another_is_told(void **)
{
    RedisServer server;
    Worker worker(server);
    JournalRef first = worker.reserve(Kind::held, {1, 300});
    JournalRef second = worker.reserve(Kind::held, {1, 300});

    worker.client.settle(first, {1, 50});
    worker.link.run();
    assert_counted(server, "2", "350");
    worker.client.settle(second, {1, 5000});
    worker.link.run();
    assert_counted(server, "2", "1000");
    assert_int_equal(worker.journal.size(), 0);
    assert_true(worker.client.is_idle());
}

void the_count_lives_as_long_as_the_token_by_anybodys_clock(void **)
{
    RedisServer server;
    Worker worker(server);
    JournalRef claim;
    Told told;

    // This host's clock is years away from Redis's.
    assert_true(worker.start(told, claim, {1, 1}, 1, now + 100)
                == Start::asked);
    worker.link.run();

    long ttl = server.number({"TTL", key_of(1)});

    assert_true(ttl > 600 && ttl <= 700);
}

// ---- records ----

void what_is_settled_is_forgotten_later(void **)
{
    RedisServer server;
    Worker worker(server);
    JournalRef first = worker.reserve(Kind::held, {1, 300});
    JournalRef second = worker.reserve(Kind::held, {1, 300});
    JournalRef third = worker.reserve(Kind::held, {1, 300});

    assert_int_equal(records(server), 3);
    worker.client.settle(first, {1, 300});
    worker.client.settle(second, {1, 50});
    worker.link.run();
    assert_int_equal(records(server), 3);

    size_t before = worker.link.batches;

    worker.keep_house();
    assert_int_equal(worker.link.batches, before + 1);
    assert_int_equal(records(server), 1);
    worker.keep_house();
    assert_int_equal(worker.link.batches, before + 1);
    worker.client.give_back(third);
    worker.link.run();
    assert_int_equal(records(server), 0);
    assert_counted(server, "2", "350");
}

void many_are_forgotten_before_the_second_is_over(void **)
{
    RedisServer server;
    Worker worker(server);
    Allowance plain;

    for (int i = 0; i < 5000; i++) {
        JournalRef claim;
        Told told;

        assert_true(worker.client.reserve(hash_of(uint8_t(i % 3)), plain,
            {1, 0}, next_id(), now, told, claim) == Start::asked);
        worker.link.run();
        worker.client.settle(claim, {1, 0});
    }
    worker.link.run();
    assert_true(records(server, 0) + records(server, 1) + records(server, 2)
                < 1100);
    worker.keep_house();
    assert_int_equal(records(server, 0), 0);
    unit::assert_text(server.field(key_of(0), "uses"), "1667");
}

// ---- errors ----

void a_full_redis_burns_nothing(void **)
{
    RedisServer server({"--maxmemory-policy", "noeviction"});
    Worker worker(server);
    JournalRef claim = worker.reserve();
    Told told;
    JournalRef refused;

    (void) server.text({"CONFIG", "SET", "maxmemory", "1"});
    assert_true(worker.start(told, refused) == Start::asked);
    worker.link.run();
    told.assert_told(Kind::unavailable);
    assert_true(told.error.substr(0, 4) == "OOM ");
    // Nothing was changed, so there is nothing to give back.
    assert_int_equal(worker.journal.size(), 1);
    assert_counted(server, "1", "100");

    // A cost has to wait, what is given back need not.
    JournalRef other = claim;

    worker.client.settle(other, {1, 50});
    worker.link.run();
    worker.keep_house();
    assert_int_equal(worker.client.owed(), 1);
    (void) server.text({"CONFIG", "SET", "maxmemory", "0"});
    worker.keep_house();
    assert_counted(server, "1", "50");
    assert_true(worker.client.is_idle());
}

void a_replica_and_a_redis_that_loads_refuse(void **)
{
    RedisServer server;
    Worker worker(server);

    (void) worker.reserve();
    (void) server.text({"REPLICAOF", "127.0.0.1", "1"});
    (void) worker.reserve(Kind::unavailable);
    assert_int_equal(worker.journal.size(), 1);
    (void) server.text({"REPLICAOF", "NO", "ONE"});
    (void) worker.reserve();
}

void a_script_that_is_flushed_is_sent_again(void **)
{
    RedisServer server;
    Worker worker(server);
    JournalRef claim = worker.reserve();

    (void) server.text({"SCRIPT", "FLUSH"});
    (void) worker.reserve();
    (void) server.text({"SCRIPT", "FLUSH"});
    worker.client.give_back(claim);
    worker.link.run();
    assert_counted(server, "1", "100");
}

// Whoever has written something else there gets no requests for it, and the
// others are counted.
void a_key_of_another_kind_is_unavailable(void **)
{
    RedisServer server;
    Worker worker(server);
    JournalRef claim;
    Told told, script;

    (void) server.text({"SET", key_of(2), "x"});
    assert_true(worker.start(told, claim, {1, 1}, 2) == Start::asked);
    worker.link.run();
    told.assert_told(Kind::unavailable);
    assert_true(told.error.substr(0, 10) == "WRONGTYPE ");
    assert_int_equal(worker.journal.size(), 0);

    // A script's error may have come after it was charged.
    (void) server.text({"DEL", key_of(2)});
    (void) server.text({"HSET", key_of(2), "uses", "many"});
    assert_true(worker.start(script, claim, {1, 1}, 2) == Start::asked);
    worker.client.keep_house(now);
    worker.link.run_one();
    script.assert_told(Kind::unavailable);
    assert_int_equal(worker.journal.size(), 1);
    worker.link.run();
    assert_int_equal(worker.journal.size(), 0);
}

void a_key_that_cannot_be_told_does_not_keep_others_waiting(void **)
{
    RedisServer server;
    Worker worker(server, 256);
    std::vector<JournalRef> claims(100);
    JournalRef good = worker.reserve();

    for (JournalRef &claim : claims) {
        Told told;

        assert_true(worker.client.reserve(hash_of(2), Allowance(), {1, 1},
            next_id(), now, told, claim) == Start::asked);
        worker.link.run();
        told.assert_told(Kind::held);
    }
    (void) server.text({"SET", key_of(2), "x"});
    for (JournalRef &claim : claims) {
        worker.client.give_back(claim);
    }
    worker.client.give_back(good);
    worker.link.run();
    assert_counted(server, "0", "0");
    assert_int_equal(worker.client.owed(), 100);
    (void) server.text({"DEL", key_of(2)});
    worker.keep_house();
    assert_int_equal(worker.journal.size(), 0);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_reservation_takes_one_round_trip),
        cmocka_unit_test(what_is_left_is_told),
        cmocka_unit_test(what_is_not_counted_has_no_limit),
        cmocka_unit_test(several_are_under_way_at_a_time),
        cmocka_unit_test(what_is_given_back_may_be_had_again),
        cmocka_unit_test(a_cost_that_is_another_is_told),
        cmocka_unit_test(
            the_count_lives_as_long_as_the_token_by_anybodys_clock),
        cmocka_unit_test(what_is_settled_is_forgotten_later),
        cmocka_unit_test(many_are_forgotten_before_the_second_is_over),
        cmocka_unit_test(a_full_redis_burns_nothing),
        cmocka_unit_test(a_replica_and_a_redis_that_loads_refuse),
        cmocka_unit_test(a_script_that_is_flushed_is_sent_again),
        cmocka_unit_test(a_key_of_another_kind_is_unavailable),
        cmocka_unit_test(
            a_key_that_cannot_be_told_does_not_keep_others_waiting),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
