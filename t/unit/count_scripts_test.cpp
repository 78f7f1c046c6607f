// The scripts that count in Redis, in a real one.

#include "unit.h"

#include "naive_counts.h"
#include "redis_server.h"

#include "redis/count_scripts.h"

#include <chrono>
#include <set>

using namespace l402;
using unit::NaiveAnswer;
using unit::NaivePayment;
using unit::RedisServer;
using unit::Reply;

namespace {

constexpr uint64_t most = max_amount_msat;
const std::string key = "l402:payment:00";

std::string limit_text(uint64_t limit)
{
    return limit == no_limit ? "" : std::to_string(limit);
}

Reply call(RedisServer &server, const CountScript &script,
    const std::string &of, const std::vector<std::string> &arguments)
{
    std::vector<std::string> words = {"EVALSHA", script.sha1, "1", of};

    words.insert(words.end(), arguments.begin(), arguments.end());

    Reply reply = server.call(words);

    if (reply && reply->type == REDIS_REPLY_ERROR
        && std::string(reply->str).substr(0, 8) == "NOSCRIPT")
    {
        words[0] = "EVAL";
        words[1] = script.text;
        reply = server.call(words);
    }
    assert_non_null(reply.get());
    return reply;
}

uint64_t amount_of(const redisReply *reply)
{
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    return reply->len == 0 ? no_limit : std::stoull(reply->str);
}

NaiveAnswer answer_of(const Reply &reply)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        fail_msg("%s", reply->str);
    }
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    assert_int_equal(reply->elements, 3);
    return {int(reply->element[0]->integer), {amount_of(reply->element[1]),
        amount_of(reply->element[2])}};
}

struct Asked {
    std::string id;
    Amount      amount{};
    Amount      limit{no_limit, no_limit};
    Amount      minted{};
    int64_t     expires = 0;
    int64_t     ttl = 0;
    std::string of = key;
};

std::vector<std::string> words_of(const Asked &asked)
{
    return {asked.id, std::to_string(asked.amount.uses),
        std::to_string(asked.amount.msat), limit_text(asked.limit.uses),
        limit_text(asked.limit.msat), std::to_string(asked.minted.uses),
        std::to_string(asked.minted.msat), std::to_string(asked.expires),
        std::to_string(asked.ttl)};
}

NaiveAnswer reserve(RedisServer &server, const Asked &asked)
{
    return answer_of(call(server, reserve_script(), asked.of,
        words_of(asked)));
}

int give_back(RedisServer &server, const std::string &id,
    const std::string &of = key)
{
    Reply reply = call(server, give_back_script(), of, {id});

    if (reply->type != REDIS_REPLY_INTEGER) {
        fail_msg("%s", reply->str);
    }
    return int(reply->integer);
}

NaiveAnswer settle(RedisServer &server, const std::string &id, Amount cost,
    Amount limit, const std::string &of = key)
{
    return answer_of(call(server, settle_script(), of,
        {id, std::to_string(cost.uses), std::to_string(cost.msat),
            limit_text(limit.uses), limit_text(limit.msat)}));
}

void assert_answer(const NaiveAnswer &got, const NaiveAnswer &wanted)
{
    if (got.code != wanted.code || got.left.uses != wanted.left.uses
        || got.left.msat != wanted.left.msat)
    {
        fail_msg("%d %llu %llu instead of %d %llu %llu", got.code,
            (unsigned long long) got.left.uses,
            (unsigned long long) got.left.msat, wanted.code,
            (unsigned long long) wanted.left.uses,
            (unsigned long long) wanted.left.msat);
    }
}

void no_more_than_was_bought(void **)
{
    RedisServer server;
    Asked asked;

    asked.limit.uses = 3;
    asked.amount.uses = 1;

    for (int i = 0; i < 5; i++) {
        asked.id = std::to_string(i);
        assert_answer(reserve(server, asked), i < 3
            ? NaiveAnswer{1, {2 - uint64_t(i), no_limit}}
            : NaiveAnswer{0, {0, no_limit}});
    }
    unit::assert_text(server.field(key, "uses"), "3");
}

void a_call_that_comes_again_charges_nothing_more(void **)
{
    RedisServer server;
    Asked asked;

    asked.id = "a";
    asked.limit = {5, 1000};
    asked.amount = {1, 300};

    for (int i = 0; i < 3; i++) {
        assert_answer(reserve(server, asked), {1, {4, 700}});
    }
    assert_int_equal(give_back(server, "a"), 1);
    assert_int_equal(give_back(server, "a"), 0);
    unit::assert_text(server.field(key, "uses"), "0");
    unit::assert_text(server.field(key, "msat"), "0");

    asked.id = "b";
    (void) reserve(server, asked);
    for (int i = 0; i < 3; i++) {
        assert_answer(settle(server, "b", {1, 500}, asked.limit),
            {1, {4, 500}});
    }
    assert_int_equal(give_back(server, "b"), 0);
    unit::assert_text(server.field(key, "msat"), "500");
}

