// The block function is deprecated in OpenSSL 3 in favour of interfaces that
// fetch an algorithm and allocate a context for every message; it is still
// exported, and picks the CPU's SHA instructions like the others.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "l402/sha256.h"

#include <openssl/sha.h>
#include <sodium.h>

#include <cstring>

namespace l402 {

namespace {

constexpr size_t block_size = 64;

constexpr uint32_t initial[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

// OpenSSL's context begins with the eight state words, and its block function
// touches nothing else.
struct Compressor {
    SHA256_CTX ctx;

    explicit Compressor(const uint32_t state[8]) noexcept
    {
        std::memcpy(ctx.h, state, sizeof(ctx.h));
    }

    void block(const uint8_t *data) noexcept { SHA256_Transform(&ctx, data); }

    void write(uint8_t out[32]) const noexcept
    {
        for (int i = 0; i < 8; i++) {
            uint32_t word = __builtin_bswap32(static_cast<uint32_t>(ctx.h[i]));
            std::memcpy(out + 4 * i, &word, 4);
        }
    }

    // The rest of a message whose first `before` bytes are in the state.
    void finish(const uint8_t *data, size_t size, uint64_t before,
        uint8_t out[32]) noexcept
    {
        uint64_t bits = (before + size) * 8;

        while (size >= block_size) {
            block(data);
            data += block_size;
            size -= block_size;
        }

        uint8_t last[2 * block_size];
        size_t padded = size < block_size - 8 ? block_size : 2 * block_size;

        if (size) {
            std::memcpy(last, data, size);
        }

        last[size] = 0x80;
        std::memset(last + size + 1, 0, padded - size - 1 - 8);
        bits = __builtin_bswap64(bits);
        std::memcpy(last + padded - 8, &bits, 8);

        for (size_t at = 0; at < padded; at += block_size) {
            block(last + at);
        }

        write(out);
    }
};

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "sha256.cpp writes its words for little-endian machines"
#endif

void pad_state(const uint8_t key[block_size], uint8_t pad,
    Sha256State &out) noexcept
{
    uint8_t padded[block_size];

    for (size_t i = 0; i < block_size; i++) {
        padded[i] = key[i] ^ pad;
    }

    Compressor c(initial);
    c.block(padded);
    std::memcpy(out.h, c.ctx.h, sizeof(out.h));
}

}  // namespace

void sha256(const void *data, size_t size, uint8_t out[32]) noexcept
{
    Compressor c(initial);
    c.finish(static_cast<const uint8_t *>(data), size, 0, out);
}

void hmac_prepare(const void *key, size_t size, HmacKey &out) noexcept
{
    uint8_t block[block_size] = {};

    if (size > block_size) {
        sha256(key, size, block);

    } else if (size) {
        std::memcpy(block, key, size);
    }

    pad_state(block, 0x36, out.inner);
    pad_state(block, 0x5c, out.outer);
}

void hmac(const HmacKey &key, const void *data, size_t size,
    uint8_t out[32]) noexcept
{
    uint8_t hash[32];

    Compressor inner(key.inner.h);
    inner.finish(static_cast<const uint8_t *>(data), size, block_size, hash);

    Compressor outer(key.outer.h);
    outer.finish(hash, sizeof(hash), block_size, out);
}

void hmac(const uint8_t key[32], const void *data, size_t size,
    uint8_t out[32]) noexcept
{
    HmacKey prepared;

    hmac_prepare(key, 32, prepared);
    hmac(prepared, data, size, out);
}

bool equal_constant_time(const void *a, const void *b, size_t size) noexcept
{
    auto x = static_cast<const uint8_t *>(a);
    auto y = static_cast<const uint8_t *>(b);
    uint64_t difference = 0;

    // By words: sodium_memcmp goes byte by byte.
    for ( /* void */ ; size >= 8; size -= 8, x += 8, y += 8) {
        uint64_t p, q;

        std::memcpy(&p, x, 8);
        std::memcpy(&q, y, 8);
        difference |= p ^ q;
    }

    for ( /* void */ ; size; size--) {
        difference |= static_cast<uint64_t>(*x++ ^ *y++);
    }

    // Keeps the compiler from turning the loop into an early exit.
    __asm__ volatile("" : "+r"(difference));

    return difference == 0;
}

void wipe(void *data, size_t size) noexcept
{
    sodium_memzero(data, size);
}

}  // namespace l402
