// What a holder does without asking anybody: a copy of a token that opens less.

#include "cli.h"
#include "narrowing.h"

#include "core/request_value.h"
#include "l402/attenuate.h"
#include "l402/encoding.h"

#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

namespace l402::cli {

namespace {

struct Options {
    std::string              token = "-";
    Text                     services;
    Text                     service;
    Text                     valid_for;
    Text                     valid_until;
    Text                     uses;
    Text                     balance;
    Text                     capabilities;
    Text                     address;
    Text                     host;
    Text                     path;
    Text                     method;
    std::vector<std::string> caveats;
    bool                     json = false;
};

// A service without a tier keeps the one that the token has.
std::string services_caveat(const std::string &list,
    const std::vector<Service> &had)
{
    std::string out;

    for (std::string item : split_list(list)) {
        if (item.find(':') == item.npos) {
            unsigned tier = 0;

            for (const Service &service : had) {
                tier = service.name == item ? service.tier : tier;
            }
            item += ":" + std::to_string(tier);
        }
        out += (out.empty() ? "" : ",") + item;
    }

    return "services=" + out;
}

std::string request_caveat(const char *condition, const std::string &list,
    std::string (*item_of)(const std::string &))
{
    std::string out;

    for (const std::string &item : split_list(list)) {
        out += (out.empty() ? "" : ",") + item_of(item);
    }

    return std::string(condition) + "=" + out;
}

std::string to_host_item(const std::string &host)
{
    return host_item(parse_host(host, "--host"));
}

std::string to_path_item(const std::string &item)
{
    std::string path = parse_path(item, "--path");
    bool        prefix = path.back() == '*';

    if (prefix) {
        path.pop_back();
    }

    return path_item(path) + (prefix ? "*" : "");
}

// Not what a HEAD request is sold, but HEAD alone.
std::string to_method_item(const std::string &item)
{
    std::string method = parse_method(item, "--method");

    return method == "HEAD" ? method : method_item(method);
}

// The services that times, counts and capabilities are about.
std::vector<std::string> services_meant(const Options &options,
    const Narrowing &narrowing)
{
    std::vector<std::string> names;

    if (options.service) {
        names.push_back(*options.service);
        return names;
    }

    for (const Service &service : narrowing.services()) {
        names.push_back(service.name);
    }

    if (names.empty()) {
        throw Refusal("the token opens no service that a time, a count or"
            " capabilities could be added for");
    }

    return names;
}

Text uses_value(const Options &options)
{
    return options.uses ? Text(std::to_string(parse_uses(*options.uses, 0)))
                        : Text();
}

// In msat.
Text balance_value(const Options &options)
{
    return options.balance
        ? Text(std::to_string(parse_balance(*options.balance, 0))) : Text();
}

void add_all(const Options &options, const Text &until, Narrowing &narrowing)
{
    if (options.services) {
        narrowing.add(services_caveat(*options.services,
            narrowing.services()));
    }

    auto add_to_each = [&](const char *condition, const Text &value) {
        if (value) {
            for (const std::string &name : services_meant(options, narrowing)) {
                narrowing.add(name + condition + *value);
            }
        }
    };

    add_to_each("_valid_until=", until);
    add_to_each("_uses=", uses_value(options));
    add_to_each("_balance=", balance_value(options));

    if (options.capabilities) {
        std::vector<std::string> names = services_meant(options, narrowing);

        if (names.size() > 1) {
            throw Failure("--capabilities: the token opens several services;"
                " say which one with --service");
        }
        narrowing.add(names[0] + "_capabilities=" + *options.capabilities);
    }

    if (options.address) {
        narrowing.add("client_address=" + *options.address);
    }
    if (options.host) {
        narrowing.add(request_caveat("request_host", *options.host,
            to_host_item));
    }
    if (options.path) {
        narrowing.add(request_caveat("request_path", *options.path,
            to_path_item));
    }
    if (options.method) {
        narrowing.add(request_caveat("request_method", *options.method,
            to_method_item));
    }

    for (const std::string &caveat : options.caveats) {
        narrowing.add(caveat);
    }
}

struct Narrowed {
    std::string              bytes;
    std::vector<std::string> added;
};

Narrowed narrow(const Options &options, const Text &until,
    const std::string &token, std::string name)
{
    std::string bytes;
    Macaroon    macaroon;
    Identifier  identifier;

    decode_token(token, bytes, macaroon);

    if (!parse_identifier(macaroon.identifier.view(), identifier)) {
        throw Refusal(name + "not an L402 token: its identifier is another");
    }
    if (macaroon.third_party) {
        throw Refusal(name + "has a caveat for a third party, which every gate"
            " refuses");
    }

    Narrowing narrowing(macaroon, name);

    add_all(options, until, narrowing);
    if (narrowing.added().empty()) {
        throw Failure("nothing to add: give --caveat, --valid-for or another"
            " option (see --help)");
    }

    return {attenuate(macaroon, narrowing.added()), narrowing.added()};
}

// In the shape that it was read in.
std::string written(const Presented &presented, const std::string &tokens,
    const std::string &hex)
{
    std::string text = tokens;

    if (presented.field == "Macaroon"
        || presented.field == "Grpc-Metadata-Macaroon")
    {
        return presented.field + ": " + hex;
    }
    if (presented.shape != Presented::Shape::macaroon) {
        text += ":" + presented.preimage;
    }
    if (presented.shape == Presented::Shape::credential) {
        text = "L402 " + text;
    }
    if (!presented.field.empty()) {
        text = presented.field + ": " + text;
    }

    return text;
}

void print_json(const Presented &presented, const Narrowed &narrowed,
    const std::string &tokens)
{
    nlohmann::ordered_json out;
    Macaroon               macaroon;
    Identifier             identifier;

    (void) parse_macaroon(narrowed.bytes, macaroon);
    (void) parse_identifier(macaroon.identifier.view(), identifier);

    out["macaroon"] = base64_encode(narrowed.bytes);
    out["payment_hash"] = to_hex(identifier.payment_hash, 32);
    out["token_id"] = to_hex(identifier.token_id, 32);
    out["caveats"] = nlohmann::ordered_json::array();
    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        out["caveats"].push_back(printable(macaroon.caveats[i].view()));
    }
    out["added"] = nlohmann::ordered_json::array();
    for (const std::string &caveat : narrowed.added) {
        out["added"].push_back(printable(caveat));
    }
    if (!presented.preimage.empty()) {
        out["preimage"] = presented.preimage;
        out["authorization"] = "L402 " + tokens + ":" + presented.preimage;
    }
    std::cout << out.dump() << '\n';
}

int attenuate_token(const Options &options)
{
    Text until = options.valid_until;

    if (options.valid_for) {
        until = std::to_string(unix_now()
            + parse_duration(*options.valid_for));
    } else if (until) {
        until = std::to_string(parse_time(*until, "--valid-until"));
    }
    if (options.service && options.service->find(':') != std::string::npos) {
        throw Failure("--service: a name alone; --services sets tiers");
    }
    if (options.service) {
        (void) parse_service(*options.service);
    }

    Presented presented = read_presented(read_argument(options.token));

    if (presented.shape == Presented::Shape::challenge) {
        throw Refusal("a challenge, not yet paid for: give its macaroon alone"
            " or the credential");
    }

    uint8_t preimage[32];

    if (presented.tokens.empty() || !hex_decode(presented.preimage, preimage))
    {
        throw Refusal(std::string(no_token)
            + ", with a preimage of 64 hex digits behind it");
    }

    std::vector<Narrowed> all;
    std::string           tokens, hex;

    for (size_t i = 0; i < presented.tokens.size(); i++) {
        std::string name;

        if (presented.tokens.size() > 1) {
            name = "macaroon " + std::to_string(i + 1) + ": ";
        }
        all.push_back(narrow(options, until, presented.tokens[i], name));
        tokens += (i == 0 ? "" : ",") + base64_encode(all[i].bytes);
        hex += to_hex(reinterpret_cast<const uint8_t *>(all[i].bytes.data()),
            all[i].bytes.size());
    }

    if (!options.json) {
        std::cout << written(presented, tokens, hex) << '\n';
        return exit_ok;
    }
    for (const Narrowed &narrowed : all) {
        print_json(presented, narrowed, tokens);
    }

    return exit_ok;
}

void add_options(CLI::App &command, Options &o)
{
    add_text(command, "--services", o.services,
        "Open these only: name[:tier],...; without a tier the token's",
        "LIST");
    auto valid_for = add_text(command, "--valid-for", o.valid_for,
        "Expire so much from now: \"30s\", \"5m\", \"1h\"", "TIME");
    auto valid_until = add_text(command, "--valid-until", o.valid_until,
        "Expire then, in unix seconds", "UNIX");
    add_text(command, "--uses", o.uses,
        "Stop when the payment has had so many requests, whoever sent them",
        "N");
    add_text(command, "--balance", o.balance,
        "Stop when so much of the payment is spent: \"10sat\", \"1500msat\"",
        "AMOUNT");
    add_text(command, "--capabilities", o.capabilities,
        "Keep these capabilities only; \"\" keeps none", "LIST");
    add_text(command, "--service", o.service,
        "The service that a time, a count or capabilities are for. Without"
        " it, times and\ncounts are for each that the token opens, and"
        " capabilities for the only one", "NAME");
    add_text(command, "--address", o.address,
        "For clients at these addresses or networks (192.0.2.0/24)", "LIST");
    add_text(command, "--host", o.host,
        "For requests to these hosts, without a port", "LIST");
    add_text(command, "--path", o.path,
        "For these paths, decoded and without arguments; a \"*\" at the end of"
        " one\nstands for whatever follows", "LIST");
    add_text(command, "--method", o.method,
        "For these methods; GET includes HEAD", "LIST");
    add_texts(command, "--caveat", o.caveats,
        "A condition=value of its own, as it is; may be repeated");
    command.add_flag("--json", o.json, "Print an object for each macaroon");
    valid_for->excludes(valid_until);
}

}  // namespace

