#include "cli.h"

#include "core/caveats.h"
#include "l402/encoding.h"
#include "l402/verify.h"

#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

namespace l402::cli {

namespace {

struct Options {
    std::string              key_file;
    std::string              service;
    std::string              credential = "-";
    Text                     now;
    Text                     capability;
    std::vector<std::string> constraints;
    Text                     address;
    Text                     host;
    Text                     path;
    Text                     method;
    bool                     needs_uses = false;
    bool                     needs_balance = false;
    bool                     refuse_unknown_caveats = false;
    bool                     json = false;
};

// The numbers of --constraint.
class Described final : public Measures {
public:
    Described(const std::vector<std::string> &constraints,
        const Service &service)
    {
        for (const std::string &constraint : constraints) {
            numbers_.push_back(parse_constraint(constraint, service));
        }
        if (numbers_.size() > max_measures) {
            throw Failure("--constraint: a location has at most "
                + std::to_string(max_measures));
        }
    }

    size_t count() const noexcept override { return numbers_.size(); }

    std::string_view condition(size_t i) const noexcept override
    {
        return numbers_[i].condition;
    }

    bool value(size_t i, int64_t &out) noexcept override
    {
        out = numbers_[i].value;
        return true;
    }

private:
    std::vector<Number> numbers_;
};

// What the options say of the request; Facts point into it.
struct Request {
    Service     service;
    std::string capability, address, host, path, method;
    Described   measures;

    explicit Request(const Options &o)
        : service(parse_service(o.service)), measures(o.constraints, service)
    {
        if (o.capability) {
            capability = *o.capability;
            if (!is_service_name(capability)) {
                throw Failure("--capability \"" + printable(capability)
                    + "\": a name is 1 to 64 letters, digits, \"_\" and"
                      " \"-\"");
            }
        }
        if (o.address) {
            address = parse_address(*o.address, "--address");
        }
        if (o.host) {
            host = parse_host(*o.host, "--host");
        }
        if (o.path) {
            path = parse_path(*o.path, "--path");
        }
        if (o.method) {
            method = parse_method(*o.method, "--method");
        }
    }

