// Where revocations and counts are: an nginx with l402_admin, or the Redis
// that several share.
#pragma once

#include "cli.h"

#include "l402/ledger.h"

#include <memory>

#include <nlohmann/json.hpp>

namespace l402::cli {

using Json = nlohmann::ordered_json;

// Whatever cannot be had of it is a Failure, or a Refusal where it says no.
class Remote {
public:
    virtual ~Remote() = default;

    // False: it stood, and has this `until` now.
    virtual bool revoke(const Revocation &revocation) = 0;
    // False: it was not there.
    virtual bool unrevoke(const Revocation &revocation) = 0;
    virtual void list(
        const std::function<void(const Revocation &)> &each) = 0;
    // As GET .../payments/<hash> has it; null where nothing is known of it.
    virtual Json payment(const Hash &hash) = 0;
};

struct RemoteOptions {
    Text        admin;
    Text        user_file;
    Text        ca_file;
    Text        redis;
    Text        username;
    Text        password_file;
    Text        prefix;
};

void add_remote_options(CLI::App &command, RemoteOptions &options);
std::unique_ptr<Remote> connect(const RemoteOptions &options);

// remote_admin.cpp, remote_redis.cpp
std::unique_ptr<Remote> connect_admin(const RemoteOptions &options);
std::unique_ptr<Remote> connect_redis(const RemoteOptions &options);

// The first line of a file that others may not read.
std::string read_secret_line(const std::string &path);

// ---- what is meant ----

// "token <hex>", "payment <hex>", or a whole token, which stands for its id;
// none or "-" reads that from stdin.
void add_subject(CLI::App &command, std::vector<std::string> &words);
Revocation read_subject(const std::vector<std::string> &words);

std::string in_words(const Revocation &revocation);  // "token 00..."
Json as_json(const Revocation &revocation);

}  // namespace l402::cli
