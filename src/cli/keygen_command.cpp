#include "cli.h"

#include "l402/encoding.h"

#include <iostream>
#include <memory>

#include <sodium.h>

namespace l402::cli {

namespace {

int keygen(const std::string &comment)
{
    // It goes behind the key on the key's own line.
    if (printable(comment) != comment) {
        throw Failure("--comment: printable ASCII only");
    }

    Hash key;

    randombytes_buf(key.data(), key.size());
    std::cout << to_hex(key);
    if (!comment.empty()) {
        std::cout << ' ' << comment;
    }
    std::cout << '\n';
    wipe(key.data(), key.size());

    return exit_ok;
}

}  // namespace

void add_keygen(CLI::App &app, Run &run)
{
    auto comment = std::make_shared<std::string>();
    auto command = app.add_subcommand("keygen",
        "Write a new master key, as a line for a key file");

    command->add_option("--comment", *comment, "What to remember it by");
    command->footer(
        "The first line of a key file mints, all of its lines verify, up to"
        " 16. To rotate, put the\nnew key's line first and reload nginx: no"
        " customer is refused. Take the old line out when\nthe longest"
        " l402_valid_for has passed since then, and reload again: that ends"
        " whatever\nthe old key has minted.\n\n"
        "Examples:\n"
        "  umask 077; l402ctl keygen --comment \"web, 2026\" >keys\n"
        "  l402ctl keygen --comment 2027 | cat - keys >keys.new && mv keys.new"
        " keys\n");
    command->callback([comment, &run] {
        run = [comment] { return keygen(*comment); };
    });
}

}  // namespace l402::cli
