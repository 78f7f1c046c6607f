// Which reservations of this host are out in Redis, in memory that several
// processes share: what a process that dies leaves is found by the others, who
// give it back.
//
// An entry is written before Redis is told, and leaves when Redis holds nothing
// for it any more, or for good. So one whose process is killed is at worst one
// that Redis does not know.
//
// Entries lie in chunks. A process owns a chunk by holding its robust mutex for
// as long as it lives, so that the kernel says when it does not, and nobody
// else touches its entries.
#pragma once

#include "l402/ledger.h"

#include <pthread.h>

namespace l402 {

// Of one reservation, random: no two share one.
using RequestId = std::array<uint8_t, 16>;

// An entry of this process. Trivially copyable: lives in a request's pool.
struct JournalRef {
    uint32_t slot = 0;
    uint32_t turn = 0;  // 0: none

    explicit operator bool() const noexcept { return turn != 0; }
};

struct JournalEntry {
    enum class State : uint32_t {
        vacant,
        reserved,     // whoever reserved it has not said yet what becomes of it
        giving_back,
        settling,     // its cost is not what was reserved
    };

    State     state = State::vacant;
    Hash      payment_hash{};
    RequestId id{};
    Amount    amount{};
    Amount    limit{};    // of the token
    Amount    cost{};     // while it is settling
    int64_t   expires = 0;  // the minted expiry; 0: never
};

// How chunks are owned. Tests put something else in its place.
struct JournalLocks {
    enum class Taken { no, yes };

    void (*init)(pthread_mutex_t &lock) noexcept;
    // No: a living process has it.
    Taken (*take)(pthread_mutex_t &lock) noexcept;
    void (*release)(pthread_mutex_t &lock) noexcept;
};

extern const JournalLocks robust_journal_locks;

class Journal {
public:
    static size_t bytes_for(size_t entries) noexcept;

    // An empty one in a block aligned to 64 bytes. Nobody else uses it yet.
    static void format(void *block, size_t bytes,
        const JournalLocks &locks = robust_journal_locks) noexcept;
    static bool is_formatted(const void *block, size_t bytes) noexcept;

    // Of a block out of a file, by the process that has it for itself: locks
    // mean nothing after a restart of the machine, entries do.
    static void reset_locks(void *block, size_t bytes,
        const JournalLocks &locks = robust_journal_locks) noexcept;

    // This process's view. A process that has added something leaves none of
    // it to one that it forks. Goes before the memory does: the kernel has a
    // list of what a process holds.
    Journal(void *block, size_t bytes,
        const JournalLocks &locks = robust_journal_locks) noexcept;
    ~Journal() { detach(); }
    Journal(const Journal &) = delete;
    Journal &operator=(const Journal &) = delete;

    // `reserved`. None: full.
    JournalRef add(const JournalEntry &entry);

    // False: the reference is to nothing of this process, or to what has left.
    bool read(JournalRef ref, JournalEntry &out) noexcept;

    void give_back(JournalRef ref) noexcept;
    void settle(JournalRef ref, Amount cost) noexcept;
    void remove(JournalRef ref) noexcept;

    // Entries that dead processes, or such as ended, have left are this one's
    // from now on: `giving_back` or `settling`. Chunks that it has too many of
    // are free again. Cheap where there is nothing to do.
    void adopt(std::vector<JournalRef> &found);

    // Before the process ends in good order: what is left is for others.
    void detach() noexcept;

    size_t size() const noexcept;  // entries there, of all processes
    size_t capacity() const noexcept;

private:
    struct Slot;
    struct Chunk;
    struct Header;

    static constexpr size_t entries_per_chunk = 32;

    // What this process owns.
    struct Owned {
        uint32_t chunk;
        uint32_t used;
    };

    static size_t chunks_in(size_t bytes) noexcept;
    static Chunk *chunks_of(void *block) noexcept;
    bool take_chunk(uint32_t chunk);
    Owned *owned(uint32_t chunk) noexcept;
    Owned *chunk_with_room();
    Slot &slot_at(uint32_t slot) const noexcept;
    std::atomic<JournalEntry::State> &state_at(uint32_t slot) const noexcept;
    bool is_there(JournalRef ref) noexcept;

    Chunk                  *chunks_;
    uint32_t                count_;
    const JournalLocks     &locks_;
    std::vector<Owned>      owned_;
    std::vector<JournalRef> found_;  // on the way to a free slot
};

}  // namespace l402
