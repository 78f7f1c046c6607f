// What the scripts do to a payment's hash, in the plainest words, for tests to
// compare with.
#pragma once

#include "l402/ledger.h"

#include <map>
#include <string>

namespace unit {

using l402::Amount;

struct NaiveAnswer {
    int    code;
    Amount left{l402::no_limit, l402::no_limit};
};

struct NaiveRecord {
    char   state;  // h: held, s: settled, b: given back
    Amount amount;
};

struct NaivePayment {
    bool                               is_known = false;  // was ever charged
    Amount                             spent{};
    Amount                             minted{};
    std::map<std::string, NaiveRecord> records;

    static uint64_t minus(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

    static uint64_t left(uint64_t limit, uint64_t spent)
    {
        return limit == l402::no_limit ? limit : minus(limit, spent);
    }

    NaiveAnswer answer(int code, const Amount &limit) const
    {
        return {code, {left(limit.uses, spent.uses),
            left(limit.msat, spent.msat)}};
    }

    NaiveAnswer reserve(const std::string &id, const Amount &amount,
        const Amount &limit, const Amount &mint)
    {
        auto record = records.find(id);

        if (record != records.end()) {
            return answer(record->second.state == 'b' ? -1 : 1, limit);
        }
        if (amount.uses > left(limit.uses, spent.uses)
            || amount.msat > left(limit.msat, spent.msat))
        {
            return answer(0, limit);
        }
        if (!is_known) {
            is_known = true;
            minted = mint;
        }
        records[id] = {'h', amount};
        spent.uses += amount.uses;
        spent.msat += amount.msat;
        return answer(1, limit);
    }

    int give_back(const std::string &id)
    {
        auto record = records.find(id);

        if (record == records.end() || record->second.state == 'b') {
            records[id] = {'b', {}};
            return 0;
        }
        if (record->second.state == 's') {
            return 0;
        }
        spent.uses = minus(spent.uses, record->second.amount.uses);
        spent.msat = minus(spent.msat, record->second.amount.msat);
        records.erase(record);
        return 1;
    }

    static uint64_t charge(uint64_t cost, uint64_t held, uint64_t limit,
        uint64_t spent)
    {
        uint64_t more = minus(cost, held), rest = left(limit, spent);

        return cost < held ? cost : held + (more < rest ? more : rest);
    }

    NaiveAnswer settle(const std::string &id, const Amount &cost,
        const Amount &limit)
    {
        auto record = records.find(id);

        if (record == records.end() || record->second.state == 'b') {
            return answer(0, limit);
        }
        if (record->second.state == 's') {
            return answer(1, limit);
        }

        Amount &held = record->second.amount;
        Amount charged = {charge(cost.uses, held.uses, limit.uses, spent.uses),
            charge(cost.msat, held.msat, limit.msat, spent.msat)};

        spent.uses = minus(spent.uses, held.uses) + charged.uses;
        spent.msat = minus(spent.msat, held.msat) + charged.msat;
        held = charged;
        record->second.state = 's';
        return answer(1, limit);
    }
};

}  // namespace unit
