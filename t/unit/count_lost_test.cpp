// The client that counts in Redis, over a real one: what is given back by
// itself where no answer comes, and what a worker that dies leaves to another.

#include "unit.h"

#include "counting.h"

using namespace l402;
using namespace unit;

namespace {

// ---- no answer ----

void no_connection_holds_nothing(void **)
{
    RedisServer server;
    Worker worker(server);
    JournalRef claim;
    Told told;

    (void) worker.link.lose();
    assert_true(worker.start(told, claim) == Start::no_connection);
    assert_false(bool(claim));
    assert_int_equal(told.count, 0);
    assert_int_equal(worker.journal.size(), 0);
    assert_true(worker.client.is_idle());
}

// Redis has charged it, and nobody was served.
void an_answer_that_is_lost_is_given_back(void **)
{
    RedisServer server;
    Worker worker(server);
    JournalRef claim;
    Told told;

    (void) worker.reserve();
    assert_true(worker.start(told, claim) == Start::asked);
    Context old = worker.link.lose();
    told.assert_told(Kind::unavailable);
    unit::assert_text(told.error, "no answer");
    assert_int_equal(worker.journal.size(), 2);

    worker.keep_house();
    assert_int_equal(worker.journal.size(), 2);
    worker.link.reconnect();
    // What was written to the old connection is carried out by now.
    worker.keep_house();
    assert_int_equal(worker.journal.size(), 1);
    assert_counted(server, "1", "100");
    assert_true(worker.client.is_idle());
}

// Redis reads the old connection after the new one: the reservation comes
// after it was given back.
void a_reservation_that_comes_too_late_is_refused(void **)
{
    RedisServer server;
    Worker worker(server);
    JournalRef claim;
    Told told;

    JournalRef first = worker.reserve();
    worker.client.give_back(first);
    worker.link.run();

    // What it said is still on its way, and arrives by another connection.
    RequestId id = next_id();

    (void) worker.link.lose();
    worker.link.reconnect();
    assert_true(worker.client.reserve(hash_of(1), allowance(), {1, 100}, id,
        now, told, claim) == Start::asked);
    worker.link.forget_commands();
    worker.keep_house();
    assert_int_equal(worker.journal.size(), 0);

    Worker late(server);
    Told again;

    assert_true(late.client.reserve(hash_of(1), allowance(), {1, 100}, id, now,
        again, claim) == Start::asked);
    late.link.run();
    again.assert_told(Kind::unavailable);
    unit::assert_text(again.error, "the request was given back");
    assert_int_equal(late.journal.size(), 0);
    assert_counted(server, "0", "0");
}

void a_client_that_leaves_early_gets_it_back(void **)
{
    RedisServer server;
    Worker worker(server);
    JournalRef claim;
    Told told;

    assert_true(worker.start(told, claim) == Start::asked);
    worker.client.give_back(claim);
    worker.link.run();
    assert_int_equal(told.count, 0);
    assert_counted(server, "0", "0");
    assert_int_equal(worker.journal.size(), 0);

    // Nothing was had, nothing is given back.
    JournalRef all = worker.reserve(Kind::held, {3, 0});
    size_t before = worker.link.batches;

    assert_true(worker.start(told, claim) == Start::asked);
    worker.client.give_back(claim);
    worker.link.run();
    assert_int_equal(worker.link.batches, before + 1);
    assert_int_equal(worker.journal.size(), 1);
    assert_counted(server, "3", "0");

    // Nor is there an answer.
    worker.client.give_back(all);
    worker.link.run();
    assert_true(worker.start(told, claim) == Start::asked);
    worker.client.give_back(claim);
    Context old = worker.link.lose();
    worker.link.reconnect();
    worker.keep_house();
    assert_int_equal(told.count, 0);
    assert_int_equal(worker.journal.size(), 0);
    assert_counted(server, "0", "0");
}

void what_is_given_back_while_redis_is_away_is_not_forgotten(void **)
{
    RedisServer server;
    Worker worker(server, 128);
    std::vector<JournalRef> claims;

    for (int i = 0; i < 100; i++) {
        Told told;
        Allowance plain;

        claims.emplace_back();
        assert_true(worker.client.reserve(hash_of(1), plain, {1, 10},
            next_id(), now, told, claims.back()) == Start::asked);
        worker.link.run();
    }
    (void) worker.link.lose();
    for (size_t i = 0; i < 100; i++) {
        if (i % 2) {
            worker.client.give_back(claims[i]);
        } else {
            worker.client.settle(claims[i], {1, 3});
        }
    }
    worker.keep_house();
    assert_int_equal(worker.journal.size(), 100);
    assert_int_equal(worker.client.owed(), 100);
    worker.link.reconnect();
    worker.keep_house();
    assert_int_equal(worker.journal.size(), 0);
    assert_counted(server, "50", "150");
}

void a_full_journal_takes_no_more(void **)
{
    RedisServer server;
    Worker worker(server, 32);
    Told told;
    JournalRef claim;

    (void) worker.reserve();
    for (int i = 0; i < 31; i++) {
        assert_true(worker.start(told, claim, {1, 1}, 2) == Start::asked);
    }
    Context old = worker.link.lose();
    worker.link.reconnect();
    assert_true(worker.start(told, claim) == Start::full);
    assert_false(bool(claim));
    worker.keep_house();
    (void) worker.reserve();
}

// The token is dead: nobody misses it.
void what_is_owed_to_a_dead_token_is_dropped(void **)
{
    RedisServer server;
    Worker worker(server);
    JournalRef claim = worker.reserve();

    (void) worker.link.lose();
    worker.client.give_back(claim);
    worker.keep_house(now + 3600 + CountClient::margin);
    assert_int_equal(worker.journal.size(), 1);
    worker.keep_house(now + 3600 + CountClient::margin + 1);
    assert_int_equal(worker.journal.size(), 0);
    assert_true(worker.client.is_idle());
}

// ---- replicas ----

struct Replicated {
    RedisServer master{{"--repl-diskless-sync", "yes",
        "--repl-diskless-sync-delay", "0"}, unit::free_port()};
    RedisServer replica{{"--replicaof", "127.0.0.1 "
        + std::to_string(master.port)}};

