// The link and the Redis of model_world.h. For one source of a program.
#pragma once

#include "model_world.h"

#include "redis/count_scripts.h"

#include <hiredis/hiredis.h>

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

}  // namespace unit
