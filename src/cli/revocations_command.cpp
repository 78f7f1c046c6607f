// l402ctl revocations: the list, page by page.

#include "remote.h"

#include <iostream>

namespace l402::cli {

namespace {

struct Options {
    RemoteOptions remote;
    bool          json = false;
};

int revocations(const Options &options)
{
    connect(options.remote)->list([&](const Revocation &revocation) {
        if (options.json) {
            std::cout << as_json(revocation).dump() << '\n';
            return;
        }

        std::cout << in_words(revocation)
                  << (revocation.until ? "  until " + utc(revocation.until)
                                       : "  for good")
                  << '\n';
    });

    return exit_ok;
}

}  // namespace

void add_revocations(CLI::App &app, Run &run)
{
    auto o = std::make_shared<Options>();
    auto command = app.add_subcommand("revocations", "List what is revoked");

    add_remote_options(*command, o->remote);
    command->add_flag("--json", o->json, "Print an object for each");
    command->footer(
        "One a line, in no order. What changes meanwhile may be missing.\n\n"
        "Examples:\n"
        "  l402ctl revocations --admin http://127.0.0.1:8080/l402/ | sort\n");
    command->callback([o, &run] { run = [o] { return revocations(*o); }; });
}

}  // namespace l402::cli
