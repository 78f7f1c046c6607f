// l402ctl revoke, unrevoke, revocations and payment, with a Redis of their own.

#include "unit.h"

#include "command.h"

#include <algorithm>

#include <signal.h>
#include <sys/prctl.h>

using namespace unit;
using nlohmann::json;
using Words = std::vector<std::string>;

namespace {

const std::string id = "00112233445566778899aabbccddeeff"
                       "00112233445566778899aabbccddeeff";
const std::string other_id = "ff112233445566778899aabbccddeeff"
                             "00112233445566778899aabbccddeeff";

struct RedisServer {
    explicit RedisServer(const Words &more = {})
        : url("unix:" + folder.path + "/redis")
    {
        Words words{"/usr/bin/redis-server", "--port", "0", "--unixsocket",
            folder.path + "/redis", "--save", "", "--dir", folder.path,
            "--logfile", folder.path + "/log"};
        std::vector<char *> argv;

        words.insert(words.end(), more.begin(), more.end());
        for (const std::string &word : words) {
            argv.push_back(const_cast<char *>(word.c_str()));
        }
        argv.push_back(nullptr);

        pid = fork();
        assert_true(pid >= 0);

        if (pid == 0) {
            // A test that fails destroys nothing.
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            execv(argv[0], argv.data());
            _exit(127);
        }

        for (int i = 0; access((folder.path + "/redis").c_str(), F_OK); i++) {
            if (i == 3000) {
                fail_msg("redis-server has not started");
            }
            usleep(10000);
        }
    }

    ~RedisServer()
    {
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
    }

    // What redis-cli prints.
    std::string cli(const Words &words) const
    {
        Words all{"/usr/bin/redis-cli", "-s", folder.path + "/redis"};

        all.insert(all.end(), words.begin(), words.end());
        Answer answer = run(all);
        assert_exit(answer, 0);
        return answer.out;
    }

    Answer ctl(const std::string &command, const Words &words) const
    {
        Words all{command, "--redis", url};

        all.insert(all.end(), words.begin(), words.end());
        return l402ctl(all);
    }

    Folder      folder;
    std::string url;
    pid_t       pid;
};

void redis_has_what_is_revoked(void **)
{
    RedisServer redis;
    Answer      answer = redis.ctl("revoke", {"token", id});

    assert_exit(answer, 0);
    assert_text(answer.out, "token " + id + " is revoked\n");
    assert_text(redis.cli({"zscore", "l402:revoked", "token:" + id}),
        "inf\n");

    answer = redis.ctl("revoke", {"--until", "4102444800", "token", id});
    assert_exit(answer, 0);
    assert_contains(answer.out, "was revoked before");
    assert_text(redis.cli({"zscore", "l402:revoked", "token:" + id}),
        "4102444800\n");

    assert_exit(redis.ctl("revoke", {"--prefix", "x:", "payment", id}), 0);
    assert_text(redis.cli({"zscore", "x:revoked", "payment:" + id}), "inf\n");

    assert_exit(redis.ctl("unrevoke", {"token", id}), 0);
    assert_says(redis.ctl("unrevoke", {"token", id}), 1, "is not revoked");
    assert_text(redis.cli({"exists", "l402:revoked"}), "0\n");
}

void redis_tells_who_listens(void **)
{
    RedisServer redis;
    std::string out = redis.folder.path + "/heard";
    pid_t       pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);

        int fd = open(out.c_str(), O_WRONLY | O_CREAT, 0600);

        dup2(fd, 1);
        execl("/usr/bin/redis-cli", "redis-cli", "-s",
            (redis.folder.path + "/redis").c_str(), "subscribe",
            "l402:revoked", nullptr);
        _exit(127);
    }

    while (!contains(redis.cli({"pubsub", "numsub", "l402:revoked"}), "1")) {
        usleep(10000);
    }
    assert_exit(redis.ctl("revoke", {"--until", "4102444800", "token", id}),
        0);
    assert_exit(redis.ctl("unrevoke", {"token", id}), 0);

    std::string heard;
    for (int i = 0; !contains(heard, "del token") && i < 1000; i++) {
        usleep(10000);
        heard = read_file(out);
    }
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    assert_contains(heard, "add token:" + id + " 4102444800\n");
    assert_contains(heard, "del token:" + id + "\n");
}

