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

typedef uint32_t Words __attribute__((vector_size(16)));

// OpenSSL's context begins with the eight state words, and its block function
// touches nothing else.
struct Compressor {
    SHA256_CTX ctx;

    explicit Compressor(const uint32_t state[8]) noexcept
    {
        std::memcpy(ctx.h, state, sizeof(ctx.h));
    }

    void block(const uint8_t *data) noexcept { SHA256_Transform(&ctx, data); }

    // The first block of a MAC with a key of half a block.
    void pad_block(const uint8_t key[32], uint8_t pad) noexcept
    {
        uint8_t padded[block_size];

        for (size_t i = 0; i < 32; i++) {
            padded[i] = key[i] ^ pad;
        }

        std::memset(padded + 32, pad, 32);
        block(padded);
    }

    // By 16 bytes, as the block function will read it: smaller stores would
    // make it wait for them.
    void write(uint8_t out[32]) const noexcept
    {
        for (int half = 0; half < 2; half++) {
            Words w;

            std::memcpy(&w, ctx.h + 4 * half, sizeof(w));
            w = w << 24 | (w << 8 & 0xff0000) | (w >> 8 & 0xff00) | w >> 24;
            std::memcpy(out + 16 * half, &w, sizeof(w));
        }
    }

    // The rest of a message whose first `before` bytes are in the state.
    void finish(const uint8_t *data, size_t size, uint64_t before,
        uint8_t out[32]) noexcept
    {
        uint64_t bits = __builtin_bswap64((before + size) * 8);

        for ( /* void */ ; size >= block_size; size -= block_size) {
            block(data);
            data += block_size;
        }

        // Cleared whole: a fixed size costs less than the exact one.
        uint8_t last[block_size] = {};

        if (size) {
            std::memcpy(last, data, size);
        }

        last[size] = 0x80;

        if (size >= block_size - 8) {
            block(last);
            std::memset(last, 0, sizeof(last));
        }

        std::memcpy(last + block_size - 8, &bits, 8);
        block(last);
        write(out);
    }

    // The same for a hash after one block: the second half of every HMAC.
    void finish_hash(const uint8_t hash[32], uint8_t out[32]) noexcept
    {
        uint8_t last[block_size] = {};

        std::memcpy(last, hash, 32);
        last[32] = 0x80;
        last[62] = (block_size + 32) * 8 >> 8;
        last[63] = (block_size + 32) * 8 & 0xff;
        block(last);
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
    outer.finish_hash(hash, out);
}

void hmac(const uint8_t key[32], const void *data, size_t size,
    uint8_t out[32]) noexcept
{
    uint8_t hash[32];

    Compressor inner(initial);
    inner.pad_block(key, 0x36);
    inner.finish(static_cast<const uint8_t *>(data), size, block_size, hash);

    Compressor outer(initial);
    outer.pad_block(key, 0x5c);
    outer.finish_hash(hash, out);
}

bool equal_constant_time(const void *a, const void *b, size_t size) noexcept
{
    auto x = static_cast<const uint8_t *>(a);
    auto y = static_cast<const uint8_t *>(b);
    Words wide{};
    uint64_t difference = 0;

    auto add = [&wide](const uint8_t *p, const uint8_t *q) {
        Words v, w;

        std::memcpy(&v, p, 16);
        std::memcpy(&w, q, 16);
        wide |= v ^ w;
    };

    // By words: sodium_memcmp goes byte by byte.
    for ( /* void */ ; size >= 64; size -= 64, x += 64, y += 64) {
        add(x, y);
        add(x + 16, y + 16);
        add(x + 32, y + 32);
        add(x + 48, y + 48);
    }

    for ( /* void */ ; size >= 16; size -= 16, x += 16, y += 16) {
        add(x, y);
    }

    for ( /* void */ ; size; size--) {
        difference |= static_cast<uint64_t>(*x++ ^ *y++);
    }

    difference |= wide[0] | wide[1] | wide[2] | wide[3];

    // Keeps the compiler from turning the loop into an early exit.
    __asm__ volatile("" : "+r"(difference));

    return difference == 0;
}

void wipe(void *data, size_t size) noexcept
{
    sodium_memzero(data, size);
}

}  // namespace l402
