#include "l402/redis_payment.h"

#include "l402/encoding.h"
#include "l402/redis_link.h"
#include "l402/redis_reader.h"

#include <hiredis/hiredis.h>

namespace l402 {

namespace {

bool parse(std::string_view text, uint64_t &out) noexcept
{
    uint64_t n = 0;

    for (char c : text) {
        uint64_t digit = uint64_t(c - '0');

        if (c < '0' || c > '9' || n > (UINT64_MAX - digit) / 10) {
            return false;
        }

        n = n * 10 + digit;
    }

    out = n;
    return !text.empty();
}

// "h <time> <uses> <msat>": a request that has not been settled yet.
bool add_held(std::string_view record, Amount &held) noexcept
{
    Amount more;
    size_t msat_at = record.rfind(' ');
    size_t uses_at = msat_at == record.npos || msat_at == 0
                         ? record.npos : record.rfind(' ', msat_at - 1);

    if (uses_at == record.npos
        || !parse(record.substr(msat_at + 1), more.msat)
        || !parse(record.substr(uses_at + 1, msat_at - uses_at - 1),
               more.uses))
    {
        return false;
    }

    if (record[0] == 'h') {
        held.uses += more.uses;
        held.msat += more.msat;
    }

    return true;
}

bool read_field(std::string_view name, std::string_view value, Payment &out)
{
    uint64_t expires;

    if (name.substr(0, 2) == "r:") {
        return add_held(value, out.held);
    }
    if (name == "uses") {
        return parse(value, out.spent.uses);
    }
    if (name == "msat") {
        return parse(value, out.spent.msat);
    }
    if (name == "minted_uses") {
        return parse(value, out.minted.uses);
    }
    if (name == "minted_msat") {
        return parse(value, out.minted.msat);
    }
    if (name == "expires") {
        bool good = parse(value, expires) && expires <= INT64_MAX;

        out.expires = good ? int64_t(expires) : 0;
        return good;
    }

    return true;  // of a later version
}

}  // namespace

std::string redis_payment_command(std::string_view prefix, const Hash &hash)
{
    return redis_command({"HGETALL",
        std::string(prefix) + "payment:" + to_hex(hash)});
}

// Redis charges what is held with what is spent.
RedisPayment read_redis_payment(const redisReply &reply, const Hash &hash,
    Payment &out)
{
    bool is_counted = false;

    if (reply.type != REDIS_REPLY_ARRAY || reply.elements % 2 != 0) {
        return RedisPayment::no_answer;
    }

    out = {};
    out.hash = hash;

    for (size_t i = 0; i < reply.elements; i += 2) {
        std::string_view name = redis_text(*redis_element(reply, i));

        if (!read_field(name, redis_text(*redis_element(reply, i + 1)), out))
        {
            return RedisPayment::no_answer;
        }

        is_counted = is_counted || name == "uses" || name == "msat";
    }

    out.spent.uses -= std::min(out.spent.uses, out.held.uses);
    out.spent.msat -= std::min(out.spent.msat, out.held.msat);
    return is_counted ? RedisPayment::known : RedisPayment::unknown;
}

}  // namespace l402
