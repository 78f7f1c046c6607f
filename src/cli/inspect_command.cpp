#include "cli.h"

#include "core/caveats.h"
#include "l402/attenuate.h"
#include "l402/encoding.h"

#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

namespace l402::cli {

namespace {

using Json = nlohmann::ordered_json;

bool preimage_fits(const std::string &preimage, const Identifier &identifier)
{
    uint8_t bytes[32], hash[32];

    if (!hex_decode(preimage, bytes)) {
        return false;
    }
    sha256(bytes, sizeof(bytes), hash);

    return equal_constant_time(hash, identifier.payment_hash, 32);
}

// Behind what was granted stands the first `services` once more.
bool is_closing(const Macaroon &macaroon, size_t i)
{
    std::string_view first, value, condition;

    return i > 0
           && split_caveat(macaroon.caveats[0].view(), condition, first)
           && condition == "services"
           && split_caveat(macaroon.caveats[i].view(), condition, value)
           && condition == "services" && value == closing_services(first);
}

// In words, and why every gate refuses it where one can tell.
std::string explain(const Macaroon &macaroon, size_t i)
{
    std::string_view caveat = macaroon.caveats[i].view();
    std::string_view condition = caveat.substr(0, caveat.find('='));
    std::string      words = in_words(caveat);

    if (is_closing(macaroon, i)) {
        return words + "; what stands behind this grants nothing";
    }

    switch (judge_attenuation(macaroon.caveats, i, caveat)) {
    case Attenuation::malformed:
        return words + "; REFUSED, the value has to be "
            + expected_value(condition);
    case Attenuation::widens:
        // The first `services` is what a token begins with.
        if (last_value(macaroon.caveats, i, condition)) {
            return words + "; REFUSED, allows more than the caveat before it";
        }
        return words;
    default:
        return words;
    }
}

void describe_identifier(Json &out, const Presented &presented,
    const Macaroon &macaroon, const Keyring *keys)
{
    std::string_view raw = macaroon.identifier.view();
    Identifier       identifier;

    if (!parse_identifier(raw, identifier)) {
        out["identifier"] = to_hex(
            reinterpret_cast<const uint8_t *>(raw.data()), raw.size());
        return;
    }

    out["version"] = 0;
    out["payment_hash"] = to_hex(identifier.payment_hash, 32);
    out["token_id"] = to_hex(identifier.token_id, 32);

    if (keys != nullptr) {
        size_t key = keys->hinted_key(identifier.token_id);

        out["key"] = key < keys->size() ? Json(key + 1) : Json(nullptr);
    }
    if (!presented.preimage.empty()) {
        out["preimage_fits"] = preimage_fits(presented.preimage, identifier);
    }
}

Json describe_token(const Presented &presented, std::string_view bytes,
    const Macaroon &macaroon, const Keyring *keys)
{
    Json out;

    out["format"] = bytes[0] == 2 ? "V2" : "V1";
    out["location"] = printable(macaroon.location.view());
    describe_identifier(out, presented, macaroon, keys);

    out["third_party"] = macaroon.third_party;
    out["caveats"] = Json::array();
    out["words"] = Json::array();
    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        out["caveats"].push_back(printable(macaroon.caveats[i].view()));
        out["words"].push_back(explain(macaroon, i));
    }
    out["signature"] = to_hex(macaroon.signature, 32);

    if (!presented.invoice.empty()) {
        out["invoice"] = printable(presented.invoice);
    }

    return out;
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
    if (token.contains("key")) {
        std::cout << "key           "
                  << (token["key"].is_null()
                             ? "names none of the key file"
                             : "names number " + token["key"].dump()
                                 + " of the key file")
                  << '\n';
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
    for (size_t i = 0; i < token["caveats"].size(); i++) {
        std::cout << "caveat        "
                  << token["caveats"][i].get<std::string>() << "  ("
                  << token["words"][i].get<std::string>() << ")\n";
    }

    std::cout << "signature     " << token["signature"].get<std::string>()
              << '\n';
    if (token.contains("invoice")) {
        std::cout << "invoice       " << token["invoice"].get<std::string>()
                  << '\n';
    }
}

struct Options {
    std::string token = "-";
    std::string key_file;
    bool        json = false;
};

int inspect(const Options &options)
{
    Presented presented = read_presented(read_argument(options.token));
    Json      tokens = Json::array();
    Keyring   keys;

    if (!options.key_file.empty()) {
        load_keys(options.key_file, keys);
    }
    if (presented.tokens.empty()) {
        throw Refusal(no_token);
    }

    for (const std::string &token : presented.tokens) {
        std::string bytes;
        Macaroon    macaroon;

        decode_token(token, bytes, macaroon);
        tokens.push_back(describe_token(presented, bytes, macaroon,
            keys.size() ? &keys : nullptr));
    }

    for (size_t i = 0; i < tokens.size(); i++) {
        if (options.json) {
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
    auto o = std::make_shared<Options>();
    auto command = app.add_subcommand("inspect",
        "Show what is in a token. Needs no key, and proves nothing");

    command->add_option("--key-file", o->key_file,
        "Tell which of its keys the token names");
    command->add_flag("--json", o->json, "Print an object for each token");
    command->add_option("TOKEN", o->token,
        "A token in base64 or hex, \"<macaroon>:<preimage>\", a credential"
        " \"L402\n<macaroon>:<preimage>\", or a header line"
        " (WWW-Authenticate, Authorization,\nMacaroon); \"-\" (the default)"
        " reads stdin");
    command->footer(
        "Whether the signature is good, only \"l402ctl verify\" can say.\n\n"
        "Examples:\n"
        "  curl -sI https://example.org/weather/ | grep -i ^www-authenticate |"
        " l402ctl inspect\n"
        "  umask 077; l402ctl keygen >keys\n"
        "  l402ctl mint --key-file keys --service weather | l402ctl inspect"
        " --json\n");
    command->callback([o, &run] { run = [o] { return inspect(*o); }; });
}

}  // namespace l402::cli
