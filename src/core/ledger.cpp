// The block as a whole, and its housekeeping.

#include "ledger_view.h"

#include <algorithm>
#include <cstring>
#include <sodium.h>

namespace l402 {

using namespace ledger;

namespace {

// A clock may be set back a little.
constexpr int64_t payment_margin = 60;  // seconds

bool is_past(int64_t time, int64_t now) noexcept
{
    return time != 0 && time <= now;
}

// Entry by link, found without the lock: looked at again with it.
size_t sweep_payment(const Block &block, uint32_t link, int64_t now) noexcept
{
    PaymentEntry &entry = block.payment(link);
    uint64_t id[4];

    auto is_dead = [&] {
        return entry.state == live
               && is_past(entry.expires.load(), now - payment_margin)
               && entry.held_uses == 0 && entry.held_msat == 0;
    };

    if (!is_dead()) {
        return 0;
    }

    load_words(entry.id, id);

    PaymentLock lock(block, block.hash(id));

    // A request that costs nothing yet holds nothing, and will be settled.
    if (!is_dead() || lock.find(id) != link || is_in_slots(block, link)) {
        return 0;
    }

    lock.remove(link);
    return 1;
}

size_t sweep_revocation(const Block &block, uint32_t link, int64_t now,
    uint32_t drop_below) noexcept
{
    RevocationEntry &entry = block.revocation(link);
    uint64_t id[4];

    auto is_dead = [&] {
        return entry.state == live
               && (is_past(entry.until.load(), now)
                   || (drop_below
                       && is_older(entry.generation, drop_below)));
    };

    if (!is_dead()) {
        return 0;
    }

    auto subject = static_cast<Subject>(entry.subject.load());

    load_words(entry.id, id);

    RevocationLock lock(block, block.hash(subject, id));

    if (!is_dead() || lock.find(subject, id) != link) {
        return 0;
    }

    lock.remove(link);
    return 1;
}

// From link `from` + 1, as many as there is budget for. Where it ended, or 0
// for the end.
template <typename Look>
uint32_t walk(uint32_t from, uint32_t end, size_t budget, Look look) noexcept
{
    uint32_t to = uint32_t(std::min<uint64_t>(end, uint64_t(from) + budget));

    for (uint32_t i = from; i < to; i++) {
        look(i + 1);
    }

    return to == end ? 0 : to;
}

}  // namespace

size_t Ledger::bytes_for(size_t entries) noexcept
{
    size_t bytes = min_bytes;

    while (Layout(bytes).entries < entries) {
        size_t more = (entries - Layout(bytes).entries)
                      * (sizeof(PaymentEntry) + sizeof(RevocationEntry));

        bytes += std::max(more / page, size_t(1)) * page;
    }

    return bytes;
}

void Ledger::format(void *memory, size_t bytes) noexcept
{
    Block block(memory, bytes);

    std::memset(memory, 0, block.layout.chunks_at
        + block.layout.chunks * sizeof(Chunk));
    std::memset(static_cast<char *>(memory) + block.layout.payment_heads_at, 0,
        block.layout.payments_at - block.layout.payment_heads_at);

    std::memcpy(block.header->magic, magic, sizeof(magic));
    block.header->version = layout_version;
    block.header->bytes = bytes;
    block.header->generation = 1;
    randombytes_buf(block.header->seed, sizeof(block.header->seed));
    init_locks(block);
}

bool Ledger::is_formatted(const void *memory, size_t bytes) noexcept
{
    auto header = static_cast<const Header *>(memory);

    return bytes >= min_bytes
           && std::memcmp(header->magic, magic, sizeof(magic)) == 0
           && header->version == layout_version && header->bytes == bytes;
}

Ledger::Ledger(void *memory, size_t bytes) : view_(new View(memory, bytes))
{
}

size_t Ledger::free_payments() const noexcept
{
    uint64_t used = view_->block.header->payments.used;

    return max_payments() - std::min<uint64_t>(used, max_payments());
}

size_t Ledger::max_payments() const noexcept
{
    return view_->block.layout.entries;
}

size_t Ledger::revocation_count() const noexcept
{
    return view_->block.header->revocations.used;
}

size_t Ledger::sweep(int64_t now, size_t budget) noexcept
{
    const Block &block = view_->block;
    Header &header = *block.header;
    Table &payments = header.payments;
    Table &revocations = header.revocations;
    uint64_t drop = header.drop;
    size_t count = 0;

    // Two processes may look at one entry, which harms nobody.
    payments.cursor = walk(payments.cursor, payments.fresh, budget,
        [&](uint32_t link) { count += sweep_payment(block, link, now); });

    if (drop == 0) {
        revocations.cursor = walk(revocations.cursor, revocations.fresh,
            budget, [&](uint32_t link) {
                count += sweep_revocation(block, link, now, 0);
            });
        return count;
    }

    // One pass from the start: a list that ended meanwhile starts anew.
    auto drop_below = static_cast<uint32_t>(drop >> 32);
    uint32_t next = walk(static_cast<uint32_t>(drop), revocations.fresh,
        budget, [&](uint32_t link) {
            count += sweep_revocation(block, link, now, drop_below);
        });

    header.drop.compare_exchange_strong(drop,
        next ? uint64_t(drop_below) << 32 | next : 0);
    return count;
}

}  // namespace l402