void redis_lists_page_by_page(void **)
{
    RedisServer redis;
    std::string script = redis.folder.write("fill",
        "for i = 1, 5000 do redis.call('zadd', 'l402:revoked', i % 2 == 0 and"
        " '+inf' or 4102444800 + i, string.format('token:%064x', i)) end");

    redis.cli({"--eval", script});
    redis.cli({"zadd", "l402:revoked", "1700000000", "token:" + id});
    redis.cli({"zadd", "l402:revoked", "+inf", "payment:" + other_id});
    redis.cli({"zadd", "l402:revoked", "+inf", "not one of ours"});

    Answer answer = redis.ctl("revocations", {});

    assert_exit(answer, 0);
    assert_int_equal(std::count(answer.out.begin(), answer.out.end(), '\n'),
        5001);
    assert_contains(answer.out, "payment " + other_id + "  for good\n");
    assert_contains(answer.out, std::string("token ") + std::string(63, '0')
        + "1  until 2100-01-01 00:00:01 UTC\n");
    // It is past.
    assert_false(contains(answer.out, id));

    answer = redis.ctl("revocations", {"--json", "--prefix", "none:"});
    assert_exit(answer, 0);
    assert_text(answer.out, "");
}

void redis_has_what_is_counted(void **)
{
    RedisServer redis;

    assert_says(redis.ctl("payment", {id}), 1, "nothing was counted");
    redis.cli({"hset", "l402:payment:" + id, "uses", "4", "msat", "25000",
        "minted_uses", "10", "minted_msat", "50000", "expires", "1700000000",
        "r:1", "h 1699999999 1 5000", "r:2", "s 1699999999 1 7", "swept",
        "0"});

    Answer answer = redis.ctl("payment", {id});
    assert_exit(answer, 0);
    assert_text(answer.out,
        "uses          3 of 10, 1 held\n"
        "spent         20000 msat of 50000, 5000 held\n"
        "balance       25000 msat\n"
        "expires       2023-11-14 22:13:20 UTC\n");

    assert_exit(redis.ctl("revoke", {"payment", id}), 0);
    json out = json::parse(redis.ctl("payment", {"--json", id}).out);
    assert_true(out["revoked"] == true);
    assert_true(out["uses_left"] == 6);

    // Only that it was given back is known.
    redis.cli({"hset", "l402:payment:" + other_id, "r:1", "b 1 0 0"});
    assert_says(redis.ctl("payment", {other_id}), 1, "nothing was counted");

    redis.cli({"hset", "l402:payment:" + id, "uses", "many"});
    assert_says(redis.ctl("payment", {id}), 2, "nothing about a payment");
}

void redis_may_want_a_password(void **)
{
    RedisServer redis({"--requirepass", "secret"});
    std::string good = redis.folder.write("good", "secret\n");
    std::string bad = redis.folder.write("bad", "secrets\n");
    std::string open = redis.folder.write("open", "secret\n", 0644);

    assert_exit(redis.ctl("revocations", {"--password-file", good}), 0);
    assert_exit(redis.ctl("revocations", {"--password-file", good,
                    "--username", "default"}), 0);
    assert_says(redis.ctl("revocations", {"--password-file", open}), 2,
        "chmod 600");
    for (const Answer &answer : {redis.ctl("revocations", {}),
             redis.ctl("revocations", {"--password-file", bad}),
             redis.ctl("revocations", {"--password-file", good, "--username",
                 "me"})}) {
        assert_says(answer, 2, "redis");
        assert_false(contains(answer.err, "secrets"));
    }
}

void redis_that_is_no_master_is_refused(void **)
{
    RedisServer redis({"--replicaof", "127.0.0.1", "1"});

    assert_exit(redis.ctl("revoke", {"token", id}), 2);
}

void redis_of_another_kind_is_refused(void **)
{
    for (const char *url : {"rediss://127.0.0.1:6379",
             "sentinels://127.0.0.1/x"}) {
        assert_says(l402ctl({"revocations", "--redis", url}), 2,
            "use --admin");
    }
    for (const char *url : {"", "x", "http://127.0.0.1",
             "redis://me:secret@127.0.0.1"}) {
        Answer answer = l402ctl({"revocations", "--redis", url});

        assert_says(answer, 2, "--redis");
        assert_false(contains(answer.err, "secret"));
    }
    assert_says(l402ctl({"revocations", "--redis", "redis://127.0.0.1:1"}), 2,
        "redis: ");
    assert_says(l402ctl({"revocations", "--redis", "sentinel://127.0.0.1:1/x"}),
        2, "sentinel: ");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(redis_has_what_is_revoked),
        cmocka_unit_test(redis_tells_who_listens),
        cmocka_unit_test(redis_lists_page_by_page),
        cmocka_unit_test(redis_has_what_is_counted),
        cmocka_unit_test(redis_may_want_a_password),
        cmocka_unit_test(redis_that_is_no_master_is_refused),
        cmocka_unit_test(redis_of_another_kind_is_refused),
    };

    return cmocka_run_group_tests_name("l402ctl_redis", tests, nullptr,
        nullptr);
}
