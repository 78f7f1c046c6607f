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

// Which caveats of the old token the new one does without.
class Replaced {
public:
    Replaced(const Terms &terms, const std::vector<std::string> &minted_below)
        : own_valid_until_(std::string(terms.service) + "_valid_until"),
          once_(minted_conditions(terms))
    {
        auto is_holders = [&](const std::string &condition) {
            return condition != "services"
                   && std::find(minted_below.begin(), minted_below.end(),
                          condition) == minted_below.end();
        };

        once_.erase(std::remove_if(once_.begin(), once_.end(), is_holders),
            once_.end());
    }

    bool has(std::string_view condition)
    {
        // The expiry is minted anew, and no later; the preimage is another.
        if (condition == "valid_until" || condition == own_valid_until_
            || condition == "preimage")
        {
            return true;
        }

        auto found = std::find(once_.begin(), once_.end(), condition);

        if (found == once_.end()) {
            return false;
        }

        once_.erase(found);
        return true;
    }

private:
    std::string              own_valid_until_;
    // The first of each was minted, a second one is the holder's.
    std::vector<std::string> once_;
};

std::vector<std::string> all_caveats(const Upgrade &upgrade,
    const Terms &terms)
{
    std::vector<std::string> caveats = minted_caveats(terms);

    caveats.insert(caveats.end(), upgrade.carried.begin(),
        upgrade.carried.end());
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

    return parse_macaroon(token, macaroon)
           && check_caveats(macaroon.caveats, macaroon.caveat_count, wanted,
                  no_preimage, verdict) == Result::ok;
}

}  // namespace

std::vector<std::string> minted_conditions(const Terms &terms)
{
    std::vector<std::string> conditions = minted_caveats(terms);

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
        std::string_view condition, value;

        if (!split_caveat(caveat, condition, value)
            || !replaced.has(condition))
        {
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
