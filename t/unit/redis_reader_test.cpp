#include "l402/redis_link.h"
#include "l402/redis_reader.h"

#include "redis_replies.h"

#include <hiredis/hiredis.h>

using namespace l402;
using namespace unit;

namespace {

void a_command_is_what_redis_reads(void **)
{
    std::string_view binary("\0\r\n", 3);

    assert_true(redis_command({"SET", "a b", binary})
                == array({bulk("SET"), bulk("a b"), bulk(binary)}));
    assert_true(redis_command({"PING", ""})
                == "*2\r\n$4\r\nPING\r\n$0\r\n\r\n");
}

void replies_are_read_byte_by_byte(void **)
{
    RedisReader reader;
    std::string bytes = "+OK\r\n" + array({bulk("a"), ":7\r\n"}) + "-ERR no\r\n"
                        + "$-1\r\n";
    std::vector<RedisReplyPtr> replies;

    for (char c : bytes) {
        reader.feed({&c, 1});

        while (RedisReplyPtr reply = reader.next()) {
            replies.push_back(std::move(reply));
        }
    }

    assert_int_equal(replies.size(), 4);
    assert_true(redis_text(*replies[0]) == "OK");
    assert_true(redis_text(*redis_element(*replies[1], 0)) == "a");
    assert_int_equal(redis_element(*replies[1], 1)->integer, 7);
    assert_null(redis_element(*replies[1], 2));
    assert_null(redis_element(*replies[0], 0));
    assert_true(is_redis_error(*replies[2]));
    assert_true(is_redis_error(*replies[2], "ERR"));
    assert_false(is_redis_error(*replies[2], "ER"));
    assert_false(is_redis_error(*replies[0], "OK"));
    assert_true(redis_text(*replies[3]).empty());
    assert_null(reader.error());
}

void what_is_no_redis_is_an_error_for_good(void **)
{
    RedisReader reader;

    reader.feed("HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_null(reader.next().get());
    assert_non_null(reader.error());
    reader.feed("+OK\r\n");
    assert_null(reader.next().get());
}

void a_reply_has_a_limit_in_bytes(void **)
{
    RedisReader reader(1000);
    std::string part(400, 'x');

    reader.feed("$2000\r\n" + part);
    assert_null(reader.next().get());
    assert_null(reader.error());
    reader.feed(part);
    assert_null(reader.next().get());
    reader.feed(part);
    assert_null(reader.next().get());
    assert_non_null(reader.error());
}

void many_small_replies_have_none(void **)
{
    RedisReader reader(1000);

    for (int i = 0; i < 1000; i++) {
        reader.feed("+0123456789\r\n+01234");
        assert_non_null(reader.next().get());
        assert_null(reader.next().get());
        reader.feed("56789\r\n");
        assert_non_null(reader.next().get());
        assert_null(reader.error());
    }
}

// Its elements need never come: the room for them would be taken at once.
void an_array_has_a_limit_in_elements(void **)
{
    RedisReader good, bad;

    good.feed("*" + std::to_string(RedisReader::max_elements) + "\r\n");
    assert_null(good.next().get());
    assert_null(good.error());
    bad.feed("*" + std::to_string(RedisReader::max_elements + 1) + "\r\n");
    assert_null(bad.next().get());
    assert_non_null(bad.error());
}

void a_log_is_shown_one_short_printable_line(void **)
{
    assert_true(shown_redis_text("a\nb\x1b[1m\xff") == "a?b?[1m?");
    assert_int_equal(shown_redis_text(std::string(1000, 'x')).size(), 103);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_what_redis_reads),
        cmocka_unit_test(replies_are_read_byte_by_byte),
        cmocka_unit_test(what_is_no_redis_is_an_error_for_good),
        cmocka_unit_test(a_reply_has_a_limit_in_bytes),
        cmocka_unit_test(many_small_replies_have_none),
        cmocka_unit_test(an_array_has_a_limit_in_elements),
        cmocka_unit_test(a_log_is_shown_one_short_printable_line),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
