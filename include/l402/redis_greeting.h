// What is said to a Redis server before anybody may use it, and what has to
// hold of it: it lets us in, it is the master, it answers.
#pragma once

#include "l402/redis_reader.h"

namespace l402 {

struct RedisLogin {
    std::string username;  // empty: the default user
    std::string password;  // empty: none is sent
    uint64_t    database = 0;

    ~RedisLogin();  // wipes the password
};

class RedisGreeting {
public:
    // All of it, to be sent at once.
    static std::string commands(const RedisLogin &login);

    explicit RedisGreeting(const RedisLogin &login);

    enum class State : uint8_t {
        waiting,     // for more replies
        good,
        refused,     // error() says why
        not_master,  // so does it; Sentinel may know another
    };

    // The next reply. Nothing changes after the first that is not `waiting`.
    State replied(const redisReply &reply);
    const std::string &error() const noexcept { return error_; }

    // Where it is good: does it keep whatever it is told? Else why not. What
    // it forgets with `evicts_all` may be any key, not only those that expire.
    const std::string &evicts() const noexcept { return evicts_; }
    bool evicts_all() const noexcept { return evicts_all_; }

    // One by one, for a server that was good once.
    static std::string role_command();
    static std::string memory_command();
    // False with `error`: it is no master (any more).
    static bool is_master(const redisReply &reply, std::string &error);
    void memory(const redisReply &reply);

private:
    enum class Step : uint8_t { auth, select, ping, role, memory };

    State refuse(const redisReply &reply, const char *command);

    const RedisLogin &login_;
    Step              step_;
    State             state_ = State::waiting;
    std::string       error_;
    std::string       evicts_;
    bool              evicts_all_ = false;
};

// Is it an answer of a server that is not (or no longer) to be used, though it
// did what was asked of it before? Null: no. Else what it is, for a log.
const char *redis_unusable(const redisReply &reply) noexcept;

// Sentinel's: where is the master of this name?
std::string sentinel_commands(const RedisLogin &login, std::string_view name);
size_t sentinel_replies(const RedisLogin &login) noexcept;
// Of the i-th reply. False with `error`. The last one sets host and port.
bool read_sentinel(const RedisLogin &login, std::string_view name, size_t i,
    const redisReply &reply, std::string &host, uint16_t &port,
    std::string &error);

}  // namespace l402
