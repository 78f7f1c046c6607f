// l402ctl revoke and unrevoke.

#include "remote.h"

#include <iostream>

namespace l402::cli {

namespace {

struct Options {
    RemoteOptions            remote;
    Text                     until;
    std::vector<std::string> words;
};

bool is_number(const std::string &text)
{
    return text.find_first_not_of("0123456789") == text.npos;
}

// Unix seconds, or a time from now with its unit.
int64_t parse_until(const std::string &text)
{
    int64_t now = unix_now();
    int64_t until = is_number(text) ? parse_time(text, "--until")
                                    : now + parse_duration(text, "--until");

    if (until <= now) {
        throw Failure("--until \"" + text + "\" is past: the revocation would"
            " be forgotten at once");
    }

    return until;
}

std::string how_long(const Revocation &revocation)
{
    return revocation.until ? " until " + utc(revocation.until) : "";
}

int revoke(const Options &options)
{
    Revocation revocation = read_subject(options.words);

    if (options.until) {
        revocation.until = parse_until(*options.until);
    }

    bool made = connect(options.remote)->revoke(revocation);

    std::cout << in_words(revocation)
              << (made ? " is revoked" : " was revoked before, and is")
              << how_long(revocation) << '\n';
    return exit_ok;
}

int unrevoke(const Options &options)
{
    Revocation revocation = read_subject(options.words);

    if (!connect(options.remote)->unrevoke(revocation)) {
        throw Refusal(in_words(revocation) + " is not revoked");
    }

    std::cout << in_words(revocation) << " is no longer revoked\n";
    return exit_ok;
}

}  // namespace

void add_revoke(CLI::App &app, Run &run)
{
    auto o = std::make_shared<Options>();
    auto command = app.add_subcommand("revoke",
        "End a token, or all that one payment has bought");

    add_remote_options(*command, o->remote);
    add_text(*command, "--until", o->until,
        "When the revocation may be forgotten: unix seconds, or so long from"
        " now (\"30d\");\nthe default is never", "TIME");
    add_subject(*command, o->words);
    command->footer(
        "A token's id ends all copies of it, and what it is upgraded to. No"
        " --until may be\nearlier than the token's own end, or it opens"
        " again.\n\n"
        "It is done when this command ends: on that host, and with Redis on"
        " the others within\na second.\n\n"
        "Examples:\n"
        "  l402ctl revoke --admin http://127.0.0.1:8080/l402/ --until 30d token"
        " $(openssl rand -hex 32)\n");
    command->callback([o, &run] { run = [o] { return revoke(*o); }; });
}

void add_unrevoke(CLI::App &app, Run &run)
{
    auto o = std::make_shared<Options>();
    auto command = app.add_subcommand("unrevoke", "Take a revocation back");

    add_remote_options(*command, o->remote);
    add_subject(*command, o->words);
    command->footer(
        "Examples:\n"
        "  umask 077; l402ctl keygen >keys; l402ctl mint --key-file keys"
        " --service weather >token\n"
        "  l402ctl revoke --admin http://127.0.0.1:8080/l402/ <token\n"
        "  l402ctl unrevoke --admin http://127.0.0.1:8080/l402/ <token\n");
    command->callback([o, &run] { run = [o] { return unrevoke(*o); }; });
}

}  // namespace l402::cli
