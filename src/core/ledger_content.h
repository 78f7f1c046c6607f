// What a file says, and whether that is a ledger.
#pragma once

#include "ledger_disk.h"
#include "ledger_layout.h"

namespace l402::ledger {

struct Content {
    // Of a file that nobody changes meanwhile. A copy, so that it can be looked
    // at whatever the disk does. False: out of memory.
    bool read(int fd, size_t size, size_t expected);

    bool is_good() const noexcept { return damage.empty(); }
    const Header &header() const noexcept
    {
        return *static_cast<const Header *>(copy.block());
    }

    Mapping       copy;
    size_t        bytes = 0;   // of the block that it is a copy of
    std::string   damage;      // what is wrong; empty: nothing
    bool          foreign = false;  // looks like something else altogether
    bool          readable = false;  // what is whole can be told from the rest
    Ledger::Found found;       // where it is readable
    uint64_t      lost = 0;    // about how many entries are missing
};

}  // namespace l402::ledger
