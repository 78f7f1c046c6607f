// Uses and balances that several hosts share: counted by scripts in Redis
// (docs/redis-counts.md), charged when they are reserved, under the request's
// id, so that no answer that is lost is charged twice.
//
// A reservation that nobody was served for is given back by the client itself,
// as soon as Redis is there; until it has said so the entry stays in the
// journal, and another process takes it over where this one dies.
#pragma once

#include "l402/journal.h"
#include "l402/redis_link.h"

#include <deque>
#include <list>
#include <map>
#include <memory>

namespace l402 {

struct CountAnswer {
    enum class Kind : uint8_t {
        held,
        used_up,      // no more than is spent and held may be taken
        unavailable,  // nobody knows, or Redis refuses: nothing is held
    };

    Kind             kind = Kind::unavailable;
    Amount           left;   // of the token; no_limit where it is not counted.
                             // Not of what is unavailable
    std::string_view error;  // of what is unavailable: for the log, without a
                             // full stop; gone when the waiter returns
};

class CountWaiter {
public:
    virtual ~CountWaiter() = default;
    // May reserve, settle and give back.
    virtual void count_told(const CountAnswer &answer) noexcept = 0;
};

struct CountOptions {
    std::string prefix = "l402:";
    uint64_t    timeout = 1000;  // ms, of one command
    // An answer counts when a replica has acknowledged it within `wait` ms.
    bool        replicated = false;
    uint64_t    wait = 500;
};

class CountClient {
public:
    // Both must outlive the client.
    CountClient(RedisLink &link, Journal &journal, CountOptions options);
    // Nobody is told; what is reserved stays in the journal.
    ~CountClient();
    CountClient(const CountClient &) = delete;
    CountClient &operator=(const CountClient &) = delete;

    enum class Start : uint8_t {
        asked,          // the waiter will be called once, unless the claim is
                        // given back before
        no_connection,  // RedisLink::why_not()
        full,           // the journal is: too much is out in Redis
    };

    // One round trip. Never calls the waiter itself. `claim` is nothing any
    // more when the waiter was told anything but `held`.
    Start reserve(const Hash &payment_hash, const Allowance &allowance,
        Amount amount, const RequestId &id, int64_t now, CountWaiter &waiter,
        JournalRef &claim);

    // Of what is held. Nobody waits: where the cost is what was reserved, Redis
    // has it already, and elsewhere it is told until it has answered. A cost
    // above what was held takes what is left.
    void settle(JournalRef &claim, Amount cost);

    // At any time after reserve(). Nobody waits, and the waiter is not told.
    void give_back(JournalRef &claim);

    // To be called about once a second, and when there is a connection again:
    // takes over what dead processes left, tries again what was not answered,
    // and has Redis forget what is settled.
    void keep_house(int64_t now);

    // Entries that Redis has to be told of: under way, and waiting.
    size_t owed() const noexcept;
    bool is_idle() const noexcept { return calls_.empty() && owed() == 0; }
    // Settled requests whose records Redis may be told to forget.
    size_t forgettable() const noexcept { return settled_count_; }

    static constexpr int64_t margin = 600;  // seconds that clocks may differ by

private:
    class Call;
    class Reserving;
    class Telling;
    class Forgetting;

    bool start(std::unique_ptr<Call> call);
    void end(Call &call) noexcept;
    void owe(JournalRef ref);
    void tell_owed();
    bool tell(JournalRef ref);
    void forget(const JournalEntry &entry);
    void forget_settled();

    RedisLink                              &link_;
    Journal                                &journal_;
    CountOptions                            options_;
    int64_t                                 now_ = 0;
    std::list<std::unique_ptr<Call>>        calls_;  // under way
    std::map<uint32_t, Reserving *>         reserving_;  // by slot
    size_t                                  telling_ = 0;
    bool                                    is_forgetting_ = false;
    bool                                    is_away_ = false;
    std::deque<JournalRef>                  owed_;
    std::vector<JournalRef>                 later_;  // at keep_house()
    // What Redis may forget.
    std::map<Hash, std::vector<RequestId>>  settled_;
    size_t                                  settled_count_ = 0;
};

}  // namespace l402
