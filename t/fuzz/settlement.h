// What a service says of a settlement: an input's first byte chooses the
// status, the rest is the body of the answer. Whatever is read, money is there
// only where a good status and the very payment hash say so.
#pragma once

#include "l402/encoding.h"
#include "l402/invoice.h"

#include "require.h"

#include <nlohmann/json.hpp>

#include <cstring>
#include <string>

namespace settlement_fuzz {

using namespace l402;

inline const std::string credential = "c0ffee4ever";

// As in the corpus.
inline Hash payment_hash()
{
    Hash hash;

    for (size_t i = 0; i < hash.size(); i++) {
        hash[i] = static_cast<uint8_t>(i);
    }

    return hash;
}

// In hex or in base64.
inline bool is_hash(const std::string &text)
{
    Hash hash = payment_hash();
    uint8_t bytes[base64_decoded_max(64)];

    if (text.size() == 64) {
        return hex_decode(text, bytes)
               && std::memcmp(bytes, hash.data(), hash.size()) == 0;
    }

    return text.size() < 64 && base64_decode(text, bytes) == 32
           && std::memcmp(bytes, hash.data(), hash.size()) == 0;
}

inline bool names_hash(const nlohmann::json &value)
{
    if (value.is_string()) {
        return is_hash(value.get<std::string>());
    }

    for (const auto &member : value) {
        if (value.is_structured() && names_hash(member)) {
            return true;
        }
    }

    return false;
}

inline void fuzz(const char *name, long success, std::string_view bytes)
{
    const SettlementProtocol *protocol = find_protocol(name)->settlement;

    if (bytes.empty()) {
        return;
    }

    const long statuses[] = {success, 404, 0, 500};
    long status = statuses[bytes[0] & 3];
    std::string_view body = bytes.substr(1);
    SettlementAnswer told = protocol->read(credential, payment_hash(),
        {status, body});

    require(told.error.empty() == (told.state != Settlement::failed));
    require(told.error.size() < 200);
    require(told.error.find(credential) == told.error.npos);

    for (char c : told.error) {
        require(c >= ' ' && c <= '~');
    }

    switch (told.state) {

    case Settlement::settled:
    case Settlement::pending:
    case Settlement::gone:
        require(status == success);
        require(names_hash(nlohmann::json::parse(body, nullptr, false)));
        break;

    case Settlement::unknown:
        require(status == 404 || std::strcmp(name, "cln") == 0);
        break;

    case Settlement::failed:
        break;
    }

    // Of another invoice it says nothing.
    Hash other = payment_hash();

    other[31] ^= 1;

    SettlementAnswer of_other = protocol->read(credential, other,
        {status, body});

    require(told.state == of_other.state
                ? told.state == Settlement::failed
                      || told.state == Settlement::unknown
                : of_other.state == Settlement::failed
                      || told.state == Settlement::failed);
}

}  // namespace settlement_fuzz
