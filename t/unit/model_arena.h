// Memory that can be put back to what it was: whatever is allocated in between
// arena::enter() and arena::leave() lies in one block at one address, so that a
// copy of the block is a copy of all objects in it, pointers included. For one
// source of a program.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

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

// What nobody uses, and no snapshot has to copy.
struct Gap {
    size_t from, to;
};
inline Gap gaps[16];
inline size_t gap_count = 0;

inline void clear()
{
    std::memset(memory, 0, sizeof(Head));
    head().used = (sizeof(Head) + unit - 1) / unit * unit;
    gap_count = 0;
}

inline void add_gap(const void *from, size_t n)
{
    size_t at = size_t(static_cast<const char *>(from) - memory);

    if (gap_count == 16) {
        std::abort();
    }
    gaps[gap_count++] = {at, at + n};
}

// False: somebody has used what was said to be unused.
inline bool are_gaps_clean()
{
    for (size_t g = 0; g < gap_count; g++) {
        for (size_t i = gaps[g].from; i < gaps[g].to; i++) {
            if (memory[i]) {
                return false;
            }
        }
    }
    return true;
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

class Snapshot {
public:
    Snapshot() : bytes_(head().used)
    {
        each([&](size_t at, size_t n) {
            std::memcpy(bytes_.data() + at, memory + at, n);
        });
    }

    void restore() const
    {
        each([&](size_t at, size_t n) {
            std::memcpy(memory + at, bytes_.data() + at, n);
        });
    }

private:
    template <class Copy> void each(Copy copy) const
    {
        size_t at = 0;

        for (size_t g = 0; g < gap_count; g++) {
            copy(at, gaps[g].from - at);
            at = gaps[g].to;
        }
        copy(at, bytes_.size() - at);
    }

    // Not a vector, which would fill it with zeros first.
    struct Bytes {
        explicit Bytes(size_t n) : memory(new char[n]), n(n) {}
        ~Bytes() { delete[] memory; }
        Bytes(const Bytes &) = delete;
        void operator=(const Bytes &) = delete;
        char *data() const { return memory; }
        size_t size() const { return n; }

        char   *memory;
        size_t  n;
    };
    Bytes bytes_;
};

}  // namespace unit::arena

// Where the compiler saw through them it would take one for malloc().
[[gnu::noinline]] void *operator new(size_t n)
{
    void *p = unit::arena::is_on ? unit::arena::take(n)
                                 : std::malloc(n ? n : 1);

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

// AddressSanitizer's own would not come by.
[[gnu::noinline]] void *operator new[](size_t n) { return operator new(n); }

[[gnu::noinline]] void operator delete[](void *p) noexcept
{
    operator delete(p);
}

[[gnu::noinline]] void operator delete[](void *p, size_t) noexcept
{
    operator delete(p);
}
