// Counts every allocation of the program, OpenSSL's and libsodium's included,
// with the allocator's own hooks under AddressSanitizer. To be included in
// one source of a program, ahead of cmocka.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>

namespace unit {

inline std::atomic<size_t> allocation_count{0};

size_t allocations();

}  // namespace unit

#ifdef __SANITIZE_ADDRESS__

// sanitizer/allocator_interface.h, which Debian's g++ does not bring along.
extern "C" int __sanitizer_install_malloc_and_free_hooks(
    void (*malloc_hook)(const volatile void *, size_t),
    void (*free_hook)(const volatile void *));

namespace unit {

inline void count_allocation(const volatile void *, size_t)
{
    allocation_count++;
}

inline void count_nothing(const volatile void *) {}

size_t allocations()
{
    static int installed = __sanitizer_install_malloc_and_free_hooks(
        count_allocation, count_nothing);

    (void) installed;
    return allocation_count;
}

}  // namespace unit

#else

// glibc's own, under its own names; operator new ends here too. Visible, so
// that the libraries' calls come here as well.
#pragma GCC visibility push(default)
extern "C" {

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) noexcept
{
    unit::allocation_count++;
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) noexcept
{
    unit::allocation_count++;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size) noexcept
{
    unit::allocation_count++;
    return __libc_realloc(p, size);
}

void *aligned_alloc(size_t alignment, size_t size) noexcept
{
    unit::allocation_count++;
    return __libc_memalign(alignment, size);
}

}  // extern "C"
#pragma GCC visibility pop

namespace unit {

size_t allocations()
{
    return allocation_count;
}

}  // namespace unit

#endif
