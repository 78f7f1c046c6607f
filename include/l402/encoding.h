// Hex and base64 (RFC 4648), for text from outside: strict and linear.
#pragma once

#include "l402/types.h"

namespace l402 {

// Writes in.size() / 2 bytes; false on an odd length or a digit that is none.
// Either case is accepted.
bool hex_decode(std::string_view in, uint8_t *out) noexcept;

// Writes 2 * size characters, lower case, no terminator.
void hex_encode(const uint8_t *in, size_t size, char *out) noexcept;
std::string to_hex(const uint8_t *in, size_t size);
inline std::string to_hex(const Hash &h) { return to_hex(h.data(), h.size()); }

// Standard or URL-safe alphabet, padded or not. Unused bits must be zero, so
// that one byte string has one text (but for alphabet and padding).
// Returns the number of bytes decoded, or -1. out must have room for
// base64_decoded_max(in.size()), of which more may be written than that,
// and may not overlap in.
ptrdiff_t base64_decode(std::string_view in, uint8_t *out) noexcept;

constexpr size_t base64_decoded_max(size_t text) { return text / 4 * 3 + 3; }

// Standard alphabet with padding: several clients read nothing else.
std::string base64_encode(std::string_view in);

}  // namespace l402
