// The table of docs/wire-format.md ("Caveats"): what each condition demands of
// a request, and that each later one is only narrower.

#include "caveats.h"
#include "network.h"
#include "request_value.h"

#include "l402/encoding.h"
#include "l402/verify.h"

#include <algorithm>

namespace l402 {

namespace {

// A number that each later caveat of its condition may only lower.
// No initialisers: there is an array of them, of which most requests need none.
struct Falling {
    bool    seen;
    int64_t value;

    bool narrow(std::string_view text) noexcept
    {
        int64_t next;

        if (!parse_number(text, next) || (seen && next > value)) {
            return false;
        }

        seen = true;
        value = next;
        return true;
    }
};

// Each item of a list is compared with those of the list before. A holder who
// appends long lists again and again would make all of his requests dear.
class Budget {
public:
    bool pays_for(std::string_view before, std::string_view after) noexcept
    {
        comparisons_ += items(before) * items(after);
        return comparisons_ <= max_comparisons;
    }

private:
    static size_t items(std::string_view list) noexcept
    {
        return 1 + size_t(std::count(list.begin(), list.end(), ','));
    }

    size_t comparisons_ = 0;
};

// A list that each later caveat of its condition may only shorten.
struct Shrinking {
    bool             seen = false;
    std::string_view value{};

    bool narrow(Values kind, std::string_view next, Budget &budget) noexcept
    {
        // Holders down the line repeat what they were given.
        if (seen && next == value) {
            return true;
        }

        if (!value_is_good(kind, next)
            || (seen
                && (!budget.pays_for(value, next)
                    || !value_narrows(kind, value, next))))
        {
            return false;
        }

        seen = true;
        value = next;
        return true;
    }
};

[[gnu::hot]] void lower_expiry(int64_t &expires, const Falling &limit) noexcept
{
    if (limit.seen && (expires == 0 || limit.value < expires)) {
        // 0 stands for never, so a limit of 0 is written as 1: long past.
        expires = limit.value ? limit.value : 1;
    }
}

// What a payment bought a number of, and counts down elsewhere.
struct Counted {
    Falling  lowest{};
    uint64_t minted = 0;

    bool narrow(std::string_view text, bool is_minted) noexcept
    {
        if (!lowest.narrow(text)) {
            return false;
        }

        if (is_minted) {
            minted = static_cast<uint64_t>(lowest.value);
        }

        return true;
    }

    uint64_t left() const noexcept
    {
        return static_cast<uint64_t>(lowest.value);
    }
};

class Checker {
public:
    Checker(const Facts &facts, const uint8_t *preimage) noexcept
        : facts_(facts), preimage_(preimage)
    {
        if (facts.measures) {
            for (size_t i = 0; i < facts.measures->count(); i++) {
                limits_[i].seen = false;
            }
        }
    }

    // False: refused.
    bool check(std::string_view caveat) noexcept;
    Result conclude(Verdict &out) noexcept;

private:
    bool check(std::string_view condition, std::string_view value) noexcept;
    bool check_services(std::string_view value) noexcept;
    bool check_own(std::string_view rest, std::string_view value,
        bool &known) noexcept;
    bool check_tying(std::string_view condition, std::string_view value,
        bool &known) noexcept;
    bool check_limit(std::string_view condition, std::string_view value,
        bool &known) noexcept;
    bool item_matches(Values kind, std::string_view item) const noexcept;
    bool grants_what_is_needed() const noexcept;
    bool measures_up() noexcept;

    const Facts   &facts_;
    const uint8_t *preimage_;

