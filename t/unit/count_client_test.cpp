// The client that counts in Redis, over a real one: what is answered, what is
// given back by itself, and what a worker that dies leaves to another.

#include "unit.h"

#include "redis_server.h"

#include "l402/count_client.h"
#include "redis/count_scripts.h"

#include <sys/mman.h>

using namespace l402;
using unit::BlockingLink;
using unit::Context;
using unit::RedisServer;
using unit::Reply;
using Kind = CountAnswer::Kind;
using Start = CountClient::Start;

namespace {

constexpr int64_t now = 1700000000;

struct Block {
    explicit Block(size_t entries)
        : bytes(Journal::bytes_for(entries)),
          memory(mmap(nullptr, bytes, PROT_READ|PROT_WRITE,
              MAP_SHARED|MAP_ANONYMOUS, -1, 0))
    {
        assert_true(memory != MAP_FAILED);
        Journal::format(memory, bytes);
    }

    ~Block() { munmap(memory, bytes); }

    size_t  bytes;
    void   *memory;
};

struct Told final : CountWaiter {
    int         count = 0;
    CountAnswer answer;
    std::string error;

    void count_told(const CountAnswer &got) noexcept override
    {
        count++;
        answer = got;
        error = got.error;
    }

    void assert_told(Kind kind) const
    {
        assert_int_equal(count, 1);
        assert_int_equal(int(answer.kind), int(kind));
    }
};

Hash hash_of(uint8_t n)
{
    Hash hash{};

    hash[0] = n;
    return hash;
}

std::string key_of(uint8_t n)
{
    return "l402:payment:" + to_hex(hash_of(n));
}

RequestId next_id()
{
    static uint64_t last = 0;
    RequestId id{};

    last++;
    memcpy(id.data(), &last, sizeof(last));
    return id;
}

// Three uses, 1000 msat.
Allowance allowance(int64_t expires = now + 3600)
{
    Allowance out;

    out.limit = {3, 1000};
    out.minted = {3, 1000};
    out.expires = expires;
    return out;
}

// `wait`: 0 where there is no replica.
CountOptions options_of(uint64_t wait)
{
    CountOptions options;

    options.replicated = wait > 0;
    options.wait = wait;
    return options;
}

constexpr uint64_t patient = 30000, impatient = 200;  // ms

// A worker.
struct Worker {
    explicit Worker(RedisServer &server, size_t entries = 64,
        uint64_t wait = 0)
        : block(entries),
          journal(block.memory, block.bytes),
          link(server),
          client(link, journal, options_of(wait))
    {
    }

    Start start(Told &told, JournalRef &claim, Amount amount = {1, 100},
        uint8_t payment = 1, int64_t expires = now + 3600)
    {
        return client.reserve(hash_of(payment), allowance(expires), amount,
            next_id(), now, told, claim);
    }

    JournalRef reserve(Kind wanted = Kind::held, Amount amount = {1, 100})
    {
        JournalRef claim;
        Told told;

        assert_true(start(told, claim, amount) == Start::asked);
        link.run();
        told.assert_told(wanted);
        return claim;
    }

    void keep_house(int64_t at = now)
    {
        client.keep_house(at);
        link.run();
    }

    Block        block;
    Journal      journal;
    BlockingLink link;
    CountClient  client;
};

void assert_counted(RedisServer &server, const char *uses, const char *msat)
{
    unit::assert_text(server.field(key_of(1), "uses"), uses);
    unit::assert_text(server.field(key_of(1), "msat"), msat);
}

size_t records(RedisServer &server, uint8_t payment = 1)
{
    Reply reply = server.call({"HKEYS", key_of(payment)});
    size_t count = 0;

    for (size_t i = 0; i < reply->elements; i++) {
        count += std::string(reply->element[i]->str).substr(0, 2) == "r:";
    }
    return count;
}

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
    Told told;

    {
        Worker worker(server);
        JournalRef claim;

        assert_true(worker.start(told, claim) == Start::asked);
    }
    assert_int_equal(told.count, 0);
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
        cmocka_unit_test(no_connection_holds_nothing),
        cmocka_unit_test(an_answer_that_is_lost_is_given_back),
        cmocka_unit_test(a_reservation_that_comes_too_late_is_refused),
        cmocka_unit_test(a_client_that_leaves_early_gets_it_back),
        cmocka_unit_test(
            what_is_given_back_while_redis_is_away_is_not_forgotten),
        cmocka_unit_test(a_full_journal_takes_no_more),
        cmocka_unit_test(what_is_owed_to_a_dead_token_is_dropped),
        cmocka_unit_test(a_full_redis_burns_nothing),
        cmocka_unit_test(a_replica_and_a_redis_that_loads_refuse),
        cmocka_unit_test(a_script_that_is_flushed_is_sent_again),
        cmocka_unit_test(a_key_of_another_kind_is_unavailable),
        cmocka_unit_test(
            a_key_that_cannot_be_told_does_not_keep_others_waiting),
        cmocka_unit_test(what_a_replica_has_counts),
        cmocka_unit_test(what_no_replica_has_is_given_back),
        cmocka_unit_test(what_is_used_up_needs_no_replica),
        cmocka_unit_test(what_a_dead_worker_had_is_given_back_by_another),
        cmocka_unit_test(whoever_goes_is_told_nothing),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
