// Two hosts of two workers, one Redis with a replica, one payment, three
// requests: everything that can happen to them, one step at a time. Journal and
// client are the real ones; Redis is the plain words that the scripts are
// compared with (naive_counts.h).
#pragma once

#include "naive_counts.h"

#include "l402/count_client.h"
#include "redis/count_scripts.h"

namespace unit {

using namespace l402;

constexpr int host_count = 2, worker_count = 4, request_count = 3;
constexpr int64_t model_now = 1700000000;
constexpr uint64_t held_msat = 100, cheaper_msat = 40;

struct Setup {
    int  uses = 2;                          // that were bought
    int  worker_of[request_count] = {0, 0, 2};
    bool has_replicas = false;              // WAIT
    bool is_metered = false;
    int  deaths = 0;                        // of workers
    int  host_deaths = 0;
    int  losses = 0;                        // of connections
    int  failovers = 0;
    int  slow = 0;                          // answers of the replica
};

enum class Status : uint8_t {
    idle, waiting, held,
    left, served, refused, unavailable, returned, lost,  // over
};

struct World;

// Commands, and what became of them.
struct Batch {
    std::vector<std::string> words;  // of the script
    RedisWaiter             *waiter;
    size_t                   replies;
    int                      code = 0;
    Amount                   left{};
    bool                     is_acknowledged = false;

    bool is(const CountScript &script) const { return words[1] == script.sha1; }

    bool is_forgetting() const { return words[0] == "HDEL"; }
};

struct ModelLink final : RedisLink {
    World             *world = nullptr;
    int                worker = 0;
    bool               is_up = true;
    std::vector<Batch> asked, answered;

    bool send(std::string_view commands, size_t replies, uint64_t,
        RedisWaiter &waiter) override;
    void forget(RedisWaiter &) noexcept override {}
    std::string_view why_not() const noexcept override { return "away"; }
};

struct ModelWaiter final : CountWaiter {
    World  *world = nullptr;
    int     request = 0;

    void count_told(const CountAnswer &answer) noexcept override;
};

struct ModelRequest {
    Status      status = Status::idle;
    JournalRef  claim;
    JournalRef  ref;     // the same, kept
    // Its entry's process is dead.
    bool        is_orphan = false;
    bool        is_settling = false;
    ModelWaiter waiter;
};

struct ModelHost {
    char   *block;
    size_t  bytes;
};

struct ModelWorker {
    ModelWorker(World &world, int index, ModelHost &host);

    ModelLink   link;
    Journal     journal;
    CountClient client;
};

enum class Act : uint8_t {
    reserve, leave, settle, settle_cheaper, give_back,
    carry_out, deliver, lose, die, host_dies, fail_over, late, late_lost,
    keep_house,
};

struct Step {
    Act act;
    int of;           // request, worker, host, or late command
    int variant = 0;  // of carry_out and late: see Sync
    // The worker dies at its n-th sending: 2n - 1 before, 2n after it. -1: when
    // all is done, but for what the step stands for.
    int crash = 0;
};

// Does the replica have it, and say so in time?
enum Sync { synced, synced_late, lags };

inline World *the_world;
inline int the_worker;  // that is acting
inline char at_crash[64 * 1024];  // its host's journal, when it died

inline bool is_over(Status status) { return status >= Status::left; }

struct World {
    explicit World(const Setup &setup);

    // --- what there is ---
    Setup        setup;
    NaivePayment master, replica;
    ModelHost    hosts[host_count];
    uint32_t     generations[worker_count] = {};
    ModelWorker *workers[worker_count];
    ModelRequest requests[request_count];
    std::vector<Batch> late;  // in connections that nobody reads any more

    // --- what is known of it ---
    uint64_t served = 0, served_msat = 0;
    // May be charged though nobody was served: died while it was settling, or
    // was out in Redis when its host died.
    uint64_t unsure = 0;
    // Since the replica last had everything, and lost with failovers.
    uint64_t charged_since = 0, returned_since = 0;
    uint64_t charged_lost = 0, returned_lost = 0;

    // --- a worker that dies within a step ---
    int   sends = 0, crash = 0;
    bool  is_crashed = false;

    int host_of(int worker) const { return worker / 2; }
    int worker_of(int request) const { return setup.worker_of[request]; }

    void steps(std::vector<Step> &out) const;
    // How often the acting worker has sent something.
    int apply(const Step &step);
    bool is_at_rest() const;
    void settle_down();
    // Null, or what is wrong.
    const char *check() const;
    const char *check_at_rest() const;
    bool all_over() const;
    void encode(std::string &out);

    void freeze_journal(int worker);

private:
    void act(const Step &step);
    void start(int request);
    void settle(int request, uint64_t msat);
    void carry_out(Batch &batch, int variant);
    void wrote(int variant, uint64_t before);
    void deliver(int worker);
    void lose(int worker, bool may_arrive);
    void die(int worker);
    void host_dies(int host);
    void fail_over();
    void note_orphans(int worker);
    bool has_orphans(int host) const;
    void forget_at_once(int worker);
    void add_syncs(std::vector<Step> &out, Act act, int of,
        const Batch &batch) const;
};

}  // namespace unit
