// l402ctl payment: what is counted of one.

#include "remote.h"

#include <iostream>

namespace l402::cli {

namespace {

struct Options {
    RemoteOptions remote;
    std::string   hash;
    bool          json = false;
};

std::string number(const Json &payment, const char *name)
{
    auto value = payment.find(name);

    return value != payment.end() && value->is_number() ? value->dump() : "";
}

// " of 10, 1 held"
std::string beside(const Json &payment, const char *limit, const char *held)
{
    std::string most = number(payment, limit), now = number(payment, held);
    std::string text = most.empty() ? "" : " of " + most;

    return now.empty() || now == "0" ? text : text + ", " + now + " held";
}

void print(const Json &payment)
{
    std::string balance = number(payment, "balance_msat");
    std::string expires = number(payment, "expires");
    auto        revoked = payment.find("revoked");

    std::cout << "uses          " << number(payment, "uses")
              << beside(payment, "uses_limit", "uses_held") << '\n';
    std::cout << "spent         " << number(payment, "spent_msat") << " msat"
              << beside(payment, "credited_msat", "held_msat") << '\n';

    if (!balance.empty()) {
        std::cout << "balance       " << balance << " msat\n";
    }

    std::cout << "expires       "
              << (expires.empty() ? "never"
                                  : utc(payment["expires"].get<int64_t>()))
              << '\n';

    if (revoked != payment.end() && *revoked == true) {
        std::cout << "revoked       yes\n";
    }
}

int payment(const Options &options)
{
    Hash hash = parse_hash(options.hash, "HASH");
    Json payment = connect(options.remote)->payment(hash);

    if (payment.is_null()) {
        throw Refusal("nothing was counted of this payment");
    }

    if (options.json) {
        std::cout << payment.dump() << '\n';
    } else {
        print(payment);
    }

    return exit_ok;
}

}  // namespace

void add_payment(CLI::App &app, Run &run)
{
    auto o = std::make_shared<Options>();
    auto command = app.add_subcommand("payment",
        "Show what is counted of a payment: uses and balance");

    add_remote_options(*command, o->remote);
    command->add_flag("--json", o->json, "Print an object");
    command->add_option("HASH", o->hash, "The payment hash, 64 hex digits")
        ->required();
    command->footer(
        "What is held belongs to requests that are not answered yet.\n\n"
        "Examples:\n"
        "  l402ctl payment --admin http://127.0.0.1:8080/l402/"
        " $(openssl rand -hex 32)\n");
    command->callback([o, &run] { run = [o] { return payment(*o); }; });
}

}  // namespace l402::cli
