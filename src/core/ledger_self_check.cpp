// For tests: whether a ledger is as it should be.

#include "ledger_view.h"

#include <algorithm>

namespace l402 {

using namespace ledger;

namespace {

// Every entry is in one list or chain, or lost with a process that died.
template <typename Entry, typename Head>
const char *check_table(const Block &block, const Table &table,
    const Entry *entries, const std::atomic<Head> *heads, size_t buckets)
{
    std::vector<uint8_t> seen(block.layout.entries + 1, 0);
    auto follow = [&](uint32_t link, uint32_t state) {
        for ( /* void */ ; link != none; link = entries[link - 1].next) {
            if (link > table.fresh || seen[link]
                || entries[link - 1].state != state)
            {
                return false;
            }

            seen[link] = 1;
        }

        return true;
    };

    if (!follow(table.free, vacant)) {
        return "the list of free entries is broken";
    }

    uint64_t free = std::count(seen.begin(), seen.end(), 1);

    for (size_t i = 0; i < buckets; i++) {
        if (!follow(static_cast<uint32_t>(heads[i]), live)) {
            return "a chain is broken";
        }
    }

    for (uint32_t link = 1; link <= table.fresh; link++) {
        const Entry &entry = entries[link - 1];

        if (entry.state == live && !seen[link]) {
            return "an entry is in no chain";
        }

        if (entry.state == live && entry.seal != seal_of(entry)) {
            return "a seal is wrong";
        }
    }

    for (const Shard &shard : table.shards) {
        if (shard.busy != none || shard.turns & 1) {
            return "a shard is left in the middle of a change";
        }
    }

    // Those that were lost with a process among them.
    return table.used == table.fresh - free ? nullptr
                                            : "the count of free ones is wrong";
}


// A hash of that bucket.
uint64_t hash_of(size_t bucket, size_t buckets) noexcept
{
    auto hash = (static_cast<unsigned __int128>(bucket) << 64) / buckets;

    return static_cast<uint64_t>(hash) + (bucket != 0);
}

// Whoever takes a lock puts right what its dead owner has left.
void take_all_locks(const Block &block) noexcept
{
    for (size_t i = 0; i < shard_count; i++) {
        if (i < block.layout.entries) {
            PaymentLock lock(block, hash_of(i, block.layout.entries));
        }

        if (i < block.layout.revocation_buckets) {
            RevocationLock lock(block,
                hash_of(i, block.layout.revocation_buckets));
        }
    }

    // The lists' locks too, where an entry can be had at all.
    if (uint32_t link = pop_payment(block)) {
        push_payment(block, link);
    }

    if (uint32_t link = pop_revocation(block)) {
        push_revocation(block, link);
    }
}

const char *check_held(const Block &block) noexcept
{
    for (uint32_t link = 1; link <= block.header->payments.fresh; link++) {
        const PaymentEntry &entry = block.payment(link);

        if (entry.state != live) {
            continue;
        }

        Amount held = held_in_slots(block, link);

        if (held.uses != entry.held_uses || held.msat != entry.held_msat) {
            return "what is held is not what is reserved";
        }
    }

    return nullptr;
}

}  // namespace

const char *Ledger::self_check() const
{
    const Block &block = view_->block;

    take_all_locks(block);

    const char *wrong = check_table(block, block.header->payments,
        block.payments, block.payment_heads, block.layout.entries);

    if (wrong == nullptr) {
        wrong = check_table(block, block.header->revocations,
            block.revocations, block.revocation_heads,
            block.layout.revocation_buckets);
    }

    return wrong ? wrong : check_held(block);
}

}  // namespace l402
