// A journal that children share. Include it after unit.h.
#pragma once

#include "l402/journal.h"

#include <sys/mman.h>

namespace unit {

using namespace l402;

struct Block {
    explicit Block(size_t entries)
        : bytes(Journal::bytes_for(entries)),
          memory(mmap(nullptr, bytes, PROT_READ|PROT_WRITE,
              MAP_SHARED|MAP_ANONYMOUS, -1, 0))
    {
        assert_true(memory != MAP_FAILED);
        Journal::format(memory, bytes);
    }

    ~Block() { munmap(memory, bytes); }

    size_t  bytes;
    void   *memory;
};

}  // namespace unit
