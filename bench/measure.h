// Rounds of CPU time, and what callgrind collects.
#pragma once

#include "l402/verify.h"

#include <cstdio>
#include <ctime>
#include <string>

extern "C" __attribute__((noinline)) inline void accept(
    const l402::Keyring &keys, const l402::Facts &facts,
    l402::VerifiedMemory *memory, l402::Verdict &verdict)
{
    l402::verify(keys, facts, memory, verdict);
    __asm__ volatile("");
}

namespace bench {

inline uint64_t cpu_time()
{
    timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return uint64_t(t.tv_sec) * 1000000000 + uint64_t(t.tv_nsec);
}

template <typename Function>
void measure(const std::string &name, size_t count, bool print,
    Function function)
{
    uint64_t start = cpu_time();

    for (size_t i = 0; i < count; i++) {
        function();
    }

    uint64_t spent = cpu_time() - start;

    if (print) {
        printf("{\"side\":\"%s\",\"requests\":%zu,\"cpu_ns\":%llu}\n",
            name.c_str(), count, static_cast<unsigned long long>(spent));
    }
}

}  // namespace bench
