#include "l402/memory.h"

#include "l402/sha256.h"

#include <sodium.h>
#include <sys/mman.h>

#include <cstring>
#include <new>

namespace l402 {

// Five cache lines: what a token with a few caveats takes. Longer ones are
// verified anew each time.
struct VerifiedMemory::Entry {
    uint64_t    tag;   // keyed hash of the signature; 0: empty
    const void *owner;
    uint64_t    size;  // of the macaroon
    uint8_t     preimage[32];
    uint8_t     macaroon[264];
};

namespace {

constexpr size_t ways = 4;

}  // namespace

VerifiedMemory::VerifiedMemory(size_t bytes)
{
    static_assert(sizeof(Entry) == 320, "an entry is five cache lines");

    size_t count = ways;

    while (2 * count * sizeof(Entry) <= bytes) {
        count *= 2;
    }

    mapped_ = count * sizeof(Entry);
    mask_ = count - 1;

    void *p = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        throw std::bad_alloc();
    }

    // What is in here opens doors: not for core dumps.
    (void) madvise(p, mapped_, MADV_DONTDUMP);

    entries_ = static_cast<Entry *>(p);
    randombytes_buf(key_, sizeof(key_));
}

VerifiedMemory::~VerifiedMemory()
{
    if (entries_) {
        // The pages go back to the system, which clears them.
        (void) munmap(entries_, mapped_);
    }

    wipe(key_, sizeof(key_));
}

VerifiedMemory::Entry *VerifiedMemory::find(const void *owner,
    const uint8_t signature[32], uint64_t &tag) noexcept
{
    uint8_t hash[crypto_shorthash_BYTES];

    static_assert(sizeof(hash) == sizeof(tag));
    static_assert(crypto_shorthash_KEYBYTES == sizeof(key_));

    crypto_shorthash(hash, signature, 32, key_);
    std::memcpy(&tag, hash, sizeof(tag));
    tag = (tag ^ reinterpret_cast<uintptr_t>(owner)) | 1;

    return &entries_[(tag >> 8) & mask_ & ~(ways - 1)];
}

bool VerifiedMemory::knows(const void *owner, std::string_view macaroon,
    const uint8_t signature[32], const uint8_t preimage[32]) noexcept
{
    uint64_t tag;
    Entry *set = find(owner, signature, tag);

    for (size_t i = 0; i < ways; i++) {
        const Entry &e = set[i];

        if (e.tag == tag && e.owner == owner && e.size == macaroon.size()) {
            bool same_macaroon = equal_constant_time(e.macaroon,
                macaroon.data(), macaroon.size());
            bool same_preimage = equal_constant_time(e.preimage, preimage, 32);

            return same_macaroon & same_preimage;
        }
    }

    return false;
}

void VerifiedMemory::remember(const void *owner, std::string_view macaroon,
    const uint8_t signature[32], const uint8_t preimage[32]) noexcept
{
    if (macaroon.size() > sizeof(Entry::macaroon)) {
        return;
    }

    uint64_t tag;
    Entry *set = find(owner, signature, tag);
    Entry *place = nullptr;

    for (size_t i = 0; i < ways; i++) {
        if (set[i].tag == tag) {
            place = &set[i];
            break;
        }

        if (set[i].tag == 0 && place == nullptr) {
            place = &set[i];
        }
    }

    if (place == nullptr) {
        place = &set[tag >> 60 & (ways - 1)];
    }

    place->tag = tag;
    place->owner = owner;
    place->size = macaroon.size();
    std::memcpy(place->preimage, preimage, 32);
    std::memcpy(place->macaroon, macaroon.data(), macaroon.size());
}

}  // namespace l402
