#include "ledger_layout.h"

#include "robust_lock.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace l402::ledger {

namespace {

constexpr size_t up(size_t n, size_t unit) noexcept
{
    return (n + unit - 1) / unit * unit;
}

uint64_t mix(uint64_t a, uint64_t b) noexcept
{
    auto product = static_cast<unsigned __int128>(a) * b;

    return static_cast<uint64_t>(product)
           ^ static_cast<uint64_t>(product >> 64);
}

uint64_t digest(uint64_t a, uint64_t b, const uint64_t id[4]) noexcept
{
    constexpr uint64_t odd = 0x9e3779b97f4a7c15;

    return mix(mix(id[0] ^ a, id[1] ^ b) ^ odd, mix(id[2] ^ b, id[3] ^ a) ^ b);
}

}  // namespace

void Id::store(const uint8_t bytes[32]) noexcept
{
    uint64_t from[4];

    to_words(bytes, from);

    for (size_t i = 0; i < 4; i++) {
        words[i].store(from[i], std::memory_order_relaxed);
    }
}

void Id::load(uint8_t bytes[32]) const noexcept
{
    uint64_t to[4];

    load_words(*this, to);
    std::memcpy(bytes, to, sizeof(to));
}

void to_words(const uint8_t bytes[32], uint64_t words[4]) noexcept
{
    std::memcpy(words, bytes, 32);
}

void load_words(const Id &id, uint64_t words[4]) noexcept
{
    for (size_t i = 0; i < 4; i++) {
        words[i] = id.words[i].load(std::memory_order_relaxed);
    }
}

Layout::Layout(size_t bytes) noexcept
{
    // A sixteenth for slots, and in the smallest some for each of several
    // workers.
    chunks = uint32_t(std::clamp<size_t>(bytes / 16 / sizeof(Chunk), 8,
        max_chunks));

    chunks_at = up(sizeof(Header), 64);
    payment_heads_at = up(chunks_at + chunks * sizeof(Chunk), page);

    // Two revocations a bucket of eight bytes.
    constexpr size_t each = 2 * sizeof(uint32_t) + sizeof(PaymentEntry)
                            + sizeof(RevocationEntry);
    // What alignment may take.
    size_t left = bytes > payment_heads_at + 256
                      ? bytes - payment_heads_at - 256 : 0;

    entries = uint32_t(std::min<size_t>(left / each, UINT32_MAX / 2));
    revocation_buckets = std::max(entries / 2, uint32_t(1));
    revocation_heads_at = up(payment_heads_at + entries * sizeof(uint32_t), 64);
    payments_at = up(revocation_heads_at
        + revocation_buckets * sizeof(uint64_t), 64);
    revocations_at = up(payments_at + entries * sizeof(PaymentEntry), 64);
    end = revocations_at + entries * sizeof(RevocationEntry);
}

Block::Block(void *memory, size_t bytes) noexcept : layout(bytes)
{
    auto base = static_cast<char *>(memory);

    header = reinterpret_cast<Header *>(base);
    chunks = reinterpret_cast<Chunk *>(base + layout.chunks_at);
    payment_heads = reinterpret_cast<std::atomic<uint32_t> *>(
        base + layout.payment_heads_at);
    revocation_heads = reinterpret_cast<std::atomic<uint64_t> *>(
        base + layout.revocation_heads_at);
    payments = reinterpret_cast<PaymentEntry *>(base + layout.payments_at);
    revocations = reinterpret_cast<RevocationEntry *>(
        base + layout.revocations_at);
}

// Keyed, so that nobody who chooses ids can make a chain long.
uint64_t Block::hash(const uint64_t id[4]) const noexcept
{
    return digest(header->seed[0], header->seed[1], id);
}

uint64_t Block::hash(Subject subject, const uint64_t id[4]) const noexcept
{
    return digest(header->seed[0] + 1 + static_cast<uint64_t>(subject),
        header->seed[1], id);
}

uint64_t Block::hash(uint32_t revocation_link) const noexcept
{
    const RevocationEntry &entry = revocation(revocation_link);
    uint64_t id[4];

    load_words(entry.id, id);
    return hash(static_cast<Subject>(
                    entry.subject.load(std::memory_order_relaxed)), id);
}

