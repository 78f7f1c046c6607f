#include "l402/redis_greeting.h"

#include "l402/redis_link.h"
#include "l402/sha256.h"

#include <hiredis/hiredis.h>

namespace l402 {

namespace {

bool logs_in(const RedisLogin &login)
{
    return !login.password.empty();
}

std::string auth_command(const RedisLogin &login)
{
    if (!logs_in(login)) {
        return {};
    }

    return login.username.empty()
               ? redis_command({"AUTH", login.password})
               : redis_command({"AUTH", login.username, login.password});
}

// The text of an error of AUTH may hold what was sent.
std::string auth_error(const redisReply &reply, const char *file)
{
    std::string name = std::string("\"") + file + "\"";

    if (is_redis_error(reply, "WRONGPASS")
        || redis_text(reply).substr(0, 20) == "ERR invalid password")
    {
        return "refuses the password of " + name + " (or the username)";
    }

    if (redis_text(reply).find("without any password") != std::string::npos
        || redis_text(reply).find("no password is set") != std::string::npos)
    {
        return "has no password for this user, but " + name + " has one";
    }

    return "does not understand AUTH as it is sent";
}

std::string_view line_of(std::string_view text, std::string_view name)
{
    for (size_t at = 0; at < text.size();) {
        size_t end = text.find('\n', at);
        std::string_view line = text.substr(at,
            end == text.npos ? text.npos : end - at);

        if (line.substr(0, name.size()) == name) {
            line.remove_prefix(name.size());

            if (!line.empty() && line.back() == '\r') {
                line.remove_suffix(1);
            }

            return line;
        }

        at = end == text.npos ? text.size() : end + 1;
    }

    return {};
}

}  // namespace

RedisLogin::~RedisLogin()
{
    wipe(password.data(), password.size());
}

std::string RedisGreeting::role_command()
{
    return redis_command({"ROLE"});
}

std::string RedisGreeting::memory_command()
{
    return redis_command({"INFO", "memory"});
}

std::string RedisGreeting::commands(const RedisLogin &login)
{
    std::string out = auth_command(login);

    if (login.database) {
        out += redis_command({"SELECT", std::to_string(login.database)});
    }

    // The one that is refused while a dataset is loaded.
    out += redis_command({"PING"});
    return out + role_command() + memory_command();
}

RedisGreeting::RedisGreeting(const RedisLogin &login)
    : login_(login),
      step_(logs_in(login) ? Step::auth
                : login.database ? Step::select : Step::ping)
{
}

RedisGreeting::State RedisGreeting::refuse(const redisReply &reply,
    const char *command)
{
    if (const char *why = redis_unusable(reply)) {
        error_ = why;

    } else if (is_redis_error(reply, "NOPERM")) {
        error_ = std::string("does not let this user run ") + command;

    } else {
        error_ = std::string("answers ") + command + " with \""
                 + shown_redis_text(redis_text(reply)) + "\"";
    }

    return state_ = State::refused;
}

RedisGreeting::State RedisGreeting::replied(const redisReply &reply)
{
    if (state_ != State::waiting) {
        return state_;
    }

    switch (step_) {
    case Step::auth:
        if (is_redis_error(reply)) {
            error_ = auth_error(reply, "password_file");
            return state_ = State::refused;
        }

        step_ = login_.database ? Step::select : Step::ping;
        return state_;

    case Step::select:
        if (is_redis_error(reply)) {
            return refuse(reply, "SELECT");
        }

        step_ = Step::ping;
        return state_;

    case Step::ping:
        if (is_redis_error(reply)) {
            return refuse(reply, "PING");
        }

        step_ = Step::role;
        return state_;

    case Step::role:
        if (is_redis_error(reply)) {
            return refuse(reply, "ROLE");
        }

        if (!is_master(reply, error_)) {
            return state_ = State::not_master;
        }

        step_ = Step::memory;
        return state_;

    case Step::memory:
        memory(reply);
        return state_ = State::good;
    }

    return state_;
}

bool RedisGreeting::is_master(const redisReply &reply, std::string &error)
{
    const redisReply *role = redis_element(reply, 0);

    if (role && redis_text(*role) == "master") {
        return true;
    }

    if (role && redis_text(*role) == "slave") {
        error = "is a replica, not the master";

    } else if (role && redis_text(*role) == "sentinel") {
        error = "is a Sentinel: write \"sentinel://host:port/name\"";

    } else {
        error = "does not say that it is the master";
    }

    return false;
}

void RedisGreeting::memory(const redisReply &reply)
{
    std::string_view text = redis_text(reply);
    std::string_view policy = line_of(text, "maxmemory_policy:");
    std::string_view limit = line_of(text, "maxmemory:");

    evicts_.clear();
    evicts_all_ = false;

    if (is_redis_error(reply) || policy.empty() || limit.empty()) {
        evicts_ = "does not let this user see by INFO whether it forgets keys "
                  "when its memory is full";
        return;
    }

    if (limit == "0" || policy == "noeviction") {
        return;
    }

    evicts_ = "forgets keys when its memory is full: its maxmemory-policy is \""
              + shown_redis_text(policy) + "\", it must be \"noeviction\"";
    evicts_all_ = policy.substr(0, 8) == "allkeys-";
}

const char *redis_unusable(const redisReply &reply) noexcept
{
    static constexpr struct {
        const char *code;
        const char *what;
    } errors[] = {
        {"LOADING", "is loading its dataset"},
        {"NOAUTH", "wants a password, give it with \"password_file\""},
        {"READONLY", "is a replica, not the master"},
        {"MASTERDOWN", "is a replica that has lost its master"},
    };

    if (!is_redis_error(reply)) {
        return nullptr;
    }

    for (const auto &error : errors) {
        if (is_redis_error(reply, error.code)) {
            return error.what;
        }
    }

    return nullptr;
}

std::string sentinel_commands(const RedisLogin &login, std::string_view name)
{
    return auth_command(login)
           + redis_command({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", name});
}

size_t sentinel_replies(const RedisLogin &login) noexcept
{
    return logs_in(login) ? 2 : 1;
}

bool read_sentinel(const RedisLogin &login, std::string_view name, size_t i,
    const redisReply &reply, std::string &host, uint16_t &port,
    std::string &error)
{
    if (i + 1 < sentinel_replies(login)) {
        error = is_redis_error(reply)
                    ? auth_error(reply, "sentinel_password_file") : "";
        return error.empty();
    }

    if (is_redis_error(reply, "NOAUTH")) {
        error = "wants a password, give it with \"sentinel_password_file\"";
        return false;
    }

    if (is_redis_error(reply)) {
        error = "answers SENTINEL with \""
                + shown_redis_text(redis_text(reply)) + "\"";
        return false;
    }

    const redisReply *first = redis_element(reply, 0);
    const redisReply *second = redis_element(reply, 1);

    if (first == nullptr || second == nullptr) {
        error = "knows no master \"" + std::string(name) + "\"";
        return false;
    }

    uint64_t number = 0;

    for (char c : redis_text(*second)) {
        number = c >= '0' && c <= '9' && number < 65536
                     ? number * 10 + static_cast<uint64_t>(c - '0') : 65536;
    }

    host = redis_text(*first);
    port = static_cast<uint16_t>(number);

    if (host.empty() || number == 0 || number > 65535) {
        error = "tells no address of the master \"" + std::string(name) + "\"";
        return false;
    }

    return true;
}

}  // namespace l402
