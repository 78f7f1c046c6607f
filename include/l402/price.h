// Amounts in configurations: "10sat", "1500msat", "0".
#pragma once

#include "l402/types.h"

namespace l402 {

// Whole numbers without sign, space or fraction, at most max_amount_msat.
// False where the text is anything else.
bool parse_amount(std::string_view text, uint64_t &msat) noexcept;

inline constexpr const char *amount_hint =
    "\"10sat\", \"1500msat\" or \"0\" (whole numbers, at most 21 million BTC)";

}  // namespace l402
