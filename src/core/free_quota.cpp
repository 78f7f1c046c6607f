#include "l402/free_quota.h"

#include "l402/sha256.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace l402 {

namespace {

constexpr uint64_t quiet_time = 60 * 1000;  // ms

constexpr unsigned taken_bits = 20;
constexpr uint64_t taken_mask = (1ULL << taken_bits) - 1;

static_assert(FreeQuota::max_requests <= taken_mask);

uint64_t pack(uint64_t end, uint64_t taken) noexcept
{
    return end << taken_bits | taken;
}

uint64_t end_of(uint64_t state) noexcept
{
    return state >> taken_bits;
}

// 0 where the window has ended.
uint64_t taken_of(uint64_t state, uint64_t now) noexcept
{
    return end_of(state) > now ? state & taken_mask : 0;
}

uint32_t left_of(uint64_t taken, const FreeRule &rule) noexcept
{
    return taken < rule.requests ? static_cast<uint32_t>(rule.requests - taken)
                                 : 0;
}

}  // namespace

std::string_view free_client(std::string_view address) noexcept
{
    constexpr std::string_view mapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);

    if (address.size() != 16) {
        return address;
    }

    return address.substr(0, mapped.size()) == mapped
               ? address.substr(mapped.size()) : address.substr(0, 8);
}

Hash free_client_name(std::string_view scope, std::string_view client) noexcept
{
    Hash parts[2], name;

    sha256(scope, parts[0].data());
    sha256(client, parts[1].data());
    sha256(parts, sizeof(parts), name.data());
    return name;
}

FreeQuota *FreeQuota::create(void *memory, size_t bytes,
    const uint8_t seed[16]) noexcept
{
    static_assert(sizeof(FreeQuota) == 64, "sets begin at a cache line");
    static_assert(sizeof(Set) % 64 == 0);

    auto quota = new (memory) FreeQuota{};

    std::memcpy(quota->seed_, seed, sizeof(quota->seed_));
    quota->count_ = (bytes - sizeof(FreeQuota)) / sizeof(Set);
    return quota;
}

// One compression: all else of the hash is done before the lock is taken.
FreeQuota::Place FreeQuota::place_of(const Hash &client) const noexcept
{
    uint8_t text[sizeof(seed_) + sizeof(client)];
    Hash digest;
    Place place;

    std::memcpy(text, seed_, sizeof(seed_));
    std::memcpy(text + sizeof(seed_), client.data(), client.size());
    sha256(text, sizeof(text), digest.data());
    std::memcpy(&place.first, digest.data(), 8);
    std::memcpy(&place.second, digest.data() + 8, 8);

    auto sets = reinterpret_cast<Set *>(const_cast<FreeQuota *>(this) + 1);

    place.sets[0] = &sets[place.first % count_];
    place.sets[1] = &sets[place.second % count_];
    return place;
}

// Also where its window has ended: it begins anew in the same entry.
FreeQuota::Entry *FreeQuota::find(const Place &place) noexcept
{
    for (Set *set : place.sets) {
        for (Entry &entry : set->entries) {
            if (entry.first.load() == place.first
                && entry.second.load() == place.second
                && entry.state.load() != 0)
            {
                return &entry;
            }
        }
    }

    return nullptr;
}

// In the set that has more of them. Null: all windows last.
FreeQuota::Entry *FreeQuota::find_free(const Place &place, uint64_t now)
    noexcept
{
    Entry *found = nullptr;
    ptrdiff_t most = 0;

    for (Set *set : place.sets) {
        auto is_free = [now](const Entry &entry) {
            return end_of(entry.state.load()) <= now;
        };
        ptrdiff_t count = std::count_if(set->entries, set->entries + ways,
            is_free);

        if (count > most) {
            most = count;
            found = std::find_if(set->entries, set->entries + ways, is_free);
        }
    }

    return found;
}

bool FreeQuota::may_say(uint64_t now) noexcept
{
    if (said_at_ != 0 && now - said_at_ < quiet_time) {
        return false;
    }

    said_at_ = std::max<uint64_t>(now, 1);
    return true;
}

FreeQuota::Taken FreeQuota::take(const Hash &client, const FreeRule &rule,
    uint64_t now, uint32_t &left) noexcept
{
    Place place = place_of(client);
    Entry *entry = find(place);

    left = 0;

    if (entry == nullptr) {
        entry = find_free(place, now);

        if (entry == nullptr) {
            return may_say(now) ? Taken::no_room_and_say_so : Taken::no_room;
        }

        // Its window has ended, whosever it is, until all of it is there.
        entry->first.store(place.first);
        entry->second.store(place.second);
        entry->state.store(pack(now + rule.window, 1));
        left = left_of(1, rule);
        return Taken::yes;
    }

    uint64_t state = entry->state.load();
    uint64_t taken = taken_of(state, now);

    left = left_of(taken, rule);

    if (left == 0) {
        return Taken::used_up;
    }

    // Who looked at the clock before others did finds a window that begins
    // after that, and takes of it.
    left--;
    entry->state.store(taken ? state + 1 : pack(now + rule.window, 1));
    return Taken::yes;
}

uint32_t FreeQuota::left(const Hash &client, const FreeRule &rule,
    uint64_t now) const noexcept
{
    Place place = place_of(client);
    const Entry *entry = find(place);

    if (entry == nullptr) {
        return find_free(place, now) ? rule.requests : 0;
    }

    return left_of(taken_of(entry->state.load(), now), rule);
}

}  // namespace l402
