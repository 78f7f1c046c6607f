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

// The appended caveats gave something: the request, a tier, or time.
inline bool gains(Case &c)
{
    if (!was_minted(c)) {
        return false;
    }

    Verdict before = check(c.minted, c.request);
    Verdict after = check(c.all(), c.request);

    return after.result == Result::ok
        && (before.result != Result::ok || after.tier > before.tier
            || is_later(after.expires, before.expires));
}

inline bool differs_from_the_table(Case &c)
{
    Verdict       ours = check(c.all(), c.request);
    naive::Answer theirs = check_naively(c.all(), c.request);

    return ours.result != theirs.result
        || (ours.result == Result::ok
            && (ours.tier != theirs.tier || ours.expires != theirs.expires));
}

// Of a token that was minted with an expiry: behind any other, an appended one
// cannot be told from a minted one.
inline bool moves_what_was_minted(Case &c)
{
    Verdict before = check(c.minted, c.request);
    Verdict after = check(c.all(), c.request);

    return before.minted_expires != 0 && before.result != Result::caveat_refused
        && before.result != Result::wrong_service
        && after.result != Result::caveat_refused
        && after.result != Result::wrong_service
        && after.minted_expires != before.minted_expires;
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

    // Which preimage is right, the attenuator need not know; and no gate
    // honours these two yet.
    return condition != "preimage" && condition != c.request.service + "_uses"
        && condition != c.request.service + "_balance"
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
