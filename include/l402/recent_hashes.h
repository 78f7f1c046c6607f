// A service that offers an invoice a second time would have two customers pay
// one hash: whoever pays gets the other's token opened. Lies in memory that
// several processes share, as zeroed bytes, and is used under one lock; a
// process may be killed within it.
#pragma once

#include "l402/types.h"

namespace l402 {

class RecentHashes {
public:
    static constexpr size_t buckets = 256;
    static constexpr size_t per_bucket = 8;

    // False where it is among the latest that were added: some 2,000, at least
    // the eight latest that share its bucket.
    bool add(const Hash &hash) noexcept;

private:
    // The first 64 bits, which are as random as any hash of them.
    uint64_t known_[buckets][per_bucket];
};

}  // namespace l402