    Replicated()
    {
        for (int i = 0; i < 1200; i++) {
            std::string info = replica.text({"INFO", "replication"});

            if (info.find("master_link_status:up") != info.npos) {
                return;
            }
            usleep(25000);
        }
        fail_msg("no replication");
    }
};

void what_a_replica_has_counts(void **)
{
    Replicated redis;
    Worker worker(redis.master, 64, patient);
    JournalRef claim = worker.reserve();

    claim = worker.reserve(Kind::held, {1, 300});
    assert_int_equal(worker.link.batches, 3);
    worker.client.settle(claim, {1, 50});
    worker.link.run();
    assert_true(worker.client.is_idle());
    assert_counted(redis.replica, "2", "150");
}

void what_no_replica_has_is_given_back(void **)
{
    Replicated redis;
    Worker other(redis.master, 64, patient);
    Worker worker(redis.master, 64, impatient);

    (void) other.reserve();
    redis.replica.freeze();

    JournalRef claim;
    Told told;

    assert_true(worker.start(told, claim) == Start::asked);
    worker.link.run();
    told.assert_told(Kind::unavailable);
    unit::assert_text(told.error, "no replica has acknowledged it");

    // Nor is what is given back certain yet.
    assert_int_equal(worker.client.owed(), 1);
    assert_counted(redis.master, "1", "100");
    worker.keep_house();
    assert_int_equal(worker.client.owed(), 1);
    redis.replica.thaw();

    for (int i = 0; i < 100 && worker.client.owed(); i++) {
        worker.keep_house();
    }
    assert_true(worker.client.is_idle());
    assert_int_equal(worker.journal.size(), 0);
    assert_counted(redis.master, "1", "100");
    assert_counted(redis.replica, "1", "100");
}

// Whoever has nothing left need not be told by two.
void what_is_used_up_needs_no_replica(void **)
{
    Replicated redis;
    Worker other(redis.master, 64, patient);
    Worker worker(redis.master, 64, impatient);

    (void) other.reserve(Kind::held, {3, 0});
    redis.replica.freeze();
    (void) worker.reserve(Kind::used_up);
    redis.replica.thaw();
}

// ---- workers that die ----

void what_a_dead_worker_had_is_given_back_by_another(void **)
{
    RedisServer server;
    Block block(64);
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);

    if (pid == 0) {
        Journal journal(block.memory, block.bytes);
        BlockingLink link(server);
        CountClient client(link, journal, {});
        JournalRef claims[3];
        Told told;

        for (JournalRef &claim : claims) {
            (void) client.reserve(hash_of(1), allowance(), {1, 100}, next_id(),
                now, told, claim);
            link.run();
        }
        client.settle(claims[0], {1, 100});
        client.settle(claims[1], {1, 30});
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_counted(server, "3", "300");

    Journal journal(block.memory, block.bytes);
    BlockingLink link(server);
    CountClient client(link, journal, {});

    client.keep_house(now);
    link.run();
    assert_counted(server, "2", "130");
    assert_int_equal(journal.size(), 0);
}

void whoever_goes_is_told_nothing(void **)
{
    RedisServer server;
    Block block(64);
    Journal journal(block.memory, block.bytes);
    BlockingLink link(server);
    Told told;

    {
        CountClient client(link, journal, {});
        JournalRef claim;

        assert_true(client.reserve(hash_of(1), allowance(), {1, 100},
            next_id(), now, told, claim) == Start::asked);
        assert_int_equal(link.listening(), 1);
    }
    assert_int_equal(link.listening(), 0);
    link.run();
    assert_int_equal(told.count, 0);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(no_connection_holds_nothing),
        cmocka_unit_test(an_answer_that_is_lost_is_given_back),
        cmocka_unit_test(a_reservation_that_comes_too_late_is_refused),
        cmocka_unit_test(a_client_that_leaves_early_gets_it_back),
        cmocka_unit_test(
            what_is_given_back_while_redis_is_away_is_not_forgotten),
        cmocka_unit_test(a_full_journal_takes_no_more),
        cmocka_unit_test(what_is_owed_to_a_dead_token_is_dropped),
        cmocka_unit_test(what_a_replica_has_counts),
        cmocka_unit_test(what_no_replica_has_is_given_back),
        cmocka_unit_test(what_is_used_up_needs_no_replica),
        cmocka_unit_test(what_a_dead_worker_had_is_given_back_by_another),
        cmocka_unit_test(whoever_goes_is_told_nothing),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
