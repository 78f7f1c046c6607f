// How many of its free requests a client has had, in memory that several
// processes share: a table of its own, so that a flood of clients fills this
// one and nothing that money was paid for. Every function is called under one
// lock; a process may be killed at any instruction of them, and then one
// request may have been counted that was not let in, but never the other way.
#pragma once

#include "l402/types.h"

#include <atomic>

namespace l402 {

// So many requests in a window, which begins with the first of them.
struct FreeRule {
    uint32_t requests;
    uint64_t window;  // ms
};

// What counts as one client: of 4 or 16 bytes of an address (none: a unix
// socket) the IPv4 address, also where it is mapped into IPv6, or the /64.
std::string_view free_client(std::string_view address) noexcept;

// The name of a client in the table. `scope` sets apart what is counted apart.
Hash free_client_name(std::string_view scope, std::string_view client)
    noexcept;

class FreeQuota {
public:
    static constexpr uint32_t max_requests = 1000000;
    static constexpr uint64_t max_window = 366ULL * 86400 * 1000;  // ms

    // A client takes so much. Each has a place in two sets of a few, so that
    // two thirds of a table fill before one finds none.
    static constexpr size_t bytes_per_client = 24;

    // In zeroed memory of that size (at least 1024), aligned to 8 bytes. With
    // the seed, which is random, nobody can tell who falls into one set.
    static FreeQuota *create(void *memory, size_t bytes,
        const uint8_t seed[16]) noexcept;

    size_t clients() const noexcept { return count_ * ways; }

    // No room: who has a window keeps it, and there is no place for another.
    // Say so: it has not been said for a minute.
    enum class Taken : uint8_t { yes, used_up, no_room, no_room_and_say_so };

    // `now` is in ms, of a clock that all processes share and nobody sets.
    // What is left in the window goes to `left`.
    Taken take(const Hash &client, const FreeRule &rule, uint64_t now,
        uint32_t &left) noexcept;

    // What take() would find, without a change.
    uint32_t left(const Hash &client, const FreeRule &rule, uint64_t now)
        const noexcept;

private:
    static constexpr size_t ways = 8;

    // 128 bits of a keyed hash, and one word that is there or not: until when
    // the window lasts and how many requests were taken, or 0 for nobody's.
    struct Entry {
        std::atomic<uint64_t> first;
        std::atomic<uint64_t> second;
        std::atomic<uint64_t> state;
    };

    struct Set {
        Entry entries[ways];
    };

    static_assert(std::atomic<uint64_t>::is_always_lock_free);
    static_assert(sizeof(Entry) == bytes_per_client);

    // Where a client may be, and what it is called there.
    struct Place {
        uint64_t first;
        uint64_t second;
        Set     *sets[2];
    };

    Place place_of(const Hash &client) const noexcept;
    static Entry *find(const Place &place) noexcept;
    static Entry *find_free(const Place &place, uint64_t now) noexcept;
    bool may_say(uint64_t now) noexcept;

    uint8_t  seed_[16];
    uint64_t count_;    // of sets, which follow
    uint64_t said_at_;  // ms; 0: never
    uint64_t unused_[4];
};

}  // namespace l402
