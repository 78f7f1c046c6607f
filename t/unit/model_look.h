// What may come next in model_world.h, and what is looked at. For one source of
// a program.
#pragma once

#include "model_redis.h"

#include <algorithm>

namespace unit {

// ---- what may come next ----

inline bool World::has_orphans(int host) const
{
    for (int i = 0; i < request_count; i++) {
        if (requests[i].is_orphan && host_of(worker_of(i)) == host) {
            return true;
        }
    }
    return false;
}

inline void World::add_syncs(std::vector<Step> &out, Act act, int of,
    const Batch &batch) const
{
    NaivePayment after = master;
    const std::vector<std::string> &words = batch.words;

    out.push_back({act, of, synced});

    // What is refused changes nothing, and nobody asks who has it.
    if (batch.is(reserve_script())
        && after.reserve(words[4], {number(words[5]), number(words[6])},
               {number(words[7]), number(words[8])}, {}).code != 1)
    {
        return;
    }
    if (setup.has_replicas && setup.slow) {
        out.push_back({act, of, synced_late});
    }
    if (setup.failovers && (setup.slow || !setup.has_replicas)) {
        out.push_back({act, of, lags});
    }
}

inline void World::steps(std::vector<Step> &out) const
{
    for (int i = 0; i < request_count; i++) {
        switch (requests[i].status) {
        case Status::idle:
            // Which of a worker's is the first does not matter.
            if (i == 0 || worker_of(i) != worker_of(i - 1)
                || requests[i - 1].status != Status::idle)
            {
                out.push_back({Act::reserve, i});
            }
            break;
        case Status::waiting:
            out.push_back({Act::leave, i});
            break;
        case Status::held:
            out.push_back({Act::settle, i});
            out.push_back({Act::give_back, i});
            if (setup.is_metered) {
                out.push_back({Act::settle_cheaper, i});
            }
            break;
        default:
            break;
        }
    }
    for (int i = 0; i < worker_count; i++) {
        const ModelLink &link = workers[i]->link;
        if (!link.asked.empty()) {
            add_syncs(out, Act::carry_out, i, link.asked.front());
        }
        if (!link.answered.empty()) {
            out.push_back({Act::deliver, i});
        }
        if (setup.losses && !(link.asked.empty() && link.answered.empty())) {
            out.push_back({Act::lose, i});
        }
        if (workers[i]->client.owed() || workers[i]->client.forgettable()
            || has_orphans(host_of(i)))
        {
            out.push_back({Act::keep_house, i});
        }
        if (setup.deaths && workers[i]->journal.size()) {
            out.push_back({Act::die, i});
        }
    }
    for (int i = 0; i < host_count && setup.host_deaths; i++) {
        out.push_back({Act::host_dies, i});
    }
    if (setup.failovers) {
        out.push_back({Act::fail_over, 0});
    }
    for (size_t i = 0; i < late.size(); i++) {
        add_syncs(out, Act::late, int(i), late[i]);
        out.push_back({Act::late_lost, int(i)});
    }
}

inline bool World::is_at_rest() const
{
    for (const ModelWorker *worker : workers) {
        if (worker->journal.size() || !worker->client.is_idle()) {
            return false;
        }
    }
    return late.empty();
}

// Nothing goes wrong any more.
inline void World::settle_down()
{
    for (int round = 0; round < 6 && !is_at_rest(); round++) {
        for (int i = 0; i < worker_count; i++) {
            (void) apply({Act::keep_house, i});

            while (!workers[i]->link.asked.empty()) {
                (void) apply({Act::carry_out, i});
                (void) apply({Act::deliver, i});
            }
            while (!workers[i]->link.answered.empty()) {
                (void) apply({Act::deliver, i});
            }
        }
        while (!late.empty()) {
            (void) apply({Act::late, 0});
        }
    }
}

inline const char *World::check() const
{
    if (served > uint64_t(setup.uses) + charged_lost) {
        return "more were served than were bought";
    }
    if (setup.has_replicas && served > uint64_t(setup.uses)) {
        return "more were served than were bought, for all replicas";
    }
    return nullptr;
}

inline const char *World::check_at_rest() const
{
    uint64_t charged_gone = setup.has_replicas ? 0 : charged_lost;
    uint64_t returned_gone = setup.has_replicas ? 0 : returned_lost;

    if (!is_at_rest()) {
        return "something is left to be given back";
    }
    if (master.spent.uses > served + unsure + returned_gone) {
        return "uses are missing";
    }
    if (master.spent.uses + charged_gone < served) {
        return "somebody was served for nothing";
    }
    if (setup.is_metered && !unsure && !charged_gone && !returned_gone
        && master.spent.msat != served_msat)
    {
        return "the cost is another";
    }
    return nullptr;
}

// All that the future depends on.
inline void World::encode(std::string &out)
{
    auto put = [&](uint64_t n) { out += char(n); };
    auto put_batch = [&](const Batch &batch) {
        put(batch.is(reserve_script()) ? 'r'
            : batch.is(give_back_script()) ? 'g' : 's');
        put(uint64_t(request_of(batch.words[4])));
        put(uint64_t(batch.code + 1) * 2 + batch.is_acknowledged);
    };
    auto put_payment = [&](const NaivePayment &payment) {
        put(payment.spent.uses);
        put(payment.spent.msat / 10);
        for (int i = 0; i < request_count; i++) {
            auto record = payment.records.find(id_of(i));

            put(record == payment.records.end()
                ? 0 : uint64_t(record->second.state));
        }
    };

    put_payment(master);
    if (setup.failovers) {
        put_payment(replica);
        put(charged_since);
        put(returned_since);
    }
    put(charged_lost);
    put(returned_lost);
    put(uint64_t(((setup.deaths * 3 + setup.losses) * 3 + setup.failovers) * 3
        + setup.host_deaths));
    put(uint64_t(setup.slow));
    put(served * 8 + unsure);
    put(served_msat / 10);

    for (int i = 0; i < request_count; i++) {
        ModelRequest &request = requests[i];
        JournalEntry entry;

        put(uint64_t(request.status));
        for (int j = 0; j < worker_count; j++) {
            if (request.ref && host_of(j) == host_of(worker_of(i))
                && workers[j]->journal.read(request.ref, entry))
            {
                request.is_orphan = false;
                put(uint64_t(entry.state) * 8 + uint64_t(j));
            }
        }
        put(request.is_orphan ? 100 + request.is_settling : 99);
    }
    for (const ModelWorker *worker : workers) {
        for (const Batch &batch : worker->link.asked) {
            put_batch(batch);
        }
        put(200);
        for (const Batch &batch : worker->link.answered) {
            put_batch(batch);
        }
        put(201 + worker->client.forgettable());
    }

    std::vector<std::string> late_ones;

    for (const Batch &batch : late) {
        size_t from = out.size();

        put_batch(batch);
        late_ones.push_back(out.substr(from));
        out.resize(from);
    }
    std::sort(late_ones.begin(), late_ones.end());
    for (const std::string &one : late_ones) {
        out += one;
    }
}

}  // namespace unit
