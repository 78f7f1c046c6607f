// How the Redis that several hosts share is spoken to, without a socket.
#pragma once

#include "l402/types.h"

#include <initializer_list>

struct redisReply;

namespace l402 {

class RedisWaiter {
public:
    virtual ~RedisWaiter() = default;

    // One call for each send(): its replies, in order, `count` of them, which
    // are gone when this returns. Null: no answer, and nobody knows whether the
    // commands were carried out (connection lost, deadline). May send, and may
    // destroy this object.
    virtual void replied(const redisReply *const *replies, size_t count)
        noexcept = 0;
};

// One connection to the server that is the master now, past authentication and
// whatever has to hold of it. Reconnects by itself.
class RedisLink {
public:
    virtual ~RedisLink() = default;

    // Whole commands in Redis's protocol (redis_command()), written together,
    // and how many replies they get. Several may be under way; they are answered
    // in order. False: there is no connection now; the waiter is not called.
    // `timeout` in ms. Never calls the waiter before it returns.
    virtual bool send(std::string_view commands, size_t replies,
        uint64_t timeout, RedisWaiter &waiter) = 0;

    // The waiter goes; its replies are dropped when they come.
    virtual void forget(RedisWaiter &waiter) noexcept = 0;

    // Was there a reason why the last send() was refused? For the log: without
    // secrets, without a full stop.
    virtual std::string_view why_not() const noexcept = 0;
};

// A command of these arguments, in Redis's protocol.
std::string redis_command(std::initializer_list<std::string_view> arguments);

}  // namespace l402