// Its reservation was on a connection that nobody reads any more.
void what_comes_after_its_giving_back_is_refused(void **)
{
    RedisServer server;
    Asked asked;

    asked.id = "a";
    asked.limit.uses = 1;
    asked.amount.uses = 1;
    assert_int_equal(give_back(server, "a"), 0);
    // Somebody gives back what nobody ever reserves: that goes by itself.
    assert_true(server.number({"TTL", key}) > 0);
    assert_answer(reserve(server, asked), {-1, {1, no_limit}});

    asked.id = "b";
    assert_answer(reserve(server, asked), {1, {0, no_limit}});
    assert_int_equal(server.number({"TTL", key}), -1);
    assert_int_equal(give_back(server, "a"), 0);
    assert_int_equal(server.number({"TTL", key}), -1);
}

void a_cost_above_the_hold_takes_what_is_left(void **)
{
    RedisServer server;
    Asked asked;

    asked.limit.msat = 1000;
    asked.amount.msat = 300;
    asked.id = "a";
    (void) reserve(server, asked);
    asked.id = "b";
    (void) reserve(server, asked);
    assert_answer(settle(server, "a", {0, 5000}, asked.limit),
        {1, {no_limit, 0}});
    assert_answer(settle(server, "b", {0, 100}, asked.limit),
        {1, {no_limit, 200}});
    assert_answer(settle(server, "c", {0, 100}, asked.limit),
        {0, {no_limit, 200}});
    unit::assert_text(server.field(key, "msat"), "800");
}

void amounts_are_exact_to_the_msat(void **)
{
    RedisServer server;
    Asked asked;

    asked.limit.msat = most;
    asked.id = "a";
    asked.amount.msat = most - 1;
    assert_answer(reserve(server, asked), {1, {no_limit, 1}});
    asked.id = "b";
    asked.amount.msat = 2;
    assert_answer(reserve(server, asked), {0, {no_limit, 1}});
    asked.amount.msat = 1;
    assert_answer(reserve(server, asked), {1, {no_limit, 0}});
    unit::assert_text(server.field(key, "msat"), std::to_string(most));
    assert_answer(settle(server, "a", {0, (1ull << 53) + 1}, asked.limit),
        {1, {no_limit, most - (1ull << 53) - 2}});
}

void the_key_lives_as_long_as_the_token(void **)
{
    RedisServer server;
    Asked asked;

    asked.id = "a";
    asked.expires = 1000;
    asked.ttl = 500;
    asked.minted = {7, 8};
    (void) reserve(server, asked);
    long ttl = server.number({"TTL", key});
    assert_true(ttl > 400 && ttl <= 500);

    // Another host's clock, or a copy of the token: never shorter.
    asked.id = "b";
    asked.expires = 900;
    asked.ttl = 100;
    (void) reserve(server, asked);
    assert_true(server.number({"TTL", key}) > 400);
    unit::assert_text(server.field(key, "expires"), "1000");

    asked.id = "c";
    asked.expires = 2000;
    asked.ttl = 5000;
    asked.minted = {9, 9};
    (void) reserve(server, asked);
    assert_true(server.number({"TTL", key}) > 4000);
    unit::assert_text(server.field(key, "expires"), "2000");
    unit::assert_text(server.field(key, "minted_uses"), "7");
    unit::assert_text(server.field(key, "minted_msat"), "8");

    asked.id = "d";
    asked.expires = 0;
    asked.ttl = 0;
    (void) reserve(server, asked);
    assert_int_equal(server.number({"TTL", key}), -1);
    unit::assert_text(server.field(key, "expires"), "0");

    asked.id = "e";
    asked.expires = 1000;
    asked.ttl = 500;
    (void) reserve(server, asked);
    assert_int_equal(server.number({"TTL", key}), -1);
    unit::assert_text(server.field(key, "expires"), "0");
    assert_int_equal(give_back(server, "e"), 1);
    assert_int_equal(server.number({"TTL", key}), -1);
}

// ---- records ----

