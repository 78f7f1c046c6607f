#include "l402/credential.h"

#include "l402/encoding.h"

#include <cstring>

namespace l402 {

namespace {

bool is_space(char c) noexcept
{
    return c == ' ' || c == '\t';
}

[[gnu::hot]] void trim(std::string_view &text) noexcept
{
    while (!text.empty() && is_space(text.front())) {
        text.remove_prefix(1);
    }

    while (!text.empty() && is_space(text.back())) {
        text.remove_suffix(1);
    }
}

// Takes a scheme of ours off the front: true where one stood there.
[[gnu::hot]] bool take_scheme(std::string_view &text) noexcept
{
    if (text.size() < 4 || (text.size() > 4 && !is_space(text[4]))) {
        return false;
    }

    // Letters in either case; the digits as they are.
    uint32_t name;

    std::memcpy(&name, text.data(), 4);
    name |= 0x20202020;

    bool is_l402 = std::memcmp(&name, "l402", 4) == 0
                   && std::memcmp(text.data() + 1, "402", 3) == 0;

    if (!is_l402 && std::memcmp(&name, "lsat", 4) != 0) {
        return false;
    }

    text.remove_prefix(4);

    while (!text.empty() && is_space(text.front())) {
        text.remove_prefix(1);
    }

    return true;
}

}  // namespace

[[gnu::hot]] bool take_l402_scheme(std::string_view &authorization) noexcept
{
    trim(authorization);

    if (!take_scheme(authorization)) {
        return false;
    }

    // A deployed client stores "L402 T:p" and sends "L402 " in front of it.
    (void) take_scheme(authorization);
    return true;
}

[[gnu::hot]] bool is_l402_scheme(std::string_view authorization) noexcept
{
    return take_l402_scheme(authorization);
}

bool is_l402_macaroon(std::string_view hex) noexcept
{
    uint8_t bytes[max_macaroon_size];
    Macaroon macaroon;
    Identifier identifier;

    return hex.size() <= 2 * sizeof(bytes) && hex_decode(hex, bytes)
           && parse_macaroon({reinterpret_cast<char *>(bytes), hex.size() / 2},
                  macaroon)
           && parse_identifier(macaroon.identifier.view(), identifier);
}

bool parse_credential(std::string_view text, Credential &out) noexcept
{
    return text.size() <= max_credential_size && take_l402_scheme(text)
           && parse_credential_text(text, out);
}

bool parse_credential_text(std::string_view text, Credential &out) noexcept
{
    out.macaroon_count = 0;

    if (text.size() > max_credential_size) {
        return false;
    }

    // Neither a macaroon's nor a preimage's alphabet has a colon: it stands
    // before the last 64 characters or nowhere.
    if (text.size() < 1 + 64 || text[text.size() - 65] != ':') {
        return false;
    }

    out.preimage = {text.data() + text.size() - 64, 64};
    text.remove_suffix(65);

    for ( ;; ) {
        size_t comma = text.find(',');
        std::string_view token = text.substr(0, comma);

        trim(token);

        if (token.empty() || out.macaroon_count == max_macaroons) {
            return false;
        }

        out.macaroons[out.macaroon_count++] = {token.data(), token.size()};

        if (comma == text.npos) {
            return true;
        }

        text.remove_prefix(comma + 1);
    }
}

}  // namespace l402
