// Which payments a node has said to be settled: a table in a block of memory
// that several processes share, without a lock. A yes is for good, so all that
// can be wrong is that one is missing: then the node is asked again.
#pragma once

#include "l402/types.h"

#include <atomic>

namespace l402 {

// 128 bits of a payment hash. `seller` sets apart who has to be asked: what
// one's node has said is no yes of another's.
struct SettledKey {
    uint64_t first;
    uint64_t second;
};

SettledKey settled_key(std::string_view seller, const uint8_t payment_hash[32])
    noexcept;

// Sets of a few entries each; in a full set the oldest entry makes room.
class SettledMemory {
public:
    // A block for so many payments: half full by then, so that hardly any set
    // has had to let one go.
    static size_t bytes_for(size_t entries) noexcept;

    // The block is aligned to 8 bytes, and all zeros before its first use.
    SettledMemory(void *block, size_t bytes) noexcept;

    bool has(const SettledKey &key) const noexcept;
    void add(const SettledKey &key) noexcept;

private:
    // Any process may be killed between any two stores, and others store at
    // the same time. The seal is a function of both halves: of halves that do
    // not belong together, or were not both written, it is not the seal.
    struct Entry {
        std::atomic<uint64_t> first;
        std::atomic<uint64_t> second;
        std::atomic<uint64_t> seal;
    };

    static constexpr size_t ways = 10;

    struct Set {
        std::atomic<uint64_t> turn;  // entries written so far
        Entry                 entries[ways];
        uint64_t              unused;  // to four lines of the cache
    };

    static_assert(std::atomic<uint64_t>::is_always_lock_free);
    static_assert(sizeof(Set) == 256);

    Set &set_of(const SettledKey &key) const noexcept;

    Set      *sets_;
    uint64_t  count_;
};

}  // namespace l402
