#include "l402/recent_hashes.h"

#include <cstring>

namespace l402 {

bool RecentHashes::add(const Hash &hash) noexcept
{
    uint64_t first, last;

    std::memcpy(&first, hash.data(), sizeof(first));
    std::memcpy(&last, hash.data() + hash.size() - sizeof(last), sizeof(last));

    uint64_t *bucket = known_[last % buckets];

    for (size_t i = 0; i < per_bucket; i++) {
        if (bucket[i] == first) {
            return false;
        }
    }

    std::memmove(bucket + 1, bucket, (per_bucket - 1) * sizeof(first));
    bucket[0] = first;
    return true;
}

}  // namespace l402
