// What the steps of model_world.h do, but for Redis's. For one source of a
// program.
#pragma once

#include "model_arena.h"
#include "model_redis.h"

namespace unit {

// ---- the world ----

inline ModelWorker::ModelWorker(World &world, int index, ModelHost &host)
    : journal(host.block, host.bytes, model_locks),
      client(link, journal, model_options(world.setup))
{
    link.world = &world;
    link.worker = index;
}

// There are never more than three entries in a chunk.
inline void skip_unused(const ModelHost &host)
{
    size_t chunk = Journal::bytes_for(64) - Journal::bytes_for(32);
    size_t head = Journal::bytes_for(0), used = 800;

    for (size_t at = head; at < host.bytes; at += chunk) {
        arena::add_gap(host.block + at + used, chunk - used);
    }
}

inline World::World(const Setup &given) : setup(given)
{
    the_world = this;

    for (ModelHost &host : hosts) {
        // A chunk for each worker, and for one whose worker is dead.
        host.bytes = Journal::bytes_for(3 * 32);

        auto raw = uintptr_t(new char[host.bytes + 64]);

        host.block = reinterpret_cast<char *>((raw + 63) / 64 * 64);
        Journal::format(host.block, host.bytes, model_locks);
        skip_unused(host);
    }
    for (int i = 0; i < worker_count; i++) {
        workers[i] = new ModelWorker(*this, i, hosts[host_of(i)]);
    }
    for (int i = 0; i < request_count; i++) {
        requests[i].waiter.world = this;
        requests[i].waiter.request = i;
    }
}

inline void World::freeze_journal(int worker)
{
    ModelHost &host = hosts[host_of(worker)];

    is_crashed = true;
    std::memcpy(at_crash, host.block, host.bytes);
}

inline bool World::all_over() const
{
    for (const ModelRequest &request : requests) {
        if (!is_over(request.status)) {
            return false;
        }
    }
    return true;
}

inline int World::apply(const Step &step)
{
    int worker = step.act <= Act::give_back ? worker_of(step.of) : step.of;

    sends = 0;
    crash = step.crash;
    is_crashed = false;
    act(step);

    if (crash < 0) {
        freeze_journal(worker);
    }
    if (is_crashed) {
        ModelHost &host = hosts[host_of(worker)];

        std::memcpy(host.block, at_crash, host.bytes);
        setup.deaths--;
        die(worker);
        is_crashed = false;
    }
    return sends;
}

inline void World::act(const Step &step)
{
    int of = step.of;

    the_worker = step.act <= Act::give_back ? worker_of(of) : of;

    switch (step.act) {
    case Act::reserve:
        start(of);
        break;
    case Act::leave:
        requests[of].status = Status::left;
        workers[the_worker]->client.give_back(requests[of].claim);
        break;
    case Act::settle:
        settle(of, held_msat);
        break;
    case Act::settle_cheaper:
        settle(of, cheaper_msat);
        break;
    case Act::give_back:
        requests[of].status = Status::returned;
        workers[the_worker]->client.give_back(requests[of].claim);
        break;
    case Act::carry_out: {
        ModelLink &link = workers[of]->link;

        carry_out(link.asked.front(), step.variant);
        link.answered.push_back(link.asked.front());
        link.asked.erase(link.asked.begin());
        break;
    }
    case Act::deliver:
        deliver(of);
        break;
    case Act::lose:
        setup.losses--;
        lose(of, true);
        break;
    case Act::die:
        setup.deaths--;
        die(of);
        break;
    case Act::host_dies:
        setup.host_deaths--;
        host_dies(of);
        break;
    case Act::fail_over:
        setup.failovers--;
        fail_over();
        break;
    case Act::late:
    case Act::late_lost: {
        Batch batch = late[size_t(of)];

        late.erase(late.begin() + of);
        if (step.act == Act::late) {
            carry_out(batch, step.variant);
        }
        break;
    }
    case Act::keep_house:
        workers[of]->client.keep_house(model_now);
        forget_at_once(of);
        break;
    }
}

inline void World::start(int index)
{
    ModelRequest &request = requests[index];
    Allowance allowance;
    RequestId id{};

    id[0] = uint8_t(index + 1);
    allowance.limit.uses = uint64_t(setup.uses);
    allowance.minted.uses = uint64_t(setup.uses);
    request.status = Status::waiting;

    if (workers[the_worker]->client.reserve(Hash{}, allowance,
            {1, setup.is_metered ? held_msat : 0}, id, model_now,
            request.waiter, request.claim) != CountClient::Start::asked)
    {
        request.status = Status::unavailable;
    }
    request.ref = request.claim;
}

// The first byte leaves when this is done.
inline void World::settle(int index, uint64_t msat)
{
    ModelRequest &request = requests[index];

    request.is_settling = msat != held_msat;
    workers[the_worker]->client.settle(request.claim,
        {1, setup.is_metered ? msat : 0});

    if (is_crashed || crash < 0) {
        request.status = Status::lost;
        unsure++;
        return;
    }
    request.status = Status::served;
    served++;
    served_msat += setup.is_metered ? msat : 0;
}

// ---- what goes wrong ----

inline void World::lose(int worker, bool may_arrive)
{
    ModelLink &link = workers[worker]->link;
    std::vector<Batch> asked, answered;

    asked.swap(link.asked);
    answered.swap(link.answered);
    link.is_up = false;
    the_worker = worker;

    if (may_arrive) {
        late.insert(late.end(), asked.begin(), asked.end());
    }

    for (const std::vector<Batch> &batches : {answered, asked}) {
        for (const Batch &batch : batches) {
            batch.waiter->replied(nullptr, 0);
        }
    }
    link.is_up = true;
}

inline void World::note_orphans(int worker)
{
    for (ModelRequest &request : requests) {
        JournalEntry entry;

        if (request.ref && workers[worker]->journal.read(request.ref, entry)) {
            request.is_orphan = true;
        }
    }
}

// Another one starts in its place.
inline void World::die(int worker)
{
    ModelLink &link = workers[worker]->link;

    note_orphans(worker);
    late.insert(late.end(), link.asked.begin(), link.asked.end());

    for (int i = 0; i < request_count; i++) {
        if (worker_of(i) == worker && requests[i].status != Status::idle
            && !is_over(requests[i].status))
        {
            requests[i].status = Status::lost;
        }
    }
    generations[worker]++;
    workers[worker] = new ModelWorker(*this, worker, hosts[host_of(worker)]);
}

inline void World::host_dies(int host)
{
    for (int i = 0; i < worker_count; i++) {
        if (host_of(i) == host) {
            die(i);
        }
    }
    for (int i = 0; i < request_count; i++) {
        if (host_of(worker_of(i)) == host && requests[i].is_orphan) {
            requests[i].is_orphan = false;
            unsure++;
        }
    }
    Journal::format(hosts[host].block, hosts[host].bytes, model_locks);
}

inline void World::fail_over()
{
    master = replica;
    charged_lost += charged_since;
    returned_lost += returned_since;
    charged_since = returned_since = 0;
    late.clear();

    for (int i = 0; i < worker_count; i++) {
        lose(i, false);
    }
}

}  // namespace unit
