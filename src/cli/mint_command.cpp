#include "cli.h"

#include "l402/challenge.h"
#include "l402/encoding.h"

#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>
#include <sodium.h>

namespace l402::cli {

namespace {

struct Options {
    std::string              key_file;
    std::string              service;
    std::string              valid_for = "1h";
    std::string              valid_until;
    bool                     no_expiry = false;
    std::string              payment_hash;
    std::string              token_id;
    std::vector<std::string> caveats;
    size_t                   key = 1;
    bool                     json = false;
};

int64_t expiry(const Options &options)
{
    if (options.no_expiry) {
        return 0;
    }
    if (!options.valid_until.empty()) {
        int64_t until = parse_time(options.valid_until, "--valid-until");
        return until > 0 ? until : 1;  // 0 would be for ever
    }
    return unix_now() + parse_duration(options.valid_for);
}

int mint_token(const Options &options)
{
    Service service = parse_service(options.service);
    Keyring keys;

    load_keys(options.key_file, keys);
    if (options.key < 1 || options.key > keys.size()) {
        throw Failure("--key: " + options.key_file + " has the keys 1 to "
            + std::to_string(keys.size()));
    }

    // Without an invoice's hash nobody pays: the preimage is drawn here, and
    // the credential is whole.
    bool give_away = options.payment_hash.empty();
    Hash preimage{}, payment_hash, token_id;

    if (give_away) {
        randombytes_buf(preimage.data(), preimage.size());
        sha256(preimage.data(), preimage.size(), payment_hash.data());
    } else {
        payment_hash = parse_hash(options.payment_hash, "--payment-hash");
    }

    if (options.token_id.empty()) {
        randombytes_buf(token_id.data(), token_id.size());
    } else {
        token_id = parse_hash(options.token_id, "--token-id");
    }

    Terms terms;
    terms.service = service.name;
    terms.tier = service.tier;
    terms.valid_until = expiry(options);

    std::vector<std::string> caveats = minted_caveats(terms);
    caveats.insert(caveats.end(), options.caveats.begin(),
        options.caveats.end());

    std::string bytes = mint(keys, options.key - 1, payment_hash, token_id,
        caveats);
    Macaroon   parsed;
    Identifier identifier;

    if (!parse_macaroon(bytes, parsed)
        || !parse_identifier(parsed.identifier.view(), identifier))
    {
        throw Failure("too many or too long caveats: a token has at most "
            + std::to_string(max_caveats) + ", in "
            + std::to_string(max_macaroon_size) + " bytes");
    }

    std::string token = base64_encode(bytes);
    std::string credential = "L402 " + token + ":" + to_hex(preimage);

    if (!options.json) {
        std::cout << (give_away ? credential : token) << '\n';
        return exit_ok;
    }

    nlohmann::ordered_json out;

    out["macaroon"] = token;
    if (give_away) {
        out["preimage"] = to_hex(preimage);
    }
    out["payment_hash"] = to_hex(payment_hash);
    out["token_id"] = to_hex(identifier.token_id, 32);
    if (terms.valid_until != 0) {
        out["expires"] = terms.valid_until;
    }
    if (give_away) {
        out["authorization"] = credential;
    }
    std::cout << out.dump() << '\n';

    return exit_ok;
}

}  // namespace

void add_mint(CLI::App &app, Run &run)
{
    auto o = std::make_shared<Options>();
    auto command = app.add_subcommand("mint",
        "Make a token: a free one, or one for an invoice made elsewhere");

    command->add_option("--key-file", o->key_file, "The location's key file")
        ->required();
    command->add_option("--service", o->service,
        "What it opens: name[:tier]")->required();

    auto valid_for = command->add_option("--valid-for", o->valid_for,
        "How long from now, as \"30m\", \"1h\", \"30d\" (default 1h)");
    auto valid_until = command->add_option("--valid-until", o->valid_until,
        "Until when, in unix seconds");
    auto no_expiry = command->add_flag("--no-expiry", o->no_expiry,
        "For ever");
    valid_for->excludes(valid_until)->excludes(no_expiry);
    valid_until->excludes(no_expiry);

    command->add_option("--payment-hash", o->payment_hash,
        "Of the invoice that pays for it (64 hex digits); its preimage"
        " completes the credential");
    command->add_option("--token-id", o->token_id,
        "64 hex digits, the last four are set to name the key (default:"
        " random)");
    command->add_option("--caveat", o->caveats,
        "A further condition=value; may be repeated")
        ->type_size(1)->allow_extra_args(false);
    command->add_option("--key", o->key,
        "Which line's key mints, counted from 1 (default 1)");
    command->add_flag("--json", o->json, "Print an object instead of text");
    command->footer(
        "Prints the credential \"L402 <macaroon>:<preimage>\", as an"
        " Authorization header has it,\nor with --payment-hash the macaroon"
        " alone.\n\n"
        "  l402ctl mint --key-file keys --service weather:2 --valid-for 30d\n"
        "  curl -H \"Authorization: $(l402ctl mint --key-file keys --service"
        " weather)\" \\\n      https://example.org/weather/\n");
    command->callback([o, &run] { run = [o] { return mint_token(*o); }; });
}

}  // namespace l402::cli
