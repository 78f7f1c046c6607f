// 32 letters at a time, where the CPU has AVX2; elsewhere nothing.
//
// Source: W. Mula, D. Lemire, "Faster Base64 Encoding and Decoding using AVX2
// Instructions", 2018.
#pragma once

#include "l402/types.h"

namespace l402 {

// Decodes whole blocks from the front of [p, end) and moves p and out behind
// them. Leaves at least 12 letters, so that what it writes too much has room.
// False: a letter that is none.
bool base64_decode_blocks(const uint8_t *&p, const uint8_t *end,
    uint8_t *&out) noexcept;

}  // namespace l402