void add_attenuate(CLI::App &app, Run &run)
{
    auto o = std::make_shared<Options>();
    auto command = app.add_subcommand("attenuate",
        "Make a copy of a token that opens less. Needs no key");

    add_options(*command, *o);
    command->add_option("TOKEN", o->token,
        "A macaroon in base64 or hex, \"<macaroon>:<preimage>\","
        " \"L402\n<macaroon>:<preimage>\", or a header line (Authorization,"
        " Macaroon); \"-\" (the\ndefault) reads it from stdin, which keeps it"
        " out of ps");
    command->footer(
        "What can only be refused is not written: a caveat that allows more"
        " than the token does,\nor that cannot be read, is named and ends in"
        " exit code 1. One that is not known here is\nadded with a note on"
        " stderr. The copy has the shape of what was read, its macaroon in\n"
        "V2 and standard base64. Several macaroons in one credential get the"
        " same caveats. They\nstand in this order: services, times, uses,"
        " balances, capabilities, address, host, path,\nmethod, and those of"
        " --caveat.\n\n"
        "Examples:\n"
        "  umask 077; l402ctl keygen >keys\n"
        "  l402ctl mint --key-file keys --service weather:2 >credential\n"
        "  l402ctl attenuate --valid-for 1m --method GET <credential\n"
        "  l402ctl attenuate --services weather:0 --path '/weather/*,/help'"
        " <credential\n"
        "  l402ctl attenuate --uses 3 <credential\n"
        "  l402ctl attenuate --capabilities read --caveat"
        " upload_max_bytes=1000 <credential\n");
    command->callback([o, &run] { run = [o] { return attenuate_token(*o); }; });
}

}  // namespace l402::cli
