#include "cli.h"

#include "core/caveats.h"
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
    Text                     uses;
    Text                     balance;
    Text                     capabilities;
    std::vector<std::string> constraints;
    Text                     address;
    Text                     host;
    Text                     path;
    Text                     method;
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

// Terms, and what they point at.
struct Grant {
    Service             service;
    std::vector<Number> constraints;
    std::string         capabilities, address, host, path, method;
    Terms               terms;

    explicit Grant(const Options &options);
    Grant(const Grant &) = delete;
};

Grant::Grant(const Options &o) : service(parse_service(o.service))
{
    terms.service = service.name;
    terms.tier = service.tier;
    terms.valid_until = expiry(o);
    // Nobody can tell here how else the service is sold.
    terms.closes_grants = true;

    if (o.uses) {
        terms.uses = parse_uses(*o.uses, 1);
    }
    if (o.balance) {
        terms.balance_msat = parse_balance(*o.balance, 1);
    }

    if (o.capabilities) {
        capabilities = *o.capabilities;
        if (!value_is_good(Values::names, capabilities)) {
            throw Failure("--capabilities \"" + printable(capabilities)
                + "\": " + expected_value(service.name + "_capabilities"));
        }
        terms.has_capabilities = true;
        terms.capabilities = capabilities;
    }

    for (const std::string &text : o.constraints) {
        constraints.push_back(parse_constraint(text, service));
    }
    for (const Number &number : constraints) {
        terms.constraints.push_back({number.condition, number.value});
    }

    if ((terms.bind_address = o.address.has_value())) {
        address = parse_address(*o.address, "--bind-address");
        terms.client_address = address;
    }
    if ((terms.bind_host = o.host.has_value())) {
        host = parse_host(*o.host, "--bind-host");
        terms.host = host;
    }
    if ((terms.bind_path = o.path.has_value())) {
        path = parse_path(*o.path, "--bind-path");
        terms.path = path;
    }
    if ((terms.bind_method = o.method.has_value())) {
        method = parse_method(*o.method, "--bind-method");
        terms.method = method;
    }
}

int mint_token(const Options &options)
{
    Grant   grant(options);
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

    std::vector<std::string> caveats = minted_caveats(grant.terms);
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
    if (grant.terms.valid_until != 0) {
        out["expires"] = grant.terms.valid_until;
    }
    if (grant.terms.uses != 0) {
        out["uses"] = grant.terms.uses;
    }
    if (grant.terms.balance_msat != 0) {
        out["balance_msat"] = grant.terms.balance_msat;
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
        "64 hex digits, of which the last eight are set to name the key"
        " (default: random)");
    add_text(*command, "--uses", o->uses,
        "How many requests it is good for, which the gate counts", "N");
    add_text(*command, "--balance", o->balance,
        "What may be spent of it where requests are metered: \"10sat\","
        " \"1500msat\"",
        "AMOUNT");
    add_text(*command, "--capabilities", o->capabilities,
        "The capabilities that it has; without it all, with \"\" none",
        "LIST");
    add_texts(*command, "--constraint", o->constraints,
        "The largest number that it allows where a location has such a"
        " l402_constraint,\nas condition=number; may be repeated",
        "CONDITION=N");
    add_text(*command, "--bind-address", o->address,
        "For a client at this address alone, or \"unix:\"", "IP");
    add_text(*command, "--bind-host", o->host,
        "For requests to this host alone", "NAME");
    add_text(*command, "--bind-path", o->path, "For this path alone");
    add_text(*command, "--bind-method", o->method,
        "For this method alone; GET includes HEAD", "NAME");
    add_texts(*command, "--caveat", o->caveats,
        "A further condition=value, as it is and behind those above; may be"
        " repeated");
    command->add_option("--key", o->key,
        "Which line's key mints, counted from 1 (default 1)");
    command->add_flag("--json", o->json, "Print an object instead of text");
    command->footer(
        "Prints the credential \"L402 <macaroon>:<preimage>\", as an"
        " Authorization header has it,\nor with --payment-hash the macaroon"
        " alone.\n\n"
        "Examples:\n"
        "  umask 077; l402ctl keygen >keys\n"
        "  l402ctl mint --key-file keys --service weather:2 --valid-for 30d"
        " >credential\n"
        "  l402ctl mint --key-file keys --service weather --capabilities read"
        " \\\n      --constraint upload_max_bytes=1000000 --bind-address"
        " 192.0.2.7\n"
        "  l402ctl mint --key-file keys --service weather --uses 10"
        " --no-expiry\n"
        "  curl -H \"Authorization: $(cat credential)\""
        " https://example.org/weather/\n");
    command->callback([o, &run] { run = [o] { return mint_token(*o); }; });
}

}  // namespace l402::cli
