// A worker that counts in a real Redis. Include it after unit.h.
#pragma once

#include "journals.h"
#include "redis_server.h"

#include "l402/count_client.h"

namespace unit {

using namespace l402;
using Kind = CountAnswer::Kind;
using Start = CountClient::Start;

struct Told final : CountWaiter {
    int         count = 0;
    CountAnswer answer;
    std::string error;

    void count_told(const CountAnswer &got) noexcept override
    {
        count++;
        answer = got;
        error = got.error;
    }

    void assert_told(Kind kind) const
    {
        assert_int_equal(count, 1);
        assert_int_equal(int(answer.kind), int(kind));
    }
};

inline Hash hash_of(uint8_t n)
{
    Hash hash{};

    hash[0] = n;
    return hash;
}

inline std::string key_of(uint8_t n)
{
    return "l402:payment:" + l402::to_hex(hash_of(n));
}

inline RequestId next_id()
{
    static uint64_t last = 0;
    RequestId id{};

    last++;
    memcpy(id.data(), &last, sizeof(last));
    return id;
}

// Three uses, 1000 msat.
inline Allowance allowance(int64_t expires = now + 3600)
{
    Allowance out;

    out.limit = {3, 1000};
    out.minted = {3, 1000};
    out.expires = expires;
    return out;
}

// `wait`: 0 where there is no replica.
inline CountOptions options_of(uint64_t wait)
{
    CountOptions options;

    options.replicated = wait > 0;
    options.wait = wait;
    return options;
}

constexpr uint64_t patient = 30000, impatient = 200;  // ms

// A worker.
struct Worker {
    explicit Worker(RedisServer &server, size_t entries = 64,
        uint64_t wait = 0)
        : block(entries),
          journal(block.memory, block.bytes),
          link(server),
          client(link, journal, options_of(wait))
    {
    }

    Start start(Told &told, JournalRef &claim, Amount amount = {1, 100},
        uint8_t payment = 1, int64_t expires = now + 3600)
    {
        return client.reserve(hash_of(payment), allowance(expires), amount,
            next_id(), now, told, claim);
    }

    JournalRef reserve(Kind wanted = Kind::held, Amount amount = {1, 100})
    {
        JournalRef claim;
        Told told;

        assert_true(start(told, claim, amount) == Start::asked);
        link.run();
        told.assert_told(wanted);
        return claim;
    }

    void keep_house(int64_t at = now)
    {
        client.keep_house(at);
        link.run();
    }

    Block        block;
    Journal      journal;
    BlockingLink link;
    CountClient  client;
};

inline void assert_counted(RedisServer &server, const char *uses,
    const char *msat)
{
    unit::assert_text(server.field(key_of(1), "uses"), uses);
    unit::assert_text(server.field(key_of(1), "msat"), msat);
}

inline size_t records(RedisServer &server, uint8_t payment = 1)
{
    Reply reply = server.call({"HKEYS", key_of(payment)});
    size_t count = 0;

    for (size_t i = 0; i < reply->elements; i++) {
        count += std::string(reply->element[i]->str).substr(0, 2) == "r:";
    }
    return count;
}

}  // namespace unit
