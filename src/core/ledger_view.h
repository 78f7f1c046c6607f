// A process's view of a ledger, and the locks of its shards.
#pragma once

#include "ledger_layout.h"

#include <sys/types.h>
#include <vector>

namespace l402 {

struct Ledger::View {
    View(void *memory, size_t bytes);

    // no_slot: none is free.
    uint32_t take_slot() noexcept;
    void be_own() noexcept;
    bool take_another_chunk();

    ledger::Block         block;
    // What this process reserves with.
    pid_t                 pid;
    std::vector<uint32_t> chunks;
    std::vector<uint32_t> free_slots;
};

namespace ledger {

// Held: nobody else changes the shard. What one who died in the middle has
// left is put right before anything else is done.
class PaymentLock {
public:
    PaymentLock(const Block &block, uint64_t hash) noexcept;
    ~PaymentLock() { pthread_mutex_unlock(&shard_.lock); }
    PaymentLock(const PaymentLock &) = delete;
    void operator=(const PaymentLock &) = delete;

    // none: there is none.
    uint32_t find(const uint64_t id[4]) const noexcept;
    // A new one, linked; none: full.
    uint32_t add(const uint8_t id[32], const Allowance &allowance) noexcept;
    void remove(uint32_t link) noexcept;

    // Between these an entry may be seen half changed, and is put right.
    void begin(uint32_t link) noexcept
    {
        shard_.busy.store(link, std::memory_order_release);
    }
    void end() noexcept { shard_.busy.store(none, std::memory_order_release); }

private:
    void recover() noexcept;

    const Block &block_;
    uint64_t     hash_;
    Shard       &shard_;
};

class RevocationLock {
public:
    RevocationLock(const Block &block, uint64_t hash) noexcept;
    ~RevocationLock() { pthread_mutex_unlock(&shard_.lock); }
    RevocationLock(const RevocationLock &) = delete;
    void operator=(const RevocationLock &) = delete;

    uint32_t find(Subject subject, const uint64_t id[4]) const noexcept;
    uint32_t add(const Revocation &revocation, uint32_t generation) noexcept;
    void change(uint32_t link, int64_t until, uint32_t generation) noexcept;
    void remove(uint32_t link) noexcept;

private:
    void recover() noexcept;

    const Block &block_;
    uint64_t     hash_;
    Shard       &shard_;
};

inline constexpr uint32_t no_slot = UINT32_MAX;

Slot &slot_at(const Block &block, uint32_t slot) noexcept;

// What is reserved of a payment, whose lock is held.
Amount held_in_slots(const Block &block, uint32_t link) noexcept;
bool is_in_slots(const Block &block, uint32_t link) noexcept;

// Between begin() and end().
void release(PaymentEntry &entry, Slot &slot) noexcept;

// Gives back what the slots of a chunk still hold, whose process is gone.
size_t empty_chunk(const Block &block, Chunk &chunk) noexcept;

}  // namespace ledger

}  // namespace l402
