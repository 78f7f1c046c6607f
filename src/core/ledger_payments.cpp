// Payments: what is spent of each, and who holds what of it.

#include "ledger_view.h"

#include <algorithm>
#include <cerrno>

namespace l402 {

using namespace ledger;

namespace ledger {

PaymentLock::PaymentLock(const Block &block, uint64_t hash) noexcept
    : block_(block),
      hash_(hash),
      shard_(block.payment_shard(hash))
{
    if (take(shard_.lock)) {
        recover();
        pthread_mutex_consistent(&shard_.lock);
    }
}

// What was spent is what stands there. What is held follows from the slots.
void PaymentLock::recover() noexcept
{
    uint32_t link = shard_.busy;

    if (link != none && link <= block_.layout.entries) {
        PaymentEntry &entry = block_.payment(link);
        uint64_t id[4];

        load_words(entry.id, id);

        if (entry.state == live && find(id) == link) {
            Amount held = held_in_slots(block_, link);

            entry.held_uses = held.uses;
            entry.held_msat = held.msat;
            entry.seal = seal_of(entry);

        } else if (entry.state != vacant) {
            push_payment(block_, link, &shard_.busy);
        }
    }

    shard_.busy = none;
}

uint32_t PaymentLock::find(const uint64_t id[4]) const noexcept
{
    uint32_t link = block_.payment_head(block_.hash(id));

    while (link != none && !block_.payment(link).id.is(id)) {
        link = block_.payment(link).next;
    }

    return link;
}

uint32_t PaymentLock::add(const uint8_t id[32], const Allowance &allowance)
    noexcept
{
    uint32_t link = pop_payment(block_);

    if (link == none) {
        return none;
    }

    PaymentEntry &entry = block_.payment(link);
    std::atomic<uint32_t> &head = block_.payment_head(hash_);

    begin(link);
    entry.state = leaving;
    entry.id.store(id);
    entry.minted_uses = allowance.minted.uses;
    entry.minted_msat = allowance.minted.msat;
    entry.spent_uses = 0;
    entry.spent_msat = 0;
    entry.held_uses = 0;
    entry.held_msat = 0;
    entry.expires = allowance.expires;
    entry.seal = seal_of(entry);
    entry.next = head.load();
    entry.state.store(live, std::memory_order_release);
    head.store(link, std::memory_order_release);
    end();
    return link;
}

void PaymentLock::remove(uint32_t link) noexcept
{
    std::atomic<uint32_t> *from = &block_.payment_head(hash_);

    while (*from != link) {
        from = &block_.payment(*from).next;
    }

    begin(link);
    *from = block_.payment(link).next.load();
    block_.payment(link).state = leaving;
    push_payment(block_, link, &shard_.busy);
}

namespace {

uint64_t minus(uint64_t a, uint64_t b) noexcept
{
    return a > b ? a - b : 0;
}

uint64_t room_of(uint64_t limit, uint64_t spent, uint64_t held) noexcept
{
    return minus(minus(limit, spent), held);
}

// What may still be held of a payment that may not be there. What has no limit
// has that of its counter.
Amount room_of(const PaymentEntry *entry, const Amount &limit) noexcept
{
    if (entry == nullptr) {
        return limit;
    }

    return {room_of(limit.uses, entry->spent_uses, entry->held_uses),
            room_of(limit.msat, entry->spent_msat, entry->held_msat)};
}

// The same, for who shows it.
Amount left_of(const PaymentEntry *entry, const Amount &limit) noexcept
{
    Amount room = room_of(entry, limit);

    return {limit.uses == no_limit ? no_limit : room.uses,
            limit.msat == no_limit ? no_limit : room.msat};
}

bool fits(const Amount &amount, const Amount &room) noexcept
{
    return amount.uses <= room.uses && amount.msat <= room.msat;
}

// Beyond what is held, no more than there is room for.
uint64_t charge(uint64_t cost, uint64_t held, uint64_t room) noexcept
{
    if (cost <= held) {
        return cost;
    }

    return held + std::min(cost - held, room);
}

}  // namespace

}  // namespace ledger

Ledger::Reserve Ledger::reserve(const uint8_t payment_hash[32],
    const Allowance &allowance, Amount amount, Reservation &out,
    Amount *left) noexcept
{
    const Block &block = view_->block;
    uint32_t index = view_->take_slot();
    uint64_t id[4];

    if (index == no_slot) {
        return Reserve::full;
    }

    to_words(payment_hash, id);

    PaymentLock lock(block, block.hash(id));
    uint32_t link = lock.find(id);
    const PaymentEntry *found = link == none ? nullptr : &block.payment(link);

    if (left) {
        *left = left_of(found, allowance.limit);
    }

    if (!fits(amount, room_of(found, allowance.limit))) {
        view_->free_slots.push_back(index);
        return Reserve::used_up;
    }

    if (link == none) {
        link = lock.add(payment_hash, allowance);
    }

    if (link == none) {
        view_->free_slots.push_back(index);
        return Reserve::full;
    }

    PaymentEntry &entry = block.payment(link);
    Slot &slot = slot_at(block, index);
    int64_t expires = entry.expires;

    lock.begin(link);

    // A copy of the token that lives longer keeps its count for as long.
    if (expires != 0
        && (allowance.expires == 0 || allowance.expires > expires))
    {
        entry.expires = allowance.expires;
        entry.seal = seal_of(entry);
    }

    slot.entry = link;
    slot.uses = amount.uses;
    slot.msat = amount.msat;
    slot.turn.store(slot.turn + 1, std::memory_order_release);
    entry.held_uses += amount.uses;
    entry.held_msat += amount.msat;
    lock.end();

    out.slot = index;
    out.turn = slot.turn;
    out.amount = amount;

    if (left) {
        *left = left_of(&entry, allowance.limit);
    }

    return Reserve::held;
}

bool Ledger::settle(Reservation &reservation, Amount cost,
    const Allowance &allowance, Amount *left) noexcept
{
    const Block &block = view_->block;
    Slot &slot = slot_at(block, reservation.slot);
    uint32_t link = slot.entry;
    uint64_t id[4];

    if (!reservation || slot.turn != reservation.turn) {
        return false;
    }

    PaymentEntry &entry = block.payment(link);

    load_words(entry.id, id);

    PaymentLock lock(block, block.hash(id));
    Amount room = room_of(&entry, allowance.limit);
    Amount charged = {charge(cost.uses, slot.uses, room.uses),
        charge(cost.msat, slot.msat, room.msat)};

    lock.begin(link);
    entry.spent_uses += charged.uses;
    entry.spent_msat += charged.msat;
    entry.seal = seal_of(entry);
    release(entry, slot);
    lock.end();

    view_->free_slots.push_back(reservation.slot);
    reservation = {};

    if (left) {
        *left = left_of(&entry, allowance.limit);
    }

    return charged.uses == cost.uses && charged.msat == cost.msat;
}

void Ledger::give_back(Reservation &reservation) noexcept
{
    const Block &block = view_->block;
    Slot &slot = slot_at(block, reservation.slot);
    uint32_t link = slot.entry;
    uint64_t id[4];

    if (!reservation || slot.turn != reservation.turn) {
        return;
    }

    PaymentEntry &entry = block.payment(link);

    load_words(entry.id, id);

    PaymentLock lock(block, block.hash(id));

    lock.begin(link);
    release(entry, slot);
    lock.end();
    view_->free_slots.push_back(reservation.slot);
    reservation = {};
}

Ledger::Reserve Ledger::look(const uint8_t payment_hash[32],
    const Allowance &allowance, Amount amount, Amount *left) const noexcept
{
    const Block &block = view_->block;
    uint64_t id[4];

    to_words(payment_hash, id);

    PaymentLock lock(block, block.hash(id));
    uint32_t link = lock.find(id);
    const PaymentEntry *found = link == none ? nullptr : &block.payment(link);

    if (left) {
        *left = left_of(found, allowance.limit);
    }

    return fits(amount, room_of(found, allowance.limit)) ? Reserve::held
                                                         : Reserve::used_up;
}

bool Ledger::payment(const uint8_t payment_hash[32], Payment &out)
    const noexcept
{
    const Block &block = view_->block;
    uint64_t id[4];

    to_words(payment_hash, id);

    PaymentLock lock(block, block.hash(id));
    uint32_t link = lock.find(id);

    if (link == none) {
        return false;
    }

    const PaymentEntry &entry = block.payment(link);

    std::copy_n(payment_hash, 32, out.hash.begin());
    out.minted = {entry.minted_uses, entry.minted_msat};
    out.spent = {entry.spent_uses, entry.spent_msat};
    out.held = {entry.held_uses, entry.held_msat};
    out.expires = entry.expires;
    return true;
}

}  // namespace l402
