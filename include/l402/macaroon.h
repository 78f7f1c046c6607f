// Macaroons as L402 uses them: V2 binary written, V2 and V1 read.
//
// Source: lightninglabs/L402 macaroon-spec; libmacaroons' format where the
// specification's own table is wrong (docs/wire-format.md). The chain:
//   k = HMAC("macaroons-key-generator", root_key)
//   s0 = HMAC(k, identifier), s(i) = HMAC(s(i-1), caveat)
#pragma once

#include "l402/sha256.h"
#include "l402/types.h"

#include <vector>

namespace l402 {

inline constexpr size_t max_caveats = 128;
inline constexpr size_t max_macaroon_size = 8192;  // bytes, decoded
inline constexpr size_t identifier_size = 66;
inline constexpr std::string_view macaroon_location = "lsat";

// A trivially copyable string_view.
struct Slice {
    const char *data;
    size_t      size;

    std::string_view view() const noexcept { return {data, size}; }
};

// A parsed macaroon: points into the bytes it was read from.
struct Macaroon {
    Slice          location;    // size 0: absent or empty
    Slice          identifier;
    const uint8_t *signature;   // 32 bytes
    size_t         caveat_count;
    bool           third_party;  // has a caveat with a verifier id
    Slice          caveats[max_caveats];
};

// False: not a macaroon, trailing bytes, or beyond the limits above.
// No allocation; linear in the size.
bool parse_macaroon(std::string_view bytes, Macaroon &out) noexcept;

// The L402 identifier: u16 version (0), payment hash, token id.
struct Identifier {
    const uint8_t *payment_hash;  // 32 bytes
    const uint8_t *token_id;      // 32 bytes
};

bool parse_identifier(std::string_view bytes, Identifier &out) noexcept;
std::string make_identifier(const Hash &payment_hash, const Hash &token_id);

// Signatures. `first` computes s0 from a root key; `extend` s(i) in place.
void first_signature(const uint8_t root_key[32], std::string_view identifier,
    uint8_t out[32]) noexcept;
void extend_signature(uint8_t signature[32], std::string_view caveat) noexcept;

// V2 binary, location "lsat".
std::string encode_macaroon(std::string_view identifier,
    const std::vector<std::string> &caveats, const uint8_t signature[32],
    std::string_view location = macaroon_location);

// Bytes of what encode_macaroon() makes.
size_t encoded_size(size_t identifier_size,
    const std::vector<std::string> &caveats,
    std::string_view location = macaroon_location) noexcept;

}  // namespace l402
