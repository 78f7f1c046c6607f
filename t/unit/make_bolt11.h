// Makes BOLT 11 invoices, good and bad ones, with a key of its own: what the
// specification's vectors leave out.
#pragma once

#include "l402/bolt11.h"
#include "l402/sha256.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include <cstring>
#include <string>
#include <vector>

namespace l402_test {

using Words = std::vector<uint8_t>;

inline uint32_t polymod_step(uint32_t state, uint8_t word)
{
    static const uint32_t generator[] = {
        0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3,
    };
    uint32_t top = state >> 25;

    state = (state & 0x1ffffff) << 5 ^ word;

    for (int i = 0; i < 5; i++) {
        if (top >> i & 1) {
            state ^= generator[i];
        }
    }

    return state;
}

inline std::string bech32(const std::string &prefix, const Words &data)
{
    static const char charset[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    std::string text = prefix + '1';
    uint32_t state = 1;

    for (char c : prefix) {
        state = polymod_step(state, static_cast<uint8_t>(c) >> 5);
    }

    state = polymod_step(state, 0);

    for (char c : prefix) {
        state = polymod_step(state, static_cast<uint8_t>(c) & 31);
    }

    for (uint8_t word : data) {
        state = polymod_step(state, word);
        text += charset[word];
    }

    for (int i = 0; i < 6; i++) {
        state = polymod_step(state, 0);
    }

    for (int i = 0; i < 6; i++) {
        text += charset[(state ^ 1) >> (25 - 5 * i) & 31];
    }

    return text;
}

inline Words to_words(const std::string &bytes)
{
    Words words;
    uint32_t bits = 0;
    int count = 0;

    for (char c : bytes) {
        bits = bits << 8 | static_cast<uint8_t>(c);

        for (count += 8; count >= 5; count -= 5) {
            words.push_back(bits >> (count - 5) & 31);
        }
    }

    if (count) {
        words.push_back(bits << (5 - count) & 31);
    }

    return words;
}

inline std::string to_padded_bytes(const Words &words)
{
    std::string bytes;
    uint32_t bits = 0;
    int count = 0;

    for (uint8_t word : words) {
        bits = bits << 5 | word;
        count += 5;

        if (count >= 8) {
            count -= 8;
            bytes += static_cast<char>(bits >> count);
        }
    }

    if (count) {
        bytes += static_cast<char>(bits << (8 - count));
    }

    return bytes;
}

struct InvoiceMaker {
    std::string prefix = "lnbcrt10n";  // 1000 msat
    uint64_t    timestamp = 1700000000;
    Words       fields;

    InvoiceMaker &field(uint8_t type, const Words &data)
    {
        fields.push_back(type);
        fields.push_back(static_cast<uint8_t>(data.size() >> 5));
        fields.push_back(data.size() & 31);
        fields.insert(fields.end(), data.begin(), data.end());
        return *this;
    }

    InvoiceMaker &hash(uint8_t fill) { return bytes(1, 32, fill); }
    InvoiceMaker &secret() { return bytes(16, 32, 0x11); }
    InvoiceMaker &description(const std::string &text)
    {
        return field(13, to_words(text));
    }

    InvoiceMaker &expiry(uint64_t seconds)
    {
        Words words;

        for ( /* void */ ; seconds; seconds >>= 5) {
            words.insert(words.begin(), seconds & 31);
        }

        return field(6, words);
    }

    InvoiceMaker &features(const std::vector<unsigned> &bits)
    {
        Words words;

        for (unsigned bit : bits) {
            if (words.size() <= bit / 5) {
                words.insert(words.begin(), bit / 5 + 1 - words.size(), 0);
            }

            words[words.size() - 1 - bit / 5] |= 1 << bit % 5;
        }

        return field(5, words);
    }

    // What every good invoice needs.
    InvoiceMaker &usual()
    {
        return hash(0xab).secret().description("test").features({8, 14, 17});
    }

    InvoiceMaker &bytes(uint8_t type, size_t size, uint8_t fill)
    {
        return field(type, to_words(std::string(size,
            static_cast<char>(fill))));
    }

    Words signed_words() const
    {
        Words words;

        for (int i = 6; i >= 0; i--) {
            words.push_back(timestamp >> (5 * i) & 31);
        }

        words.insert(words.end(), fields.begin(), fields.end());
        return words;
    }

    std::string make() const { return seal(sign()); }

    // A signature of 65 bytes, as given.
    std::string seal(const std::string &signature) const
    {
        Words words = signed_words(), tail = to_words(signature);

        words.insert(words.end(), tail.begin(), tail.end());
        return bech32(prefix, words);
    }

    std::string sign() const
    {
        std::string message = prefix + to_padded_bytes(signed_words());
        secp256k1_context *context =
            secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
        secp256k1_ecdsa_recoverable_signature signature;
        uint8_t digest[32], key[32], out[65];
        int id;

        memset(key, 0x42, sizeof key);
        l402::sha256(message, digest);
        secp256k1_ecdsa_sign_recoverable(context, &signature, digest, key,
            nullptr, nullptr);
        secp256k1_ecdsa_recoverable_signature_serialize_compact(context, out,
            &id, &signature);
        secp256k1_context_destroy(context);
        out[64] = static_cast<uint8_t>(id);
        return {reinterpret_cast<char *>(out), sizeof out};
    }

    // The `n` field of the key that sign() uses.
    InvoiceMaker &payee()
    {
        secp256k1_context *context =
            secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
        secp256k1_pubkey point;
        uint8_t key[32], out[33];
        size_t size = sizeof out;

        memset(key, 0x42, sizeof key);
        (void) !secp256k1_ec_pubkey_create(context, &point, key);
        secp256k1_ec_pubkey_serialize(context, out, &size, &point,
            SECP256K1_EC_COMPRESSED);
        secp256k1_context_destroy(context);
        return field(19, to_words({reinterpret_cast<char *>(out), size}));
    }
};

}  // namespace l402_test