void records_that_nobody_forgot_are_swept(void **)
{
    RedisServer server;
    std::string now = server.text({"EVAL", "return redis.call('TIME')[1]",
        "0"});
    std::string old = std::to_string(std::stol(now) - swept_after - 10);
    std::vector<std::string> words = {"HSET", key, "uses", "2000", "msat",
        "0"};

    for (int i = 0; i < 1000; i++) {
        words.push_back("r:old" + std::to_string(i));
        words.push_back("h " + old + " 1 0");
        words.push_back("r:new" + std::to_string(i));
        words.push_back("h " + now + " 1 0");
    }
    (void) server.text(words);

    Asked asked;

    asked.amount.uses = 1;
    for (int i = 0; i < 2000; i++) {
        asked.id = std::to_string(i);
        (void) reserve(server, asked);
    }
    for (int i = 0; i < 1000; i++) {
        std::string at = std::to_string(i);

        assert_int_equal(server.number({"HEXISTS", key, "r:old" + at}), 0);
        assert_int_equal(server.number({"HEXISTS", key, "r:new" + at}), 1);
    }
    unit::assert_text(server.field(key, "uses"), "4000");
    // What that loses: it stays charged.
    assert_int_equal(give_back(server, "old1"), 0);
    assert_int_equal(give_back(server, "new1"), 1);
    unit::assert_text(server.field(key, "uses"), "3999");
}

void few_records_are_left_alone(void **)
{
    RedisServer server;
    Asked asked;

    asked.amount.uses = 1;
    asked.id = "a";
    (void) server.text({"HSET", key, "uses", "1", "msat", "0", "r:old",
        "h 1000 1 0"});
    (void) reserve(server, asked);
    assert_int_equal(server.number({"HEXISTS", key, "r:old"}), 1);
    assert_int_equal(give_back(server, "old"), 1);
}

// ---- a Redis that refuses ----

void a_full_redis_changes_nothing_and_takes_back(void **)
{
    RedisServer server({"--maxmemory-policy", "noeviction"});
    Asked asked;

    asked.limit.uses = 10;
    asked.amount.uses = 1;
    asked.id = "a";
    (void) reserve(server, asked);
    asked.id = "m";
    (void) reserve(server, asked);
    (void) settle(server, "none", {1, 0}, asked.limit);
    (void) give_back(server, "none", key + "1");
    (void) server.text({"CONFIG", "SET", "maxmemory", "1"});

    asked.id = "b";
    for (const std::string &of : {key, key + "2"}) {
        asked.of = of;

        Reply reply = call(server, reserve_script(), of, words_of(asked));

        assert_int_equal(reply->type, REDIS_REPLY_ERROR);
        assert_true(std::string(reply->str).substr(0, 4) == "OOM ");
    }
    Reply reply = call(server, settle_script(), key, {"m", "5", "0", "10", ""});
    assert_int_equal(reply->type, REDIS_REPLY_ERROR);

    unit::assert_text(server.field(key, "uses"), "2");
    assert_int_equal(server.number({"EXISTS", key + "2"}), 0);
    assert_int_equal(server.number({"HEXISTS", key, "r:b"}), 0);
    assert_int_equal(give_back(server, "a"), 1);
    unit::assert_text(server.field(key, "uses"), "1");
}

void what_is_no_count_is_an_error(void **)
{
    RedisServer server;
    Asked asked;

    asked.id = "a";
    asked.amount.uses = 1;
    asked.limit.uses = 5;
    (void) server.text({"HSET", key, "uses", "many"});
    Reply reply = call(server, reserve_script(), key, words_of(asked));
    assert_int_equal(reply->type, REDIS_REPLY_ERROR);
    assert_int_equal(server.number({"HEXISTS", key, "r:a"}), 0);

    (void) server.text({"SET", key + "1", "x"});
    reply = call(server, reserve_script(), key + "1", words_of(asked));
    assert_int_equal(reply->type, REDIS_REPLY_ERROR);
}

// docs/redis-counts.md says what it needs.
void a_user_needs_few_commands(void **)
{
    RedisServer server;
    Asked asked;

    (void) server.text({"ACL", "SETUSER", "seller", "on", "nopass", "-@all",
        "~l402:payment:*", "+evalsha", "+eval", "+hmget", "+hset", "+hdel",
        "+hlen", "+hscan", "+ttl", "+expire", "+persist", "+time", "+wait"});

    std::string old = "h 1000 1 0";

    for (int i = 0; i < swept_above + 10; i++) {
        (void) server.text({"HSET", key, "r:" + std::to_string(i), old});
    }
    (void) server.text({"AUTH", "seller", "any"});
    asked.id = "a";
    asked.amount.uses = 1;
    asked.ttl = 1000;
    asked.expires = 1000;
    assert_int_equal(reserve(server, asked).code, 1);
    assert_int_equal(settle(server, "a", {0, 0}, {}).code, 1);
    asked.id = "b";
    asked.ttl = asked.expires = 0;
    assert_int_equal(reserve(server, asked).code, 1);
    assert_int_equal(give_back(server, "b"), 1);
    assert_int_equal(give_back(server, "c", key + "1"), 0);
    (void) server.text({"HDEL", key, "r:a"});
    (void) server.text({"WAIT", "0", "1"});
    assert_int_equal(server.call({"GET", key})->type, REDIS_REPLY_ERROR);
}

