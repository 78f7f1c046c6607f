// Memory that can be put back to what it was: whatever is allocated in between
// arena::enter() and arena::leave() lies in one block at one address, so that a
// copy of the block is a copy of all objects in it, pointers included. For one
// source of a program.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace unit::arena {

constexpr size_t size = 1 << 20, unit = 16, classes = 128;

struct Free {
    Free *next;
};

struct Head {
    size_t  used;
    Free   *free[classes];  // by size
};

alignas(4096) inline char memory[size];
inline bool is_on = false;

inline Head &head() { return *reinterpret_cast<Head *>(memory); }
inline bool has(const void *p)
{
    return p >= memory && p < memory + size;
}

inline void clear()
{
    std::memset(memory, 0, sizeof(Head));
    head().used = (sizeof(Head) + 4095) / 4096 * 4096;
}

inline void enter() { is_on = true; }
inline void leave() { is_on = false; }

inline void *take(size_t n)
{
    size_t of = (n + unit - 1) / unit;

    if (of < classes && head().free[of]) {
        Free *free = head().free[of];

        head().free[of] = free->next;
        return free;
    }

    char *at = memory + head().used;

    if (head().used + (of + 1) * unit > size) {
        std::abort();
    }
    head().used += (of + 1) * unit;
    std::memcpy(at, &of, sizeof(of));
    return at + unit;
}

inline void give(void *p)
{
    size_t of;

    std::memcpy(&of, static_cast<char *>(p) - unit, sizeof(of));
    if (of < classes) {
        auto free = static_cast<Free *>(p);

        free->next = head().free[of];
        head().free[of] = free;
    }
}

struct Snapshot {
    std::vector<char> bytes;

    Snapshot() : bytes(memory, memory + head().used) {}
    void restore() const { std::memcpy(memory, bytes.data(), bytes.size()); }
};

}  // namespace unit::arena

// Where the compiler saw through them it would take one for malloc().
[[gnu::noinline]] void *operator new(size_t n)
{
    void *p = unit::arena::is_on ? unit::arena::take(n) : std::malloc(n ? n : 1);

    if (p == nullptr) {
        throw std::bad_alloc();
    }
    return p;
}

[[gnu::noinline]] void operator delete(void *p) noexcept
{
    if (unit::arena::has(p)) {
        unit::arena::give(p);
    } else {
        std::free(p);
    }
}

[[gnu::noinline]] void operator delete(void *p, size_t) noexcept
{
    operator delete(p);
}
