// Replies as a server sends them, and those that a test wants to have.
#pragma once

#include "l402/redis_reader.h"

#include <string>
#include <string_view>
#include <vector>

#include "cmocka_cpp.h"

namespace unit {

inline std::string bulk(std::string_view text)
{
    return "$" + std::to_string(text.size()) + "\r\n" + std::string(text)
           + "\r\n";
}

inline std::string array(const std::vector<std::string> &elements)
{
    std::string out = "*" + std::to_string(elements.size()) + "\r\n";

    for (const std::string &element : elements) {
        out += element;
    }

    return out;
}

inline l402::RedisReplyPtr reply_of(std::string_view bytes)
{
    l402::RedisReader reader;

    reader.feed(bytes);

    l402::RedisReplyPtr reply = reader.next();

    assert_non_null(reply.get());
    return reply;
}

inline const char *master_role = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
inline const char *replica_role =
    "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n";

inline std::string memory_info(std::string_view limit, std::string_view policy)
{
    return bulk("# Memory\r\nused_memory:1\r\nmaxmemory:" + std::string(limit)
                + "\r\nmaxmemory_human:x\r\nmaxmemory_policy:"
                + std::string(policy) + "\r\n");
}

}  // namespace unit
