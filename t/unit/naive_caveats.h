// The rules of docs/wire-format.md ("Caveats") once more, written from its
// table with sets and strings, slowly and apart from src/: what check_caveats()
// is compared with. Needs no cmocka, so that fuzzers can use it.
#pragma once

#include "naive_values.h"

#include "l402/verify.h"

#include <set>

namespace naive {

using l402::Facts;
using l402::Result;

// ---- a token's caveats, by condition ----

using ByCondition = std::map<std::string, Texts>;

inline const ReadItem *list_reader(const std::string &condition)
{
    static const std::map<std::string, ReadItem> readers{
        {"client_address", read_network},
        {"request_host", read_host},
        {"request_path", read_path},
        {"request_method", read_method},
    };
    auto at = readers.find(condition);

    return at == readers.end() ? nullptr : &at->second;
}

// Each value can be read, and is within the one before; the last one.
inline std::optional<List> narrowed_list(const Texts &values,
    const ReadItem &read, bool methods)
{
    std::optional<List> last;

    for (const std::string &value : values) {
        auto list = read_list(value, read);

        if (!list || (last && !last->holds(*list))) {
            return {};
        }
        last = list;
        last->methods = methods;
    }
    return last;
}

inline std::optional<int64_t> narrowed_number(const Texts &values)
{
    std::optional<int64_t> last;

    for (const std::string &value : values) {
        auto n = number(value);

        if (!n || (last && *n > *last)) {
            return {};
        }
        last = n;
    }
    return last;
}

// Each item is within the list before, also one that is not the lower of two.
inline std::optional<Tiers> narrowed_services(const Texts &values)
{
    std::optional<Tiers> last;

    for (const std::string &value : values) {
        auto items = split(value);
        auto tiers = read_services(value);

        if (!items || !tiers) {
            return {};
        }
        for (const std::string &item : *items) {
            auto [name, tier] = *read_services(item)->begin();

            if (last && (!last->count(name) || last->at(name) < tier)) {
                return {};
            }
        }
        last = tiers;
    }
    return last;
}

// What stands where it is minted; 0 is never and nothing.
struct Grants {
    int64_t expires = 0, uses = 0, balance = 0;
    size_t  uses_at = 0, balance_at = 0;  // which caveat it is; 0: none
    size_t  places = 0;  // of the four that were passed, all where it is closed
};

// `services` at the front, then one expiry, uses and a balance, each of them or
// not: this many caveats are read, and the next one is no more of them.
inline Grants grants_of(const Texts &caveats, const std::string &service)
{
    const std::vector<Texts> order{{"services="},
        {service + "_valid_until=", "valid_until="}, {service + "_uses="},
        {service + "_balance="}};
    Grants   out;
    int64_t *wanted[] = {nullptr, &out.expires, &out.uses, &out.balance};
    size_t   read = 0;

    for (size_t place = 0; place < order.size() && read < caveats.size();
         place++) {
        for (const std::string &beginning : order[place]) {
            const std::string &caveat = caveats[read];

            if (caveat.compare(0, beginning.size(), beginning) == 0) {
                auto n = number(caveat.substr(beginning.size()));

                if (place > 0 && n) {
                    *wanted[place] = place == 1 ? std::max<int64_t>(*n, 1) : *n;
                }
                out.uses_at = place == 2 ? read : out.uses_at;
                out.balance_at = place == 3 ? read : out.balance_at;
                out.places = place + 1;
                read++;
                break;
            }
        }
        if (read == 0) {
            break;
        }
    }
    if (read < caveats.size()) {
        out.places = order.size();
    }
    return out;
}

struct Answer {
    Result  result = Result::caveat_refused;
    bool    is_read = false;  // every known value can be read and narrows
    int64_t tier = 0;
    int64_t expires = 0;
    int64_t uses = -1, balance = -1;  // the lowest; -1: none
    Grants  minted;
};

inline bool same_preimages(const Texts &values, const std::string &preimage)
{
    for (std::string value : values) {
        for (char &c : value) {
            c = char(std::tolower(static_cast<unsigned char>(c)));
        }

        std::string hex;
        char        two[3];

        for (unsigned char byte : preimage) {
            std::snprintf(two, sizeof(two), "%02x", byte);
            hex += two;
        }
        if (value != hex) {
            return false;
        }
    }
    return true;
}

// A limit of docs/wire-format.md: a list costs the product of its items and
// those of the list before. One that is repeated as it stood is free, but for
// services.
inline size_t comparisons(const std::string &condition, const Texts &values)
{
    size_t sum = 0;

    auto items = [](const std::string &list) {
        return size_t(1 + std::count(list.begin(), list.end(), ','));
    };
    for (size_t i = 1; i < values.size(); i++) {
        if (condition == "services" || values[i] != values[i - 1]) {
            sum += items(values[i - 1]) * items(values[i]);
        }
    }
    return sum;
}

inline Answer decide(const Texts &caveats, const Facts &facts,
    const std::string &preimage)
{
    std::string           service(facts.service), own = service + "_";
    std::set<std::string> measured;
    ByCondition           by;
    Answer                out;
    bool                  has_unknown = false, fits = true;
    size_t                compared = 0;
    List                  capabilities;
    Tiers                 tiers;

    for (size_t i = 0; facts.measures && i < facts.measures->count(); i++) {
        measured.emplace(facts.measures->condition(i));
    }
    for (const std::string &caveat : caveats) {
        size_t equals = caveat.find('=');

        if (equals == caveat.npos) {
            has_unknown = true;
        } else {
            by[caveat.substr(0, equals)].push_back(caveat.substr(equals + 1));
        }
    }

    for (const auto &[condition, values] : by) {
        if (condition == "services") {
            auto last = narrowed_services(values);

            if (!last) {
                return out;
            }
            tiers = *last;
            compared += comparisons(condition, values);

        } else if (condition == "valid_until"
                   || condition == own + "valid_until")
        {
            auto last = narrowed_number(values);

            if (!last) {
                return out;
            }
            // Never is 0, so 0 is told as the second after it.
            int64_t end = std::max<int64_t>(*last, 1);
            out.expires = out.expires ? std::min(out.expires, end) : end;

        } else if (condition == own + "capabilities") {
            auto last = narrowed_list(values, read_name, false);

            if (!last) {
                return out;
            }
            capabilities = *last;
            compared += comparisons(condition, values);

        } else if (condition == own + "uses" || condition == own + "balance") {
            auto last = narrowed_number(values);

            if (!last) {
                return out;
            }
            (condition == own + "uses" ? out.uses : out.balance) = *last;

        } else if (condition == "preimage") {
            if (!same_preimages(values, preimage)) {
                return out;
            }

        } else if (const ReadItem *read = list_reader(condition)) {
            auto last = narrowed_list(values, *read,
                condition == "request_method");

            if (!last) {
                return out;
            }
            compared += comparisons(condition, values);

            std::string is(condition == "client_address" ? facts.client_address
                         : condition == "request_host"   ? facts.host
                         : condition == "request_path"   ? facts.path
                                                         : facts.method);
            if (condition == "request_host" && is == ".") {
                is = "";
            }
            if (condition == "client_address") {
                is = is.empty() ? "unix:" : address_bits(is);
            }
            fits = fits && last->holds(Item{is});

        } else if (measured.count(condition)) {
            if (!narrowed_number(values)) {
                return out;
            }

        } else {
            has_unknown = true;
        }
    }

    out.is_read = true;
    out.minted = grants_of(caveats, service);
    if (!fits || compared > 8192
        || (has_unknown && facts.refuse_unknown_caveats))
    {
        return out;
    }
    if (!tiers.count(service)) {
        out.result = Result::wrong_service;
        return out;
    }
    out.tier = tiers.at(service);
    if (out.expires && facts.now >= out.expires) {
        out.result = Result::expired;
        return out;
    }
    if (out.tier < facts.tier
        || (facts.needs_uses && out.minted.uses == 0)
        || (facts.needs_balance && out.minted.balance == 0)
        || (!facts.capability.empty() && by.count(own + "capabilities")
            && !capabilities.holds(Item{std::string(facts.capability)})))
    {
        out.result = Result::insufficient;
        return out;
    }
    for (size_t i = 0; facts.measures && i < facts.measures->count(); i++) {
        std::string condition(facts.measures->condition(i));
        int64_t     is;

        if (by.count(condition)
            && (!facts.measures->value(i, is)
                || is > *narrowed_number(by[condition])))
        {
            return out;
        }
    }
    out.result = Result::ok;
    return out;
}

}  // namespace naive
