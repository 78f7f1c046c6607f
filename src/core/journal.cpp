#include "l402/journal.h"

#include "robust_lock.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace l402 {

using State = JournalEntry::State;

// What an entry says is whole before its state is, and the state goes first
// when it leaves: whoever finds a state finds what belongs to it.
struct Journal::Slot {
    std::atomic<uint32_t> turn;  // of who is or was in here; never 0 then
    uint32_t              unused;
    Hash                  payment_hash;
    RequestId             id;
    Amount                amount;
    Amount                limit;
    Amount                cost;
    int64_t               expires;
};

struct alignas(64) Journal::Chunk {
    pthread_mutex_t    owner;
    // Apart from what they are the states of, so that few lines of the cache
    // say whether there is anything.
    std::atomic<State> states[entries_per_chunk];
    Slot               slots[entries_per_chunk];

    bool is_empty() const noexcept
    {
        return std::all_of(states, states + entries_per_chunk,
            [](const std::atomic<State> &state) {
                return state.load(std::memory_order_relaxed) == State::vacant;
            });
    }
};

struct alignas(64) Journal::Header {
    char     magic[8];
    uint32_t version;
    uint32_t chunks;
    uint64_t bytes;
};

namespace {

constexpr char magic[8] = {'L', '4', '0', '2', 'J', 'R', 'N', 'L'};
constexpr uint32_t layout_version = 1;
// The kernel looks after some 2,000 robust mutexes of a process.
constexpr size_t max_chunks = 1024;

// Entries are whole at any instruction, so there is nothing to be put right
// after a death.
JournalLocks::Taken take_robust(pthread_mutex_t &lock) noexcept
{
    switch (pthread_mutex_trylock(&lock)) {
    case EOWNERDEAD:
        pthread_mutex_consistent(&lock);
        return JournalLocks::Taken::yes;

    case 0:
        return JournalLocks::Taken::yes;

    default:
        return JournalLocks::Taken::no;
    }
}

void release_robust(pthread_mutex_t &lock) noexcept
{
    pthread_mutex_unlock(&lock);
}

}  // namespace

const JournalLocks robust_journal_locks = {init_robust_lock, take_robust,
    release_robust};

size_t Journal::chunks_in(size_t bytes) noexcept
{
    if (bytes < sizeof(Header)) {
        return 0;
    }

    return std::min((bytes - sizeof(Header)) / sizeof(Chunk), max_chunks);
}

Journal::Chunk *Journal::chunks_of(void *block) noexcept
{
    return reinterpret_cast<Chunk *>(
        static_cast<char *>(block) + sizeof(Header));
}

size_t Journal::bytes_for(size_t entries) noexcept
{
    return sizeof(Header) + (entries + entries_per_chunk - 1)
                                / entries_per_chunk * sizeof(Chunk);
}

void Journal::format(void *block, size_t bytes, const JournalLocks &locks)
    noexcept
{
    auto header = static_cast<Header *>(block);
    Chunk *chunks = chunks_of(block);
    size_t count = chunks_in(bytes);

    std::memset(block, 0, bytes);

    for (size_t i = 0; i < count; i++) {
        locks.init(chunks[i].owner);
    }

    header->version = layout_version;
    header->chunks = static_cast<uint32_t>(count);
    header->bytes = bytes;
    std::memcpy(header->magic, magic, sizeof(magic));
}

bool Journal::is_formatted(const void *block, size_t bytes) noexcept
{
    auto header = static_cast<const Header *>(block);

    return bytes >= sizeof(Header)
           && std::memcmp(header->magic, magic, sizeof(magic)) == 0
           && header->version == layout_version
           && header->chunks == chunks_in(bytes) && header->bytes == bytes;
}

void Journal::reset_locks(void *block, size_t bytes, const JournalLocks &locks)
    noexcept
{
    for (size_t i = 0; i < chunks_in(bytes); i++) {
        locks.init(chunks_of(block)[i].owner);
    }
}

Journal::Journal(void *block, size_t bytes, const JournalLocks &locks) noexcept
    : chunks_(chunks_of(block)),
      count_(static_cast<uint32_t>(chunks_in(bytes))),
      locks_(locks)
{
}

Journal::Slot &Journal::slot_at(uint32_t slot) const noexcept
{
    return chunks_[slot / entries_per_chunk].slots[slot % entries_per_chunk];
}

std::atomic<State> &Journal::state_at(uint32_t slot) const noexcept
{
    return chunks_[slot / entries_per_chunk].states[slot % entries_per_chunk];
}

Journal::Owned *Journal::owned(uint32_t chunk) noexcept
{
    auto is_it = [chunk](const Owned &owned) { return owned.chunk == chunk; };
    auto at = std::find_if(owned_.begin(), owned_.end(), is_it);

    return at == owned_.end() ? nullptr : &*at;
}

