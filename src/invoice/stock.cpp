#include "l402/stock.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>

namespace l402 {

namespace {

// A stock that is emptied again and again is not a line each time.
constexpr int64_t quiet_time = 60;  // seconds

// How long a call may have taken: the difference between two clocks is more.
constexpr int64_t longest_call = 10;  // seconds

// A clock that was set back makes the time of its making lie ahead. Workers
// look at theirs once a round of events.
bool lies_ahead(int64_t made_at, int64_t now) noexcept
{
    return made_at > now + 1;
}

bool is_good(int64_t made_at, int64_t expires_at, int64_t now) noexcept
{
    return made_at != 0 && !lies_ahead(made_at, now)
           && 2 * (expires_at - now) >= expires_at - made_at;
}

// Or none at all. Replaced with an eighth of its life to go until it is no
// good.
bool is_old(int64_t made_at, int64_t expires_at, int64_t now) noexcept
{
    return made_at == 0 || lies_ahead(made_at, now)
           || 8 * (expires_at - now) < 5 * (expires_at - made_at);
}

// An invoice lives from its own time on, as far as the service's clock is like
// ours.
int64_t begin_of_life(const Invoice &invoice, int64_t now) noexcept
{
    return std::clamp(invoice.created_at, now - longest_call, now);
}

size_t slot_size(size_t invoice_size) noexcept
{
    return (Stock::header_size + invoice_size + 7) / 8 * 8;
}

}  // namespace

size_t Stock::size_of(size_t count, size_t invoice_size) noexcept
{
    return sizeof(Stock) + count * (sizeof(Times) + slot_size(invoice_size));
}

Stock *Stock::create(void *memory, size_t count, size_t invoice_size) noexcept
{
    static_assert(offsetof(Slot, bolt11) == header_size, "packed");
    static_assert(sizeof(Stock) % 8 == 0, "what follows is aligned");

    auto stock = new (memory) Stock{};

    stock->count_ = static_cast<uint32_t>(count);
    stock->slot_size_ = static_cast<uint32_t>(slot_size(invoice_size));
    return stock;
}

Stock::Times *Stock::times(size_t i) noexcept
{
    return reinterpret_cast<Times *>(this + 1) + i;
}

const Stock::Times *Stock::times(size_t i) const noexcept
{
    return const_cast<Stock *>(this)->times(i);
}

Stock::Slot *Stock::slot(size_t i) noexcept
{
    return reinterpret_cast<Slot *>(
        reinterpret_cast<char *>(times(count_)) + i * slot_size_);
}

void Stock::write(size_t i, const Invoice &invoice, int64_t made_at) noexcept
{
    Slot *s = slot(i);

    times(i)->made_at.store(0);
    times(i)->expires_at = invoice.expires_at;
    s->length = static_cast<uint32_t>(invoice.bolt11.size());
    s->amount_msat = invoice.amount_msat;
    s->payment_hash = invoice.payment_hash;
    std::memcpy(s->bolt11, invoice.bolt11.data(), invoice.bolt11.size());
    times(i)->made_at.store(made_at);
}

// What throws does so before anything is taken.
void Stock::read(size_t i, Invoice &out)
{
    const Slot *s = slot(i);

    out.bolt11.assign(s->bolt11, s->length);
    out.payment_hash = s->payment_hash;
    out.amount_msat = s->amount_msat;
    out.expires_at = times(i)->expires_at;
    times(i)->made_at.store(0);
}

Stock::Taken Stock::take(int64_t now, int64_t latest, Invoice &out)
{
    bool any = false;

    for (size_t n = 0; n < count_; n++) {
        size_t i = (take_at_ + n) % count_;
        Times *t = times(i);
        int64_t made_at = t->made_at.load();

        if (!is_good(made_at, t->expires_at, now)) {
            continue;
        }

        if (latest != 0 && t->expires_at > latest) {
            any = true;
            continue;
        }

        read(i, out);

        if (!any) {
            take_at_ = static_cast<uint32_t>((i + 1) % count_);
        }

        return Taken::yes;
    }

    if (any || said_ || (said_at_ != 0 && now - said_at_ < quiet_time)) {
        return Taken::no;
    }

    said_at_ = now;
    said_ = true;
    return Taken::no_and_say_so;
}

size_t Stock::wanted(int64_t now) const noexcept
{
    size_t n = 0;

    if (too_long_) {
        return 0;
    }

    for (size_t i = 0; i < count_; i++) {
        n += is_old(times(i)->made_at.load(), times(i)->expires_at, now);
    }

    return n;
}

size_t Stock::ready(int64_t now) const noexcept
{
    size_t n = 0;

    for (size_t i = 0; i < count_; i++) {
        int64_t made_at = times(i)->made_at.load();

        n += is_good(made_at, times(i)->expires_at, now);
    }

    return n;
}

Stock::Put Stock::put(const Invoice &invoice, int64_t now) noexcept
{
    size_t room = count_;
    int64_t room_made_at = 0;

    if (invoice.bolt11.size() > invoice_size()) {
        too_long_ = true;
        return Put::too_long;
    }

    // An empty slot, or else the oldest.
    for (size_t n = 0; n < count_; n++) {
        size_t i = (put_at_ + n) % count_;
        int64_t made_at = times(i)->made_at.load();

        if (made_at == 0) {
            room = i;
            break;
        }

        if (is_old(made_at, times(i)->expires_at, now)
            && (room == count_ || made_at < room_made_at))
        {
            room = i;
            room_made_at = made_at;
        }
    }

    if (room == count_) {
        return Put::no_room;
    }

    write(room, invoice, begin_of_life(invoice, now));
    put_at_ = static_cast<uint32_t>((room + 1) % count_);

    if (room == take_at_ && room_made_at != 0) {
        // It has become the youngest.
        take_at_ = put_at_;
    }

    if (said_ && ready(now) == count_) {
        said_ = false;
        return Put::full_again;
    }

    return Put::yes;
}

bool Stock::claim(uint64_t owner, uint64_t now, uint64_t length) noexcept
{
    if (owner_ != owner && owned_until_ > now) {
        return false;
    }

    owner_ = owner;
    owned_until_ = now + length;
    return true;
}

void Stock::release(uint64_t owner) noexcept
{
    if (owner_ == owner) {
        owned_until_ = 0;
    }
}

void Stock::move_to(Stock &other, int64_t now)
{
    Invoice invoice;
    size_t room = 0;

    for (size_t n = 0; n < count_ && room < other.count_; n++) {
        size_t i = (take_at_ + n) % count_;
        int64_t made_at = times(i)->made_at.load();

        if (!is_good(made_at, times(i)->expires_at, now)) {
            continue;
        }

        read(i, invoice);

        if (invoice.bolt11.size() <= other.invoice_size()) {
            other.write(room++, invoice, made_at);
        }
    }

    other.put_at_ = static_cast<uint32_t>(room % other.count_);
}

}  // namespace l402
