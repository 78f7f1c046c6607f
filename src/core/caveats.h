// Caveat values: strict readers, shared by the checks and the attenuator.
#pragma once

#include "l402/types.h"

namespace l402 {

inline constexpr size_t max_list_items = 64;
inline constexpr size_t max_name = 64;

// condition=value, split at the first '='; false where there is none.
bool split_caveat(std::string_view caveat, std::string_view &condition,
    std::string_view &value) noexcept;

// Letters, digits, '_', '-'; 1 to 64 of them.
bool is_service_name(std::string_view name) noexcept;

// Decimal digits only; false on anything else or beyond 63 bits.
bool parse_number(std::string_view text, int64_t &value) noexcept;

// "name:tier"
bool parse_service(std::string_view text, std::string_view &name,
    uint8_t &tier) noexcept;

// Takes the first item off a comma list.
std::string_view next_item(std::string_view &list) noexcept;

}  // namespace l402
