// What the unit tests share: cmocka for C++, bytes, a seeded generator, and
// keys and tokens to try things on.
#pragma once

#include "l402/challenge.h"
#include "l402/encoding.h"
#include "l402/verify.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <sodium.h>

#include "cmocka_cpp.h"

// cmocka's own is made of `fail`, which cmocka_cpp.h takes away.
#undef fail_msg
#define fail_msg(...) \
    (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

namespace unit {

using l402::Hash;

inline std::string_view view(const uint8_t *data, size_t size)
{
    return {reinterpret_cast<const char *>(data), size};
}

inline std::string from_hex(std::string_view hex)
{
    std::string out(hex.size() / 2, '\0');

    assert_true(l402::hex_decode(hex, reinterpret_cast<uint8_t *>(&out[0])));
    return out;
}

inline std::string to_hex(std::string_view bytes)
{
    return l402::to_hex(reinterpret_cast<const uint8_t *>(bytes.data()),
        bytes.size());
}

inline std::string from_base64(std::string_view text)
{
    std::string out(l402::base64_decoded_max(text.size()), '\0');
    ptrdiff_t   size = l402::base64_decode(text,
        reinterpret_cast<uint8_t *>(&out[0]));

    assert_true(size >= 0);
    out.resize(size_t(size));
    return out;
}

inline void assert_text(std::string_view got, std::string_view wanted)
{
    assert_string_equal(std::string(got).c_str(),
        std::string(wanted).c_str());
}

inline std::string read_file(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);

    if (!file) {
        fail_msg("cannot read %s", path.c_str());
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

// splitmix64. The seed is printed, and L402_SEED repeats a run.
class Random {
public:
    Random()
    {
        const char *given = std::getenv("L402_SEED");

        if (given != nullptr) {
            state_ = std::strtoull(given, nullptr, 10);
        } else {
            randombytes_buf(&state_, sizeof(state_));
        }
        print_message("# L402_SEED=%llu\n", (unsigned long long) state_);
    }

    uint64_t next()
    {
        uint64_t z = state_ += 0x9e3779b97f4a7c15;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    size_t below(size_t n) { return size_t(next() % n); }

    std::string bytes(size_t n)
    {
        std::string out(n, '\0');

        for (char &c : out) {
            c = char(next());
        }
        return out;
    }

    Hash hash()
    {
        Hash out;

        for (uint8_t &b : out) {
            b = uint8_t(next());
        }
        return out;
    }

private:
    uint64_t state_;
};

inline constexpr const char *key_1 =
    "1111111111111111111111111111111111111111111111111111111111111111";
inline constexpr const char *key_2 =
    "2222222222222222222222222222222222222222222222222222222222222222";

struct Keys : l402::Keyring {
    explicit Keys(const std::string &text = key_1)
    {
        std::string error;

        if (!parse(text, error)) {
            fail_msg("%s", error.c_str());
        }
    }
};

inline constexpr int64_t now = 1700000000;

// A token that was paid for, and what is needed to change it.
struct Token {
    Hash        preimage;
    Hash        payment_hash;
    Hash        token_id;
    std::string bytes;  // V2

    explicit Token(const l402::Keyring &keys,
        const std::vector<std::string> &caveats = {"services=weather:0",
            "weather_valid_until=1700003600"}, size_t key = 0)
    {
        for (size_t i = 0; i < 32; i++) {
            preimage[i] = uint8_t(i);
            token_id[i] = uint8_t(0xa0 + i);
        }
        l402::sha256(preimage.data(), 32, payment_hash.data());
        bytes = l402::mint(keys, key, payment_hash, token_id, caveats);
    }

    std::string base64() const { return l402::base64_encode(bytes); }

    std::string credential() const { return with(bytes); }

    // The credential with other bytes for a macaroon.
    std::string with(std::string_view macaroon) const
    {
        return "L402 " + l402::base64_encode(macaroon) + ":"
            + l402::to_hex(preimage);
    }
};

// The same token in the older format, as libmacaroons and Aperture's first
// clients write it.
inline std::string to_v1(std::string_view v2)
{
    static const char digits[] = "0123456789abcdef";
    l402::Macaroon    m;
    std::string       out;

    auto packet = [&](const char *key, std::string_view value) {
        size_t size = 4 + std::string_view(key).size() + 1 + value.size() + 1;

        for (int shift = 12; shift >= 0; shift -= 4) {
            out += digits[size >> shift & 15];
        }
        out += key;
        out += ' ';
        out += value;
        out += '\n';
    };

    assert_true(l402::parse_macaroon(v2, m));
    packet("location", m.location.view());
    packet("identifier", m.identifier.view());
    for (size_t i = 0; i < m.caveat_count; i++) {
        packet("cid", m.caveats[i].view());
    }
    packet("signature", view(m.signature, 32));
    return out;
}

inline void assert_reads(const std::string &bytes, std::string_view location,
    std::string_view identifier, const std::vector<std::string> &caveats,
    const Hash &signature)
{
    l402::Macaroon m;

    if (!l402::parse_macaroon(bytes, m)) {
        fail_msg("cannot be read: %s", to_hex(bytes).c_str());
    }
    assert_true(m.location.view() == location);
    assert_true(m.identifier.view() == identifier);
    assert_memory_equal(m.signature, signature.data(), 32);
    assert_false(m.third_party);
    assert_int_equal(m.caveat_count, caveats.size());
    for (size_t i = 0; i < caveats.size(); i++) {
        assert_true(m.caveats[i].view() == caveats[i]);
    }
}

// Appends a first-party caveat, as any holder may.
inline std::string attenuate(std::string_view v2, std::string_view caveat)
{
    l402::Macaroon           m;
    std::vector<std::string> caveats;
    uint8_t                  signature[32];

    assert_true(l402::parse_macaroon(v2, m));
    for (size_t i = 0; i < m.caveat_count; i++) {
        caveats.emplace_back(m.caveats[i].view());
    }
    caveats.emplace_back(caveat);
    for (size_t i = 0; i < 32; i++) {
        signature[i] = m.signature[i];
    }
    l402::extend_signature(signature, caveat);
    return l402::encode_macaroon(m.identifier.view(), caveats, signature,
        m.location.view());
}

}  // namespace unit
