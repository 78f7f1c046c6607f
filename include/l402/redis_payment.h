// What Redis has of a payment that several hosts count.
#pragma once

#include "l402/ledger.h"

struct redisReply;

namespace l402 {

// HGETALL <prefix>payment:<hash>
std::string redis_payment_command(std::string_view prefix, const Hash &hash);

enum class RedisPayment : uint8_t {
    known,
    unknown,    // nothing was ever counted of it, or it is forgotten
    no_answer,  // Redis refuses, or it is not what docs/redis-counts.md has
};

RedisPayment read_redis_payment(const redisReply &reply, const Hash &hash,
    Payment &out);

}  // namespace l402
