// A block that nobody else uses: what is whole in it, and a table made anew.

#include "ledger_view.h"

#include <algorithm>
#include <cstring>
#include <sodium.h>

namespace l402 {

using namespace ledger;

namespace {

bool is_busy(const Table &table, uint32_t link) noexcept
{
    return std::any_of(table.shards, table.shards + shard_count,
        [link](const Shard &shard) { return shard.busy == link; });
}

// One that was being changed may have the seal of before: its words are whole.
template <typename Entry>
bool is_whole(const Table &table, const Entry &entry, uint32_t link) noexcept
{
    return entry.state == live
           && (entry.seal == seal_of(entry) || is_busy(table, link));
}

bool is_subject(const RevocationEntry &entry) noexcept
{
    return entry.subject <= static_cast<uint8_t>(Subject::payment);
}

bool is_good(const Block &block, uint32_t link, const PaymentEntry &entry)
    noexcept
{
    return is_whole(block.header->payments, entry, link);
}

bool is_good(const Block &block, uint32_t link, const RevocationEntry &entry)
    noexcept
{
    return is_whole(block.header->revocations, entry, link)
           && is_subject(entry);
}

const Table &table_of(const Block &block, const PaymentEntry &) noexcept
{
    return block.header->payments;
}

const Table &table_of(const Block &block, const RevocationEntry &) noexcept
{
    return block.header->revocations;
}

size_t active_slots(const Block &block) noexcept
{
    size_t count = 0;

    for (uint32_t i = 0; i < block.layout.chunks; i++) {
        for (const Slot &slot : block.chunks[i].slots) {
            count += slot.turn & 1;
        }
    }

    return count;
}

template <typename Entry>
bool is_damaged(const Block &block, uint32_t link, const Entry &entry) noexcept
{
    if (is_good(block, link, entry)) {
        return false;
    }

    // Whatever leaves loses its seal.
    return (entry.state != vacant && entry.state != leaving)
           || (entry.seal != 0 && !is_busy(table_of(block, entry), link));
}

// Whoever is in a chain is live at every moment of its life there. Entries
// alone, not whole chains, for they may lead anywhere.
template <typename Entry>
bool leads_nowhere(const Block &block, const Entry *entries, uint64_t head)
    noexcept
{
    auto link = static_cast<uint32_t>(head);

    return link != none
           && (link > block.layout.entries
               || entries[link - 1].state == vacant
               || entries[link - 1].state == leaving);
}

template <typename Entry, typename Head>
size_t count_missing(const Block &block, const Entry *entries,
    const std::atomic<Head> *heads, size_t buckets) noexcept
{
    size_t count = 0;

    for (size_t i = 0; i < buckets; i++) {
        count += leads_nowhere(block, entries, heads[i]);
    }

    for (uint32_t i = 0; i < block.layout.entries; i++) {
        count += is_good(block, i + 1, entries[i])
                 && leads_nowhere(block, entries, entries[i].next);
    }

    return count;
}

// Two of one payment: the second was made where a process died before the
// first was in its chain. Whatever was counted was counted once.
void put(Ledger::Found &found, const Block &block, const uint8_t id[32],
    const PaymentEntry &from, bool &full) noexcept
{
    uint64_t words[4];
    Allowance allowance;

    to_words(id, words);
    allowance.minted = {from.minted_uses, from.minted_msat};
    allowance.expires = from.expires;

    PaymentLock lock(block, block.hash(words));
    uint32_t link = lock.find(words);

    if (link == none) {
        link = lock.add(id, allowance);
    }

    if (link == none) {
        full = true;
        return;
    }

    PaymentEntry &to = block.payment(link);

    to.spent_uses += from.spent_uses;
    to.spent_msat += from.spent_msat;
    to.seal = seal_of(to);
    found.payments++;
}

void put(Ledger::Found &found, const Block &block, const uint8_t id[32],
    const RevocationEntry &from, bool &full) noexcept
{
    uint64_t words[4];
    Revocation revocation;

    to_words(id, words);
    std::copy_n(id, 32, revocation.id.begin());
    revocation.subject = static_cast<Subject>(from.subject.load());
    revocation.until = from.until;

    RevocationLock lock(block, block.hash(revocation.subject, words));

    if (lock.find(revocation.subject, words) == none
        && lock.add(revocation, from.generation) == none)
    {
        full = true;
        return;
    }

    found.revocations++;
}

template <typename Entry>
void put_all(Ledger::Found &found, const Block &from, const Entry *entries,
    const Block &to, bool &full) noexcept
{
    uint8_t id[32];

    for (uint32_t i = 0; i < from.layout.entries; i++) {
        if (is_good(from, i + 1, entries[i])) {
            entries[i].id.load(id);
            put(found, to, id, entries[i], full);

        }

        found.damaged += is_damaged(from, i + 1, entries[i]);
    }
}

// Puts the good entries of a table into chains where they stand. `link_in`
// gives the head of an entry's chain its link, and returns what stood there.
template <typename Entry, typename LinkIn>
size_t relink(const Block &block, Table &table, Entry *entries,
    LinkIn link_in, size_t &damaged) noexcept
{
    size_t count = 0;
    uint32_t last = 0;

    for (uint32_t i = 0; i < block.layout.entries; i++) {
        if (is_good(block, i + 1, entries[i])) {
            last = i + 1;
            continue;
        }

        damaged += is_damaged(block, i + 1, entries[i]);
        entries[i].state = vacant;
        entries[i].seal = 0;
    }

    table.free = none;
    table.fresh = last;
    table.cursor = 0;

    // Backwards, so that the first free one is used first.
    for (uint32_t link = last; link > 0; link--) {
        Entry &entry = entries[link - 1];

        if (entry.state == vacant) {
            entry.next = table.free.load();
            table.free = link;
            continue;
        }

        entry.seal = seal_of(entry);
        entry.next = link_in(link);
        count++;
    }

    table.used = count;
    return count;
}

// Those of one payment that stand twice in a chain are put together.
size_t join_twins(const Block &block) noexcept
{
    size_t joined = 0;

    for (uint32_t i = 0; i < block.layout.entries; i++) {
        for (uint32_t link = block.payment_heads[i]; link != none;
             link = block.payment(link).next)
        {
            PaymentEntry &entry = block.payment(link);
            std::atomic<uint32_t> *from = &entry.next;
            uint64_t id[4];

            load_words(entry.id, id);

            while (*from != none) {
                uint32_t other = *from;
                PaymentEntry &twin = block.payment(other);

                if (!twin.id.is(id)) {
                    from = &twin.next;
                    continue;
                }

                entry.spent_uses += twin.spent_uses;
                entry.spent_msat += twin.spent_msat;
                entry.seal = seal_of(entry);
                *from = twin.next.load();
                push_payment(block, other);
                joined++;
            }
        }
    }

    return joined;
}

}  // namespace

Ledger::Found Ledger::inspect(const void *memory, size_t bytes) noexcept
{
    Block block(const_cast<void *>(memory), bytes);
    Found found;

    for (uint32_t i = 0; i < block.layout.entries; i++) {
        const PaymentEntry &payment = block.payments[i];
        const RevocationEntry &revocation = block.revocations[i];

        found.payments += is_good(block, i + 1, payment);
        found.revocations += is_good(block, i + 1, revocation);
        found.damaged += is_damaged(block, i + 1, payment);
        found.damaged += is_damaged(block, i + 1, revocation);
    }

    found.missing = count_missing(block, block.payments, block.payment_heads,
            block.layout.entries)
        + count_missing(block, block.revocations, block.revocation_heads,
            block.layout.revocation_buckets);
    found.reservations = active_slots(block);
    return found;
}

Ledger::Found Ledger::rebuild(void *memory, size_t bytes) noexcept
{
    Block block(memory, bytes);
    Header &header = *block.header;
    Found found;

    found.reservations = active_slots(block);
    std::memset(static_cast<void *>(block.chunks), 0,
        block.layout.chunks * sizeof(Chunk));
    std::memset(static_cast<void *>(block.payment_heads), 0,
        block.layout.payments_at - block.layout.payment_heads_at);
    header.chunks_used = 0;
    header.drop = 0;
    randombytes_buf(header.seed, sizeof(header.seed));

    for (uint32_t i = 0; i < block.layout.entries; i++) {
        block.payments[i].held_uses = 0;
        block.payments[i].held_msat = 0;
    }

    found.payments = relink(block, header.payments, block.payments,
        [&](uint32_t link) {
            uint64_t id[4];

            load_words(block.payment(link).id, id);
            return block.payment_head(block.hash(id)).exchange(link);
        }, found.damaged);
    found.revocations = relink(block, header.revocations, block.revocations,
        [&](uint32_t link) {
            uint64_t hash = block.hash(link);
            std::atomic<uint64_t> &head = block.revocation_head(hash);
            uint64_t before = head;

            head = (before >> 32 << 32) | chain_bit(hash) | link;
            return chain_link(before);
        }, found.damaged);

    init_locks(block);
    found.payments -= join_twins(block);
    return found;
}

bool Ledger::move(const void *from, size_t from_bytes, void *to,
    size_t to_bytes, Found &found) noexcept
{
    Block source(const_cast<void *>(from), from_bytes);
    Block target(to, to_bytes);
    bool full = false;

    found = {};
    found.reservations = active_slots(source);
    put_all(found, source, source.payments, target, full);
    put_all(found, source, source.revocations, target, full);
    target.header->list_known_at = source.header->list_known_at.load();
    target.header->generation = source.header->generation.load();
    return !full;
}

}  // namespace l402