// ---- as the plainest words have it ----

uint64_t some_amount(unit::Random &random)
{
    static const uint64_t edges[] = {0, 1, 2, 3, 999999999, 1000000000,
        1000000001, 1999999999, (1ull << 53) - 1, 1ull << 53, (1ull << 53) + 1,
        (1ull << 53) + 3, 1000000000000000000, most - 1, most};

    switch (random.below(4)) {
    case 0:
        return edges[random.below(std::size(edges))];
    case 1:
        return random.next() % most;
    default:
        return random.next() % 20;
    }
}

uint64_t some_limit(unit::Random &random)
{
    return random.below(4) == 0 ? no_limit : some_amount(random);
}

void assert_same(RedisServer &server, const std::string &of,
    const NaivePayment &payment)
{
    Reply reply = server.call({"HGETALL", of});
    std::map<std::string, std::string> got;

    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        got[reply->element[i]->str] = reply->element[i + 1]->str;
    }

    size_t records = 0;

    for (const auto &[name, value] : got) {
        if (name.substr(0, 2) != "r:") {
            continue;
        }
        auto record = payment.records.find(name.substr(2));

        assert_true(record != payment.records.end());
        records++;

        std::string wanted = std::to_string(record->second.amount.uses) + " "
            + std::to_string(record->second.amount.msat);

        assert_int_equal(value[0], record->second.state);
        unit::assert_text(value.substr(value.find(' ', 2) + 1), wanted);
    }
    assert_int_equal(records, payment.records.size());
    if (payment.is_known) {
        unit::assert_text(got["uses"], std::to_string(payment.spent.uses));
        unit::assert_text(got["msat"], std::to_string(payment.spent.msat));
        unit::assert_text(got["minted_msat"],
            std::to_string(payment.minted.msat));
    }
}

void any_calls_do_what_plain_words_say(void **)
{
    RedisServer server;
    unit::Random random;
    size_t codes[3] = {};

    for (int round = 0; round < 300; round++) {
        NaivePayment payment;
        std::string of = key + std::to_string(round);
        Asked asked;

        asked.of = of;

        for (int step = 0; step < 60; step++) {
            asked.id = std::string(1, char('a' + random.below(10)));
            asked.amount = {some_amount(random), some_amount(random)};
            asked.limit = {some_limit(random), some_limit(random)};
            asked.minted = {some_amount(random), some_amount(random)};

            // More than 64 bits is nobody's count.
            if (payment.spent.msat > UINT64_MAX / 4
                || payment.spent.uses > UINT64_MAX / 4)
            {
                break;
            }

            switch (random.below(3)) {
            case 0: {
                NaiveAnswer wanted = payment.reserve(asked.id, asked.amount,
                    asked.limit, asked.minted);

                codes[wanted.code + 1]++;
                assert_answer(reserve(server, asked), wanted);
                break;
            }
            case 1:
                assert_int_equal(give_back(server, asked.id, of),
                    payment.give_back(asked.id));
                break;
            default:
                assert_answer(settle(server, asked.id, asked.amount,
                    asked.limit, of), payment.settle(asked.id, asked.amount,
                    asked.limit));
                break;
            }
        }
        assert_same(server, of, payment);
    }
    for (size_t code : codes) {
        assert_true(code > 100);
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(no_more_than_was_bought),
        cmocka_unit_test(a_call_that_comes_again_charges_nothing_more),
        cmocka_unit_test(what_comes_after_its_giving_back_is_refused),
        cmocka_unit_test(a_cost_above_the_hold_takes_what_is_left),
        cmocka_unit_test(amounts_are_exact_to_the_msat),
        cmocka_unit_test(the_key_lives_as_long_as_the_token),
        cmocka_unit_test(records_that_nobody_forgot_are_swept),
        cmocka_unit_test(few_records_are_left_alone),
        cmocka_unit_test(a_full_redis_changes_nothing_and_takes_back),
        cmocka_unit_test(what_is_no_count_is_an_error),
        cmocka_unit_test(a_user_needs_few_commands),
        cmocka_unit_test(any_calls_do_what_plain_words_say),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
