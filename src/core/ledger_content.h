// What a file says, and whether that is a ledger.
#pragma once

#include "ledger_disk.h"
#include "ledger_layout.h"

namespace l402::ledger {

struct Content {
    // Of a file that nobody changes meanwhile. A copy, so that it can be looked
    // at whatever the disk does. False: out of memory.
    bool read(int fd, size_t size, size_t expected);

    // The machine was started anew since it was last used, and that use had no
    // end: what the kernel had not written by then may be missing.
    bool was_cut_short() const;

    bool is_good() const noexcept { return damage.empty(); }
    const Header &header() const noexcept
    {
        return *static_cast<const Header *>(copy.block());
    }

    void judge(size_t size, bool all_was_read);
    uint64_t good() const noexcept { return found.payments + found.revocations; }
    uint64_t lost() const noexcept { return found.damaged + found.missing; }

    Mapping       copy;
    size_t        bytes = 0;   // of the block that it is a copy of
    std::string   damage;      // what is wrong; empty: nothing
    bool          foreign = false;  // looks like something else altogether
    bool          readable = false;  // what is whole can be told from the rest
    Ledger::Found found;       // where it is readable
};

}  // namespace l402::ledger
