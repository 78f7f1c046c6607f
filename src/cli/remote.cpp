#include "remote.h"

#include "l402/encoding.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <sys/stat.h>

namespace l402::cli {

namespace {

// Of the options that only one of the two has.
void refuse_with(const Text &value, const char *name, const char *other)
{
    if (value) {
        throw Failure(std::string(name) + " goes with " + other);
    }
}

}  // namespace

void add_remote_options(CLI::App &command, RemoteOptions &o)
{
    add_text(command, "--admin", o.admin,
        "A location with l402_admin: \"http://127.0.0.1:8080/l402/\","
        " \"https://...\", or\n\"http://unix:/run/l402.sock:/l402/\"");
    add_text(command, "--user-file", o.user_file,
        "\"user:password\" for its auth_basic, the first line of this file");
    add_text(command, "--ca-file", o.ca_file,
        "Certificates that sign its own, in PEM");
    add_text(command, "--redis", o.redis,
        "Redis itself, as l402_redis names it: \"redis://host:6379\","
        " \"unix:/path\",\n\"sentinel://host,host/name\"");
    add_text(command, "--username", o.username, "Redis's ACL user");
    add_text(command, "--password-file", o.password_file,
        "Redis's password, the first line of this file");
    add_text(command, "--prefix", o.prefix,
        "As in l402_redis; the default is \"l402:\"");
}

std::unique_ptr<Remote> connect(const RemoteOptions &o)
{
    if (o.admin.has_value() == o.redis.has_value()) {
        throw Failure("name one of --admin and --redis");
    }

    if (o.admin) {
        refuse_with(o.username, "--username", "--redis");
        refuse_with(o.password_file, "--password-file", "--redis");
        refuse_with(o.prefix, "--prefix", "--redis");
        return connect_admin(o);
    }

    refuse_with(o.user_file, "--user-file", "--admin");
    refuse_with(o.ca_file, "--ca-file", "--admin");
    return connect_redis(o);
}

std::string read_secret_line(const std::string &path)
{
    struct stat   info;
    std::ifstream file(path, std::ios::binary);
    std::string   line;

    if (!file || stat(path.c_str(), &info) != 0) {
        throw Failure(path + ": " + std::strerror(errno));
    }

    if (info.st_mode & (S_IROTH | S_IWOTH)) {
        throw Failure(path + ": can be read or written by others; run: chmod"
            " 600 " + path);
    }

    std::getline(file, line);

    if (!line.empty() && line.back() == '\r') {
        line.pop_back();
    }
    if (line.empty()) {
        throw Failure(path + ": the first line is empty");
    }

    return line;
}

void add_subject(CLI::App &command, std::vector<std::string> &words)
{
    add_texts(command, "WHAT", words,
        "\"token <hex>\", a token's id; \"payment <hex>\", a payment's hash; or"
        " a token as\ninspect takes it, which stands for its id; \"-\" (the"
        " default) reads one from stdin")
        ->expected(0, 2)
        ->allow_extra_args();
}

Revocation read_subject(const std::vector<std::string> &words)
{
    Revocation revocation;

    if (words.size() == 2) {
        if (words[0] != "token" && words[0] != "payment") {
            throw Failure("\"" + printable(words[0]) + "\": write \"token\" or"
                " \"payment\" before an id");
        }

        revocation.subject = words[0] == "token" ? Subject::token
                                                 : Subject::payment;
        revocation.id = parse_hash(words[1], words[0].c_str());
        return revocation;
    }

    if (words.size() > 2) {
        throw Failure("\"" + printable(words[2]) + "\" is one word too many");
    }

    Presented presented = read_presented(
        read_argument(words.empty() ? "-" : words[0]));

    if (presented.tokens.size() != 1) {
        throw Failure(presented.tokens.empty()
                ? no_token : "several tokens: give one at a time");
    }

    std::string bytes;
    Macaroon    macaroon;
    Identifier  identifier;

    try {
        decode_token(presented.tokens[0], bytes, macaroon);
    } catch (const Refusal &e) {
        throw Failure(e.what());
    }

    if (!parse_identifier(macaroon.identifier.view(), identifier)) {
        throw Failure("not a token of an L402 gate: it has no token id");
    }

    std::memcpy(revocation.id.data(), identifier.token_id, 32);
    return revocation;
}

std::string in_words(const Revocation &revocation)
{
    return (revocation.subject == Subject::token ? "token " : "payment ")
        + to_hex(revocation.id);
}

Json as_json(const Revocation &revocation)
{
    const char *name = revocation.subject == Subject::token ? "token_id"
                                                            : "payment_hash";

    return {{name, to_hex(revocation.id)},
        {"until", revocation.until ? Json(revocation.until) : Json(nullptr)}};
}

}  // namespace l402::cli
