// Counts what comes from the heap. For one source file of a tool.
#pragma once

#include <cstdlib>

extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
}

namespace bench {

inline size_t allocations;

}  // namespace bench

// operator new ends here too.
extern "C" void *malloc(size_t size) noexcept
{
    bench::allocations++;
    return __libc_malloc(size);
}

extern "C" void *calloc(size_t count, size_t size) noexcept
{
    bench::allocations++;
    return __libc_calloc(count, size);
}

extern "C" void *realloc(void *p, size_t size) noexcept
{
    bench::allocations++;
    return __libc_realloc(p, size);
}
