#include "count_reply.h"

#include <hiredis/hiredis.h>

#include <charconv>

namespace l402 {

namespace {

// What Redis refuses before a command, or before the first write of a script
// of ours, is carried out.
constexpr std::string_view refusals[] = {
    "OOM", "READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS", "MISCONF",
    "BUSY", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN", "NOAUTH", "NOPERM",
    "NOSCRIPT",
};

constexpr size_t longest_error = 200;

std::string_view text_of(const redisReply &reply) noexcept
{
    return {reply.str, static_cast<size_t>(reply.len)};
}

// "": not counted.
bool read_amount(const redisReply *reply, uint64_t &out) noexcept
{
    if (reply->type != REDIS_REPLY_STRING) {
        return false;
    }

    std::string_view text = text_of(*reply);

    if (text.empty()) {
        out = no_limit;
        return true;
    }

    auto end = text.data() + text.size();
    auto [at, error] = std::from_chars(text.data(), end, out);

    return error == std::errc() && at == end;
}

bool read_answer(const redisReply &reply, int64_t &code, Amount &left) noexcept
{
    if (reply.type == REDIS_REPLY_INTEGER) {
        code = reply.integer;
        return true;
    }

    if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 3
        || reply.element[0]->type != REDIS_REPLY_INTEGER)
    {
        return false;
    }

    code = reply.element[0]->integer;
    return read_amount(reply.element[1], left.uses)
           && read_amount(reply.element[2], left.msat);
}

}  // namespace

CountReply::CountReply(const redisReply *const *replies, size_t count,
    bool replicated) noexcept
{
    if (replies == nullptr || count != (replicated ? 2 : 1)) {
        error = "no answer";
        return;
    }

    const redisReply &reply = *replies[0];

    if (reply.type == REDIS_REPLY_ERROR) {
        read_error(text_of(reply));
        return;
    }

    if (!read_answer(reply, code, left)) {
        error = "an answer that is not one of the script's";
        return;
    }

    kind = answered;
    is_acknowledged = !replicated
                      || (replies[1]->type == REDIS_REPLY_INTEGER
                          && replies[1]->integer > 0);

    if (code < 0) {
        error = "the request was given back";

    } else if (!is_acknowledged) {
        error = "no replica has acknowledged it";
    }
}

void CountReply::read_error(std::string_view text) noexcept
{
    std::string_view word = text.substr(0, text.find(' '));

    error = text.substr(0, longest_error);

    if (!error.empty() && error.back() == '.') {
        error.remove_suffix(1);
    }

    is_about_server = false;

    // Every script reads the key first.
    if (word == "WRONGTYPE") {
        kind = refused;
    }

    for (std::string_view refusal : refusals) {
        if (word == refusal) {
            kind = refused;
            is_about_server = true;
        }
    }
}

bool is_no_script(const redisReply *const *replies, size_t count) noexcept
{
    return replies && count > 0 && replies[0]->type == REDIS_REPLY_ERROR
           && text_of(*replies[0]).substr(0, 9) == "NOSCRIPT ";
}

std::string count_command(const std::vector<std::string> &words)
{
    std::string out = "*" + std::to_string(words.size()) + "\r\n";

    for (const std::string &word : words) {
        out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    }

    return out;
}

}  // namespace l402
