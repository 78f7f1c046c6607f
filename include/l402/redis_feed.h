// The list of revocations that hosts share through Redis: a sorted set
// `<prefix>revoked` is the truth, a channel of that name tells of changes at
// once. No sockets, no clock, no memory shared with anybody: bytes out, replies
// in, changes to a sink.
#pragma once

#include "l402/ledger.h"
#include "l402/redis_reader.h"

#include <unordered_set>

namespace l402 {

// "token:<64 hex>" or "payment:<64 hex>".
std::string revocation_member(const Revocation &revocation);
// Sets subject and id. False: it is none.
bool parse_revocation_member(std::string_view text, Revocation &out) noexcept;
// A score, unix seconds: "inf" is 0, for good; one that is past stays past.
bool parse_revocation_score(std::string_view text, int64_t &until) noexcept;

// A change of set and channel in one transaction; one that cannot be made is
// not told either. How many replies it gets.
inline constexpr size_t redis_change_replies = 4;
std::string revoke_commands(std::string_view prefix,
    const Revocation &revocation);
std::string unrevoke_commands(std::string_view prefix,
    const Revocation &revocation);

// Behind such a change: its answer, one reply more, comes when a replica has
// the change, or after so many milliseconds. Without it a failover may lose one
// that was answered.
std::string wait_for_replica(uint64_t milliseconds);

enum class RedisChange : uint8_t {
    made,       // it was not there (or, where one is ended, it was)
    stood,      // nothing new (or, where one is ended, it was not there)
    no_answer,  // nobody knows; or no replica has it
    refused,    // it was not made
};
// Of what a RedisWaiter got, with or without wait_for_replica(). `error` is for
// a log.
RedisChange read_redis_change(const redisReply *const *replies, size_t count,
    std::string &error);

// What the list is told to.
class RevocationSink {
public:
    virtual ~RevocationSink() = default;

    // As Ledger's: generation 0 is the latest. False: there is no room.
    virtual bool revoke(const Revocation &revocation, uint32_t generation) = 0;
    virtual void unrevoke(const Revocation &revocation) = 0;
    virtual uint32_t begin_list() = 0;
    virtual void end_list(uint32_t generation, int64_t now) = 0;
    virtual void set_list_known_at(int64_t now) = 0;

    enum class Level : uint8_t { error, warning, notice };
    // For the log: no secrets, no full stop. Comes at most once a list for
    // each kind of thing.
    virtual void say(Level level, const std::string &text) = 0;
};

// Two connections to one server: one that is subscribed, and one for commands,
// which a subscriber may not send. Whoever drives it tells it what comes on
// either, writes what it gives back, and calls tick() about once a second.
class RevocationFeed {
public:
    static constexpr size_t page = 1000;  // entries, about
    // Entries that are past are taken out of Redis as much later: clocks
    // differ, and a token may live until the last second.
    static constexpr int64_t margin = 3600;  // seconds

    RevocationFeed(std::string_view prefix, uint64_t resync,
        RevocationSink &sink);

    struct Time {
        uint64_t milliseconds;  // of a clock that never goes back
        int64_t  unix_time;
    };

    // Both connections are there, and nothing was sent on them. What was
    // loaded of a list before is void; what the sink was told stays.
    void start(Time now);
    void tick(Time now);

    // False: the connections are of no use any more; error() says why.
    bool subscriber_replied(const redisReply &reply, Time now);
    bool commands_replied(const redisReply &reply, Time now);
    const std::string &error() const noexcept { return error_; }

    // What has to be written now; it is given once.
    std::string take_subscriber_output();
    std::string take_commands_output();

    // Subscribed, and the whole list was loaded.
    bool is_whole() const noexcept { return whole_; }
    // When something was asked that has not been answered: milliseconds, or 0.
    uint64_t waiting_since() const noexcept;

private:
    enum class State : uint8_t { off, subscribing, idle, trimming, scanning,
                                 barrier };

    struct Key {
        Subject subject;
        Hash    id;

        bool operator==(const Key &other) const noexcept
        {
            return subject == other.subject && id == other.id;
        }
    };

    struct HashOfKey {
        size_t operator()(const Key &key) const noexcept;
    };

    void begin_list(Time now);
    void ask(std::string_view command, Time now);
    void ping(Time now);
    void ponged(uint64_t number, Time now);
    void end_list();
    bool page_came(const redisReply &reply, Time now);
    void entry_came(const redisReply &member, const redisReply &score,
        int64_t now);
    void message_came(std::string_view text);
    void apply(const Revocation &revocation, uint32_t generation);
    bool fail(const std::string &error);
    void malformed(std::string_view text, const char *where);

    std::string      key_;
    uint64_t         resync_;
    RevocationSink  &sink_;

    State            state_ = State::off;
    bool             whole_ = false;
    bool             fits_ = true;       // the list that is being loaded
    uint32_t         generation_ = 0;
    uint64_t         list_began_ = 0;    // ms
    size_t           entries_ = 0;
    size_t           malformed_ = 0;
    size_t           malformed_said_ = 0;
    std::string      first_malformed_;
    bool             full_said_ = false;
    // What was told by the channel while the list is being loaded.
    std::unordered_set<Key, HashOfKey> changed_;

    uint64_t         ping_sent_ = 0;     // its number
    uint64_t         ping_answered_ = 0;
    int64_t          ping_time_ = 0;     // unix, of the last one
    uint64_t         barrier_ = 0;       // the ping that ends a list
    int64_t          barrier_time_ = 0;

    uint64_t         subscriber_waits_ = 0;  // since, ms
    uint64_t         commands_wait_ = 0;
    std::string      subscriber_out_;
    std::string      commands_out_;
    std::string      error_;
};

}  // namespace l402
