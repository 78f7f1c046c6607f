// What lies where in a ledger's block. All of it follows from the block's size,
// so that nothing has to be believed of what a file says.
#pragma once

#include "l402/ledger.h"

#include <atomic>
#include <pthread.h>

namespace l402::ledger {

inline constexpr char magic[8] = {'L', '4', '0', '2', 'L', 'E', 'D', 'G'};
inline constexpr uint32_t layout_version = 1;
inline constexpr size_t page = 4096;
inline constexpr uint32_t none = 0;  // entries are counted from 1 in links
inline constexpr size_t shard_count = 64;
inline constexpr size_t slots_per_chunk = 64;
// The kernel looks after some 2,000 robust mutexes of a process.
inline constexpr size_t max_chunks = 1024;

// Leaving: neither in a chain nor in the list of free ones.
enum State : uint32_t { vacant = 0, live = 1, leaving = 2 };

// 32 bytes that are read without a lock while others write.
struct Id {
    std::atomic<uint64_t> words[4];

    void store(const uint8_t bytes[32]) noexcept;
    void load(uint8_t bytes[32]) const noexcept;
    bool is(const uint64_t other[4]) const noexcept
    {
        for (size_t i = 0; i < 4; i++) {
            if (words[i].load(std::memory_order_relaxed) != other[i]) {
                return false;
            }
        }

        return true;
    }
};

struct RevocationEntry {
    Id                    id;
    std::atomic<int64_t>  until;
    std::atomic<uint32_t> next;
    std::atomic<uint8_t>  state;
    std::atomic<uint8_t>  subject;
    uint16_t              unused;
    std::atomic<uint32_t> generation;
    std::atomic<uint32_t> seal;
};
static_assert(sizeof(RevocationEntry) == 56);

struct PaymentEntry {
    Id                    id;
    std::atomic<uint64_t> minted_uses;
    std::atomic<uint64_t> minted_msat;
    std::atomic<uint64_t> spent_uses;
    std::atomic<uint64_t> spent_msat;
    // Follows from the slots.
    std::atomic<uint64_t> held_uses;
    std::atomic<uint64_t> held_msat;
    std::atomic<int64_t>  expires;
    std::atomic<uint32_t> next;
    std::atomic<uint32_t> state;
    std::atomic<uint64_t> seal;
};
static_assert(sizeof(PaymentEntry) == 104);

// One of some parts of a table, by bucket.
struct alignas(64) Shard {
    pthread_mutex_t       lock;   // robust
    std::atomic<uint32_t> turns;  // odd: something is being taken out
    std::atomic<uint32_t> busy;   // the entry that is being changed
};
static_assert(sizeof(Shard) == 64);

struct Table {
    pthread_mutex_t       lock;   // robust; of the list and `fresh`
    std::atomic<uint32_t> free;   // first of a list
    std::atomic<uint32_t> fresh;  // those from here on were never used
    std::atomic<uint64_t> used;   // how many are in use
    std::atomic<uint32_t> cursor; // of sweep
    uint32_t              unused;
    Shard                 shards[shard_count];
};

struct Slot {
    // A turn and, as its lowest bit, whether it is active.
    std::atomic<uint32_t> turn;
    std::atomic<uint32_t> entry;
    std::atomic<uint64_t> uses;
    std::atomic<uint64_t> msat;
};
static_assert(sizeof(Slot) == 24);

struct Chunk {
    pthread_mutex_t  owner;  // robust; held by a process for its life
    uint64_t         unused[3];
    Slot             slots[slots_per_chunk];
};

struct Header {
    char                  magic[8];
    uint32_t              version;
    uint32_t              clean;       // of a file: ended in good order
    uint64_t              bytes;       // of the block
    uint64_t              seed[2];
    char                  boot_id[40]; // of a file: of the last who opened it
    std::atomic<int64_t>  list_known_at;
    // A generation, and how far what is older has been dropped; 0: all of it.
    std::atomic<uint64_t> drop;
    std::atomic<uint32_t> generation;
    std::atomic<uint32_t> chunks_used;  // those from here on never were
    Table                 payments;
    Table                 revocations;
};

// Of a chain of revocations: the first link, and a bit for each that is in it.
// Most look-ups end here, with one line of the cache.
inline uint64_t chain_bit(uint64_t hash) noexcept
{
    return uint64_t(1) << (32 + (hash >> 6) % 32);
}

inline uint32_t chain_link(uint64_t head) noexcept
{
    return static_cast<uint32_t>(head);
}

// Of generations, which may wrap around.
inline bool is_older(uint32_t a, uint32_t b) noexcept
{
    return static_cast<int32_t>(a - b) < 0;
}

// Places in a block.
struct Layout {
    uint32_t entries = 0;  // of either table
    uint32_t revocation_buckets = 0;  // payments have one an entry
    uint32_t chunks = 0;
    size_t   chunks_at = 0;
    size_t   payment_heads_at = 0;
    size_t   revocation_heads_at = 0;
    size_t   payments_at = 0;
    size_t   revocations_at = 0;
    size_t   end = 0;

