// A lock that several processes share, and that the kernel frees where whoever
// holds it dies.
#pragma once

#include <pthread.h>

namespace l402 {

void init_robust_lock(pthread_mutex_t &lock) noexcept;

}  // namespace l402
