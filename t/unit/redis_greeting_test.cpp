#include "l402/redis_greeting.h"

#include "redis_replies.h"

using namespace l402;
using namespace unit;

using State = RedisGreeting::State;

namespace {

RedisLogin login_of(const char *username, const char *password,
    uint64_t database)
{
    RedisLogin login;

    login.username = username;
    login.password = password;
    login.database = database;
    return login;
}

// The state after the last one, and the error.
std::string end_of(RedisGreeting &greeting,
    const std::vector<std::string> &replies)
{
    State state = State::waiting;

    for (const std::string &bytes : replies) {
        assert_true(state == State::waiting);
        state = greeting.replied(*reply_of(bytes));
    }

    switch (state) {
    case State::waiting: return "waiting";
    case State::good: return "good";
    case State::not_master: return "not master: " + greeting.error();
    default: return greeting.error();
    }
}

std::string end_of(const RedisLogin &login,
    const std::vector<std::string> &replies)
{
    RedisGreeting greeting(login);

    return end_of(greeting, replies);
}

void assert_is(const std::string &got, const char *wanted)
{
    assert_string_equal(got.c_str(), wanted);
}

const std::string ok = "+OK\r\n", pong = "+PONG\r\n";

void it_says_no_more_than_it_must(void **)
{
    std::string plain = RedisGreeting::commands(login_of("", "", 0));

    assert_true(plain.find("AUTH") == plain.npos);
    assert_true(plain.find("SELECT") == plain.npos);
    assert_true(RedisGreeting::commands(login_of("", "secret", 0)).find(
        "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n") == 0);
    assert_true(RedisGreeting::commands(login_of("me", "secret", 7)).find(
        "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$6\r\nsecret\r\n"
        "*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n") == 0);
}

void a_master_that_lets_us_in_is_good(void **)
{
    std::string memory = memory_info("0", "noeviction");

    assert_is(end_of(login_of("", "", 0), {pong, master_role, memory}),
        "good");
    assert_is(end_of(login_of("", "x", 0), {ok, pong, master_role, memory}),
        "good");
    assert_is(end_of(login_of("", "", 2), {ok, pong, master_role, memory}),
        "good");
    assert_is(end_of(login_of("a", "x", 2),
        {ok, ok, pong, master_role, memory}), "good");
    assert_is(end_of(login_of("a", "x", 2), {ok, ok, pong, master_role}),
        "waiting");
}

void who_is_not_let_in_is_told_why(void **)
{
    RedisLogin none = login_of("", "", 0), some = login_of("", "x", 0);

    assert_is(end_of(none, {"-NOAUTH Authentication required.\r\n"}),
        "wants a password, give it with \"password_file\"");
    assert_is(end_of(some, {"-WRONGPASS invalid username-password pair or user "
                            "is disabled.\r\n"}),
        "refuses the password of \"password_file\" (or the username)");
    assert_is(end_of(some, {"-ERR invalid password\r\n"}),
        "refuses the password of \"password_file\" (or the username)");
    assert_is(end_of(some, {"-ERR AUTH <password> called without any password "
                            "configured for the default user.\r\n"}),
        "has no password for this user, but \"password_file\" has one");

    // Redis quotes what it does not know.
    assert_is(end_of(some, {"-ERR unknown command `AUTH`, with args beginning "
                            "with: `x`, \r\n"}),
        "does not understand AUTH as it is sent");
    assert_is(end_of(none, {pong, "-NOPERM this user has no permissions to run "
                                  "the 'role' command\r\n"}),
        "does not let this user run ROLE");
    assert_is(end_of(login_of("", "", 99), {"-ERR DB index is out of "
                                            "range\r\n"}),
        "answers SELECT with \"ERR DB index is out of range\"");
}

void a_server_that_cannot_serve_now_is_none(void **)
{
    RedisLogin none = login_of("", "", 0);

    assert_is(end_of(none, {"-LOADING Redis is loading the dataset in "
                            "memory\r\n"}), "is loading its dataset");
    assert_is(end_of(none, {"-MASTERDOWN Link with MASTER is down\r\n"}),
        "is a replica that has lost its master");
    assert_is(end_of(none, {pong, replica_role}),
        "not master: is a replica, not the master");
    assert_is(end_of(none, {pong, array({bulk("sentinel"), "*0\r\n"})}),
        "not master: is a Sentinel: write \"sentinel://host:port/name\"");
    assert_is(end_of(none, {pong, ok}),
        "not master: does not say that it is the master");
}

void a_server_that_forgets_is_not_for_counts(void **)
{
    struct {
        std::string memory;
        bool        evicts;
        bool        all;
    } cases[] = {
        {memory_info("0", "noeviction"), false, false},
        {memory_info("0", "allkeys-lru"), false, false},
        {memory_info("1000", "noeviction"), false, false},
        {memory_info("1000", "allkeys-lru"), true, true},
        {memory_info("1000", "volatile-ttl"), true, false},
        {bulk("# Memory\r\n"), true, false},
        {"-NOPERM no\r\n", true, false},
    };

    for (const auto &one : cases) {
        RedisLogin none = login_of("", "", 0);
        RedisGreeting greeting(none);

        assert_is(end_of(greeting, {pong, master_role, one.memory}), "good");
        assert_int_equal(!greeting.evicts().empty(), one.evicts);
        assert_int_equal(greeting.evicts_all(), one.all);
    }
}

void an_answer_tells_that_the_server_is_to_be_left(void **)
{
    assert_non_null(redis_unusable(*reply_of("-READONLY You can't write\r\n")));
    assert_non_null(redis_unusable(*reply_of("-LOADING x\r\n")));
    assert_null(redis_unusable(*reply_of("-ERR READONLY\r\n")));
    assert_null(redis_unusable(*reply_of("+READONLY x\r\n")));
}

void sentinel_tells_an_address(void **)
{
    RedisLogin none = login_of("", "", 0), some = login_of("", "x", 0);
    std::string host, error;
    uint16_t port = 0;
    auto read = [&](const RedisLogin &login, size_t i,
                    const std::string &bytes) {
        return read_sentinel(login, "mymaster", i, *reply_of(bytes), host,
            port, error);
    };

    assert_int_equal(sentinel_replies(none), 1);
    assert_true(read(none, 0, array({bulk("192.0.2.1"), bulk("6380")})));
    assert_true(host == "192.0.2.1");
    assert_int_equal(port, 6380);

    assert_int_equal(sentinel_replies(some), 2);
    assert_true(read(some, 0, ok));
    assert_true(read(some, 1, array({bulk("::1"), bulk("1")})));
    assert_true(host == "::1");
    assert_false(read(some, 0, "-WRONGPASS no\r\n"));
    assert_is(error, "refuses the password of \"sentinel_password_file\" (or "
                     "the username)");

    assert_false(read(none, 0, "*-1\r\n"));
    assert_is(error, "knows no master \"mymaster\"");
    assert_false(read(none, 0, "-NOAUTH Authentication required.\r\n"));
    assert_is(error, "wants a password, give it with "
                     "\"sentinel_password_file\"");
    assert_false(read(none, 0, "-ERR unknown command\r\n"));

    for (const char *bad : {"0", "65536", "x", "", "99999999999999999999"}) {
        assert_false(read(none, 0, array({bulk("192.0.2.1"), bulk(bad)})));
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(it_says_no_more_than_it_must),
        cmocka_unit_test(a_master_that_lets_us_in_is_good),
        cmocka_unit_test(who_is_not_let_in_is_told_why),
        cmocka_unit_test(a_server_that_cannot_serve_now_is_none),
        cmocka_unit_test(a_server_that_forgets_is_not_for_counts),
        cmocka_unit_test(an_answer_tells_that_the_server_is_to_be_left),
        cmocka_unit_test(sentinel_tells_an_address),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
