// What a CountClient has under way.
#pragma once

#include "count_scripts.h"

#include "l402/count_client.h"

#include <algorithm>

namespace l402 {

std::string count_key(const CountOptions &options, const Hash &payment_hash);
std::string count_id(const RequestId &id);

// Commands that are under way.
class CountClient::Call : public RedisWaiter {
public:
    explicit Call(CountClient &client) : client_(client) {}

    virtual bool send() = 0;

    // In the client's list.
    std::list<std::unique_ptr<Call>>::iterator at;

protected:
    CountClient &client_;

    // A script whose text is sent where Redis does not know it yet. With it,
    // where it counts only when a replica has it, whether one has.
    bool send_script(const CountScript &script, const Hash &payment_hash,
        const std::vector<std::string> &arguments);
    // True: the text is on its way.
    bool send_text(const redisReply *const *replies, size_t count) noexcept;

private:
    bool whole_ = false;
};

class CountClient::Reserving final : public Call {
public:
    Reserving(CountClient &client, JournalRef ref, const JournalEntry &entry,
        const Allowance &allowance, int64_t now, CountWaiter &waiter)
        : Call(client),
          ref_(ref),
          entry_(entry),
          minted_(allowance.minted),
          ttl_(entry.expires
                   ? std::max<int64_t>(entry.expires - now, 0) + margin : 0),
          waiter_(&waiter)
    {
        client.reserving_[ref.slot] = this;
    }

    ~Reserving() override { client_.reserving_.erase(ref_.slot); }

    bool send() override;
    void replied(const redisReply *const *replies, size_t count) noexcept
        override;
    // Nobody waits for it any more.
    void leave() noexcept { waiter_ = nullptr; }

private:
    JournalRef    ref_;
    JournalEntry  entry_;
    Amount        minted_;
    int64_t       ttl_;
    CountWaiter  *waiter_;
};

// A giving back, or a cost that is not what was reserved.
class CountClient::Telling final : public Call {
public:
    Telling(CountClient &client, JournalRef ref, const JournalEntry &entry)
        : Call(client), ref_(ref), entry_(entry)
    {
        client.telling_++;
    }

    ~Telling() override { client_.telling_--; }

    bool send() override;
    void replied(const redisReply *const *replies, size_t count) noexcept
        override;

private:
    JournalRef   ref_;
    JournalEntry entry_;
};

// Records of what is settled. Whether they are gone does not matter: Redis
// sweeps what is old.
class CountClient::Forgetting final : public Call {
public:
    Forgetting(CountClient &client, std::string commands, size_t replies)
        : Call(client), commands_(std::move(commands)), replies_(replies)
    {
        client.is_forgetting_ = true;
    }

    ~Forgetting() override { client_.is_forgetting_ = false; }

    bool send() override
    {
        return client_.link_.send(commands_, replies_,
            client_.options_.timeout, *this);
    }

    void replied(const redisReply *const *, size_t) noexcept override
    {
        client_.end(*this);
    }

private:
    std::string commands_;
    size_t      replies_;
};

}  // namespace l402
