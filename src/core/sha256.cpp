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

// The end of a message, its padding, and its length in bits.
struct LastBlock {
    static constexpr size_t max_size = block_size - 9;

    alignas(16) uint8_t bytes[block_size];

    void fill_without_length(const void *data, size_t size) noexcept
    {
        // Cleared whole: a fixed size costs less than the exact one.
        std::memset(bytes, 0, sizeof(bytes));

        if (size) {
            std::memcpy(bytes, data, size);
        }

        bytes[size] = 0x80;
    }

    void set_length(uint64_t size) noexcept
    {
        uint64_t bits = __builtin_bswap64(size * 8);

        std::memcpy(bytes + block_size - 8, &bits, 8);
    }

    void fill(const void *data, size_t size, uint64_t before) noexcept
    {
        fill_without_length(data, size);
        set_length(before + size);
    }

    void fill_length_alone(uint64_t size) noexcept
    {
        std::memset(bytes, 0, sizeof(bytes));
        set_length(size);
    }
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

    // The first block of a MAC with a key of half a block.
    void pad_block(const uint8_t key[32], uint8_t pad) noexcept
    {
        alignas(16) uint8_t padded[block_size];
        Words words;

        for (int half = 0; half < 2; half++) {
            std::memcpy(&words, key + 16 * half, sizeof(words));
            words ^= pad * 0x01010101U;
            std::memcpy(padded + 16 * half, &words, sizeof(words));
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
        uint64_t all = before + size;

        for ( /* void */ ; size >= block_size; size -= block_size) {
            block(data);
            data += block_size;
        }

        LastBlock last;

        if (size > LastBlock::max_size) {
            last.fill_without_length(data, size);
            block(last.bytes);
            last.fill_length_alone(all);

        } else {
            last.fill(data, size, all - size);
        }

        block(last.bytes);
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
    LastBlock message, tail;
    uint8_t hash[32];
    bool is_short = size <= LastBlock::max_size;

    // What does not depend on the key is ready before the CPU asks for it; and
    // the two pads, which do not depend on each other, are compressed side by
    // side.
    if (is_short) {
        message.fill(data, size, block_size);
    }

    Compressor inner(initial), outer(initial);

    inner.pad_block(key, 0x36);
    outer.pad_block(key, 0x5c);

    if (is_short) {
        inner.block(message.bytes);
        inner.write(hash);

    } else {
        inner.finish(static_cast<const uint8_t *>(data), size, block_size,
            hash);
    }

    tail.fill(hash, sizeof(hash), block_size);
    outer.block(tail.bytes);
    outer.write(out);
}

[[gnu::hot]]
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
