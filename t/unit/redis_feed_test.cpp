#include "l402/redis_feed.h"
#include "l402/redis_link.h"

#include "redis_replies.h"
#include "unit.h"

#include <deque>
#include <map>
#include <set>

using namespace l402;
using namespace unit;

namespace {

Revocation revocation(uint64_t number, int64_t until = 0)
{
    Revocation out;

    out.subject = number % 2 ? Subject::token : Subject::payment;
    out.id.fill(static_cast<uint8_t>(number >> 8));
    out.id[0] = static_cast<uint8_t>(number);
    out.until = until;
    return out;
}

std::string member(uint64_t number)
{
    return revocation_member(revocation(number));
}

// A ledger in small.
struct Sink final : RevocationSink {
    bool revoke(const Revocation &one, uint32_t generation) override
    {
        std::string name = revocation_member(one);

        if (entries.count(name) == 0 && entries.size() == room) {
            return false;
        }

        entries[name] = {one.until, generation ? generation : last};
        return true;
    }

    void unrevoke(const Revocation &one) override
    {
        entries.erase(revocation_member(one));
    }

    uint32_t begin_list() override { return ++last; }

    void end_list(uint32_t generation, int64_t now) override
    {
        lists++;
        known_at = now;

        for (auto i = entries.begin(); i != entries.end();) {
            i = i->second.generation < generation ? entries.erase(i)
                                                  : std::next(i);
        }
    }

    void set_list_known_at(int64_t now) override { known_at = now; }

    void say(Level, const std::string &text) override { said.push_back(text); }

    bool has(uint64_t number) const { return entries.count(member(number)); }

    struct Entry {
        int64_t  until;
        uint32_t generation;
    };

    std::map<std::string, Entry> entries;
    size_t                       room = SIZE_MAX;
    uint32_t                     last = 0;
    int                          lists = 0;
    int64_t                      known_at = 0;
    std::vector<std::string>     said;
};

constexpr int64_t unix_now = 1700000000;

// A server with one sorted set, and what is on its way on two connections.
struct Server {
    std::map<std::string, std::string> set;
    size_t                  page = 3;
    std::deque<std::string> to_subscriber;
    std::deque<std::string> to_commands;
    std::vector<std::string> asked;

    static std::vector<std::string> words(const redisReply &command)
    {
        std::vector<std::string> out;

        for (size_t i = 0; redis_element(command, i); i++) {
            out.emplace_back(redis_text(*redis_element(command, i)));
        }

        return out;
    }

    void subscriber_sent(const std::string &bytes)
    {
        RedisReader reader;

        reader.feed(bytes);

        while (RedisReplyPtr command = reader.next()) {
            std::vector<std::string> w = words(*command);

            asked.push_back(w[0]);
            to_subscriber.push_back(w[0] == "PING"
                ? array({bulk("pong"), bulk(w[1])})
                : array({bulk("subscribe"), bulk(w[1]), ":1\r\n"}));
        }
    }

    void commands_sent(const std::string &bytes)
    {
        RedisReader reader;

        reader.feed(bytes);

        while (RedisReplyPtr command = reader.next()) {
            std::vector<std::string> w = words(*command);

            asked.push_back(w[0]);
            to_commands.push_back(w[0] == "ZSCAN" ? scan(w[2]) : ":0\r\n");
        }
    }

    // As ZSCAN: in an order that changes do not disturb.
    std::string scan(const std::string &cursor)
    {
        auto at = cursor == "0" ? set.begin() : set.upper_bound(cursor);
        std::vector<std::string> list;
        std::string next = "0";

        for (size_t i = 0; i < page && at != set.end(); i++, ++at) {
            list.push_back(bulk(at->first));
            list.push_back(bulk(at->second));
            next = at->first;
        }

        return array({bulk(at == set.end() ? "0" : next), array(list)});
    }

    void publish(const std::string &text)
    {
        to_subscriber.push_back(array({bulk("message"), bulk("l402:revoked"),
            bulk(text)}));
    }

    void add(uint64_t number, const std::string &score = "inf")
    {
        set[member(number)] = score;
        publish("add " + member(number) + " " + score);
    }

    void remove(uint64_t number)
    {
        set.erase(member(number));
        publish("del " + member(number));
    }
};

struct World {
    Sink           sink;
    Server         server;
    RevocationFeed feed{"l402:", 60000, sink};
    uint64_t       ms = 1;
    bool           good = true;

