// A worker's memory of pure facts: "this very text carries a good signature
// and preimage, and says this". Time, caveats, service and revocation are
// never remembered.
//
// Bounded: a ring that new credentials are written into over the oldest, and
// an index of fixed size. Only good credentials enter; they are found by a
// keyed hash and compared whole in constant time. It must not outlive the keys
// that it was filled with.
#pragma once

#include "l402/macaroon.h"

#include <memory>

namespace l402 {

// Points into the memory, until the next call of remember().
struct KnownCredential {
    static constexpr size_t max_caveats = 16;

    const uint8_t *payment_hash;  // 32 bytes
    const uint8_t *token_id;      // 32 bytes
    const uint8_t *preimage;      // 32 bytes
    size_t         caveat_count;
    Slice          caveats[max_caveats];
};

class VerifiedMemory {
public:
    static constexpr size_t max_text = 4096;  // longer ones are not remembered

    // About `bytes`, of which the ring is touched only as it fills.
    explicit VerifiedMemory(size_t bytes);
    ~VerifiedMemory();
    VerifiedMemory(const VerifiedMemory &) = delete;
    VerifiedMemory &operator=(const VerifiedMemory &) = delete;

    // `owner` tells one keyring's facts from another's; `text` is the
    // credential as it was sent, without its scheme.
    bool find(const void *owner, std::string_view text,
        KnownCredential &out) const noexcept;
    void remember(const void *owner, std::string_view text,
        const Macaroon &macaroon, const Identifier &identifier,
        const uint8_t preimage[32]) noexcept;

private:
    struct Entry;
    struct Set;

    uint64_t hash(const void *owner, std::string_view text) const noexcept;
    Entry *at(uint64_t position) const noexcept;
    bool is_overwritten(uint64_t position) const noexcept;

    std::unique_ptr<Set[]> sets_;
    size_t                 set_mask_ = 0;
    uint8_t               *ring_ = nullptr;
    uint64_t               ring_size_ = 0;  // bytes, a power of two
    uint64_t               head_ = 0;       // bytes ever written
    uint64_t               key_[4];
};

}  // namespace l402
