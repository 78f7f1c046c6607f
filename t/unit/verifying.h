// Asking for a verdict, with and without a memory.
#pragma once

#include "unit.h"

namespace unit {

using l402::CredentialField;
using l402::Facts;
using l402::Result;
using l402::Verdict;

inline Facts facts_for(std::string_view authorization)
{
    Facts facts;

    facts.authorization = authorization;
    facts.service = "weather";
    facts.now = now;
    return facts;
}

// With and without a memory, and a second time when the memory may know it:
// the verdict must be the same.
inline Verdict verify(const l402::Keyring &keys, const Facts &facts)
{
    l402::VerifiedMemory memory(1 << 16);
    Verdict              without, with, again;

    l402::verify(keys, facts, nullptr, without);
    l402::verify(keys, facts, &memory, with);
    l402::verify(keys, facts, &memory, again);

    for (const Verdict *other : {&with, &again}) {
        assert_int_equal(int(without.result), int(other->result));
        assert_int_equal(int(without.field), int(other->field));
        assert_int_equal(without.has_token, other->has_token);
        if (without.has_token) {
            assert_memory_equal(without.payment_hash, other->payment_hash, 32);
            assert_memory_equal(without.token_id, other->token_id, 32);
        }
        if (without.result == Result::ok) {
            assert_int_equal(without.tier, other->tier);
            assert_int_equal(without.expires, other->expires);
            assert_int_equal(without.minted_expires, other->minted_expires);
            assert_int_equal(without.has_uses, other->has_uses);
            assert_int_equal(without.uses, other->uses);
            assert_int_equal(without.minted_uses, other->minted_uses);
            assert_int_equal(without.has_balance, other->has_balance);
            assert_int_equal(without.balance_msat, other->balance_msat);
            assert_int_equal(without.minted_balance_msat,
                other->minted_balance_msat);
        }
    }
    return without;
}

inline Result result_of(const l402::Keyring &keys,
    const std::string &authorization)
{
    return verify(keys, facts_for(authorization)).result;
}

inline void assert_result(const l402::Keyring &keys, const Facts &facts,
    Result wanted)
{
    Verdict v = verify(keys, facts);

    if (v.result != wanted) {
        fail_msg("%s instead of %s for %.*s", l402::describe(v.result).word,
            l402::describe(wanted).word,
            int(std::min(facts.authorization.size(), size_t(300))),
            facts.authorization.data());
    }
}

inline void assert_result(const l402::Keyring &keys,
    const std::string &authorization, Result wanted)
{
    assert_result(keys, facts_for(authorization), wanted);
}

// A verdict on a token with these caveats.
inline void assert_judged(const Verdict &verdict, Result wanted,
    const std::vector<std::string> &caveats)
{
    if (verdict.result != wanted) {
        std::string list;
        for (const std::string &caveat : caveats) {
            list += " " + caveat;
        }
        fail_msg("%s instead of %s for:%s", l402::describe(verdict.result).word,
            l402::describe(wanted).word, list.c_str());
    }
}

}  // namespace unit
