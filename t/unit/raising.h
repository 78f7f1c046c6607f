// Raising a token of a lower tier, as a property of cases: c.minted and
// c.appended are the old token's, c.request is what its new holder tries.
#pragma once

#include "properties.h"

#include "l402/challenge.h"

namespace unit {

// Who pays for it, where, and what that location mints.
struct Sale {
    Request buyer;
    bool    has_expiry = true;
    bool    has_capabilities = false;
    bool    has_constraint = false;
    uint64_t uses = 0;       // 0: not counted
    uint64_t balance = 0;
    bool    closes = false;
    bool    binds[4] = {};  // address, host, path, method
    Caveats only_here;      // conditions that no lower tier is minted with

    Sale() { buyer.tier = 2; }

    l402::Terms terms() const
    {
        l402::Terms terms;

        terms.service = buyer.service;
        terms.tier = buyer.tier;
        terms.valid_until = has_expiry ? buyer.time + 3600 : 0;
        terms.uses = uses;
        terms.balance_msat = balance;
        terms.closes_grants = closes;
        terms.has_capabilities = has_capabilities;
        terms.capabilities = "read,write";
        if (has_constraint) {
            terms.constraints.push_back({"upload_max_bytes", 1000});
        }
        terms.bind_address = binds[0];
        terms.bind_host = binds[1];
        terms.bind_path = binds[2];
        terms.bind_method = binds[3];
        terms.client_address = buyer.address;
        terms.host = buyer.host;
        terms.path = buyer.path;
        terms.method = buyer.method;
        return terms;
    }

    Caveats minted_below() const
    {
        Caveats out = l402::minted_conditions(terms());

        out.erase(std::remove_if(out.begin(), out.end(),
                      [&](const std::string &c) { return is_only_here(c); }),
            out.end());
        return out;
    }

    // What the old token says of these is not the holder's but the
    // location's, which says it anew.
    Caveats conditions_minted_anew() const
    {
        static const char *const tied[] = {"client_address", "request_host",
            "request_path", "request_method"};
        Caveats out;

        if (has_capabilities) {
            out.push_back(buyer.service + "_capabilities");
        }
        if (has_constraint) {
            out.push_back("upload_max_bytes");
        }
        for (int i = 0; i < 4; i++) {
            if (binds[i]) {
                out.push_back(tied[i]);
            }
        }
        out.erase(std::remove_if(out.begin(), out.end(),
                      [&](const std::string &c) { return is_only_here(c); }),
            out.end());
        return out;
    }

    bool is_only_here(const std::string &condition) const
    {
        return std::count(only_here.begin(), only_here.end(), condition) > 0;
    }