uint64_t seal_of(const PaymentEntry &entry) noexcept
{
    uint64_t id[4];
    auto get = [](const std::atomic<uint64_t> &word) {
        return word.load(std::memory_order_relaxed);
    };

    load_words(entry.id, id);

    uint64_t seal = digest(0x243f6a8885a308d3, 0x13198a2e03707345, id);

    seal = mix(seal ^ get(entry.minted_uses), 0xa4093822299f31d1);
    seal = mix(seal ^ get(entry.minted_msat), 0x082efa98ec4e6c89);
    seal = mix(seal ^ get(entry.spent_uses), 0x452821e638d01377);
    seal = mix(seal ^ get(entry.spent_msat), 0xbe5466cf34e90c6d);
    return mix(seal ^ static_cast<uint64_t>(
                   entry.expires.load(std::memory_order_relaxed)),
        0xc0ac29b7c97c50dd);
}

uint32_t seal_of(const RevocationEntry &entry) noexcept
{
    uint64_t id[4];

    load_words(entry.id, id);

    uint64_t seal = digest(0x3f84d5b5b5470917,
        0x9216d5d98979fb1b + entry.subject.load(std::memory_order_relaxed),
        id);

    seal = mix(seal ^ static_cast<uint64_t>(
                   entry.until.load(std::memory_order_relaxed)),
        0xd1310ba698dfb5ac);
    return static_cast<uint32_t>(seal ^ seal >> 32);
}

void init_locks(Block &block) noexcept
{
    for (Table *table : {&block.header->payments, &block.header->revocations}) {
        init_robust_lock(table->lock);

        for (Shard &shard : table->shards) {
            init_robust_lock(shard.lock);
            shard.turns = 0;
            shard.busy = none;
        }
    }

    for (uint32_t i = 0; i < block.layout.chunks; i++) {
        init_robust_lock(block.chunks[i].owner);
    }
}

bool take(pthread_mutex_t &lock) noexcept
{
    return pthread_mutex_lock(&lock) == EOWNERDEAD;
}

namespace {

// A list is whole after every store: whoever dies in between leaves no more
// than an entry that is not in it, and is counted as used from then on.
template <typename Entry>
class ListLock {
public:
    ListLock(Table &table, const Entry *entries) noexcept : table_(table)
    {
        if (take(table_.lock)) {
            count_again(entries);
            pthread_mutex_consistent(&table_.lock);
        }
    }

    ~ListLock() { pthread_mutex_unlock(&table_.lock); }
    ListLock(const ListLock &) = delete;
    void operator=(const ListLock &) = delete;

private:
    void count_again(const Entry *entries) noexcept
    {
        uint32_t link = table_.free, count = 0;

        for ( /* void */ ; link != none; link = entries[link - 1].next) {
            count++;
        }

        table_.used = table_.fresh - count;
    }

    Table &table_;
};

template <typename Entry>
uint32_t pop(Table &table, Entry *entries, uint32_t count) noexcept
{
    ListLock<Entry> lock(table, entries);
    uint32_t link = table.free;

    if (link != none) {
        table.free = entries[link - 1].next.load();

    } else if (table.fresh < count) {
        // Whatever was in this memory before.
        entries[table.fresh].state = vacant;
        entries[table.fresh].seal = 0;
        link = ++table.fresh;

    } else {
        return none;
    }

    table.used++;
    return link;
}

// As soon as it is in the list another shard may have it: whoever dies from
// here on must not be taken for one who is still at it.
template <typename Entry>
void push(Table &table, Entry *entries, uint32_t link,
    std::atomic<uint32_t> *busy) noexcept
{
    ListLock<Entry> lock(table, entries);
    Entry &entry = entries[link - 1];

    entry.next = table.free.load();
    // Tells it from one whose state is damaged.
    entry.seal = 0;
    entry.state = vacant;

    if (busy) {
        busy->store(none, std::memory_order_release);
    }

    table.free = link;
    table.used--;
}

}  // namespace

uint32_t pop_payment(const Block &block) noexcept
{
    return pop(block.header->payments, block.payments, block.layout.entries);
}

uint32_t pop_revocation(const Block &block) noexcept
{
    return pop(block.header->revocations, block.revocations,
        block.layout.entries);
}

void push_payment(const Block &block, uint32_t link,
    std::atomic<uint32_t> *busy) noexcept
{
    push(block.header->payments, block.payments, link, busy);
}

void push_revocation(const Block &block, uint32_t link,
    std::atomic<uint32_t> *busy) noexcept
{
    push(block.header->revocations, block.revocations, link, busy);
}

}  // namespace l402::ledger
