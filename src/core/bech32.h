// Bech32 (BIP-173) as BOLT 11 uses it: without its limit of 90 characters.
#pragma once

#include "l402/types.h"

#include <vector>

namespace l402 {

// A run of 5-bit words, as bech32 carries them.
struct Words {
    const uint8_t *data;
    size_t         size;

    Words take(size_t count) noexcept
    {
        Words front{data, count};

        data += count;
        size -= count;
        return front;
    }
};

// The words' bits as bytes, big endian. Bits that fill no byte are dropped, or
// with `pad` filled up with zeros.
void append_bytes(Words words, bool pad, std::string &out);

// The separator is the last '1'. `prefix` comes in lower case, `words` without
// the checksum. On failure returns false and sets `error` to a static text.
bool decode_bech32(std::string_view text, std::string &prefix,
    std::vector<uint8_t> &words, const char *&error);

}  // namespace l402
