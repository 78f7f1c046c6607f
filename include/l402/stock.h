// Ready invoices of one service, memo and price, in memory that several
// processes share. Every function is called under one lock; a process may be
// killed at any instruction of them, and then an invoice may be lost (nobody
// has paid it), but none is handed out twice or half.
#pragma once

#include "l402/invoice.h"

#include <atomic>

namespace l402 {

class Stock {
public:
    // Bytes that a stock of `count` invoices of up to `invoice_size`
    // characters takes, this object included.
    static size_t size_of(size_t count, size_t invoice_size) noexcept;

    // In zeroed memory of that size, aligned as a uint64_t.
    static Stock *create(void *memory, size_t count, size_t invoice_size)
        noexcept;

    size_t count() const noexcept { return count_; }
    size_t invoice_size() const noexcept { return slot_size_ - header_size; }

    // The text of a slot, and what is looked through, apart from it.
    static constexpr size_t header_size = 4 + 4 + 8 + 32;

    enum class Taken : uint8_t { yes, no, no_and_say_so };

    // About the oldest invoice with half of its life left at `now` that does not
    // expire after `latest` (both unix seconds; 0: whenever). No: say so where
    // the log does not know yet that the stock is empty.
    Taken take(int64_t now, int64_t latest, Invoice &out);

    // How many more invoices are wanted: for empty slots, and for those that
    // will soon have grown too old.
    size_t wanted(int64_t now) const noexcept;
    size_t ready(int64_t now) const noexcept;

    enum class Put : uint8_t { yes, full_again, no_room, too_long };

    // Full again: all slots are ready after the log was told that none was.
    // No room: no slot is empty or old. Too long: it fits no slot, and no
    // invoice is wanted any more.
    Put put(const Invoice &invoice, int64_t now) noexcept;

    // One process refills at a time. True: it is this one until `now` +
    // `length` (ms of a clock that all processes share), unless it releases
    // it. The upper half of `owner` is the process's id, for those who find
    // that it is gone.
    bool claim(uint64_t owner, uint64_t now, uint64_t length) noexcept;
    void release(uint64_t owner) noexcept;
    uint64_t owner() const noexcept { return owner_; }

    // Moves what is ready into an empty stock of another size.
    void move_to(Stock &other, int64_t now);

private:
    // An invoice is there from when `made_at` is written, last of all, until
    // it is zeroed, first of all.
    struct Times {
        std::atomic<int64_t> made_at;
        int64_t              expires_at;
    };

    struct Slot {
        uint32_t length;
        uint32_t unused;
        uint64_t amount_msat;
        Hash     payment_hash;
        char     bolt11[1];
    };

    Times *times(size_t i) noexcept;
    const Times *times(size_t i) const noexcept;
    Slot *slot(size_t i) noexcept;
    void write(size_t i, const Invoice &invoice, int64_t made_at) noexcept;
    void read(size_t i, Invoice &out);

    uint64_t owner_;
    uint64_t owned_until_;
    int64_t  said_at_;
    uint32_t count_;
    uint32_t slot_size_;
    // Where to look first: invoices are taken and put round about the slots.
    uint32_t take_at_;
    uint32_t put_at_;
    bool     said_;       // "empty" was logged, and "full again" was not yet
    bool     too_long_;
};

}  // namespace l402
