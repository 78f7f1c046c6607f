#include "cli.h"

#include <iostream>

#include <sodium.h>

namespace {

constexpr const char *description =
    "Keys and tokens of nginx's L402 module, by hand, and what it has revoked"
    " and counted.";

constexpr const char *footer =
    "Each subcommand has a --help of its own, and l402ctl(1) has all.\n\n"
    "Exit codes: 0 done (verify: the credential is good), 1 the answer is no"
    " (verify: refused;\ninspect, attenuate: not a token; attenuate: a caveat"
    " that widens; unrevoke, payment: there\nis none; the server does not let"
    " you), 2 wrong usage, or a file or server that cannot be\nused.\n\n"
    "Examples:\n"
    "  umask 077; l402ctl keygen --comment 2026 >keys\n"
    "  l402ctl mint --key-file keys --service weather --valid-for 30d"
    " >credential\n"
    "  l402ctl verify --key-file keys --service weather <credential\n"
    "  l402ctl attenuate --valid-for 1m --method GET <credential\n"
    "  curl -sI https://example.org/weather/ | grep -i ^www-authenticate |"
    " l402ctl inspect\n";

int run_l402ctl(int argc, char **argv)
{
    if (sodium_init() < 0) {
        throw l402::cli::Failure("no source of randomness");
    }

    CLI::App       app(description, "l402ctl");
    l402::cli::Run run;

    app.require_subcommand(1);
    app.footer(footer);
    app.get_formatter()->column_width(34);

    l402::cli::add_keygen(app, run);
    l402::cli::add_mint(app, run);
    l402::cli::add_inspect(app, run);
    l402::cli::add_verify(app, run);
    l402::cli::add_attenuate(app, run);
    l402::cli::add_revoke(app, run);
    l402::cli::add_unrevoke(app, run);
    l402::cli::add_revocations(app, run);
    l402::cli::add_payment(app, run);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &e) {
        return app.exit(e) == 0 ? l402::cli::exit_ok : l402::cli::exit_usage;
    }

    int code = run();

    std::cout.flush();
    if (!std::cout) {
        throw l402::cli::Failure("stdout cannot be written to");
    }

    return code;
}

}  // namespace

int main(int argc, char **argv)
{
    try {
        return run_l402ctl(argc, argv);
    } catch (const l402::cli::Refusal &e) {
        std::cerr << "l402ctl: " << e.what() << '\n';
        return l402::cli::exit_refused;
    } catch (const std::exception &e) {
        std::cerr << "l402ctl: " << e.what() << '\n';
        return l402::cli::exit_usage;
    }
}