    void describe_to(Facts &facts)
    {
        facts.service = service.name;
        facts.tier = service.tier;
        facts.capability = capability;
        facts.measures = &measures;
        facts.client_address = address;
        facts.host = host;
        facts.path = path;
        facts.method = method;
    }
};

// One credential, or header lines: of a request as it was sent, the fields
// that carry credentials.
void read_fields(std::string_view text, Facts &facts)
{
    const std::pair<const char *, std::string_view *> fields[] = {
        {"Authorization", &facts.authorization},
        {"Macaroon", &facts.macaroon},
        {"Grpc-Metadata-Macaroon", &facts.grpc_metadata_macaroon},
    };
    bool             is_field = false;
    std::string_view rest = text;

    while (!rest.empty()) {
        size_t           end = rest.find('\n');
        std::string_view line = rest.substr(0, end);

        rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
        line = line.substr(0, line.find_last_not_of(" \t\r") + 1);

        for (const auto &[name, value] : fields) {
            if (take_field_name(line, name)) {
                is_field = true;
                *value = line;
            }
        }
    }

    if (!is_field) {
        facts.authorization = text;
    }
}

// What the token that the verdict is about has to say.
void describe_token(nlohmann::ordered_json &out, const Keyring &keys,
    const Facts &facts, const Verdict &verdict)
{
    auto   presented = std::make_unique<PresentedMacaroon>();
    size_t key = keys.hinted_key(verdict.token_id);

    out["payment_hash"] = to_hex(verdict.payment_hash, 32);
    out["token_id"] = to_hex(verdict.token_id, 32);
    if (key < keys.size()) {
        out["key"] = key + 1;
    }

    if (!presented_macaroon(facts, verdict, *presented)) {
        return;
    }

    const Macaroon &macaroon = presented->macaroon;
    auto capabilities = last_value(macaroon.caveats, macaroon.caveat_count,
        std::string(facts.service) + "_capabilities");

    if (verdict.result == Result::ok
        || verdict.result == Result::insufficient)
    {
        out["tier"] = unsigned(verdict.tier);
        if (capabilities) {
            out["capabilities"] = split_list(*capabilities);
        }
    }
    if (verdict.expires != 0) {
        out["expires"] = verdict.expires;
    }
    if (verdict.has_uses) {
        out["uses"] = verdict.uses;
        out["minted_uses"] = verdict.minted_uses;
    }
    if (verdict.has_balance) {
        out["balance_msat"] = verdict.balance_msat;
        out["minted_balance_msat"] = verdict.minted_balance_msat;
    }

    out["caveats"] = nlohmann::ordered_json::array();
    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        out["caveats"].push_back(printable(macaroon.caveats[i].view()));
    }
}

void print_json(const Keyring &keys, const Facts &facts,
    const Verdict &verdict)
{
    nlohmann::ordered_json out;

    out["result"] = describe(verdict.result).word;
    out["title"] = describe(verdict.result).title;
    if (verdict.has_token) {
        describe_token(out, keys, facts, verdict);
    }
    std::cout << out.dump() << '\n';
}

// A word that says nothing of what the gate has counted.
void note_counts(const Verdict &verdict)
{
    if (verdict.has_uses) {
        std::cerr << "l402ctl: note: until the payment has had "
                  << verdict.uses << " requests, which the gate counts\n";
    }
    if (verdict.has_balance) {
        std::cerr << "l402ctl: note: until " << verdict.balance_msat
                  << " msat of the payment are spent, which the gate counts\n";
    }
}

int verify_credential(const Options &options)
{
    Request request(options);
    Keyring keys;

    load_keys(options.key_file, keys);

    std::string text = read_argument(options.credential);
    Facts       facts;

    read_fields(text, facts);
    request.describe_to(facts);
    facts.now = options.now ? parse_time(*options.now, "--now") : unix_now();
    facts.needs_uses = options.needs_uses;
    facts.needs_balance = options.needs_balance;
    facts.refuse_unknown_caveats = options.refuse_unknown_caveats;

    Verdict verdict;
    verify(keys, facts, nullptr, verdict);

    if (options.json) {
        print_json(keys, facts, verdict);
    } else {
        std::cout << describe(verdict.result).word << '\n';
        if (verdict.result == Result::ok) {
            note_counts(verdict);
        }
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
    add_text(*command, "--capability", o->capability,
        "And the capability that it needs", "NAME");
    add_texts(*command, "--constraint", o->constraints,
        "A number that the location measures, as condition=number: its"
        " l402_constraint;\nmay be repeated", "CONDITION=N");
    add_text(*command, "--address", o->address,
        "The client's address, or \"unix:\" (the default)", "IP");
    add_text(*command, "--host", o->host,
        "The request's host, without a port", "NAME");
    add_text(*command, "--path", o->path,
        "Its path, decoded and without arguments");
    add_text(*command, "--method", o->method, "Its method", "NAME");
    add_text(*command, "--now", o->now,
        "Decide as of this time, in unix seconds (default: now)", "UNIX");
    command->add_flag("--needs-uses", o->needs_uses,
        "As a location with \"l402_uses\": it has to be minted with uses");
    command->add_flag("--needs-balance", o->needs_balance,
        "As one with \"l402_metered\": it has to be minted with a balance");
    command->add_flag("--refuse-unknown-caveats", o->refuse_unknown_caveats,
        "As a location with \"l402_unknown_caveats refuse\"");
    command->add_flag("--json", o->json, "Print an object instead of a word");
    command->add_option("CREDENTIAL", o->credential,
        "\"L402 <macaroon>:<preimage>\", or whole header lines (Authorization,"
        " Macaroon,\nGrpc-Metadata-Macaroon; others are passed over); \"-\""
        " (the default) reads it\nfrom stdin, which keeps it out of ps");
    command->footer(
        "Prints \"ok\" and exits 0, or prints why not (\"expired\","
        " \"bad_signature\", ...: the words\nof $l402_result) and exits 1."
        " What a server counts or has revoked is not asked: of a\ntoken that"
        " has uses or a balance, a note on stderr says how much.\n\n"
        "What is not described is absent: a token that is tied to a host, a"
        " path or a method is\nrefused (\"caveat_refused\") where there is no"
        " --host, --path or --method, and one that\nis tied to a network where"
        " there is no --address. A limit that no --constraint is about is\nan"
        " unknown caveat.\n\n"
        "Examples:\n"
        "  umask 077; l402ctl keygen >keys\n"
        "  l402ctl mint --key-file keys --service weather --capabilities read"
        " >credential\n"
        "  l402ctl verify --key-file keys --service weather <credential\n"
        "  l402ctl verify --key-file keys --service weather --capability read"
        " --json <credential\n"
        "  l402ctl attenuate --path '/maps/*' <credential |\n"
        "      l402ctl verify --key-file keys --service weather --path"
        " /maps/de.png\n");
    command->callback([o, &run] {
        run = [o] { return verify_credential(*o); };
    });
}

}  // namespace l402::cli
