#include "cli.h"

#include "l402/credential.h"
#include "l402/encoding.h"
#include "l402/macaroon.h"

#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

namespace l402::cli {

namespace {

using Json = nlohmann::ordered_json;

// What was found in the text that was given.
struct Found {
    std::vector<std::string> tokens;    // base64 or hex
    std::string              preimage;  // hex, where there was one
    std::string              invoice;   // of a challenge
};

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

Found find_tokens(std::string_view text)
{
    Found found;

    if (take_field_name(text, "WWW-Authenticate")
        || text.find("macaroon=\"") != text.npos
        || text.find("token=\"") != text.npos)
    {
        std::string token = parameter(text, "macaroon");

        found.tokens.push_back(token.empty() ? parameter(text, "token")
                                             : token);
        found.invoice = parameter(text, "invoice");
        return found;
    }

    if (!take_field_name(text, "Authorization")
        && !take_field_name(text, "Macaroon"))
    {
        take_field_name(text, "Grpc-Metadata-Macaroon");
    }

    Credential credential;

    if (!is_l402_scheme(text)) {
        found.tokens.push_back(std::string(text));
    } else if (parse_credential(text, credential)) {
        for (size_t i = 0; i < credential.macaroon_count; i++) {
            found.tokens.push_back(
                std::string(credential.macaroons[i].view()));
        }
        found.preimage = std::string(credential.preimage.view());
    }

    return found;
}

// Hex digits are base64 digits too: what is a macaroon decides.
bool decode(const std::string &token, std::string &bytes, Macaroon &macaroon)
{
    bytes.resize(base64_decoded_max(token.size()));
    auto out = reinterpret_cast<uint8_t *>(&bytes[0]);

    if (hex_decode(token, out)) {
        if (parse_macaroon(std::string_view(bytes).substr(0,
                token.size() / 2), macaroon))
        {
            return true;
        }
    }

    ptrdiff_t size = base64_decode(token, out);

    return size > 0
        && parse_macaroon(std::string_view(bytes).substr(0, size_t(size)),
            macaroon);
}

bool preimage_fits(const std::string &preimage, const Identifier &identifier)
{
    uint8_t bytes[32], hash[32];

    if (!hex_decode(preimage, bytes)) {
        return false;
    }
    sha256(bytes, sizeof(bytes), hash);

    return equal_constant_time(hash, identifier.payment_hash, 32);
}

Json describe_token(const Found &found, std::string_view bytes,
    const Macaroon &macaroon)
{
    Json       out;
    Identifier identifier;

    out["format"] = bytes[0] == 2 ? "V2" : "V1";
    out["location"] = printable(macaroon.location.view());

    if (parse_identifier(macaroon.identifier.view(), identifier)) {
        out["version"] = 0;
        out["payment_hash"] = to_hex(identifier.payment_hash, 32);
        out["token_id"] = to_hex(identifier.token_id, 32);
        if (!found.preimage.empty()) {
            out["preimage_fits"] = preimage_fits(found.preimage, identifier);
        }
    } else {
        std::string_view raw = macaroon.identifier.view();
        out["identifier"] = to_hex(
            reinterpret_cast<const uint8_t *>(raw.data()), raw.size());
    }

    out["third_party"] = macaroon.third_party;
    out["caveats"] = Json::array();
    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        out["caveats"].push_back(printable(macaroon.caveats[i].view()));
    }
    out["signature"] = to_hex(macaroon.signature, 32);

    if (!found.invoice.empty()) {
        out["invoice"] = printable(found.invoice);
    }

    return out;
}

// Times stand in caveats as unix seconds, which nobody reads.
std::string explained(const std::string &caveat)
{
    constexpr std::string_view condition = "valid_until=";
    size_t                     at = caveat.find(condition);
    std::string                value;

    if (at != caveat.npos) {
        value = caveat.substr(at + condition.size());
    }

    bool is_time = !value.empty() && value.size() <= 12
        && value.find_first_not_of("0123456789") == value.npos;

    return is_time ? caveat + "  (" + utc(std::stoll(value)) + ")" : caveat;
}

void print(const Json &token)
{
    static const std::pair<const char *, const char *> lines[] = {
        {"format", "format        "}, {"location", "location      "},
        {"version", "version       "}, {"identifier", "identifier    "},
        {"payment_hash", "payment hash  "}, {"token_id", "token id      "},
    };

    for (const auto &[name, label] : lines) {
        if (token.contains(name)) {
            const Json &value = token[name];
            std::cout << label
                      << (value.is_string() ? value.get<std::string>()
                                            : value.dump())
                      << '\n';
        }
    }

    if (token.contains("identifier")) {
        std::cout << "              (not an L402 identifier)\n";
    }
    if (token.contains("preimage_fits")) {
        std::cout << "preimage      "
                  << (token["preimage_fits"] ? "hashes to the payment hash"
                                             : "DOES NOT hash to the payment"
                                               " hash")
                  << '\n';
    }
    if (token["third_party"]) {
        std::cout << "third party   has a caveat for a third party, which no"
                     " L402 may have\n";
    }
    for (const Json &caveat : token["caveats"]) {
        std::cout << "caveat        " << explained(caveat) << '\n';
    }

    std::cout << "signature     " << token["signature"].get<std::string>()
              << '\n';
    if (token.contains("invoice")) {
        std::cout << "invoice       " << token["invoice"].get<std::string>()
                  << '\n';
    }
}

int inspect(const std::string &argument, bool json)
{
    Found found = find_tokens(read_argument(argument));
    Json  tokens = Json::array();

    for (const std::string &token : found.tokens) {
        std::string bytes;
        Macaroon    macaroon;

        if (!decode(token, bytes, macaroon)) {
            tokens.clear();
            break;
        }
        tokens.push_back(describe_token(found, bytes, macaroon));
    }

    if (tokens.empty()) {
        std::cerr << "l402ctl: no macaroon can be read out of it\n";
        return exit_refused;
    }

    for (size_t i = 0; i < tokens.size(); i++) {
        if (json) {
            std::cout << tokens[i].dump() << '\n';
        } else {
            std::cout << (i == 0 ? "" : "\n");
            print(tokens[i]);
        }
    }

    return exit_ok;
}

}  // namespace

void add_inspect(CLI::App &app, Run &run)
{
    auto token = std::make_shared<std::string>("-");
    auto json = std::make_shared<bool>(false);
    auto command = app.add_subcommand("inspect",
        "Show what is in a token. Needs no key, and proves nothing");

    command->add_flag("--json", *json, "Print an object for each token");
    command->add_option("TOKEN", *token,
        "A token in base64 or hex, a credential \"L402"
        " <macaroon>:<preimage>\", or a header line\n(WWW-Authenticate,"
        " Authorization, Macaroon); \"-\" (the default) reads stdin");
    command->footer(
        "Whether the signature is good, only \"l402ctl verify\" can say.\n\n"
        "  curl -sI https://example.org/weather/ | grep -i ^www-authenticate |"
        " l402ctl inspect -\n");
    command->callback([token, json, &run] {
        run = [token, json] { return inspect(*token, *json); };
    });
}

}  // namespace l402::cli
