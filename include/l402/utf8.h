// UTF-8 (RFC 3629): one check for text that comes from outside.
#pragma once

#include "l402/types.h"

namespace l402 {

// The length of the character that `text` begins with; 0 where it is empty or
// begins with none: a stray or missing continuation byte, an overlong form, a
// surrogate, beyond U+10FFFF.
inline size_t utf8_character(std::string_view text) noexcept
{
    if (text.empty()) {
        return 0;
    }

    auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
    uint8_t first = at(0), low = 0x80, high = 0xbf;
    size_t size;

    if (first < 0x80) {
        return 1;

    } else if (first >= 0xc2 && first <= 0xdf) {
        size = 2;

    } else if (first >= 0xe0 && first <= 0xef) {
        size = 3;
        low = first == 0xe0 ? 0xa0 : low;
        high = first == 0xed ? 0x9f : high;

    } else if (first >= 0xf0 && first <= 0xf4) {
        size = 4;
        low = first == 0xf0 ? 0x90 : low;
        high = first == 0xf4 ? 0x8f : high;

    } else {
        return 0;
    }

    if (text.size() < size || at(1) < low || at(1) > high) {
        return 0;
    }

    for (size_t i = 2; i < size; i++) {
        if ((at(i) & 0xc0) != 0x80) {
            return 0;
        }
    }

    return size;
}

inline bool is_utf8(std::string_view text) noexcept
{
    while (!text.empty()) {
        size_t size = utf8_character(text);

        if (size == 0) {
            return false;
        }

        text.remove_prefix(size);
    }

    return true;
}

}  // namespace l402
