// What stands in Redis of a revocation.

#include "l402/encoding.h"
#include "l402/redis_feed.h"
#include "l402/redis_link.h"

#include <hiredis/hiredis.h>

#include <cmath>
#include <cstdlib>

namespace l402 {

namespace {

std::string_view prefix_of(Subject subject)
{
    return subject == Subject::token ? "token:" : "payment:";
}

std::string score_of(const Revocation &revocation)
{
    return revocation.until == 0 ? "+inf" : std::to_string(revocation.until);
}

}  // namespace

std::string revocation_member(const Revocation &revocation)
{
    return std::string(prefix_of(revocation.subject)) + to_hex(revocation.id);
}

bool parse_revocation_member(std::string_view text, Revocation &out) noexcept
{
    for (Subject subject : {Subject::token, Subject::payment}) {
        std::string_view prefix = prefix_of(subject);

        if (text.substr(0, prefix.size()) == prefix
            && text.size() == prefix.size() + 2 * out.id.size()
            && hex_decode(text.substr(prefix.size()), out.id.data()))
        {
            out.subject = subject;
            return true;
        }
    }

    return false;
}

bool parse_revocation_score(std::string_view text, int64_t &until) noexcept
{
    constexpr size_t longest = 40;
    constexpr double no_end = 9e18;
    char copy[longest + 1];

    if (text.empty() || text.size() > longest) {
        return false;
    }

    // strtod takes more than Redis writes: white space, hexadecimal.
    if (text.find_first_not_of("0123456789+-.einfINFE") != text.npos) {
        return false;
    }

    copy[text.copy(copy, longest)] = '\0';

    char *end = nullptr;
    double score = std::strtod(copy, &end);

    if (end != copy + text.size() || std::isnan(score)) {
        return false;
    }

    if (score >= no_end) {
        until = 0;

    } else if (score < 1) {
        // 0 is for good.
        until = 1;

    } else {
        until = static_cast<int64_t>(std::ceil(score));
    }

    return true;
}

std::string revoke_commands(std::string_view prefix,
    const Revocation &revocation)
{
    std::string key = std::string(prefix) + "revoked";
    std::string member = revocation_member(revocation);
    std::string score = score_of(revocation);

    return redis_command({"MULTI"})
           + redis_command({"ZADD", key, score, member})
           + redis_command({"PUBLISH", key, "add " + member + " " + score})
           + redis_command({"EXEC"});
}

std::string unrevoke_commands(std::string_view prefix,
    const Revocation &revocation)
{
    std::string key = std::string(prefix) + "revoked";
    std::string member = revocation_member(revocation);

    return redis_command({"MULTI"}) + redis_command({"ZREM", key, member})
           + redis_command({"PUBLISH", key, "del " + member})
           + redis_command({"EXEC"});
}

std::string wait_for_replica(uint64_t milliseconds)
{
    // 0 would be for ever.
    return redis_command({"WAIT", "1",
        std::to_string(milliseconds ? milliseconds : 1)});
}

RedisChange read_redis_change(const redisReply *const *replies, size_t count,
    std::string &error)
{
    if (count != redis_change_replies && count != redis_change_replies + 1) {
        error = "redis has not answered";
        return RedisChange::no_answer;
    }

    const redisReply *changed = redis_element(*replies[3], 0);

    // A command that may not be run is told when it is queued, and EXEC does
    // nothing then; a key of another type is told within EXEC's answer.
    for (const redisReply *reply : {replies[0], replies[1], replies[2],
                                    changed, replies[3]})
    {
        if (reply && is_redis_error(*reply)) {
            error = "redis refuses: " + shown_redis_text(redis_text(*reply));
            return RedisChange::refused;
        }
    }

    if (changed == nullptr || changed->type != REDIS_REPLY_INTEGER) {
        error = "redis has not made the change";
        return RedisChange::refused;
    }

    if (count > redis_change_replies
        && (replies[4]->type != REDIS_REPLY_INTEGER || replies[4]->integer < 1))
    {
        error = "redis has the change, but no replica has it yet";
        return RedisChange::no_answer;
    }

    return changed->integer > 0 ? RedisChange::made : RedisChange::stood;
}

}  // namespace l402
