#include "l402/recent_hashes.h"

namespace l402 {

bool RecentHashes::add(const Hash &hash)
{
    if (!known_.insert(hash).second) {
        return false;
    }

    if (order_.size() < capacity) {
        order_.push_back(hash);
        return true;
    }

    known_.erase(order_[oldest_]);
    order_[oldest_] = hash;
    oldest_ = (oldest_ + 1) % capacity;
    return true;
}

}  // namespace l402
