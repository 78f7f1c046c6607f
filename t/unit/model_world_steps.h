// What the steps of model_world.h do. For one source of a program.
#pragma once

#include "model_arena.h"
#include "model_world.h"

namespace unit {

namespace {

std::string id_of(int request)
{
    RequestId id{};

    id[0] = uint8_t(request + 1);
    return l402::to_hex(id.data(), id.size());
}

int request_of(const std::string &id)
{
    return (id[1] - '0') - 1;
}

uint64_t number(const std::string &text)
{
    return text.empty() ? no_limit : std::stoull(text);
}

// A chunk belongs to a life of a worker. What dies loses it.
uint64_t &owner_word(pthread_mutex_t &lock)
{
    return *reinterpret_cast<uint64_t *>(&lock);
}

uint64_t life_of(int worker)
{
    return uint64_t(the_world->generations[worker]) << 8 | uint64_t(worker + 1);
}

void init_lock(pthread_mutex_t &lock) noexcept { owner_word(lock) = 0; }

JournalLocks::Taken take_lock(pthread_mutex_t &lock) noexcept
{
    uint64_t &word = owner_word(lock);
    int owner = int(word & 0xff) - 1;

    if (word && life_of(owner) == word) {
        return JournalLocks::Taken::no;
    }
    word = life_of(the_worker);
    return JournalLocks::Taken::yes;
}

const JournalLocks model_locks = {init_lock, take_lock, init_lock};

// One command after the other, in Redis's protocol.
std::vector<std::vector<std::string>> parse(std::string_view text)
{
    std::vector<std::vector<std::string>> out;
    size_t at = 0;
    auto line = [&] {
        size_t end = text.find("\r\n", at);
        long n = std::stol(std::string(text.substr(at + 1, end - at - 1)));

        at = end + 2;
        return size_t(n);
    };

    while (at < text.size()) {
        out.emplace_back(line());
        for (std::string &word : out.back()) {
            size_t n = line();

            word = text.substr(at, n);
            at += n + 2;
        }
    }
    return out;
}

CountOptions model_options(const Setup &setup)
{
    CountOptions options;

    options.replicated = setup.has_replicas;
    return options;
}

}  // namespace

// ---- the link ----

inline bool ModelLink::send(std::string_view commands, size_t replies, uint64_t,
    RedisWaiter &waiter)
{
    if (world->is_crashed) {
        return true;
    }
    if (!is_up) {
        return false;
    }

    bool dies = ++world->sends == (world->crash + 1) / 2;

    if (dies && world->crash % 2) {
        world->freeze_journal(worker);
        return true;
    }

    Batch batch;

    batch.words = parse(commands)[0];
    batch.waiter = &waiter;
    batch.replies = replies;
    asked.push_back(batch);

    if (dies) {
        world->freeze_journal(worker);
    }
    return true;
}

// Nobody waits for it, and it changes no count: no need for steps of its own.
inline void World::forget_at_once(int worker)
{
    ModelLink &link = workers[worker]->link;

    if (link.asked.empty() || !link.asked.back().is_forgetting()) {
        return;
    }

    Batch batch = link.asked.back();

    link.asked.pop_back();
    for (size_t i = 2; i < batch.words.size(); i++) {
        master.records.erase(batch.words[i].substr(2));
    }
    batch.waiter->replied(nullptr, 0);
}

inline void ModelWaiter::count_told(const CountAnswer &answer) noexcept
{
    if (world->is_crashed) {
        return;
    }

    ModelRequest &mine = world->requests[request];

    switch (answer.kind) {
    case CountAnswer::Kind::held:
        mine.status = Status::held;
        break;
    case CountAnswer::Kind::used_up:
        mine.status = Status::refused;
        break;
    case CountAnswer::Kind::unavailable:
        mine.status = Status::unavailable;
        break;
    }
}

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

// ---- Redis ----

inline void World::carry_out(Batch &batch, int variant)
{
    const std::vector<std::string> &words = batch.words;
    uint64_t before = master.spent.uses;

    NaiveAnswer answer{0};

    if (batch.is(reserve_script())) {
        answer = master.reserve(words[4], {number(words[5]), number(words[6])},
            {number(words[7]), number(words[8])}, {});

    } else if (batch.is(give_back_script())) {
        answer.code = master.give_back(words[4]);

    } else {
        answer = master.settle(words[4], {number(words[5]), number(words[6])},
            {number(words[7]), number(words[8])});
    }

    batch.code = answer.code;
    batch.left = answer.left;
    batch.is_acknowledged = variant == synced;
    setup.slow -= setup.has_replicas && variant != synced;

    if (!batch.is(reserve_script()) || answer.code == 1) {
        wrote(variant, before);
    }
}

inline void World::wrote(int variant, uint64_t before)
{
    uint64_t after = master.spent.uses;

    if (variant != lags) {
        replica = master;
        charged_since = returned_since = 0;

    } else if (after > before) {
        charged_since += after - before;

    } else {
        returned_since += before - after;
    }
}

inline void World::deliver(int worker)
{
    ModelLink &link = workers[worker]->link;
    Batch batch = link.answered.front();
    redisReply parts[3] = {}, reply{}, acknowledged{};
    redisReply *elements[3] = {&parts[0], &parts[1], &parts[2]};
    const redisReply *replies[2] = {&reply, &acknowledged};
    std::string left[2];

    link.answered.erase(link.answered.begin());
    reply.type = REDIS_REPLY_INTEGER;
    reply.integer = batch.code;

    if (!batch.is(give_back_script())) {
        left[0] = std::to_string(batch.left.uses);
        left[1] = batch.left.msat == no_limit
                      ? "" : std::to_string(batch.left.msat);
        parts[0].type = REDIS_REPLY_INTEGER;
        parts[0].integer = batch.code;

        for (int i = 0; i < 2; i++) {
            parts[i + 1].type = REDIS_REPLY_STRING;
            parts[i + 1].str = &left[i][0];
            parts[i + 1].len = left[i].size();
        }
        reply.type = REDIS_REPLY_ARRAY;
        reply.elements = 3;
        reply.element = elements;
    }
    acknowledged.type = REDIS_REPLY_INTEGER;
    acknowledged.integer = batch.is_acknowledged;
    batch.waiter->replied(replies, batch.replies);
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
