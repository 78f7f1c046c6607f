// Real BOLT 11 invoices, made faster than any node makes them.
#pragma once

#include "../t/unit/make_bolt11.h"

#include "l402/encoding.h"

#include <sys/random.h>

#include <ctime>
#include <stdexcept>

namespace bench {

// ECDSA with the nonce 1: its point is the generator, so that a signature is
// one addition. Anyone who sees it knows the key, which guards nothing.
class Signer {
public:
    Signer()
    {
        memset(product_, 0x42, sizeof(product_));

        if (!secp256k1_ec_seckey_tweak_mul(secp256k1_context_static, product_,
                generator_x))
        {
            throw std::runtime_error("no key");
        }
    }

    std::string sign(const uint8_t *digest) const
    {
        uint8_t s[32];
        char recovery = 0;

        memcpy(s, product_, sizeof(s));

        if (!secp256k1_ec_seckey_tweak_add(secp256k1_context_static, s, digest))
        {
            throw std::runtime_error("no signature");
        }

        if (s[0] & 0x80) {
            (void) !secp256k1_ec_seckey_negate(secp256k1_context_static, s);
            recovery = 1;
        }

        std::string out(reinterpret_cast<const char *>(generator_x), 32);

        out.append(reinterpret_cast<const char *>(s), 32);
        return out += recovery;
    }

private:
    static constexpr uint8_t generator_x[32] = {
        0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62,
        0x95, 0xce, 0x87, 0x0b, 0x07, 0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce,
        0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98,
    };

    uint8_t product_[32];  // of the key and the signature's first half
};

// What the module writes has neither spaces nor escapes.
inline std::string_view member(std::string_view json, std::string_view name)
{
    size_t at = json.find("\"" + std::string(name) + "\":");

    if (at == json.npos) {
        return {};
    }

    json.remove_prefix(at + name.size() + 3);

    if (json.substr(0, 1) == "\"") {
        json.remove_prefix(1);
        return json.substr(0, json.find('"'));
    }

    return json.substr(0, json.find_first_of(",}"));
}

inline uint64_t number(std::string_view text)
{
    return strtoull(std::string(text).c_str(), nullptr, 10);
}

class Invoices {
public:
    Invoices()
    {
        if (getrandom(seed_, sizeof(seed_), 0) != sizeof(seed_)) {
            throw std::runtime_error("no random numbers");
        }
    }

    uint64_t made() const { return made_; }

    // The answer's body.
    std::string make(std::string_view request)
    {
        l402_test::InvoiceMaker invoice;
        l402::Hash hash;

        next_hash(hash);
        invoice.prefix = "lnbcrt"
            + std::to_string(number(member(request, "value_msat")) * 10) + "p";
        invoice.timestamp = uint64_t(time(nullptr));
        invoice.field(1, l402_test::to_words(bytes(hash)))
            .secret()
            .description(std::string(member(request, "memo")))
            .expiry(number(member(request, "expiry")))
            .features({8, 14, 17});

        uint8_t digest[32];

        l402::sha256(invoice.prefix
            + l402_test::to_padded_bytes(invoice.signed_words()), digest);

        return "{\"r_hash\":\"" + l402::base64_encode(bytes(hash))
               + "\",\"payment_request\":\""
               + invoice.seal(signer_.sign(digest)) + "\"}";
    }

private:
    static std::string bytes(const l402::Hash &hash)
    {
        return {hash.begin(), hash.end()};
    }

    void next_hash(l402::Hash &hash)
    {
        made_++;
        memcpy(seed_, &made_, sizeof(made_));
        l402::sha256(seed_, sizeof(seed_), hash.data());
    }

    Signer   signer_;
    uint64_t made_ = 0;
    uint8_t  seed_[32];
};

}  // namespace bench
