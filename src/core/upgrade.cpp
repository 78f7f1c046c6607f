// Raising a token of a lower tier.

#include "caveats.h"
#include "chain.h"

#include "l402/challenge.h"

#include <algorithm>

namespace l402 {

namespace {

// What an upgrade demands at present does not matter: only which conditions
// there are.
class NoDemand final : public Measures {
public:
    explicit NoDemand(const Measures *measures) : measures_(measures) {}

    size_t count() const noexcept override
    {
        return measures_ ? measures_->count() : 0;
    }

    std::string_view condition(size_t i) const noexcept override
    {
        return measures_->condition(i);
    }

    bool value(size_t, int64_t &out) noexcept override
    {
        out = 0;
        return true;
    }

private:
    const Measures *measures_;
};

Minted::Place place_of(std::string_view condition, std::string_view service)
{
    std::string_view own = own_condition(condition, service);

    if (condition == "services") {
        return Minted::services;
    }

    if (condition == "valid_until" || own == "valid_until") {
        return Minted::expiry;
    }

    if (own == "uses") {
        return Minted::uses;
    }

    return own == "balance" ? Minted::balance : Minted::other;
}

// Which caveats of the old token the new one does without.
class Replaced {
public:
    Replaced(const Terms &terms, const std::vector<std::string> &minted_below)
        : service_(terms.service), once_(minted_conditions(terms))
    {
        auto is_holders = [&](const std::string &condition) {
            return condition != "services"
                   && std::find(minted_below.begin(), minted_below.end(),
                          condition) == minted_below.end();
        };

        once_.erase(std::remove_if(once_.begin(), once_.end(), is_holders),
            once_.end());
    }

    // Asked of every caveat in turn.
    bool has(std::string_view caveat)
    {
        std::string_view condition, value;

        if (!split_caveat(caveat, condition, value)) {
            (void) minted_.stands_at(Minted::other);
            return false;
        }

        Minted::Place place = place_of(condition, service_);
        bool is_minted = minted_.stands_at(place);

        switch (place) {
        case Minted::services:
            return replaces_services(value);
        case Minted::expiry:
            // Minted anew, and no later.
            return true;
        case Minted::uses:
        case Minted::balance:
            // The old payment's own; another is its holder's.
            return is_minted;
        case Minted::other:
            break;
        }

        // The preimage is another.
        return condition == "preimage" || take(condition);
    }

private:
    // The first one, and the one that closes what was minted.
    bool replaces_services(std::string_view value)
    {
        if (take("services")) {
            closing_ = closing_services(value);
            return true;
        }

        if (value != closing_) {
            return false;
        }

        // No token that is raised has an empty list.
        closing_.clear();
        return true;
    }

    bool take(std::string_view condition)
    {
        auto found = std::find(once_.begin(), once_.end(), condition);

        if (found == once_.end()) {
            return false;
        }

        once_.erase(found);
        return true;
    }

    std::string_view         service_;
    // The first of each was minted, a second one is the holder's.
    std::vector<std::string> once_;
    std::string              closing_;
    Minted                   minted_;
};

// What is minted of the same count; 0: nothing. False: the caveat is no count.
bool is_count(std::string_view caveat, const Terms &terms, uint64_t &minted,
    uint64_t &number)
{
    std::string_view condition, value;
    int64_t parsed = 0;

    if (!split_caveat(caveat, condition, value)) {
        return false;
    }

    Minted::Place place = place_of(condition, terms.service);

    if (place != Minted::uses && place != Minted::balance) {
        return false;
    }

    (void) parse_number(value, parsed);
    minted = place == Minted::uses ? terms.uses : terms.balance_msat;
    number = static_cast<uint64_t>(parsed);
    return true;
}

std::vector<std::string> all_caveats(const Upgrade &upgrade,
    const Terms &terms)
{
    Terms closed = terms;
    std::vector<std::string> carried;

    for (const std::string &caveat : upgrade.carried) {
        uint64_t minted, number;

        if (is_count(caveat, terms, minted, number)) {
            // It would widen the new token, and be refused.
            if (minted != 0 && number >= minted) {
                continue;
            }

            // Nor shall it look minted.
            closed.closes_grants = true;
        }

        carried.push_back(caveat);
    }

    std::vector<std::string> caveats = minted_caveats(closed);

    caveats.insert(caveats.end(), carried.begin(), carried.end());
    return caveats;
}

// Nobody shall pay for a token that opens nothing here.
bool opens(const std::string &token, const Facts &facts)
{
    Macaroon macaroon;
    NoDemand no_demand(facts.measures);
    Facts wanted = facts;
    Verdict verdict{};
    const uint8_t no_preimage[32] = {};

    wanted.measures = &no_demand;

    if (!parse_macaroon(token, macaroon)
        || check_caveats(macaroon.caveats, macaroon.caveat_count, wanted,
               no_preimage, verdict) != Result::ok)
    {
        return false;
    }

    // Who counts would find it used up.
    return (!verdict.has_uses || verdict.uses != 0)
           && (!facts.needs_balance || verdict.balance_msat != 0);
}

}  // namespace

std::vector<std::string> minted_conditions(const Terms &terms)
{
    Terms open = terms;

    open.closes_grants = false;

    std::vector<std::string> conditions = minted_caveats(open);

    for (std::string &caveat : conditions) {
        caveat.resize(caveat.find('='));
    }

    return conditions;
}

bool find_upgrade(const Keyring &keys, const Facts &facts,
    const Verdict &verdict, const Terms &terms,
    const std::vector<std::string> &minted_below, Upgrade &out)
{
    PresentedMacaroon presented;
    Identifier identifier;
    const Macaroon &old = presented.macaroon;

    if (verdict.result != Result::insufficient || verdict.tier >= facts.tier
        || !presented_macaroon(facts, verdict, presented)
        || !parse_identifier(old.identifier.view(), identifier))
    {
        return false;
    }

    out = Upgrade();
    out.key = signing_key(keys, old, identifier);

    if (out.key == keys.size()) {
        return false;
    }

    std::copy_n(identifier.token_id, out.token_id.size(),
        out.token_id.begin());
    out.expires = verdict.expires;

    Replaced replaced(terms, minted_below);

    for (size_t i = 0; i < old.caveat_count; i++) {
        std::string_view caveat = old.caveats[i].view();

        if (!replaced.has(caveat)) {
            out.carried.emplace_back(caveat);
        }
    }

    return opens(mint_upgrade(keys, out, Hash(), terms), facts);
}

std::string mint_upgrade(const Keyring &keys, const Upgrade &upgrade,
    const Hash &payment_hash, const Terms &terms)
{
    return mint_with_id(keys, upgrade.key, payment_hash, upgrade.token_id,
        all_caveats(upgrade, terms));
}

}  // namespace l402
