// What must hold for every case, as predicates that are true where it does
// not: shared by the tests and the fuzzers.
#pragma once

#include "request.h"

#include "l402/attenuate.h"

namespace unit {

using l402::Attenuation;

inline bool is_later(int64_t after, int64_t before)
{
    return before != 0 && (after == 0 || after > before);
}

// What mint() makes. A token without services was made by somebody else who
// has a key; who appends services to it is as good as that one.
inline bool was_minted(const Case &c)
{
    return !c.minted.empty() && c.minted[0].compare(0, 9, "services=") == 0;
}

// Nothing that is appended behind these can look minted.
inline bool is_closed(const Caveats &caveats, const Request &request)
{
    return naive::grants_of(caveats, request.service).places == 4;
}

inline bool is_more(bool has, uint64_t count, bool had, uint64_t before)
{
    return had && (!has || count > before);
}

// The appended caveats gave something: the request, a tier, time, or a count.
// What the seller left open is his own to ask for: see moves_what_was_minted().
inline bool gains(Case &c)
{
    if (!was_minted(c)) {
        return false;
    }

    Request request = c.request;

    if (!is_closed(c.minted, request)) {
        request.needs_uses = request.needs_balance = false;
    }

    Verdict before = check(c.minted, request);
    Verdict after = check(c.all(), request);

    return after.result == Result::ok
        && (before.result != Result::ok || after.tier > before.tier
            || is_later(after.expires, before.expires)
            || is_more(after.has_uses, after.uses, before.has_uses,
                   before.uses)
            || is_more(after.has_balance, after.balance_msat,
                   before.has_balance, before.balance_msat));
}

inline bool is_as_minted(const Verdict &ours, const naive::Answer &theirs)
{
    return ours.minted_expires == theirs.minted.expires
        && int64_t(ours.minted_uses) == theirs.minted.uses
        && int64_t(ours.minted_balance_msat) == theirs.minted.balance
        && ours.has_uses == (theirs.uses >= 0)
        && ours.uses == uint64_t(std::max<int64_t>(theirs.uses, 0))
        && ours.has_balance == (theirs.balance >= 0)
        && ours.balance_msat
            == uint64_t(std::max<int64_t>(theirs.balance, 0));
}

inline bool differs_from_the_table(Case &c)
{
    Verdict       ours = check(c.all(), c.request);
    naive::Answer theirs = check_naively(c.all(), c.request);

    return ours.result != theirs.result
        || (ours.result == Result::ok
            && (ours.tier != theirs.tier || ours.expires != theirs.expires))
        // Also of what is refused for another reason than its caveats.
        || (ours.result != Result::caveat_refused
            && !is_as_minted(ours, theirs));
}

// In what place an appended caveat may stand as if it was minted, the seller
// has left open; never in one that was passed.
inline bool moves_what_was_minted(Case &c)
{
    Verdict before = check(c.minted, c.request);
    Verdict after = check(c.all(), c.request);
    size_t  passed = naive::grants_of(c.minted, c.request.service).places;

    return before.result != Result::caveat_refused
        && after.result != Result::caveat_refused
        && ((passed > 1 && after.minted_expires != before.minted_expires)
            || (passed > 2 && after.minted_uses != before.minted_uses)
            || (passed > 3
                && after.minted_balance_msat != before.minted_balance_msat));
}

// ---- the attenuator ----

inline std::string condition_of(const std::string &caveat)
{
    return caveat.substr(0, caveat.find('='));
}

// Does the gate of this request know the condition?
inline bool concerns(const std::string &condition, const Request &request)
{
    for (const auto &[name, value] : request.measures.numbers) {
        if (condition == name) {
            return true;
        }
    }
    for (const char *own : {"valid_until", "capabilities", "uses", "balance"}) {
        if (condition == request.service + "_" + own) {
            return true;
        }
    }
    return condition == "services" || condition == "valid_until"
        || condition == "preimage" || naive::list_reader(condition) != nullptr;
}

inline Attenuation judge(const Case &c)
{
    auto list = slices(c.minted);

    return l402::judge_attenuation(list.data(), list.size(), c.appended[0]);
}

// `narrows`, yet the gate cannot read what it could read before.
inline bool is_spoilt(Case &c)
{
    std::string condition;

    if (c.appended.size() != 1 || judge(c) != Attenuation::narrows) {
        return false;
    }
    condition = condition_of(c.appended[0]);

    // Which preimage is right, the attenuator need not know.
    return condition != "preimage"
        && check_naively(c.minted, c.request).is_read
        && !check_naively(c.all(), c.request).is_read;
}

// Refused by the attenuator, yet a gate that knows the condition lets it in.
inline bool is_refused_for_nothing(Case &c)
{
    if (c.appended.size() != 1 || !was_minted(c)) {
        return false;
    }

    Attenuation judged = judge(c);

    return (judged == Attenuation::widens || judged == Attenuation::malformed)
        && concerns(condition_of(c.appended[0]), c.request)
        && opens(c.all(), c.request);
}

// Unknown to the attenuator, yet a gate refuses where it skips what it does
// not know.
inline bool is_known_after_all(Case &c)
{
    if (c.appended.size() != 1 || judge(c) != Attenuation::unknown) {
        return false;
    }

    Request request = c.request;

    request.refuse_unknown = false;
    request.measures.numbers.clear();
    return opens(c.minted, request) && !opens(c.all(), request);
}

}  // namespace unit
