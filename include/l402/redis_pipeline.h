// Who waits for which replies of one connection. Replies come in the order of
// the commands, so one that stays away makes all that follow it late.
#pragma once

#include "l402/redis_link.h"
#include "l402/redis_reader.h"

#include <deque>
#include <vector>

namespace l402 {

class RedisPipeline {
public:
    RedisPipeline() = default;
    RedisPipeline(const RedisPipeline &) = delete;
    RedisPipeline &operator=(const RedisPipeline &) = delete;

    // `replies` (1 or more) until `deadline`, a time of the caller's clock.
    void add(size_t replies, uint64_t deadline, RedisWaiter &waiter);

    // The next reply. Calls the waiter with its last one. False: nobody has
    // asked for it.
    bool replied(RedisReplyPtr reply);

    // No answer comes any more: all waiters are told. What they add waits for
    // the next connection.
    void fail() noexcept;

    void forget(const RedisWaiter &waiter) noexcept;

    bool empty() const noexcept { return queue_.empty(); }
    // The earliest; UINT64_MAX where nobody waits.
    uint64_t first_deadline() const noexcept;

private:
    struct Wait {
        size_t                     replies;
        uint64_t                   deadline;
        RedisWaiter               *waiter;  // null: it has gone
        std::vector<RedisReplyPtr> got;
    };

    std::deque<Wait> queue_;
    std::deque<Wait> failed_;
};

}  // namespace l402