    RevocationFeed::Time now() const
    {
        return {ms, unix_now + static_cast<int64_t>(ms / 1000)};
    }

    void send()
    {
        server.subscriber_sent(feed.take_subscriber_output());
        server.commands_sent(feed.take_commands_output());
    }

    void start()
    {
        feed.start(now());
        send();
    }

    bool deliver_message()
    {
        if (server.to_subscriber.empty()) {
            return false;
        }

        std::string bytes = server.to_subscriber.front();

        server.to_subscriber.pop_front();
        good = feed.subscriber_replied(*reply_of(bytes), now()) && good;
        send();
        return true;
    }

    bool deliver_answer()
    {
        if (server.to_commands.empty()) {
            return false;
        }

        std::string bytes = server.to_commands.front();

        server.to_commands.pop_front();
        good = feed.commands_replied(*reply_of(bytes), now()) && good;
        send();
        return true;
    }

    // Until nothing is on its way.
    void settle()
    {
        while (deliver_message() || deliver_answer()) { }
    }

    void tick(uint64_t later)
    {
        ms += later;
        feed.tick(now());
        send();
        settle();
    }
};

void a_member_has_a_kind_and_64_digits(void **)
{
    Revocation out;
    std::string digits(64, 'a');

    assert_true(parse_revocation_member("token:" + digits, out));
    assert_true(out.subject == Subject::token);
    assert_true(parse_revocation_member("payment:" + std::string(64, 'F'),
        out));
    assert_true(out.subject == Subject::payment);
    assert_int_equal(out.id[31], 0xff);
    assert_true(revocation_member(out) == "payment:" + std::string(64, 'f'));

    const std::string none[] = {
        digits, "token:" + digits + "a", "token:" + digits.substr(2), "token:",
        "", "Token:" + digits, "token: " + digits.substr(1), "user:" + digits,
        "token:" + digits.substr(1) + "g",
    };

    for (const std::string &bad : none) {
        assert_false(parse_revocation_member(bad, out));
    }
}

void a_score_is_the_second_until_which_it_is_kept(void **)
{
    struct {
        const char *text;
        int64_t     until;  // -1: refused
    } cases[] = {
        {"1700000000", 1700000000}, {"1700000000.1", 1700000001},
        {"1.7e9", 1700000000}, {"inf", 0}, {"+inf", 0}, {"1e300", 0},
        {"0", 1}, {"-1", 1}, {"-inf", 1}, {"", -1}, {"nan", -1}, {"x", -1},
        {" 1", -1}, {"1 ", -1}, {"0x10", -1}, {"1,5", -1}, {"--1", -1},
    };

    for (const auto &one : cases) {
        int64_t until = -1;

        if (parse_revocation_score(one.text, until) != (one.until != -1)
            || until != one.until)
        {
            fail_msg("\"%s\" is %lld", one.text,
                static_cast<long long>(until));
        }
    }
}

void a_change_is_one_transaction(void **)
{
    std::string text = member(1);

    assert_true(revoke_commands("p:", revocation(1)) == array({bulk("MULTI")})
        + array({bulk("ZADD"), bulk("p:revoked"), bulk("+inf"), bulk(text)})
        + array({bulk("PUBLISH"), bulk("p:revoked"),
                 bulk("add " + text + " +inf")})
        + array({bulk("EXEC")}));
    assert_true(unrevoke_commands("p:", revocation(1, 7))
        == array({bulk("MULTI")})
        + array({bulk("ZREM"), bulk("p:revoked"), bulk(text)})
        + array({bulk("PUBLISH"), bulk("p:revoked"), bulk("del " + text)})
        + array({bulk("EXEC")}));
}

void a_change_is_made_or_not(void **)
{
    std::string error;
    auto result = [&](const std::vector<const char *> &texts) {
        std::vector<RedisReplyPtr> replies;
        std::vector<const redisReply *> list;

        for (const char *text : texts) {
            replies.push_back(reply_of(text));
            list.push_back(replies.back().get());
        }

        return read_redis_change(list.empty() ? nullptr : list.data(),
            list.size(), error);
    };
    const char *ok = "+OK\r\n", *queued = "+QUEUED\r\n";

    assert_true(result({}) == RedisChange::no_answer);
    assert_true(result({ok, queued, queued, "*2\r\n:1\r\n:3\r\n"})
                == RedisChange::made);
    assert_true(result({ok, queued, queued, "*2\r\n:0\r\n:0\r\n"})
                == RedisChange::stood);
    assert_true(result({ok, queued, queued,
        "*2\r\n-WRONGTYPE no\r\n:0\r\n"}) == RedisChange::refused);
    assert_true(result({ok, "-NOPERM no\r\n", queued,
        "-EXECABORT x\r\n"}) == RedisChange::refused);
    assert_true(error == "redis refuses: NOPERM no");
    assert_true(result({ok, queued, queued, "*-1\r\n"})
                == RedisChange::refused);

    const char *done = "*2\r\n:1\r\n:3\r\n";

    assert_true(result({ok, queued, queued, done, ":1\r\n"})
                == RedisChange::made);
    assert_true(result({ok, queued, queued, done, ":0\r\n"})
                == RedisChange::no_answer);
    assert_true(result({ok, queued, queued, done, "-NOPERM no\r\n"})
                == RedisChange::no_answer);
    assert_true(wait_for_replica(0)
                == array({bulk("WAIT"), bulk("1"), bulk("1")}));
}

void the_list_is_loaded_once_it_is_subscribed(void **)
{
    World world;

    for (uint64_t i = 0; i < 10; i++) {
        world.server.set[member(i)] = "inf";
    }

    world.start();
    assert_true(world.server.asked == std::vector<std::string>{"SUBSCRIBE"});
    assert_int_equal(world.sink.known_at, 0);
    world.settle();
    assert_int_equal(world.sink.entries.size(), 10);
    assert_int_equal(world.sink.known_at, unix_now);
    assert_true(world.feed.is_whole());
    assert_true(world.good);
    assert_true(world.sink.said.back()
                == "the list of revocations is there: 10 entries");
    assert_int_equal(world.feed.waiting_since(), 0);
}

void what_is_told_is_done_at_once(void **)
{
    World world;

    world.start();
    world.settle();
    world.server.add(1, "1800000000");
    world.settle();
    assert_int_equal(world.sink.entries[member(1)].until, 1800000000);
    world.server.remove(1);
    world.settle();
    assert_false(world.sink.has(1));
}

// The page was read by the server before the change, and comes after it.
void what_is_told_wins_over_a_page(void **)
{
    World world;

    world.server.set[member(1)] = "inf";
    world.server.set[member(2)] = "1800000000";
    world.start();
    assert_true(world.deliver_message());   // subscribed
    assert_true(world.deliver_answer());    // trimmed: the page is on its way
    world.server.remove(1);
    world.server.add(2, "inf");
    world.server.add(3);
    assert_true(world.deliver_message());
    assert_true(world.deliver_message());
    assert_true(world.deliver_message());
    world.settle();
    assert_false(world.sink.has(1));
    assert_int_equal(world.sink.entries[member(2)].until, 0);
    assert_true(world.sink.has(3));
}

void what_is_told_late_is_not_dropped_by_the_list(void **)
{
    World world;

    world.start();
    assert_true(world.deliver_message());
    assert_true(world.deliver_answer());

    // The one page has been read, and what is added now is told, but slowly;
    // whoever revoked it has put it in at once.
    world.server.add(1);
    assert_true(world.sink.revoke(revocation(1), world.sink.last - 1));
    assert_true(world.deliver_answer());
    assert_int_equal(world.sink.lists, 0);
    assert_true(world.sink.has(1));
    world.settle();
    assert_int_equal(world.sink.lists, 1);
    assert_true(world.sink.has(1));
}

void what_was_changed_without_a_word_is_found_by_the_next_list(void **)
{
    World world;

    world.server.set[member(1)] = "inf";
    world.start();
    world.settle();
    world.server.set.clear();
    world.server.set[member(2)] = "inf";
    world.tick(59000);
    assert_true(world.sink.has(1));
    world.tick(2000);
    assert_false(world.sink.has(1));
    assert_true(world.sink.has(2));
    assert_int_equal(world.sink.lists, 2);
}

void the_list_is_known_for_as_long_as_the_server_answers(void **)
{
    World world;

    world.start();
    world.settle();
    world.tick(1000);
    assert_int_equal(world.sink.known_at, unix_now + 1);

    // It was known when it was asked, not when the answer came.
    world.ms += 1000;
    world.feed.tick(world.now());
    world.send();
    world.ms += 30000;
    assert_int_equal(world.feed.waiting_since(), 2001);
    world.feed.tick(world.now());
    world.send();
    assert_int_equal(world.sink.known_at, unix_now + 1);
    assert_int_equal(world.feed.waiting_since(), 2001);
    world.settle();
    assert_int_equal(world.sink.known_at, unix_now + 2);
}

void what_is_no_revocation_is_skipped_with_one_line(void **)
{
    World world;

    for (const char *bad : {"nonsense", "token:12", "\n\x01", "x", "y"}) {
        world.server.set[bad] = "inf";
    }

    world.server.set[member(1)] = "inf";
    world.start();
    world.settle();
    assert_int_equal(world.sink.entries.size(), 1);
    assert_int_equal(world.sink.said.size(), 2);
    assert_true(world.sink.said[0] == "5 entries of redis are no revocations, "
        "and skipped; the first: the list has \"??\"");
    world.tick(61000);
    assert_int_equal(world.sink.said.size(), 2);

    for (const char *bad : {"add", "", "del ", "add x 1", "hello world"}) {
        world.server.publish(bad);
    }

    world.server.publish("add " + member(2));
    world.server.publish("add " + member(2) + " x");
    world.server.publish("del " + member(1) + " 1");
    world.server.publish("sub " + member(1));
    world.settle();
    assert_true(world.good);
    assert_true(world.sink.has(1));
    assert_false(world.sink.has(2));
    assert_int_equal(world.sink.said.size(), 3);
}

void what_is_past_is_neither_loaded_nor_kept(void **)
{
    World world;

    world.server.set[member(1)] = std::to_string(unix_now
        - RevocationFeed::margin - 1);
    world.server.set[member(2)] = std::to_string(unix_now - 1);
    world.start();
    world.settle();
    assert_false(world.sink.has(1));
    assert_true(world.sink.has(2));
    assert_true(world.server.asked[1] == "ZREMRANGEBYSCORE");
}

// A list of which a part is missing is none, and drops nothing.
void a_list_that_does_not_fit_is_not_known(void **)
{
    World world;

    world.sink.revoke(revocation(100), 0);
    world.sink.room = 3;

    for (uint64_t i = 0; i < 10; i++) {
        world.server.set[member(i)] = "inf";
    }

    world.start();
    world.settle();
    assert_false(world.feed.is_whole());
    assert_int_equal(world.sink.lists, 0);
    assert_int_equal(world.sink.known_at, 0);
    assert_true(world.sink.has(100));
    assert_int_equal(world.sink.said.size(), 1);

    world.sink.room = 100;
    world.tick(61000);
    assert_true(world.feed.is_whole());
    assert_false(world.sink.has(100));

    // Nor is one that does not fit any more.
    world.sink.room = 10;
    world.server.add(200);
    world.settle();
    assert_false(world.feed.is_whole());
    world.tick(1000);
    int64_t known_at = world.sink.known_at;
    world.tick(1000);
    assert_int_equal(world.sink.known_at, known_at);
}

void a_connection_that_is_lost_in_the_middle_drops_nothing(void **)
{
    World world;

    for (uint64_t i = 0; i < 10; i++) {
        world.server.set[member(i)] = "inf";
    }

    world.start();
    world.settle();
    world.tick(1000);
    world.ms += 61000;
    world.feed.tick(world.now());
    world.send();
    world.deliver_message();
    world.deliver_answer();
    world.deliver_answer();
    assert_true(world.feed.is_whole());
    int64_t known_at = world.sink.known_at;

    world.server.to_subscriber.clear();
    world.server.to_commands.clear();
    world.server.set.erase(member(1));
    world.ms += 5000;
    world.start();
    assert_false(world.feed.is_whole());
    assert_int_equal(world.sink.entries.size(), 10);
    assert_int_equal(world.sink.known_at, known_at);
    world.settle();
    assert_int_equal(world.sink.entries.size(), 9);
    assert_true(world.feed.is_whole());
}

void a_server_that_refuses_is_left(void **)
{
    struct {
        const char *reply;
        bool        to_subscriber;
        int         after;  // answers to commands
    } cases[] = {
        {"-NOPERM no\r\n", true, 0}, {"-ERR no\r\n", true, 0},
        {"+OK\r\n", true, 0}, {"*1\r\n$4\r\npong\r\n", true, 0},
        {"-WRONGTYPE no\r\n", false, 0}, {"-READONLY no\r\n", false, 0},
        {"-NOPERM no\r\n", false, 1}, {"-WRONGTYPE no\r\n", false, 1},
        {"+OK\r\n", false, 1}, {"*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n", false, 1},
        {"*1\r\n$1\r\n0\r\n", false, 1},
    };

    for (const auto &one : cases) {
        World world;

        world.start();

        if (one.to_subscriber) {
            world.server.to_subscriber.front() = one.reply;
            world.deliver_message();

        } else {
            world.deliver_message();

            for (int i = 0; i < one.after; i++) {
                world.deliver_answer();
            }

            world.server.to_commands.front() = one.reply;
            world.deliver_answer();
        }

        assert_false(world.good);
        assert_false(world.feed.error().empty());
        assert_false(world.feed.is_whole());
        assert_int_equal(world.sink.lists, 0);
    }
}

void one_who_may_not_take_out_what_is_past_reads_all_the_same(void **)
{
    World world;

    world.server.set[member(1)] = "inf";
    world.start();
    world.deliver_message();
    world.server.to_commands.front() = "-NOPERM no\r\n";
    world.settle();
    assert_true(world.feed.is_whole());
    assert_true(world.sink.has(1));
}

// Whatever order things come in on the two connections: what is in the set all
// the time is never out of the ledger once it is in, and in the end both are
// the same.
void in_any_order_the_ledger_follows_the_set(void **)
{
    Random random;

    for (int round = 0; round < 300; round++) {
        World world;
        std::set<uint64_t> stable;

        for (uint64_t i = 0; i < 12; i++) {
            stable.insert(i);
            world.server.set[member(i)] = "inf";
        }

        world.start();
        world.settle();

        for (int step = 0; step < 400; step++) {
            // Some that come and go, and some that come to stay.
            uint64_t number = 12 + random.below(12);
            bool stays = random.below(40) == 0;

            switch (stays ? 0 : random.below(8)) {
            case 0:
                number = stays ? 100 + step : number;
                world.server.add(number, random.below(2) ? "inf"
                                                         : "1900000000");
                // Whoever asked for it does not wait for the channel.
                world.sink.revoke(revocation(number), 0);

                if (stays) {
                    stable.insert(number);
                }

                break;

            case 1:
                world.server.remove(number);
                break;

            case 2:
                world.ms += random.below(30000);
                world.feed.tick(world.now());
                world.send();
                break;

            case 3: case 4:
                world.deliver_message();
                break;

            default:
                world.deliver_answer();
            }

            for (uint64_t one : stable) {
                assert_true(world.sink.has(one));
            }
        }

        assert_true(world.good);
        world.settle();
        world.tick(61000);
        world.settle();
        assert_int_equal(world.sink.entries.size(), world.server.set.size());

        for (const auto &one : world.server.set) {
            int64_t until = 0;

            assert_true(parse_revocation_score(one.second, until));
            assert_true(world.sink.entries.count(one.first));
            assert_int_equal(world.sink.entries[one.first].until, until);
        }
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_member_has_a_kind_and_64_digits),
        cmocka_unit_test(a_score_is_the_second_until_which_it_is_kept),
        cmocka_unit_test(a_change_is_one_transaction),
        cmocka_unit_test(a_change_is_made_or_not),
        cmocka_unit_test(the_list_is_loaded_once_it_is_subscribed),
        cmocka_unit_test(what_is_told_is_done_at_once),
        cmocka_unit_test(what_is_told_wins_over_a_page),
        cmocka_unit_test(what_is_told_late_is_not_dropped_by_the_list),
        cmocka_unit_test(
            what_was_changed_without_a_word_is_found_by_the_next_list),
        cmocka_unit_test(the_list_is_known_for_as_long_as_the_server_answers),
        cmocka_unit_test(what_is_no_revocation_is_skipped_with_one_line),
        cmocka_unit_test(what_is_past_is_neither_loaded_nor_kept),
        cmocka_unit_test(a_list_that_does_not_fit_is_not_known),
        cmocka_unit_test(
            a_connection_that_is_lost_in_the_middle_drops_nothing),
        cmocka_unit_test(a_server_that_refuses_is_left),
        cmocka_unit_test(
            one_who_may_not_take_out_what_is_past_reads_all_the_same),
        cmocka_unit_test(in_any_order_the_ledger_follows_the_set),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
