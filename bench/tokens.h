// Tokens as the figures use them, with caveats of the kinds that the module
// mints and holders append.
#pragma once

#include "l402/challenge.h"
#include "l402/encoding.h"

#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace bench {

using namespace l402;

struct Token {
    std::string macaroon;  // binary
    Hash        preimage;
};

inline void read_keys(const char *path, Keyring &keys)
{
    std::ifstream file(path);
    std::stringstream text;
    std::string error;

    text << file.rdbuf();

    if (!file || !keys.parse(text.str(), error)) {
        throw std::runtime_error(std::string(path) + ": " + error);
    }
}

// Not random: the same tokens in every run. `what` tells several hashes apart.
inline Hash numbered(uint64_t number, char what)
{
    uint8_t text[9];
    Hash out;

    std::memcpy(text, &number, sizeof(number));
    text[8] = static_cast<uint8_t>(what);
    sha256(text, sizeof(text), out.data());
    return out;
}

inline Token make_token(const Keyring &keys, uint64_t number,
    const std::vector<std::string> &caveats, size_t key = 0)
{
    Token token;
    Hash payment_hash;

    token.preimage = numbered(number, 'p');
    sha256(token.preimage.data(), token.preimage.size(), payment_hash.data());
    token.macaroon = mint(keys, key, payment_hash, numbered(number, 'i'),
        caveats);
    return token;
}

inline std::vector<std::string> usual_caveats(const std::string &service)
{
    return {"services=" + service + ":0",
        service + "_valid_until=4102444800",
        service + "_capabilities=read,write"};
}

// 55 bytes is the most that one padded block holds; a time has 18 digits at
// most.
inline std::vector<std::string> long_caveats(const std::string &service)
{
    auto caveats = usual_caveats(service);

    caveats[0] += ",", caveats[2] += ",";
    caveats[0] += std::string(55 - caveats[0].size() - 2, 'x') + ":0";
    caveats[1] = service + "_valid_until=000000004102444800";
    caveats[2] += std::string(55 - caveats[2].size(), 'x');
    return caveats;
}

inline std::string credential(const Token &token)
{
    return base64_encode(token.macaroon) + ":" + to_hex(token.preimage);
}

}  // namespace bench
