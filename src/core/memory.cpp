#include "l402/memory.h"

#include "l402/sha256.h"

#include <sodium.h>
#include <sys/mman.h>

#include <cstring>
#include <new>

namespace l402 {

// Followed by the caveats' sizes, the caveats, and the text.
struct VerifiedMemory::Entry {
    const void *owner;
    uint32_t    text_size;
    uint32_t    text_offset;  // from the entry's start
    uint32_t    caveat_count;
    uint8_t     payment_hash[32];
    uint8_t     token_id[32];
    uint8_t     preimage[32];
    uint16_t    caveat_sizes[KnownCredential::max_caveats];
};

namespace {

constexpr size_t   line = 64;
constexpr size_t   ways = 8;
constexpr unsigned position_bits = 44;  // in lines: 2^50 bytes
constexpr uint64_t position_mask = (uint64_t(1) << position_bits) - 1;

uint64_t load(const char *p) noexcept
{
    uint64_t value;

    std::memcpy(&value, p, sizeof(value));
    return value;
}

// Both halves of a product of two secrets-with-input: an unkeyed guess at what
// falls together does not hold for the next worker.
uint64_t mix(uint64_t a, uint64_t b) noexcept
{
    unsigned __int128 product = static_cast<unsigned __int128>(a) * b;

    return static_cast<uint64_t>(product)
           ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

// A cache line: hash bits and positions, 0 where there is none.
struct alignas(line) VerifiedMemory::Set {
    uint64_t slots[ways];
};

VerifiedMemory::VerifiedMemory(size_t bytes)
{
    ring_size_ = 16 * line;

    while (2 * ring_size_ <= bytes) {
        ring_size_ *= 2;
    }

    // An entry takes eight lines or so: some four to a set when all is full.
    size_t sets = ring_size_ / line / 32 + 1;

    for (set_mask_ = 1; set_mask_ < sets; set_mask_ *= 2) { /* void */ }

    sets_.reset(new Set[set_mask_]());
    set_mask_--;

    void *p = mmap(nullptr, ring_size_, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        throw std::bad_alloc();
    }

    // What is in here opens doors: not for core dumps.
    (void) madvise(p, ring_size_, MADV_DONTDUMP);
    (void) madvise(p, ring_size_, MADV_HUGEPAGE);

    ring_ = static_cast<uint8_t *>(p);
    // Position 0 stands for none.
    head_ = line;
    randombytes_buf(key_, sizeof(key_));
}

VerifiedMemory::~VerifiedMemory()
{
    // The pages go back to the system, which clears them.
    (void) munmap(ring_, ring_size_);
    wipe(key_, sizeof(key_));
}

[[gnu::hot]]
VerifiedMemory::Entry *VerifiedMemory::at(uint64_t position) const noexcept
{
    return reinterpret_cast<Entry *>(ring_ + (position & (ring_size_ - 1)));
}

[[gnu::hot]]
bool VerifiedMemory::is_overwritten(uint64_t position) const noexcept
{
    return head_ - position > ring_size_;
}

// Of 16 characters of what an Authorization value ends in, the preimage, and
// of 16 before it, the signature's; in hex the signature's and others.
[[gnu::hot]]
uint64_t VerifiedMemory::hash(const void *owner, std::string_view text)
    const noexcept
{
    const char *end = text.data() + text.size();
    const char *middle = end - 65 - 16;

    uint64_t h = mix(load(end - 16) ^ key_[0], load(end - 8) ^ key_[1])
                 ^ mix(load(middle) ^ key_[2], load(middle + 8) ^ key_[3]);

    return mix(h ^ reinterpret_cast<uintptr_t>(owner), key_[0] | 1);
}

[[gnu::hot]] bool VerifiedMemory::find(const void *owner, std::string_view text,
    KnownCredential &out) const noexcept
{
    if (text.size() < 128 || text.size() > max_text) {
        return false;
    }

    uint64_t h = hash(owner, text);
    const Set &set = sets_[h & set_mask_];
    const Entry *e = nullptr;

    for (uint64_t slot : set.slots) {
        if ((slot ^ h) >> position_bits == 0 && slot) {
            uint64_t position = (slot & position_mask) * line;

            if (!is_overwritten(position) && at(position)->owner == owner
                && at(position)->text_size == text.size())
            {
                e = at(position);
                break;
            }
        }
    }

    if (e == nullptr
        || !equal_constant_time(reinterpret_cast<const char *>(e)
                                    + e->text_offset,
               text.data(), text.size()))
    {
        return false;
    }

    auto caveat = reinterpret_cast<const char *>(e + 1);

    out.payment_hash = e->payment_hash;
    out.token_id = e->token_id;
    out.preimage = e->preimage;
    out.caveat_count = e->caveat_count;

    for (size_t i = 0; i < e->caveat_count; i++) {
        out.caveats[i] = {caveat, e->caveat_sizes[i]};
        caveat += e->caveat_sizes[i];
    }

    return true;
}

void VerifiedMemory::remember(const void *owner, std::string_view text,
    const Macaroon &macaroon, const Identifier &identifier,
    const uint8_t preimage[32]) noexcept
{
    if (text.size() < 128 || text.size() > max_text
        || macaroon.caveat_count > KnownCredential::max_caveats)
    {
        return;
    }

    size_t size = sizeof(Entry) + text.size();

    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        size += macaroon.caveats[i].size;
    }

    size = (size + line - 1) / line * line;

    // An entry is whole: what is left at the ring's end stays empty.
    uint64_t left = ring_size_ - (head_ & (ring_size_ - 1));

    if (size > ring_size_ / 2) {
        return;
    }

    if (size > left) {
        head_ += left;
    }

    if ((head_ + size) / line > position_mask) {
        // After a petabyte: as if it began.
        std::memset(sets_.get(), 0, (set_mask_ + 1) * sizeof(Set));
        head_ = line;
    }

    uint64_t position = head_;
    Entry *e = at(position);

    head_ += size;

    e->owner = owner;
    e->text_size = static_cast<uint32_t>(text.size());
    e->caveat_count = static_cast<uint32_t>(macaroon.caveat_count);
    std::memcpy(e->payment_hash, identifier.payment_hash, 32);
    std::memcpy(e->token_id, identifier.token_id, 32);
    std::memcpy(e->preimage, preimage, 32);

    auto out = reinterpret_cast<char *>(e + 1);

    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        const Slice &caveat = macaroon.caveats[i];

        // Of max_macaroon_size at most.
        e->caveat_sizes[i] = static_cast<uint16_t>(caveat.size);

        if (caveat.size) {
            std::memcpy(out, caveat.data, caveat.size);
        }

        out += caveat.size;
    }

    e->text_offset = static_cast<uint32_t>(out - reinterpret_cast<char *>(e));
    std::memcpy(out, text.data(), text.size());

    uint64_t h = hash(owner, text);
    Set &set = sets_[h & set_mask_];
    uint64_t *place = &set.slots[h >> 32 & (ways - 1)];

    for (uint64_t &slot : set.slots) {
        if (slot == 0 || is_overwritten((slot & position_mask) * line)) {
            place = &slot;
            break;
        }
    }

    *place = (h & ~position_mask) | position / line;
}

}  // namespace l402
