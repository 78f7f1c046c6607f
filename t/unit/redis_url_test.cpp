#include "l402/redis_url.h"

#include "cmocka_cpp.h"

#include <cstring>
#include <string>

using namespace l402;

namespace {

// What was read, in a line.
std::string read(const char *text)
{
    RedisUrl url;
    std::string error;

    if (!parse_redis_url(text, url, error)) {
        return "error: " + error;
    }

    std::string out = url.tls ? "tls" : "plain";

    for (const RedisHost &host : url.hosts) {
        out += " " + host.name + (host.is_address ? "=" : "~")
               + std::to_string(host.port);
    }

    if (!url.unix_socket.empty()) {
        out += " socket " + url.unix_socket;
    }

    if (!url.master.empty()) {
        out += " master " + url.master;
    }

    return out + " db " + std::to_string(url.database);
}

void assert_read(const char *text, const char *wanted)
{
    assert_string_equal(read(text).c_str(), wanted);
}

void a_url_says_where_redis_is(void **)
{
    assert_read("redis://127.0.0.1:6380", "plain 127.0.0.1=6380 db 0");
    assert_read("redis://127.0.0.1", "plain 127.0.0.1=6379 db 0");
    assert_read("redis://127.0.0.1/", "plain 127.0.0.1=6379 db 0");
    assert_read("redis://redis.example/15", "plain redis.example~6379 db 15");
    assert_read("redis://[::1]:7000/3", "plain ::1=7000 db 3");
    assert_read("redis://[::1]", "plain ::1=6379 db 0");
    assert_read("rediss://redis.example:6380", "tls redis.example~6380 db 0");
    assert_read("unix:/run/redis.sock", "plain socket /run/redis.sock db 0");
    assert_read("unix:/run/r@1.sock?db=4", "plain socket /run/r@1.sock db 4");
    assert_read("sentinel://a,127.0.0.1:1,[::1]:2/my.master-1_x",
        "plain a~26379 127.0.0.1=1 ::1=2 master my.master-1_x db 0");
    assert_read("sentinels://a:5/m/9", "tls a~5 master m db 9");
}

void what_is_none_is_refused(void **)
{
    for (const char *bad : {
             "", "redis", "redis:", "redis:/a", "http://a", "REDIS", "redis://",
             "redis://:6379", "redis://a:", "redis://a:0", "redis://a:65536",
             "redis://a:x", "redis://a/x", "redis://a/-1", "redis://a/1/2",
             "redis://a/99999999", "redis://a?db=1", "redis://a b",
             "redis://[::1", "redis://a#b", "redis://a,b", "unix:", "unix:a",
             "unix:/a?", "unix:/a?db=", "unix:/a?db=x", "unix:/a?x=1",
             "sentinel://a", "sentinel://a/", "sentinel:///m",
             "sentinel://a,/m",
             "sentinel://a/m/", "sentinel://a/m/x", "sentinel://a/m m",
             "sentinel://a/m\n", "redis://a\x7f",
         })
    {
        RedisUrl url;
        std::string error;

        if (parse_redis_url(bad, url, error)) {
            print_error("\"%s\" was taken for good\n", bad);
        }
        assert_false(parse_redis_url(bad, url, error));
        assert_false(error.empty());
        assert_true(url.hosts.empty() && url.unix_socket.empty());
    }
}

void a_password_is_refused_and_not_quoted(void **)
{
    for (const char *bad : {"redis://:secret@a", "redis://me:secret@a:1/2",
                            "sentinel://secret@a/m", "secret@a"})
    {
        std::string error = read(bad);

        assert_non_null(strstr(error.c_str(), "password_file"));
        assert_null(strstr(error.c_str(), "secret"));
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_url_says_where_redis_is),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(a_password_is_refused_and_not_quoted),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
