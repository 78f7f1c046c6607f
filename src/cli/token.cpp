// What stands in a text that holds tokens: a token alone, a credential, a
// challenge, with or without the name of its header field.

#include "cli.h"

#include "core/caveats.h"
#include "l402/credential.h"
#include "l402/encoding.h"

namespace l402::cli {

namespace {

// The value of a quoted parameter of a challenge; empty where it has none.
std::string parameter(std::string_view challenge, const std::string &name)
{
    size_t at = challenge.find(name + "=\"");

    if (at == challenge.npos) {
        return "";
    }

    size_t begin = at + name.size() + 2;
    size_t end = challenge.find('"', begin);

    return end == challenge.npos
        ? "" : std::string(challenge.substr(begin, end - begin));
}

Presented read_challenge(std::string_view text)
{
    Presented   presented;
    std::string token = parameter(text, "macaroon");

    presented.shape = Presented::Shape::challenge;
    presented.tokens.push_back(token.empty() ? parameter(text, "token")
                                             : token);
    presented.invoice = parameter(text, "invoice");
    return presented;
}

}  // namespace

Presented read_presented(std::string_view text)
{
    if (take_field_name(text, "WWW-Authenticate")
        || text.find("macaroon=\"") != text.npos
        || text.find("token=\"") != text.npos)
    {
        return read_challenge(text);
    }

    Presented presented;

    for (const char *name :
        {"Authorization", "Macaroon", "Grpc-Metadata-Macaroon"})
    {
        if (take_field_name(text, name)) {
            presented.field = name;
            break;
        }
    }

    Credential credential;
    bool       is_hex_field = !presented.field.empty()
        && presented.field != "Authorization";

    if (is_hex_field) {
        presented.tokens.emplace_back(text);
        return presented;
    }
    if (take_l402_scheme(text)) {
        presented.shape = Presented::Shape::credential;
    } else if (text.find(':') != text.npos) {
        presented.shape = Presented::Shape::pair;
    } else {
        presented.tokens.emplace_back(text);
        return presented;
    }

    if (parse_credential_text(text, credential)) {
        for (size_t i = 0; i < credential.macaroon_count; i++) {
            presented.tokens.emplace_back(credential.macaroons[i].view());
        }
        presented.preimage = credential.preimage.view();
    }

    return presented;
}

// Hex digits are base64 digits too: what is a macaroon decides.
void decode_token(const std::string &token, std::string &bytes,
    Macaroon &macaroon)
{
    bytes.resize(base64_decoded_max(token.size()));

    auto out = reinterpret_cast<uint8_t *>(&bytes[0]);
    auto parse = [&](size_t size) {
        return parse_macaroon(std::string_view(bytes).substr(0, size),
            macaroon);
    };

    if (hex_decode(token, out) && parse(token.size() / 2)) {
        return;
    }

    ptrdiff_t size = base64_decode(token, out);

    if (size <= 0 || !parse(size_t(size))) {
        throw Refusal(no_token);
    }
}

std::optional<std::string> last_value(const Slice *caveats, size_t count,
    std::string_view wanted)
{
    std::string_view value;
    bool found = l402::last_value(caveats, count,
        [&](std::string_view condition) { return condition == wanted; },
        value);

    if (found) {
        return std::string(value);
    }

    return std::nullopt;
}

std::vector<std::string> split_list(std::string_view list)
{
    std::vector<std::string> items;
    bool                     more = !list.empty();

    while (more) {
        size_t comma = list.find(',');

        items.emplace_back(list.substr(0, comma));
        more = comma != list.npos;
        list.remove_prefix(more ? comma + 1 : 0);
    }

    return items;
}

}  // namespace l402::cli
