// A worker's memory of pure facts: "these exact bytes carry a good signature
// and preimage". Time, caveats, service and revocation are never remembered.
//
// Bounded: a fixed table of fixed entries, a new one takes an old one's place.
// Only good credentials enter, found by a keyed hash and compared whole in
// constant time. It must not outlive the keys that it was filled with.
#pragma once

#include "l402/types.h"

namespace l402 {

class VerifiedMemory {
public:
    // About `bytes` of memory, touched only as it fills.
    explicit VerifiedMemory(size_t bytes);
    ~VerifiedMemory();
    VerifiedMemory(const VerifiedMemory &) = delete;
    VerifiedMemory &operator=(const VerifiedMemory &) = delete;

    // `owner` tells one keyring's facts from another's.
    bool knows(const void *owner, std::string_view macaroon,
        const uint8_t signature[32], const uint8_t preimage[32]) noexcept;
    void remember(const void *owner, std::string_view macaroon,
        const uint8_t signature[32], const uint8_t preimage[32]) noexcept;

private:
    struct Entry;

    Entry  *find(const void *owner, const uint8_t signature[32],
        uint64_t &tag) noexcept;

    Entry   *entries_ = nullptr;
    size_t   mask_ = 0;
    size_t   mapped_ = 0;
    uint8_t  key_[16];
};

}  // namespace l402