    std::string text() const
    {
        return nlohmann::json{{"buyer", buyer.json()},
            {"expiry", has_expiry}, {"capabilities", has_capabilities},
            {"constraint", has_constraint}, {"uses", uses},
            {"balance", balance}, {"closes", closes}, {"binds", binds},
            {"only_here", only_here}}
            .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
};

struct Raised {
    bool        found = false;  // there was one to be had
    Verdict     before{};       // on the old token
    std::string bytes;          // the new one
    bool        keeps_its_id = false;  // and is signed with the old one's key
};

inline Raised raise(const Case &c, Sale &sale)
{
    static const std::unique_ptr<l402::Keyring> keys = [] {
        auto        k = std::make_unique<l402::Keyring>();
        std::string error;

        (void) k->parse(std::string(64, '1') + "\n" + std::string(64, '2'),
            error);
        return k;
    }();
    Raised      out;
    Facts       facts = sale.buyer.facts();
    Hash        paid, id{}, again, second_preimage{};
    l402::Terms terms = sale.terms();
    l402::Upgrade upgrade;

    l402::sha256(chain_preimage().data(), 32, paid.data());
    facts.tier = sale.buyer.tier;
    std::string credential = "L402 "
        + l402::base64_encode(l402::mint(*keys, 1, paid, id, c.all())) + ":"
        + l402::to_hex(chain_preimage());
    facts.authorization = credential;
    l402::verify(*keys, facts, nullptr, out.before);
    out.found = l402::find_upgrade(*keys, facts, out.before, terms,
        sale.minted_below(), upgrade);
    if (!out.found) {
        return out;
    }
    if (upgrade.expires
        && (!terms.valid_until || upgrade.expires < terms.valid_until))
    {
        terms.valid_until = upgrade.expires;
    }
    l402::sha256(second_preimage.data(), 32, again.data());
    out.bytes = l402::mint_upgrade(*keys, upgrade, again, terms);

    Verdict after;
    credential = "L402 " + l402::base64_encode(out.bytes) + ":"
        + l402::to_hex(second_preimage);
    facts.authorization = credential;
    l402::verify(*keys, facts, nullptr, after);

    l402::Macaroon   macaroon;
    l402::Identifier identifier;
    keys->stamp(1, id);
    out.keeps_its_id = l402::parse_macaroon(out.bytes, macaroon)
        && l402::parse_identifier(macaroon.identifier.view(), identifier)
        && std::memcmp(identifier.token_id, id.data(), 32) == 0
        && std::memcmp(identifier.payment_hash, again.data(), 32) == 0
        && upgrade.key == 1 && after.has_token
        && after.result != Result::bad_preimage;
    return out;
}

// The old token without its first caveat of each condition that is minted
// anew, without what its payment bought a number of, without what closes that,
// and without the old payment's preimage.
inline Caveats what_stays_in_force(const Case &c, const Sale &sale)
{
    Caveats       anew = sale.conditions_minted_anew(), all = c.all(), out;
    naive::Grants minted = naive::grants_of(all, sale.buyer.service);
    std::string   own = sale.buyer.service + "_", closing;

    if (minted.uses_at > 0) {
        anew.push_back(own + "uses");
    }
    if (minted.balance_at > 0) {
        anew.push_back(own + "balance");
    }
    for (const std::string &caveat : all) {
        std::string condition = condition_of(caveat);
        auto        at = std::find(anew.begin(), anew.end(), condition);
        bool        has_value = condition.size() < caveat.size();

        if (has_value && condition == "preimage") {
            continue;
        }
        if (has_value && at != anew.end()) {
            anew.erase(at);
            continue;
        }
        if (has_value && condition == "services" && closing.empty()) {
            closing = caveat;
            closing.insert(closing.find(':') + 1, "0");
        } else if (caveat == closing) {
            closing = "-";
            continue;
        }
        out.push_back(caveat);
    }
    return out;
}

// A raised token opens, at or below the old one's tier, what the old one did
// not; or elsewhere; or for longer.
inline bool raising_gains(Case &c, Sale &sale)
{
    Raised raised = raise(c, sale);

    if (!raised.found) {
        return false;
    }

    Caveats after = caveats_of(raised.bytes);
    Verdict v = check(after, c.request);

    if (!raised.keeps_its_id) {
        return true;
    }
    if (v.result != Result::ok) {
        return false;
    }
    if (c.request.service != sale.buyer.service || v.tier > sale.buyer.tier
        || is_later(v.expires, raised.before.expires))
    {
        return true;
    }

    Caveats stays = what_stays_in_force(c, sale);
    Request at_most = c.request;

    at_most.tier = std::min(at_most.tier, raised.before.tier);
    // The new payment's counts are its own.
    at_most.needs_uses = at_most.needs_balance = false;

    Verdict stayed = check(stays, at_most);

    return stayed.result != Result::ok
        || v.minted_uses != sale.uses || v.minted_balance_msat != sale.balance
        || is_more(v.has_uses, v.uses, stayed.has_uses, stayed.uses)
        || is_more(v.has_balance, v.balance_msat, stayed.has_balance,
               stayed.balance_msat)
        || is_more(v.has_uses, v.uses, sale.uses != 0, sale.uses)
        || is_more(v.has_balance, v.balance_msat, sale.balance != 0,
               sale.balance);
}

// Paid for, and of no use to the one who paid.
inline bool raising_is_in_vain(Case &c, Sale &sale)
{
    Raised raised = raise(c, sale);

    for (auto &[condition, value] : sale.buyer.measures.numbers) {
        value = 0;
    }
    return raised.found && !opens(caveats_of(raised.bytes), sale.buyer);
}

}  // namespace unit