bool Journal::is_there(JournalRef ref) noexcept
{
    return ref && owned(ref.slot / entries_per_chunk)
           && slot_at(ref.slot).turn == ref.turn
           && state_at(ref.slot) != State::vacant;
}

// True: it is this process's, with whatever others have left in it.
bool Journal::take_chunk(uint32_t chunk)
{
    if (owned(chunk)) {
        return false;
    }

    owned_.reserve(owned_.size() + 1);
    found_.reserve(found_.size() + entries_per_chunk);

    if (locks_.take(chunks_[chunk].owner) == JournalLocks::Taken::no) {
        return false;
    }

    Owned taken = {chunk, 0};
    uint32_t first = chunk * uint32_t(entries_per_chunk);

    for (uint32_t i = first; i < first + entries_per_chunk; i++) {
        if (state_at(i) == State::vacant) {
            continue;
        }

        if (state_at(i) == State::reserved) {
            state_at(i) = State::giving_back;
        }

        found_.push_back({i, slot_at(i).turn});
        taken.used++;
    }

    owned_.push_back(taken);
    return true;
}

// Null: none of this process's chunks has any, and no other is free.
Journal::Owned *Journal::chunk_with_room()
{
    for (Owned &owned : owned_) {
        if (owned.used < entries_per_chunk) {
            return &owned;
        }
    }

    for (uint32_t i = 0; i < count_; i++) {
        if (take_chunk(i) && owned_.back().used < entries_per_chunk) {
            return &owned_.back();
        }
    }

    return nullptr;
}

JournalRef Journal::add(const JournalEntry &entry)
{
    Owned *chunk = chunk_with_room();

    if (chunk == nullptr) {
        return {};
    }

    uint32_t at = chunk->chunk * uint32_t(entries_per_chunk);

    while (state_at(at) != State::vacant) {
        at++;
    }

    Slot &slot = slot_at(at);
    uint32_t turn = slot.turn + 1;

    slot.turn = turn ? turn : 1;
    slot.payment_hash = entry.payment_hash;
    slot.id = entry.id;
    slot.amount = entry.amount;
    slot.limit = entry.limit;
    slot.cost = {};
    slot.expires = entry.expires;
    state_at(at).store(State::reserved, std::memory_order_release);
    chunk->used++;
    return {at, slot.turn};
}

bool Journal::read(JournalRef ref, JournalEntry &out) noexcept
{
    if (!is_there(ref)) {
        return false;
    }

    const Slot &slot = slot_at(ref.slot);

    out.state = state_at(ref.slot);
    out.payment_hash = slot.payment_hash;
    out.id = slot.id;
    out.amount = slot.amount;
    out.limit = slot.limit;
    out.cost = slot.cost;
    out.expires = slot.expires;
    return true;
}

void Journal::give_back(JournalRef ref) noexcept
{
    if (is_there(ref)) {
        state_at(ref.slot).store(State::giving_back,
            std::memory_order_release);
    }
}

void Journal::settle(JournalRef ref, Amount cost) noexcept
{
    if (is_there(ref)) {
        slot_at(ref.slot).cost = cost;
        state_at(ref.slot).store(State::settling, std::memory_order_release);
    }
}

void Journal::remove(JournalRef ref) noexcept
{
    if (!is_there(ref)) {
        return;
    }

    state_at(ref.slot).store(State::vacant, std::memory_order_release);
    owned(ref.slot / entries_per_chunk)->used--;
}

void Journal::adopt(std::vector<JournalRef> &found)
{
    for (uint32_t i = 0; i < count_; i++) {
        if (!chunks_[i].is_empty()) {
            (void) take_chunk(i);
        }
    }

    found.insert(found.end(), found_.begin(), found_.end());
    found_.clear();

    for (size_t i = owned_.size(); i > 0 && owned_.size() > 1; i--) {
        if (owned_[i - 1].used == 0) {
            locks_.release(chunks_[owned_[i - 1].chunk].owner);
            owned_.erase(owned_.begin() + std::ptrdiff_t(i - 1));
        }
    }
}

void Journal::detach() noexcept
{
    for (const Owned &owned : owned_) {
        locks_.release(chunks_[owned.chunk].owner);
    }

    owned_.clear();
    found_.clear();
}

size_t Journal::size() const noexcept
{
    size_t size = 0;

    for (uint32_t i = 0; i < count_ * entries_per_chunk; i++) {
        size += state_at(i) != State::vacant;
    }

    return size;
}

size_t Journal::capacity() const noexcept
{
    return count_ * entries_per_chunk;
}

}  // namespace l402
