// Payments: what is spent of each, and who holds what of it.

#include "ledger_view.h"

#include <algorithm>
#include <cerrno>

namespace l402 {

using namespace ledger;

namespace ledger {

namespace {

constexpr uint32_t active = 1;

Amount held_in_slots(const Block &block, uint32_t link) noexcept
{
    uint32_t used = std::min(block.header->chunks_used.load(),
        block.layout.chunks);
    Amount held;

    for (uint32_t i = 0; i < used; i++) {
        for (const Slot &slot : block.chunks[i].slots) {
            if ((slot.turn.load(std::memory_order_acquire) & active)
                && slot.entry == link)
            {
                held.uses += slot.uses;
                held.msat += slot.msat;
            }
        }
    }

    return held;
}

}  // namespace

PaymentLock::PaymentLock(const Block &block, uint64_t hash) noexcept
    : block_(block),
      hash_(hash),
      shard_(block.payment_shard(hash))
{
    if (take(shard_.lock)) {
        recover();
        pthread_mutex_consistent(&shard_.lock);
    }
}

// What was spent is what stands there. What is held follows from the slots.
void PaymentLock::recover() noexcept
{
    uint32_t link = shard_.busy;

    if (link != none && link <= block_.layout.entries) {
        PaymentEntry &entry = block_.payment(link);
        uint64_t id[4];

        load_words(entry.id, id);

        if (find(id) == link) {
            Amount held = held_in_slots(block_, link);

            entry.held_uses = held.uses;
            entry.held_msat = held.msat;
            entry.seal = seal_of(entry);

        } else if (entry.state != vacant) {
            push_payment(block_, link);
        }
    }

    shard_.busy = none;
}

uint32_t PaymentLock::find(const uint64_t id[4]) const noexcept
{
    uint32_t link = block_.payment_head(block_.hash(id));

    while (link != none && !block_.payment(link).id.is(id)) {
        link = block_.payment(link).next;
    }

    return link;
}

uint32_t PaymentLock::add(const uint8_t id[32], const Allowance &allowance)
    noexcept
{
    uint32_t link = pop_payment(block_);

    if (link == none) {
        return none;
    }

    PaymentEntry &entry = block_.payment(link);
    std::atomic<uint32_t> &head = block_.payment_head(hash_);

    begin(link);
    entry.id.store(id);
    entry.minted_uses = allowance.minted.uses;
    entry.minted_msat = allowance.minted.msat;
    entry.spent_uses = 0;
    entry.spent_msat = 0;
    entry.held_uses = 0;
    entry.held_msat = 0;
    entry.expires = allowance.expires;
    entry.seal = seal_of(entry);
    entry.next = head.load();
    entry.state.store(live, std::memory_order_release);
    head.store(link, std::memory_order_release);
    end();
    return link;
}

void PaymentLock::remove(uint32_t link) noexcept
{
    std::atomic<uint32_t> *from = &block_.payment_head(hash_);

    while (*from != link) {
        from = &block_.payment(*from).next;
    }

    begin(link);
    *from = block_.payment(link).next.load();
    block_.payment(link).state = leaving;
    push_payment(block_, link);
    end();
}

namespace {

void release(PaymentEntry &entry, Slot &slot) noexcept
{
    uint64_t uses = slot.uses, msat = slot.msat;

    // The turn goes on, so that no handle of before fits.
    slot.turn.store((slot.turn | active) + 1, std::memory_order_release);
    entry.held_uses -= uses;
    entry.held_msat -= msat;
}

}  // namespace

size_t empty_chunk(const Block &block, Chunk &chunk) noexcept
{
    size_t count = 0;

    for (Slot &slot : chunk.slots) {
        uint32_t link = slot.entry;

        if (!(slot.turn & active)) {
            continue;
        }

        if (link == none || link > block.layout.entries) {
            slot.turn = (slot.turn | active) + 1;
            continue;
        }

        PaymentEntry &entry = block.payment(link);
        uint64_t id[4];

        load_words(entry.id, id);

        PaymentLock lock(block, block.hash(id));

        // Whoever died in the middle of it has been made good by the lock.
        lock.begin(link);
        release(entry, slot);
        lock.end();
        count++;
    }

    return count;
}

namespace {

// Gives the chunk to this process where nobody has it. Its dead owner's
// reservations are given back.
bool take_chunk(const Block &block, uint32_t i) noexcept
{
    Chunk &chunk = block.chunks[i];

    switch (pthread_mutex_trylock(&chunk.owner)) {
    case 0:
        return true;

    case EOWNERDEAD:
        empty_chunk(block, chunk);
        pthread_mutex_consistent(&chunk.owner);
        return true;

    default:
        return false;
    }
}

void raise(std::atomic<uint32_t> &most, uint32_t to) noexcept
{
    uint32_t now = most;

    while (now < to && !most.compare_exchange_weak(now, to)) {
    }
}

constexpr uint32_t no_slot = UINT32_MAX;

uint64_t minus(uint64_t a, uint64_t b) noexcept
{
    return a > b ? a - b : 0;
}

// What a token leaves, of a payment that may not be there.
Amount left_of(const PaymentEntry *entry, const Amount &limit) noexcept
{
    Amount left = limit;

    if (entry && limit.uses != no_limit) {
        left.uses = minus(minus(limit.uses, entry->spent_uses),
            entry->held_uses);
    }

    if (entry && limit.msat != no_limit) {
        left.msat = minus(minus(limit.msat, entry->spent_msat),
            entry->held_msat);
    }

    return left;
}

bool fits(const Amount &amount, const Amount &left) noexcept
{
    return amount.uses <= left.uses && amount.msat <= left.msat;
}

// Of an amount that is held, what more may be charged than it.
uint64_t charge(uint64_t cost, uint64_t held, uint64_t left) noexcept
{
    if (cost <= held) {
        return cost;
    }

    return held + std::min(cost - held, left);
}

}  // namespace

}  // namespace ledger

namespace {

uint32_t take_slot(Ledger *, const Block &block,
    std::vector<uint32_t> &chunks, std::vector<uint32_t> &free_slots)
{
    if (!free_slots.empty()) {
        uint32_t slot = free_slots.back();

        free_slots.pop_back();
        return slot;
    }

    // So that a slot that is freed always has a place in the list.
    chunks.reserve(chunks.size() + 1);
    free_slots.reserve((chunks.size() + 1) * slots_per_chunk);

    for (uint32_t i = 0; i < block.layout.chunks; i++) {
        if (!take_chunk(block, i)) {
            continue;
        }

        raise(block.header->chunks_used, i + 1);
        chunks.push_back(i);

        for (uint32_t j = slots_per_chunk; j > 0; j--) {
            free_slots.push_back(i * slots_per_chunk + j - 1);
        }

        return take_slot(nullptr, block, chunks, free_slots);
    }

    return no_slot;
}

Slot &slot_at(const Block &block, uint32_t slot) noexcept
{
    return block.chunks[slot / slots_per_chunk].slots[slot % slots_per_chunk];
}

}  // namespace

Ledger::Reserve Ledger::reserve(const uint8_t payment_hash[32],
    const Allowance &allowance, Amount amount, Reservation &out,
    Amount *left) noexcept
{
    const Block &block = view_->block;
    uint32_t index = no_slot;
    uint64_t id[4];

    try {
        index = take_slot(this, block, view_->chunks, view_->free_slots);

    } catch (...) {
        // Out of memory.
    }

    if (index == no_slot) {
        return Reserve::full;
    }

    to_words(payment_hash, id);

    PaymentLock lock(block, block.hash(id));
    uint32_t link = lock.find(id);
    Amount rest = left_of(link == none ? nullptr : &block.payment(link),
        allowance.limit);

    if (left) {
        *left = rest;
    }

    if (!fits(amount, rest)) {
        view_->free_slots.push_back(index);
        return Reserve::used_up;
    }

    if (link == none) {
        link = lock.add(payment_hash, allowance);
    }

    if (link == none) {
        view_->free_slots.push_back(index);
        return Reserve::full;
    }

    PaymentEntry &entry = block.payment(link);
    Slot &slot = slot_at(block, index);
    int64_t expires = entry.expires;

    lock.begin(link);

    // A copy of the token that lives longer keeps its count for as long.
    if (expires != 0
        && (allowance.expires == 0 || allowance.expires > expires))
    {
        entry.expires = allowance.expires;
        entry.seal = seal_of(entry);
    }

    slot.entry = link;
    slot.uses = amount.uses;
    slot.msat = amount.msat;
    slot.turn.store(slot.turn + 1, std::memory_order_release);
    entry.held_uses += amount.uses;
    entry.held_msat += amount.msat;
    lock.end();

    out.slot = index;
    out.turn = slot.turn;
    out.amount = amount;

    if (left) {
        *left = left_of(&entry, allowance.limit);
    }

    return Reserve::held;
}

bool Ledger::settle(Reservation &reservation, Amount cost,
    const Allowance &allowance, Amount *left) noexcept
{
    const Block &block = view_->block;
    Slot &slot = slot_at(block, reservation.slot);
    uint32_t link = slot.entry;
    uint64_t id[4];

    if (!reservation || slot.turn != reservation.turn) {
        return false;
    }

    PaymentEntry &entry = block.payment(link);

    load_words(entry.id, id);

    PaymentLock lock(block, block.hash(id));
    Amount rest = left_of(&entry, allowance.limit);
    Amount charged = {charge(cost.uses, slot.uses, rest.uses),
        charge(cost.msat, slot.msat, rest.msat)};

    lock.begin(link);
    entry.spent_uses += charged.uses;
    entry.spent_msat += charged.msat;
    entry.seal = seal_of(entry);
    release(entry, slot);
    lock.end();

    view_->free_slots.push_back(reservation.slot);
    reservation = {};

    if (left) {
        *left = left_of(&entry, allowance.limit);
    }

    return charged.uses == cost.uses && charged.msat == cost.msat;
}

void Ledger::give_back(Reservation &reservation) noexcept
{
    const Block &block = view_->block;
    Slot &slot = slot_at(block, reservation.slot);
    uint32_t link = slot.entry;
    uint64_t id[4];

    if (!reservation || slot.turn != reservation.turn) {
        return;
    }

    PaymentEntry &entry = block.payment(link);

    load_words(entry.id, id);

    PaymentLock lock(block, block.hash(id));

    lock.begin(link);
    release(entry, slot);
    lock.end();
    view_->free_slots.push_back(reservation.slot);
    reservation = {};
}

Ledger::Reserve Ledger::look(const uint8_t payment_hash[32],
    const Allowance &allowance, Amount amount, Amount *left) const noexcept
{
    const Block &block = view_->block;
    uint64_t id[4];

    to_words(payment_hash, id);

    PaymentLock lock(block, block.hash(id));
    uint32_t link = lock.find(id);
    Amount rest = left_of(link == none ? nullptr : &block.payment(link),
        allowance.limit);

    if (left) {
        *left = rest;
    }

    return fits(amount, rest) ? Reserve::held : Reserve::used_up;
}

bool Ledger::payment(const uint8_t payment_hash[32], Payment &out)
    const noexcept
{
    const Block &block = view_->block;
    uint64_t id[4];

    to_words(payment_hash, id);

    PaymentLock lock(block, block.hash(id));
    uint32_t link = lock.find(id);

    if (link == none) {
        return false;
    }

    const PaymentEntry &entry = block.payment(link);

    std::copy_n(payment_hash, 32, out.hash.begin());
    out.minted = {entry.minted_uses, entry.minted_msat};
    out.spent = {entry.spent_uses, entry.spent_msat};
    out.held = {entry.held_uses, entry.held_msat};
    out.expires = entry.expires;
    return true;
}

size_t Ledger::give_back_of_dead() noexcept
{
    const Block &block = view_->block;
    uint32_t used = std::min(block.header->chunks_used.load(),
        block.layout.chunks);
    size_t count = 0;

    for (uint32_t i = 0; i < used; i++) {
        Chunk &chunk = block.chunks[i];
        int rc = pthread_mutex_trylock(&chunk.owner);

        if (rc == EOWNERDEAD) {
            count += empty_chunk(block, chunk);
            pthread_mutex_consistent(&chunk.owner);
        }

        if (rc == 0 || rc == EOWNERDEAD) {
            pthread_mutex_unlock(&chunk.owner);
        }
    }

    return count;
}

}  // namespace l402
