// One token in each form that a client may send it in.
#pragma once

#include "tokens.h"

#include <algorithm>

namespace bench {

inline Macaroon parsed(const std::string &bytes)
{
    Macaroon macaroon;

    if (!parse_macaroon(bytes, macaroon)) {
        throw std::runtime_error("not a macaroon");
    }

    return macaroon;
}

inline std::string with_caveat(const std::string &bytes,
    const std::string &caveat)
{
    Macaroon macaroon = parsed(bytes);
    std::vector<std::string> caveats;
    uint8_t signature[32];

    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        caveats.emplace_back(macaroon.caveats[i].view());
    }

    caveats.push_back(caveat);
    std::memcpy(signature, macaroon.signature, sizeof(signature));
    extend_signature(signature, caveat);
    return encode_macaroon(macaroon.identifier.view(), caveats, signature);
}

inline void append_packet(std::string &out, std::string_view key,
    std::string_view value)
{
    size_t size = 4 + key.size() + 1 + value.size() + 1;
    uint8_t length[2] = {static_cast<uint8_t>(size >> 8),
        static_cast<uint8_t>(size)};

    out += to_hex(length, sizeof(length));
    out.append(key).append(" ").append(value).append("\n");
}

inline std::string as_v1(const std::string &v2)
{
    Macaroon macaroon = parsed(v2);
    std::string out;

    append_packet(out, "location", macaroon.location.view());
    append_packet(out, "identifier", macaroon.identifier.view());

    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        append_packet(out, "cid", macaroon.caveats[i].view());
    }

    append_packet(out, "signature",
        {reinterpret_cast<const char *>(macaroon.signature), 32});
    return out;
}

inline std::string unpadded(std::string base64)
{
    base64.resize(base64.find_last_not_of('=') + 1);
    return base64;
}

inline std::string url_safe(std::string base64)
{
    std::replace(base64.begin(), base64.end(), '+', '-');
    std::replace(base64.begin(), base64.end(), '/', '_');
    return base64;
}

inline std::string hex(const std::string &bytes)
{
    return to_hex(reinterpret_cast<const uint8_t *>(bytes.data()),
        bytes.size());
}

// An Authorization value.
inline std::string authorization(const std::string &macaroons,
    const Hash &preimage)
{
    return "L402 " + macaroons + ":" + to_hex(preimage);
}

}  // namespace bench
