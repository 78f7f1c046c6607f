// A service that offers an invoice a second time would have two customers pay
// one hash: whoever pays gets the other's token opened.
#pragma once

#include "l402/types.h"

#include <cstring>
#include <unordered_set>
#include <vector>

namespace l402 {

class RecentHashes {
public:
    static constexpr size_t capacity = 4096;

    // False where it is one of the latest `capacity` that were added.
    bool add(const Hash &hash);

private:
    // Payment hashes are as random as any hash of them.
    struct First {
        size_t operator()(const Hash &hash) const noexcept
        {
            size_t out;

            std::memcpy(&out, hash.data(), sizeof(out));
            return out;
        }
    };

    std::unordered_set<Hash, First> known_;
    std::vector<Hash>               order_;
    size_t                          oldest_ = 0;
};

}  // namespace l402
