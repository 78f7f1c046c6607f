// Subscribe, then the list in pages, then what changes.
//
// ZSCAN is what the pages are asked by: an element that is there during the
// whole scan is in it, whatever else is added, removed or given another score
// meanwhile. Pages by score or rank shift under such changes.

#include "l402/redis_feed.h"

#include "l402/redis_link.h"

#include <hiredis/hiredis.h>

#include <cstdlib>
#include <cstring>
#include <utility>

namespace l402 {

using Level = RevocationSink::Level;

namespace {

// What changes belongs to whatever list is the last, whoever loads it.
constexpr uint32_t latest = 0;

}  // namespace

size_t RevocationFeed::HashOfKey::operator()(const Key &key) const noexcept
{
    size_t out;

    // Digests: any part of one is as good as another.
    std::memcpy(&out, key.id.data(), sizeof(out));
    return out ^ static_cast<size_t>(key.subject);
}

RevocationFeed::RevocationFeed(std::string_view prefix, uint64_t resync,
    RevocationSink &sink)
    : key_(std::string(prefix) + "revoked"), resync_(resync), sink_(sink)
{
}

void RevocationFeed::start(Time now)
{
    state_ = State::subscribing;
    whole_ = false;
    changed_.clear();
    ping_sent_ = ping_answered_ = barrier_ = 0;
    commands_wait_ = 0;
    commands_out_.clear();
    error_.clear();
    subscriber_out_ = redis_command({"SUBSCRIBE", key_});
    subscriber_waits_ = now.milliseconds;
}

uint64_t RevocationFeed::waiting_since() const noexcept
{
    if (subscriber_waits_ == 0 || commands_wait_ == 0) {
        return subscriber_waits_ + commands_wait_;
    }

    return subscriber_waits_ < commands_wait_ ? subscriber_waits_
                                              : commands_wait_;
}

std::string RevocationFeed::take_subscriber_output()
{
    return std::exchange(subscriber_out_, {});
}

std::string RevocationFeed::take_commands_output()
{
    return std::exchange(commands_out_, {});
}

bool RevocationFeed::fail(const std::string &error)
{
    error_ = error;
    state_ = State::off;
    whole_ = false;
    return false;
}

void RevocationFeed::ask(std::string_view command, Time now)
{
    commands_out_ += command;
    commands_wait_ = now.milliseconds;
}

void RevocationFeed::tick(Time now)
{
    if (state_ == State::off || state_ == State::subscribing) {
        return;
    }

    if (ping_answered_ == ping_sent_) {
        ping(now);
    }

    if (state_ == State::idle && now.milliseconds - list_began_ >= resync_) {
        begin_list(now);
    }
}

// What was published before the server came to it has come before its answer.
void RevocationFeed::ping(Time now)
{
    if (ping_answered_ == ping_sent_) {
        subscriber_waits_ = now.milliseconds;
    }

    ping_time_ = now.unix_time;
    subscriber_out_ += redis_command({"PING", std::to_string(++ping_sent_)});
}

void RevocationFeed::ponged(uint64_t number, Time now)
{
    ping_answered_ = number;
    subscriber_waits_ = ping_answered_ == ping_sent_ ? 0 : now.milliseconds;

    if (state_ == State::barrier && number >= barrier_) {
        end_list();
        return;
    }

    if (whole_ && number == ping_sent_) {
        sink_.set_list_known_at(ping_time_);
    }
}

void RevocationFeed::begin_list(Time now)
{
    state_ = State::trimming;
    list_began_ = now.milliseconds;
    generation_ = sink_.begin_list();
    changed_.clear();
    entries_ = 0;
    fits_ = true;
    malformed_ = 0;
    ask(redis_command({"ZREMRANGEBYSCORE", key_, "-inf",
        "(" + std::to_string(now.unix_time - margin)}), now);
}

bool RevocationFeed::subscriber_replied(const redisReply &reply, Time now)
{
    const redisReply *kind = redis_element(reply, 0);
    const redisReply *second = redis_element(reply, 1);
    const redisReply *third = redis_element(reply, 2);
    std::string_view word = kind ? redis_text(*kind) : std::string_view();

    if (is_redis_error(reply, "NOPERM")) {
        return fail("does not let this user subscribe to " + key_);
    }

    if (is_redis_error(reply)) {
        return fail("answers SUBSCRIBE with \""
                    + shown_redis_text(redis_text(reply)) + "\"");
    }

    if (word == "subscribe" && state_ == State::subscribing) {
        subscriber_waits_ = 0;
        begin_list(now);
        return true;
    }

    if (word == "pong" && second) {
        ponged(std::strtoull(std::string(redis_text(*second)).c_str(), nullptr,
            10), now);
        return true;
    }

    if (word == "message" && third) {
        message_came(redis_text(*third));
        return true;
    }

    return fail("sends what nobody has asked for");
}

bool RevocationFeed::commands_replied(const redisReply &reply, Time now)
{
    commands_wait_ = 0;

    if (state_ == State::trimming) {
        // A user who may only read leaves it to somebody else.
        if (is_redis_error(reply, "WRONGTYPE")) {
            return fail("has a " + key_ + " that is no sorted set");
        }

        if (is_redis_error(reply, "READONLY")) {
            return fail("is a replica, not the master");
        }

        state_ = State::scanning;
        ask(redis_command({"ZSCAN", key_, "0", "COUNT",
            std::to_string(page)}), now);
        return true;
    }

    if (state_ == State::scanning) {
        return page_came(reply, now);
    }

    return fail("sends what nobody has asked for");
}

bool RevocationFeed::page_came(const redisReply &reply, Time now)
{
    const redisReply *cursor = redis_element(reply, 0);
    const redisReply *entries = redis_element(reply, 1);

    if (is_redis_error(reply, "NOPERM")) {
        return fail("does not let this user read " + key_ + " by ZSCAN");
    }

    if (is_redis_error(reply, "WRONGTYPE")) {
        return fail("has a " + key_ + " that is no sorted set");
    }

    if (cursor == nullptr || entries == nullptr
        || entries->type != REDIS_REPLY_ARRAY || entries->elements % 2 != 0)
    {
        return fail("answers ZSCAN with \""
                    + shown_redis_text(redis_text(reply)) + "\"");
    }

    for (size_t i = 0; i < entries->elements; i += 2) {
        entry_came(*entries->element[i], *entries->element[i + 1],
            now.unix_time);
    }

    std::string next(redis_text(*cursor));

    if (next != "0") {
        ask(redis_command({"ZSCAN", key_, next, "COUNT",
            std::to_string(page)}), now);
        return true;
    }

    // What was added where the scan had passed has been published, but may
    // come later than the last page, on another connection.
    state_ = State::barrier;
    ping(now);
    barrier_ = ping_sent_;
    barrier_time_ = ping_time_;
    return true;
}

void RevocationFeed::entry_came(const redisReply &member,
    const redisReply &score, int64_t now)
{
    Revocation revocation;

    if (!parse_revocation_member(redis_text(member), revocation)
        || !parse_revocation_score(redis_text(score), revocation.until))
    {
        malformed(redis_text(member), "the list has");
        return;
    }

    entries_++;

    // Of what changed meanwhile the page may hold what was before.
    if (changed_.count({revocation.subject, revocation.id})) {
        return;
    }

    if (revocation.until != 0 && revocation.until < now - margin) {
        return;
    }

    apply(revocation, generation_);
}

// "add <member> <score>" or "del <member>"
void RevocationFeed::message_came(std::string_view text)
{
    Revocation revocation;
    std::string_view word = text.substr(0, 4);
    std::string_view rest = text.size() > 4 ? text.substr(4)
                                            : std::string_view();
    size_t space = rest.find(' ');

    if (!parse_revocation_member(rest.substr(0, space), revocation)) {
        malformed(text, "the channel tells");
        return;
    }

    if (word == "del " && space == rest.npos) {
        changed_.insert({revocation.subject, revocation.id});
        sink_.unrevoke(revocation);

    } else if (word == "add " && space != rest.npos
               && parse_revocation_score(rest.substr(space + 1),
                      revocation.until))
    {
        changed_.insert({revocation.subject, revocation.id});
        apply(revocation, latest);

    } else {
        malformed(text, "the channel tells");
        return;
    }

    // Between lists nobody asks for it.
    if (state_ == State::idle) {
        changed_.clear();
    }
}

void RevocationFeed::apply(const Revocation &revocation, uint32_t generation)
{
    if (sink_.revoke(revocation, generation)) {
        return;
    }

    // A list of which a part is missing is none.
    fits_ = false;
    whole_ = false;

    if (!full_said_) {
        full_said_ = true;
        sink_.say(Level::error, "there is no room for the revocations of "
            "redis, l402_zone has to be larger");
    }
}

void RevocationFeed::malformed(std::string_view text, const char *where)
{
    if (malformed_++ == 0) {
        first_malformed_ = std::string(where) + " \""
                           + shown_redis_text(text) + "\"";
    }

    // What the channel tells between lists comes alone.
    if (state_ == State::idle && malformed_ == 1) {
        sink_.say(Level::warning, "not a revocation, and skipped: "
            + first_malformed_);
    }
}

void RevocationFeed::end_list()
{
    state_ = State::idle;
    changed_.clear();

    if (malformed_ != malformed_said_ && malformed_) {
        sink_.say(Level::warning, std::to_string(malformed_)
            + " entries of redis are no revocations, and skipped; the first: "
            + first_malformed_);
    }

    malformed_said_ = malformed_;
    malformed_ = 0;

    if (!fits_) {
        return;
    }

    sink_.end_list(generation_, barrier_time_);
    full_said_ = false;

    if (!whole_) {
        sink_.say(Level::notice, "the list of revocations is there: "
            + std::to_string(entries_) + " entries");
    }

    whole_ = true;
}

}  // namespace l402
