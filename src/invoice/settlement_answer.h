// What the protocols' answers about a settlement share.
#pragma once

#include "invoice/answer.h"

#include <initializer_list>

namespace l402 {

// An answer that says nothing.
SettlementAnswer not_told(std::string error);

// Is the member of this name the payment hash, in hex, that was asked for?
// False with `error`: who answers about another invoice has not answered.
bool is_about(const nlohmann::json &invoice, const char *name,
    const Hash &payment_hash, std::string &error);

struct SettlementWord {
    const char *word;
    Settlement  state;
};

// What the word in the member of this name means.
SettlementAnswer read_word(const nlohmann::json &object, const char *name,
    std::initializer_list<SettlementWord> words);

// The member's truth; null where it is missing or no boolean.
const bool *find_flag(const nlohmann::json &object, const char *name);

}  // namespace l402