    explicit Layout(size_t bytes) noexcept;
};

// A block and the places in it.
struct Block {
    Block(void *memory, size_t bytes) noexcept;

    size_t payment_bucket(uint64_t hash) const noexcept
    {
        return scale(hash, layout.entries);
    }

    size_t revocation_bucket(uint64_t hash) const noexcept
    {
        return scale(hash, layout.revocation_buckets);
    }

    std::atomic<uint32_t> &payment_head(uint64_t hash) const noexcept
    {
        return payment_heads[payment_bucket(hash)];
    }

    std::atomic<uint64_t> &revocation_head(uint64_t hash) const noexcept
    {
        return revocation_heads[revocation_bucket(hash)];
    }

    // All of a chain is in one shard.
    Shard &payment_shard(uint64_t hash) const noexcept
    {
        return header->payments.shards[payment_bucket(hash) % shard_count];
    }

    Shard &revocation_shard(uint64_t hash) const noexcept
    {
        return header->revocations.shards[revocation_bucket(hash)
                                          % shard_count];
    }

    // By link: 1 is the first.
    PaymentEntry &payment(uint32_t link) const noexcept
    {
        return payments[link - 1];
    }

    RevocationEntry &revocation(uint32_t link) const noexcept
    {
        return revocations[link - 1];
    }

    uint64_t hash(const uint64_t id[4]) const noexcept;
    uint64_t hash(Subject subject, const uint64_t id[4]) const noexcept;
    // Of an entry.
    uint64_t hash(uint32_t revocation_link) const noexcept;

    Layout                 layout;
    Header                *header;
    Chunk                 *chunks;
    std::atomic<uint32_t> *payment_heads;
    std::atomic<uint64_t> *revocation_heads;
    PaymentEntry          *payments;
    RevocationEntry       *revocations;

private:
    static size_t scale(uint64_t hash, uint32_t buckets) noexcept
    {
        return size_t((static_cast<unsigned __int128>(hash) * buckets) >> 64);
    }
};

void to_words(const uint8_t bytes[32], uint64_t words[4]) noexcept;
void load_words(const Id &id, uint64_t words[4]) noexcept;

uint64_t seal_of(const PaymentEntry &entry) noexcept;
uint32_t seal_of(const RevocationEntry &entry) noexcept;

void init_locks(Block &block) noexcept;

// True: whoever held it has died in the middle.
bool take(pthread_mutex_t &lock) noexcept;

// The list of free entries has a lock of its own. none: the table is full.
uint32_t pop_payment(const Block &block) noexcept;
uint32_t pop_revocation(const Block &block) noexcept;
// Of an entry that is in no chain. `busy` names it no more when it is free.
void push_payment(const Block &block, uint32_t link,
    std::atomic<uint32_t> *busy = nullptr) noexcept;
void push_revocation(const Block &block, uint32_t link,
    std::atomic<uint32_t> *busy = nullptr) noexcept;

}  // namespace l402::ledger