    Budget           budget_{};
    Minted           minted_{};
    int64_t          minted_expires_ = 0;
    bool             has_services_ = false;
    std::string_view services_{};
    ServiceList      last_services_{};
    Shrinking        capabilities_{};
    Falling          service_valid_until_{};
    Falling          valid_until_{};
    Counted          uses_{};
    Counted          balance_{};
    Shrinking        tying_[tying_condition_count]{};
    Falling          limits_[max_measures];  // set as far as there are any
};

[[gnu::hot]] bool Checker::check_services(std::string_view value) noexcept
{
    ServiceList list;

    if (!list.read(value, facts_.service)
        || (has_services_
            && (!budget_.pays_for(services_, value)
                || !value_narrows(Values::services, services_, value))))
    {
        return false;
    }

    (void) minted_.stands_at(Minted::services);
    last_services_ = list;
    has_services_ = true;
    services_ = value;
    return true;
}

// Conditions that begin with "<service>_".
[[gnu::hot]] bool Checker::check_own(std::string_view rest,
    std::string_view value, bool &known) noexcept
{
    known = true;

    if (rest == "valid_until") {
        if (!service_valid_until_.narrow(value)) {
            return false;
        }

        if (minted_.stands_at(Minted::expiry)) {
            lower_expiry(minted_expires_, service_valid_until_);
        }

        return true;
    }

    if (rest == "capabilities") {
        (void) minted_.stands_at(Minted::other);
        return capabilities_.narrow(Values::names, value, budget_);
    }

    if (rest == "uses") {
        return uses_.narrow(value, minted_.stands_at(Minted::uses));
    }

    if (rest == "balance") {
        return balance_.narrow(value, minted_.stands_at(Minted::balance));
    }

    known = false;
    return true;
}

bool Checker::item_matches(Values kind, std::string_view item) const noexcept
{
    switch (kind) {
    case Values::addresses:
        return network_holds(item, facts_.client_address);
    case Values::hosts:
        return host_matches(item, facts_.host);
    case Values::paths:
        return path_matches(item, facts_.path);
    case Values::methods:
        return method_matches(item, facts_.method);
    default:
        return false;
    }
}

bool Checker::check_tying(std::string_view condition, std::string_view value,
    bool &known) noexcept
{
    for (size_t i = 0; i < tying_condition_count; i++) {
        if (condition == tying_conditions[i].name) {
            Values kind = tying_conditions[i].kind;

            known = true;
            return tying_[i].narrow(kind, value, budget_)
                   && any_item(value, [&](std::string_view item) {
                          return item_matches(kind, item);
                      });
        }
    }

    known = false;
    return true;
}

// Those of l402_constraint.
bool Checker::check_limit(std::string_view condition, std::string_view value,
    bool &known) noexcept
{
    known = false;

    if (facts_.measures == nullptr) {
        return true;
    }

    bool good = true;

    // Two of them may name one condition.
    for (size_t i = 0; i < facts_.measures->count(); i++) {
        if (facts_.measures->condition(i) == condition) {
            known = true;
            good = good && limits_[i].narrow(value);
        }
    }

    return good;
}

[[gnu::hot]] bool Checker::check(std::string_view condition,
    std::string_view value) noexcept
{
    bool known, good;

    if (condition == "services") {
        return check_services(value);
    }

    std::string_view rest = own_condition(condition, facts_.service);

    if (!rest.empty()) {
        good = check_own(rest, value, known);

        if (known) {
            return good;
        }
    }

    if (condition == "valid_until") {
        if (!valid_until_.narrow(value)) {
            return false;
        }

        if (minted_.stands_at(Minted::expiry)) {
            lower_expiry(minted_expires_, valid_until_);
        }

        return true;
    }

    (void) minted_.stands_at(Minted::other);

    if (condition == "preimage") {
        uint8_t bytes[32];

        return value.size() == 64 && hex_decode(value, bytes)
               && equal_constant_time(bytes, preimage_, sizeof(bytes));
    }

    good = check_tying(condition, value, known);

    if (!known) {
        good = check_limit(condition, value, known);
    }

    return known ? good : !facts_.refuse_unknown_caveats;
}

[[gnu::hot]] bool Checker::check(std::string_view caveat) noexcept
{
    std::string_view condition, value;

    if (split_caveat(caveat, condition, value)) {
        return check(condition, value);
    }

    (void) minted_.stands_at(Minted::other);
    return !facts_.refuse_unknown_caveats;
}

// An appended count is no grant, so it does not help.
bool Checker::grants_what_is_needed() const noexcept
{
    return (!facts_.needs_uses || uses_.minted != 0)
           && (!facts_.needs_balance || balance_.minted != 0);
}

bool Checker::measures_up() noexcept
{
    for (size_t i = 0; i < facts_.measures->count(); i++) {
        int64_t measured;

        if (limits_[i].seen
            && (!facts_.measures->value(i, measured)
                || measured > limits_[i].value))
        {
            return false;
        }
    }

    return true;
}

[[gnu::hot]] Result Checker::conclude(Verdict &out) noexcept
{
    out.expires = 0;
    lower_expiry(out.expires, service_valid_until_);
    lower_expiry(out.expires, valid_until_);
    out.minted_expires = minted_expires_;
    out.has_uses = uses_.lowest.seen;
    out.uses = uses_.left();
    out.minted_uses = uses_.minted;
    out.has_balance = balance_.lowest.seen;
    out.balance_msat = balance_.left();
    out.minted_balance_msat = balance_.minted;

    if (!last_services_.has_service) {
        return Result::wrong_service;
    }

    out.tier = last_services_.tier;

    if (out.expires != 0 && facts_.now >= out.expires) {
        return Result::expired;
    }

    if (out.tier < facts_.tier) {
        return Result::insufficient;
    }

    if (!facts_.capability.empty() && capabilities_.seen
        && !has_item(capabilities_.value, facts_.capability))
    {
        return Result::insufficient;
    }

    if (!grants_what_is_needed()) {
        return Result::insufficient;
    }

    // Last, so that nothing is evaluated for a credential that is refused.
    if (facts_.measures && !measures_up()) {
        return Result::caveat_refused;
    }

    return Result::ok;
}

}  // namespace

[[gnu::hot]]
Result check_caveats(const Slice *caveats, size_t count, const Facts &facts,
    const uint8_t preimage[32], Verdict &out) noexcept
{
    Checker checker(facts, preimage);

    for (size_t i = 0; i < count; i++) {
        if (!checker.check(caveats[i].view())) {
            return Result::caveat_refused;
        }
    }

    return checker.conclude(out);
}

}  // namespace l402
