// What the tests of the ledger share.
#pragma once

#include "l402/ledger.h"

#include "unit.h"

#include <sys/mman.h>

namespace ledgers {

using namespace l402;

inline constexpr int64_t now = 1700000000;

// Memory that forked processes share, and the pages of which nobody has
// touched.
struct Shared {
    explicit Shared(size_t size) : bytes(size)
    {
        memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
            MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (memory == MAP_FAILED) {
            fail_msg("no memory");
        }
    }

    ~Shared() { munmap(memory, bytes); }
    Shared(const Shared &) = delete;
    void operator=(const Shared &) = delete;

    void   *memory;
    size_t  bytes;
};

// An empty ledger.
struct Table : Shared {
    explicit Table(size_t size = Ledger::min_bytes) : Shared(size)
    {
        Ledger::format(memory, bytes);
        ledger = Ledger(memory, bytes);
    }

    ~Table() { ledger.detach(); }

    Ledger ledger;
};

inline Hash numbered(uint64_t number)
{
    Hash hash{};

    memcpy(hash.data(), &number, sizeof(number));
    return hash;
}

inline Allowance uses(uint64_t limit, int64_t expires = 0)
{
    Allowance allowance;

    allowance.limit.uses = limit;
    allowance.minted.uses = limit;
    allowance.expires = expires;
    return allowance;
}

inline Allowance balance(uint64_t limit, int64_t expires = 0)
{
    Allowance allowance;

    allowance.limit.msat = limit;
    allowance.minted.msat = limit;
    allowance.expires = expires;
    return allowance;
}

inline void assert_amount(const Amount &got, uint64_t uses, uint64_t msat)
{
    assert_int_equal(got.uses, uses);
    assert_int_equal(got.msat, msat);
}

inline void assert_whole(const Ledger &ledger)
{
    const char *wrong = ledger.self_check();

    if (wrong) {
        fail_msg("%s", wrong);
    }
}

}  // namespace ledgers
