// The compressions of SHA-256 that a verification cannot do without, from the
// lengths alone, and what so many take by themselves.
#pragma once

#define OPENSSL_SUPPRESS_DEPRECATED

#include "l402/macaroon.h"

#include <openssl/sha.h>

namespace bench {

// Padding takes nine bytes at least.
inline size_t blocks_of(size_t size) { return (size + 9 + 63) / 64; }

// A MAC's two pads are compressed once for a key that is kept; its inner hash
// ends in another block of the outer one.
inline size_t prepared_mac(size_t size) { return blocks_of(64 + size); }
inline size_t mac(size_t size) { return 2 + prepared_mac(size); }

inline size_t chain_compressions(const l402::Macaroon &macaroon)
{
    constexpr size_t root_key_label = sizeof("l402 root key v0") - 1;
    size_t count = prepared_mac(root_key_label + macaroon.identifier.size)
                   + prepared_mac(32)  // the key generator
                   + mac(macaroon.identifier.size);

    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        count += mac(macaroon.caveats[i].size);
    }

    return count;
}

inline size_t preimage_compressions() { return blocks_of(32); }

// What callgrind collects. One behind the other: a chain's are so as well, but
// for a MAC's two pads.
extern "C" __attribute__((noinline)) inline void compress(SHA256_CTX &ctx,
    const uint8_t block[64], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        SHA256_Transform(&ctx, block);
    }
}

}  // namespace bench
