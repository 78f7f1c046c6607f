#include "l402/settled_memory.h"

#include <cstring>

namespace l402 {

namespace {

// A bijection (the finalizer of MurmurHash3).
uint64_t mix(uint64_t x) noexcept
{
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
}

// Differs where one half alone does, and is not 0 for an empty entry.
uint64_t seal_of(uint64_t first, uint64_t second) noexcept
{
    return mix(first + 0x9e3779b97f4a7c15ULL) + 3 * mix(second ^ 0x6c34d2b1);
}

}  // namespace

SettledKey settled_key(std::string_view seller, const uint8_t payment_hash[32])
    noexcept
{
    // FNV-1a: names are the configuration's, nobody chooses them to collide.
    uint64_t name = 0xcbf29ce484222325ULL;
    SettledKey key;

    for (char c : seller) {
        name = (name ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
    }

    std::memcpy(&key.first, payment_hash, sizeof(key.first));
    std::memcpy(&key.second, payment_hash + sizeof(key.first),
        sizeof(key.second));
    key.second ^= mix(name);
    return key;
}

size_t SettledMemory::bytes_for(size_t entries) noexcept
{
    return (2 * entries + ways - 1) / ways * sizeof(Set);
}

SettledMemory::SettledMemory(void *block, size_t bytes) noexcept
    : sets_(static_cast<Set *>(block)), count_(bytes / sizeof(Set))
{
}

// Payment hashes are as random as any hash of them.
SettledMemory::Set &SettledMemory::set_of(const SettledKey &key) const noexcept
{
    return sets_[key.first % count_];
}

// Nobody but add() of this very key writes this seal. So it does no harm to
// read the three at different times, or in another order than they were
// written.
bool SettledMemory::has(const SettledKey &key) const noexcept
{
    if (count_ == 0) {
        return false;
    }

    uint64_t seal = seal_of(key.first, key.second);

    for (const Entry &entry : set_of(key).entries) {
        if (entry.seal.load(std::memory_order_relaxed) == seal
            && entry.first.load(std::memory_order_relaxed) == key.first
            && entry.second.load(std::memory_order_relaxed) == key.second)
        {
            return true;
        }
    }

    return false;
}

void SettledMemory::add(const SettledKey &key) noexcept
{
    if (count_ == 0 || has(key)) {
        return;
    }

    Set &set = set_of(key);
    uint64_t turn = set.turn.fetch_add(1, std::memory_order_relaxed);
    Entry &entry = set.entries[turn % ways];

    entry.first.store(key.first, std::memory_order_relaxed);
    entry.second.store(key.second, std::memory_order_relaxed);
    entry.seal.store(seal_of(key.first, key.second),
        std::memory_order_relaxed);
}

}  // namespace l402
