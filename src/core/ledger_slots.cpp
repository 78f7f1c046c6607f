// Slots for what is reserved, and the processes that they belong to.

#include "ledger_view.h"

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace l402 {

using namespace ledger;

namespace ledger {

namespace {

constexpr uint32_t active = 1;

uint32_t chunks_used(const Block &block) noexcept
{
    return std::min(block.header->chunks_used.load(), block.layout.chunks);
}

// Those of one payment change under its lock alone.
template <typename Look>
void each_active(const Block &block, uint32_t link, Look look) noexcept
{
    for (uint32_t i = 0; i < chunks_used(block); i++) {
        for (const Slot &slot : block.chunks[i].slots) {
            if ((slot.turn.load(std::memory_order_acquire) & active)
                && slot.entry == link)
            {
                look(slot);
            }
        }
    }
}

}  // namespace

Slot &slot_at(const Block &block, uint32_t slot) noexcept
{
    return block.chunks[slot / slots_per_chunk].slots[slot % slots_per_chunk];
}

Amount held_in_slots(const Block &block, uint32_t link) noexcept
{
    Amount held;

    each_active(block, link, [&](const Slot &slot) {
        held.uses += slot.uses;
        held.msat += slot.msat;
    });
    return held;
}

bool is_in_slots(const Block &block, uint32_t link) noexcept
{
    bool found = false;

    each_active(block, link, [&](const Slot &) { found = true; });
    return found;
}

void release(PaymentEntry &entry, Slot &slot) noexcept
{
    uint64_t uses = slot.uses, msat = slot.msat;

    // The turn goes on, so that no handle of before fits.
    slot.turn.store((slot.turn | active) + 1, std::memory_order_release);
    entry.held_uses -= uses;
    entry.held_msat -= msat;
}

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
// reservations are given back: how many.
bool take_chunk(const Block &block, uint32_t i, size_t &given_back) noexcept
{
    Chunk &chunk = block.chunks[i];

    switch (pthread_mutex_trylock(&chunk.owner)) {
    case 0:
        return true;

    case EOWNERDEAD:
        given_back += empty_chunk(block, chunk);
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

}  // namespace

}  // namespace ledger

Ledger::View::View(void *memory, size_t bytes)
    : block(memory, bytes), pid(getpid())
{
}

// What a parent has reserved with is its own.
void Ledger::View::be_own() noexcept
{
    if (pid != getpid()) {
        pid = getpid();
        chunks.clear();
        free_slots.clear();
    }
}

bool Ledger::View::take_another_chunk()
{
    size_t given_back = 0;

    // So that a slot that is freed always has a place in the list.
    chunks.reserve(chunks.size() + 1);
    free_slots.reserve((chunks.size() + 1) * slots_per_chunk);

    for (uint32_t i = 0; i < block.layout.chunks; i++) {
        if (!take_chunk(block, i, given_back)) {
            continue;
        }

        raise(block.header->chunks_used, i + 1);
        chunks.push_back(i);

        for (uint32_t j = slots_per_chunk; j > 0; j--) {
            free_slots.push_back(i * slots_per_chunk + j - 1);
        }

        return true;
    }

    return false;
}

uint32_t Ledger::View::take_slot() noexcept
{
    be_own();

    try {
        if (free_slots.empty() && !take_another_chunk()) {
            return no_slot;
        }

    } catch (...) {
        // Out of memory.
        return no_slot;
    }

    uint32_t slot = free_slots.back();

    free_slots.pop_back();
    return slot;
}

size_t Ledger::give_back_of_dead() noexcept
{
    const Block &block = view_->block;
    size_t count = 0;

    for (uint32_t i = 0; i < chunks_used(block); i++) {
        if (take_chunk(block, i, count)) {
            pthread_mutex_unlock(&block.chunks[i].owner);
        }
    }

    return count;
}

void Ledger::detach() noexcept
{
    if (view_ == nullptr) {
        return;
    }

    view_->be_own();

    for (uint32_t i : view_->chunks) {
        Chunk &chunk = view_->block.chunks[i];

        empty_chunk(view_->block, chunk);
        pthread_mutex_unlock(&chunk.owner);
    }

    delete view_;
    view_ = nullptr;
}

}  // namespace l402
