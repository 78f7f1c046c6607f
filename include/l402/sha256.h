// SHA-256 and HMAC-SHA256 (FIPS 180-4, RFC 2104) over OpenSSL's block
// function. A MAC over a short message is a handful of compressions; the
// general interfaces cost several times that in set-up (bench/ has figures).
#pragma once

#include "l402/types.h"

namespace l402 {

struct Sha256State {
    uint32_t h[8];
};

// The state after one block of key ^ pad: what HMAC can prepare in advance.
struct HmacKey {
    Sha256State inner;
    Sha256State outer;
};

void sha256(const void *data, size_t size, uint8_t out[32]) noexcept;
inline void sha256(std::string_view d, uint8_t out[32]) noexcept
{
    sha256(d.data(), d.size(), out);
}

// Keys longer than 64 bytes are hashed first, as RFC 2104 says.
void hmac_prepare(const void *key, size_t size, HmacKey &out) noexcept;

// out may be the message or the key.
void hmac(const HmacKey &key, const void *data, size_t size,
    uint8_t out[32]) noexcept;
void hmac(const uint8_t key[32], const void *data, size_t size,
    uint8_t out[32]) noexcept;

// Time depends on size alone.
bool equal_constant_time(const void *a, const void *b, size_t size) noexcept;

// Is not optimised away.
void wipe(void *data, size_t size) noexcept;

}  // namespace l402
