#include "l402/credential.h"

namespace l402 {

namespace {

char lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool is_space(char c) noexcept
{
    return c == ' ' || c == '\t';
}

void trim(std::string_view &text) noexcept
{
    while (!text.empty() && is_space(text.front())) {
        text.remove_prefix(1);
    }

    while (!text.empty() && is_space(text.back())) {
        text.remove_suffix(1);
    }
}

// Takes a scheme of ours off the front: true where one stood there.
bool take_scheme(std::string_view &text) noexcept
{
    if (text.size() < 4 || (text.size() > 4 && !is_space(text[4]))) {
        return false;
    }

    char name[4] = {lower(text[0]), lower(text[1]), lower(text[2]),
        lower(text[3])};
    std::string_view scheme(name, 4);

    if (scheme != "l402" && scheme != "lsat") {
        return false;
    }

    text.remove_prefix(4);

    while (!text.empty() && is_space(text.front())) {
        text.remove_prefix(1);
    }

    return true;
}

}  // namespace

bool is_l402_scheme(std::string_view authorization) noexcept
{
    trim(authorization);
    return take_scheme(authorization);
}

bool parse_credential(std::string_view text, Credential &out) noexcept
{
    out.macaroon_count = 0;

    if (text.size() > max_credential_size) {
        return false;
    }

    trim(text);

    if (!take_scheme(text)) {
        return false;
    }

    // A deployed client stores "L402 T:p" and sends "L402 " in front of it.
    (void) take_scheme(text);

    size_t colon = text.rfind(':');

    if (colon == text.npos || text.size() - colon - 1 != 64) {
        return false;
    }

    out.preimage = {text.data() + colon + 1, 64};
    text = text.substr(0, colon);

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
