// What is counted and what is revoked, in one block of memory that several
// processes share: payments (uses and balances, by payment hash) and
// revocations (by token id or payment hash).
//
// The truth is in the entries. Locks are robust: one that a dead process held
// is recovered by the next that wants it. A process may be killed at any
// instruction: then a reservation that it had not settled is given back, and
// one that it was just settling is either charged or given back.
//
// The block may be a shared mapping of a file, which outlives all processes
// (ledger_file.h). Times are unix seconds, amounts msat.
#pragma once

#include "l402/types.h"

#include <atomic>
#include <vector>

namespace l402 {

inline constexpr uint64_t no_limit = UINT64_MAX;

// What is reserved, spent or left of a payment.
struct Amount {
    uint64_t uses = 0;
    uint64_t msat = 0;
};

// What a token allows of its payment. A limit that is no_limit is not counted.
struct Allowance {
    Amount  limit{no_limit, no_limit};  // the narrowest caveats of this token
    Amount  minted{};      // what the payment bought, for who looks at it
    int64_t expires = 0;   // the minted expiry; 0: never
};

struct Payment {
    Hash    hash{};
    Amount  minted{};      // as when it was first used; 0: none
    Amount  spent{};       // settled
    Amount  held{};        // reserved and not settled yet
    int64_t expires = 0;   // 0: never
};

enum class Subject : uint8_t { token, payment };

struct Revocation {
    Subject subject{};
    Hash    id{};
    int64_t until = 0;     // when it may be forgotten; 0: never
};

// A reservation of this process. Trivially copyable: lives in a request's pool.
struct Reservation {
    uint32_t slot = 0;
    uint32_t turn = 0;     // 0: none
    Amount   amount{};

    explicit operator bool() const noexcept { return turn != 0; }
};

class Ledger {
public:
    // Of a block that holds so many of either: there is one table for payments
    // and one for revocations, so that neither crowds out the other.
    static size_t bytes_for(size_t entries) noexcept;
    static constexpr size_t min_bytes = 64 * 1024;

    // An empty ledger in a block aligned to a page, of min_bytes or more.
    // Nobody else uses it yet.
    static void format(void *block, size_t bytes) noexcept;

    // What is there is the ledger of `bytes` that other processes may use.
    static bool is_formatted(const void *block, size_t bytes) noexcept;

    // This process's view of it, whose copies are the same view. A process that
    // has reserved something leaves none of it to one that it forks.
    Ledger() = default;
    Ledger(void *block, size_t bytes);
    explicit operator bool() const noexcept { return view_ != nullptr; }

    // --- revocations ------------------------------------------------------

    enum class Change : uint8_t { made, stood, full };

    // `stood`: it was there, and now has this `until`. In force in every
    // process when it returns. `generation` is of the list it comes from (see
    // begin_list); 0: of the latest.
    Change revoke(const Revocation &revocation, uint32_t generation = 0)
        noexcept;
    // False: it was not there.
    bool unrevoke(Subject subject, const uint8_t id[32]) noexcept;
    // Takes no lock; one whose `until` is past still holds until it is swept.
    bool is_revoked(const uint8_t token_id[32],
        const uint8_t payment_hash[32]) const noexcept;
    bool has_revocation(Subject subject, const uint8_t id[32]) const noexcept;

    // Those at `position` (0: from the start) and behind it, `limit` at most.
    // `position` is left where the next page starts, at 0 after the last one.
    // What is added meanwhile may be missing, nothing comes twice.
    std::vector<Revocation> revocations(uint64_t &position, size_t limit)
        const;

    // A whole list is being loaded: what is told from here on with the
    // generation that it returns is of that list or newer. end_list has the
    // revocations of older generations dropped, by sweep(). Of several lists
    // that are loaded at a time the last one counts.
    uint32_t begin_list() noexcept;
    void end_list(uint32_t generation, int64_t now) noexcept;
    // A list was ended, and what was not on it has not all been dropped yet.
    bool is_dropping() const noexcept;
    // When the list was last known to be whole; 0: never yet.
    int64_t list_known_at() const noexcept;
    void set_list_known_at(int64_t now) noexcept;

    // --- payments ---------------------------------------------------------

    enum class Reserve : uint8_t {
        held,
        used_up,  // no more than is spent and held may be taken
        full,     // no entry or no slot is free: it cannot be counted
    };

    // Takes `amount` off what `allowance` leaves, until it is settled or given
    // back. `left` (may be null) is what the token has left beyond it: no_limit
    // where it is not counted.
    Reserve reserve(const uint8_t payment_hash[32], const Allowance &allowance,
        Amount amount, Reservation &out, Amount *left) noexcept;

    // Charges `cost` instead of what was held, as far as there is something
    // left; the rest of what was held is free again. True: it was charged in
    // full. A reservation is settled or given back once; then it is none.
    bool settle(Reservation &reservation, Amount cost,
        const Allowance &allowance, Amount *left) noexcept;
    void give_back(Reservation &reservation) noexcept;

    // What reserve() would say, without a change.
    Reserve look(const uint8_t payment_hash[32], const Allowance &allowance,
        Amount amount, Amount *left) const noexcept;

    // False: nothing was ever counted of it, or it is forgotten.
    bool payment(const uint8_t payment_hash[32], Payment &out) const noexcept;

    // --- housekeeping -----------------------------------------------------

    // Gives back what dead processes had reserved. How many reservations.
    size_t give_back_of_dead() noexcept;

    // Drops entries that expired before `now`: a part of the table at each
    // call (about `budget` entries), so that nobody waits. How many.
    size_t sweep(int64_t now, size_t budget) noexcept;

    // Payments that can still be entered, and how many the table holds at most.
    size_t free_payments() const noexcept;
    size_t max_payments() const noexcept;
    size_t revocation_count() const noexcept;

    // Before this process ends in good order: what it had reserved is given
    // back, and its slots are free. No view any more.
    void detach() noexcept;

    // For tests: is everything as it should be, where nobody else uses it?
    // Null, or what is wrong.
    const char *self_check() const;

    // Of the process that has the block for itself (nobody else maps it): what
    // is wrong with the entries, and a table made anew out of the good ones.
    struct Found {
        size_t payments = 0;      // good ones
        size_t revocations = 0;
        size_t reservations = 0;  // given back
        size_t damaged = 0;       // entries whose seal is wrong
        size_t missing = 0;       // about how many are not where a chain leads
    };
    static Found inspect(const void *block, size_t bytes) noexcept;
    static Found rebuild(void *block, size_t bytes) noexcept;
    // The good ones of one block into an empty one of another size. False: they
    // do not fit.
    static bool move(const void *from, size_t from_bytes, void *to,
        size_t to_bytes, Found &found) noexcept;

private:
    struct View;

    View *view_ = nullptr;
};

}  // namespace l402
