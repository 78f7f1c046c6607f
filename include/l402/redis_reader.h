// Replies out of the bytes that a Redis server sends: hiredis's reader, with a
// limit on what one reply may take.
#pragma once

#include "l402/types.h"

#include <memory>

struct redisReader;
struct redisReply;

namespace l402 {

struct FreeRedisReply {
    void operator()(redisReply *reply) const noexcept;
};

using RedisReplyPtr = std::unique_ptr<redisReply, FreeRedisReply>;

class RedisReader {
public:
    static constexpr size_t max_elements = 65536;  // of one array

    // `max_reply` in bytes as they are sent.
    explicit RedisReader(size_t max_reply = 16 * 1024 * 1024);
    ~RedisReader();
    RedisReader(const RedisReader &) = delete;
    RedisReader &operator=(const RedisReader &) = delete;

    void feed(std::string_view bytes);
    // Null: more bytes are needed, or it has failed.
    RedisReplyPtr next();
    // What came was not Redis's protocol, or too much. Nothing else can be
    // read then.
    const char *error() const noexcept { return error_; }

private:
    redisReader *reader_;
    size_t       max_reply_;
    size_t       unread_ = 0;  // bytes since the end of the last reply
    const char  *error_ = nullptr;
};

// The text of a string, a status or an error; empty for anything else.
std::string_view redis_text(const redisReply &reply) noexcept;
bool is_redis_error(const redisReply &reply) noexcept;
// Is it an error whose first word is `code`?
bool is_redis_error(const redisReply &reply, std::string_view code) noexcept;
// Null where the reply is no array or has no such element.
const redisReply *redis_element(const redisReply &reply, size_t i) noexcept;

// What a log may show of a server's text: one line, printable, not long.
std::string shown_redis_text(std::string_view text);

}  // namespace l402
