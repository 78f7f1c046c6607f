// Revocations: changed under a shard's lock, looked up without.

#include "ledger_view.h"

#include <algorithm>

namespace l402 {

using namespace ledger;

namespace ledger {

RevocationLock::RevocationLock(const Block &block, uint64_t hash) noexcept
    : block_(block),
      hash_(hash),
      shard_(block.revocation_shard(hash))
{
    if (take(shard_.lock)) {
        recover();
        pthread_mutex_consistent(&shard_.lock);
    }
}

// The entry that was being changed is in its chain and whole, or is free.
void RevocationLock::recover() noexcept
{
    uint32_t link = shard_.busy;

    if (link != none && link <= block_.layout.entries) {
        RevocationEntry &entry = block_.revocation(link);
        uint64_t id[4];

        load_words(entry.id, id);

        if (entry.state == live
            && find(static_cast<Subject>(entry.subject.load()), id) == link)
        {
            entry.seal = seal_of(entry);

        } else if (entry.state != vacant) {
            push_revocation(block_, link, &shard_.busy);
        }
    }

    shard_.turns = (shard_.turns + 1) & ~1u;
    shard_.busy = none;
}

uint32_t RevocationLock::find(Subject subject, const uint64_t id[4])
    const noexcept
{
    uint32_t link = chain_link(block_.revocation_head(
        block_.hash(subject, id)));

    while (link != none) {
        const RevocationEntry &entry = block_.revocation(link);

        if (entry.id.is(id)
            && entry.subject.load(std::memory_order_relaxed)
                   == static_cast<uint8_t>(subject))
        {
            break;
        }

        link = entry.next.load(std::memory_order_acquire);
    }

    return link;
}

uint32_t RevocationLock::add(const Revocation &revocation,
    uint32_t generation) noexcept
{
    uint32_t link = pop_revocation(block_);

    if (link == none) {
        return none;
    }

    RevocationEntry &entry = block_.revocation(link);
    std::atomic<uint64_t> &head = block_.revocation_head(hash_);

    shard_.busy.store(link, std::memory_order_release);
    entry.state = leaving;
    entry.id.store(revocation.id.data());
    entry.subject = static_cast<uint8_t>(revocation.subject);
    entry.until = revocation.until;
    entry.generation = generation;
    entry.seal = seal_of(entry);
    entry.next = chain_link(head);
    entry.state.store(live, std::memory_order_release);
    head.store((head >> 32 << 32) | chain_bit(hash_) | link,
        std::memory_order_release);
    shard_.busy.store(none, std::memory_order_release);
    return link;
}

void RevocationLock::change(uint32_t link, int64_t until, uint32_t generation)
    noexcept
{
    RevocationEntry &entry = block_.revocation(link);

    // A list that is still being loaded may be older than one that is there.
    if (is_older(entry.generation, generation)) {
        entry.generation = generation;
    }

    if (entry.until == until) {
        return;
    }

    shard_.busy.store(link, std::memory_order_release);
    entry.until = until;
    entry.seal = seal_of(entry);
    shard_.busy.store(none, std::memory_order_release);
}

void RevocationLock::remove(uint32_t link) noexcept
{
    RevocationEntry &entry = block_.revocation(link);
    std::atomic<uint64_t> &head = block_.revocation_head(hash_);
    uint32_t first = chain_link(head), before = none;
    uint64_t bits = 0;

    for (uint32_t i = first; i != none; i = block_.revocation(i).next) {
        if (i != link) {
            bits |= chain_bit(block_.hash(i));
        }

        if (block_.revocation(i).next == link) {
            before = i;
        }
    }

    // Whoever walks over it now looks again: it may soon be in another chain.
    shard_.busy.store(link, std::memory_order_release);
    shard_.turns.fetch_add(1, std::memory_order_acq_rel);

    if (before == none) {
        first = entry.next;

    } else {
        block_.revocation(before).next.store(entry.next,
            std::memory_order_release);
    }

    head.store(bits | first, std::memory_order_release);
    shard_.turns.fetch_add(1, std::memory_order_acq_rel);
    entry.state = leaving;
    push_revocation(block_, link, &shard_.busy);
}

namespace {

constexpr unsigned tries = 8;

// Without the lock: false where somebody was taking something out meanwhile.
bool look(const Block &block, Subject subject, uint64_t hash,
    const uint64_t id[4], bool &found) noexcept
{
    Shard &shard = block.revocation_shard(hash);
    uint32_t turns = shard.turns.load(std::memory_order_acquire);

    if (turns & 1) {
        return false;
    }

    uint64_t head = block.revocation_head(hash).load(
        std::memory_order_acquire);
    uint32_t link = head & chain_bit(hash) ? chain_link(head) : none;

    // An entry that is moved meanwhile could lead round in a circle.
    for (uint32_t i = 0; link != none && i < block.layout.entries; i++) {
        const RevocationEntry &entry = block.revocation(link);

        if (entry.id.is(id)
            && entry.subject.load(std::memory_order_relaxed)
                   == static_cast<uint8_t>(subject))
        {
            break;
        }

        link = entry.next.load(std::memory_order_acquire);

        if ((i & 15) == 15
            && shard.turns.load(std::memory_order_acquire) != turns)
        {
            return false;
        }
    }

    std::atomic_thread_fence(std::memory_order_acquire);
    found = link != none;
    return shard.turns.load(std::memory_order_relaxed) == turns;
}

bool is_there(const Block &block, Subject subject, uint64_t hash,
    const uint64_t id[4]) noexcept
{
    bool found;

    for (unsigned i = 0; i < tries; i++) {
        if (look(block, subject, hash, id, found)) {
            return found;
        }
    }

    RevocationLock lock(block, hash);

    return lock.find(subject, id) != none;
}

}  // namespace

}  // namespace ledger

Ledger::Change Ledger::revoke(const Revocation &revocation,
    uint32_t generation) noexcept
{
    const Block &block = view_->block;
    uint64_t id[4];

    to_words(revocation.id.data(), id);

    RevocationLock lock(block, block.hash(revocation.subject, id));
    uint32_t link = lock.find(revocation.subject, id);

    if (generation == 0) {
        generation = block.header->generation;
    }

    if (link != none) {
        lock.change(link, revocation.until, generation);
        return Change::stood;
    }

    return lock.add(revocation, generation) != none ? Change::made
                                                    : Change::full;
}

bool Ledger::unrevoke(Subject subject, const uint8_t bytes[32]) noexcept
{
    const Block &block = view_->block;
    uint64_t id[4];

    to_words(bytes, id);

    RevocationLock lock(block, block.hash(subject, id));
    uint32_t link = lock.find(subject, id);

    if (link == none) {
        return false;
    }

    lock.remove(link);
    return true;
}

[[gnu::hot]] bool Ledger::is_revoked(const uint8_t token_id[32],
    const uint8_t payment_hash[32]) const noexcept
{
    const Block &block = view_->block;

    if (block.header->revocations.used.load(std::memory_order_acquire) == 0) {
        return false;
    }

    uint64_t token[4], payment[4];

    to_words(token_id, token);
    to_words(payment_hash, payment);

    uint64_t token_hash = block.hash(Subject::token, token);
    uint64_t payment_hash_ = block.hash(Subject::payment, payment);

    __builtin_prefetch(&block.revocation_head(payment_hash_));

    return is_there(block, Subject::token, token_hash, token)
           || is_there(block, Subject::payment, payment_hash_, payment);
}

bool Ledger::has_revocation(Subject subject, const uint8_t bytes[32])
    const noexcept
{
    uint64_t id[4];

    to_words(bytes, id);
    return is_there(view_->block, subject, view_->block.hash(subject, id), id);
}

std::vector<Revocation> Ledger::revocations(uint64_t &position, size_t limit)
    const
{
    const Block &block = view_->block;
    uint64_t end = block.header->revocations.fresh;
    std::vector<Revocation> list;

    for ( /* void */ ; position < end && list.size() < limit; position++) {
        const RevocationEntry &entry = block.revocation(
            uint32_t(position + 1));

        if (entry.state.load(std::memory_order_acquire) != live) {
            continue;
        }

        Revocation revocation;

        revocation.subject = static_cast<Subject>(entry.subject.load());
        revocation.until = entry.until;
        entry.id.load(revocation.id.data());

        // It may have been taken out while it was read.
        if (has_revocation(revocation.subject, revocation.id.data())) {
            list.push_back(revocation);
        }
    }

    if (position >= end) {
        position = 0;
    }

    return list;
}

uint32_t Ledger::begin_list() noexcept
{
    uint32_t generation = ++view_->block.header->generation;

    // 0 stands for the latest.
    return generation ? generation : ++view_->block.header->generation;
}

void Ledger::end_list(uint32_t generation, int64_t now) noexcept
{
    std::atomic<uint64_t> &drop = view_->block.header->drop;
    uint64_t before = drop;

    // The drop of a newer one goes on.
    while ((before == 0 || is_older(uint32_t(before >> 32), generation))
           && !drop.compare_exchange_weak(before, uint64_t(generation) << 32))
    {
    }

    set_list_known_at(now);
}

bool Ledger::is_dropping() const noexcept
{
    return view_->block.header->drop != 0;
}

int64_t Ledger::list_known_at() const noexcept
{
    return view_->block.header->list_known_at;
}

void Ledger::set_list_known_at(int64_t now) noexcept
{
    view_->block.header->list_known_at = now;
}

}  // namespace l402
