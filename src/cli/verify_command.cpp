#include "cli.h"

#include "l402/encoding.h"
#include "l402/verify.h"

#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

namespace l402::cli {

namespace {

struct Options {
    std::string key_file;
    std::string service;
    std::string credential = "-";
    std::string now;
    bool        refuse_unknown_caveats = false;
    bool        json = false;
};

nlohmann::ordered_json to_json(const Verdict &verdict)
{
    nlohmann::ordered_json out;

    out["result"] = describe(verdict.result).word;
    out["title"] = describe(verdict.result).title;
    if (verdict.has_token) {
        out["payment_hash"] = to_hex(verdict.payment_hash, 32);
        out["token_id"] = to_hex(verdict.token_id, 32);
    }
    if (verdict.result == Result::ok) {
        out["tier"] = unsigned(verdict.tier);
        if (verdict.expires != 0) {
            out["expires"] = verdict.expires;
        }
    }

    return out;
}

int verify_credential(const Options &options)
{
    Service service = parse_service(options.service);
    Keyring keys;

    load_keys(options.key_file, keys);

    std::string      text = read_argument(options.credential);
    std::string_view value = text;
    Facts            facts;

    if (take_field_name(value, "Macaroon")) {
        facts.macaroon = value;
    } else if (take_field_name(value, "Grpc-Metadata-Macaroon")) {
        facts.grpc_metadata_macaroon = value;
    } else {
        take_field_name(value, "Authorization");
        facts.authorization = value;
    }

    facts.service = service.name;
    facts.tier = service.tier;
    facts.now = options.now.empty() ? unix_now()
                                    : parse_time(options.now, "--now");
    facts.refuse_unknown_caveats = options.refuse_unknown_caveats;

    Verdict verdict;
    verify(keys, facts, nullptr, verdict);

    if (options.json) {
        std::cout << to_json(verdict).dump() << '\n';
    } else {
        std::cout << describe(verdict.result).word << '\n';
    }

    return verdict.result == Result::ok ? exit_ok : exit_refused;
}

}  // namespace

void add_verify(CLI::App &app, Run &run)
{
    auto o = std::make_shared<Options>();
    auto command = app.add_subcommand("verify",
        "Would a location let this credential in? Prints the module's word");

    command->add_option("--key-file", o->key_file, "The location's key file")
        ->required();
    command->add_option("--service", o->service,
        "What the location needs: name[:tier]")->required();
    command->add_option("--now", o->now,
        "Decide as of this time, in unix seconds (default: now)");
    command->add_flag("--refuse-unknown-caveats", o->refuse_unknown_caveats,
        "As a location with \"l402_unknown_caveats refuse\"");
    command->add_flag("--json", o->json, "Print an object instead of a word");
    command->add_option("CREDENTIAL", o->credential,
        "\"L402 <macaroon>:<preimage>\", or the whole header line; \"-\""
        " (the default) reads it from stdin, which keeps it out of ps");
    command->footer(
        "Prints \"ok\" and exits 0, or prints why not (\"expired\","
        " \"bad_signature\", ...: the words\nof $l402_result) and exits 1."
        " What a server counts or has revoked is not asked.\n\n"
        "  l402ctl verify --key-file keys --service weather - <credential\n");
    command->callback([o, &run] {
        run = [o] { return verify_credential(*o); };
    });
}

}  // namespace l402::cli
