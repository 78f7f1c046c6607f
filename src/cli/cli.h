// l402ctl: what an operator does with keys and tokens by hand. Everything
// that decides is in the core; here are words, files and exit codes.
#pragma once

#include "l402/keyring.h"
#include "l402/macaroon.h"
#include "l402/types.h"

#include <CLI/CLI.hpp>

#include <functional>
#include <optional>
#include <stdexcept>
#include <vector>

namespace l402::cli {

// Exit codes, documented in --help.
inline constexpr int exit_ok = 0;
inline constexpr int exit_refused = 1;  // read, and the answer is no
inline constexpr int exit_usage = 2;    // a wrong option, a file, the system

// Ends the command with exit_usage and this text on stderr.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The same with exit_refused.
struct Refusal : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Each adds its subcommand to `app`; what is to be run is left in `run`.
using Run = std::function<int()>;
void add_keygen(CLI::App &app, Run &run);
void add_inspect(CLI::App &app, Run &run);
void add_mint(CLI::App &app, Run &run);
void add_verify(CLI::App &app, Run &run);
void add_attenuate(CLI::App &app, Run &run);
void add_revoke(CLI::App &app, Run &run);
void add_unrevoke(CLI::App &app, Run &run);
void add_revocations(CLI::App &app, Run &run);
void add_payment(CLI::App &app, Run &run);

// ---- options.cpp ----

// A value that may be empty, which is something else than no value.
using Text = std::optional<std::string>;
CLI::Option *add_text(CLI::App &command, const char *name, Text &value,
    const char *description, const char *type = "TEXT");
// One that may be repeated.
CLI::Option *add_texts(CLI::App &command, const char *name,
    std::vector<std::string> &values, const char *description,
    const char *type = "TEXT");

struct Service {
    std::string name;
    uint8_t     tier = 0;
};

struct Number {
    std::string condition;
    int64_t     value = 0;
};

Service parse_service(const std::string &text);   // "weather:2"
int64_t parse_duration(const std::string &text,   // "1h30m", "90", seconds
    const char *option = "--valid-for");
int64_t parse_time(const std::string &text, const char *option);
Hash    parse_hash(const std::string &text, const char *option);
// "upload_max_bytes=5", for that service
Number  parse_constraint(const std::string &text, const Service &service);
// "10", from `least` on, and "10sat": as many as a caveat can say
uint64_t parse_uses(const std::string &text, uint64_t least);
uint64_t parse_balance(const std::string &text, uint64_t least);
// 4 or 16 bytes; none for "unix:"
std::string parse_address(const std::string &text, const char *option);
// What a request has: hosts in lower case, methods in upper case.
std::string parse_host(std::string text, const char *option);
std::string parse_path(const std::string &text, const char *option);
std::string parse_method(std::string text, const char *option);

// ---- input.cpp ----

// The argument itself, or all of stdin for "-"; white space around it is cut.
std::string read_argument(const std::string &argument);

// Refuses a file that others may read, as the module does. No message holds
// a byte of the file.
void load_keys(const std::string &path, Keyring &keys);

int64_t unix_now();

// "Name: value" without the name, where it is `name` in any case.
bool take_field_name(std::string_view &line, std::string_view name);

// ---- token.cpp ----

// Macaroons as they stand in a text, and what stands around them.
struct Presented {
    enum class Shape : uint8_t {
        macaroon,    // alone
        pair,        // <macaroon>:<preimage>
        credential,  // L402 <macaroon>:<preimage>
        challenge,   // of a WWW-Authenticate field
    };

    Shape                    shape = Shape::macaroon;
    std::string              field;  // "Authorization": a header line
    std::vector<std::string> tokens;    // base64 or hex; none: unreadable
    std::string              preimage;  // hex, where there was one
    std::string              invoice;   // of a challenge
};

inline constexpr const char *no_token = "no macaroon can be read out of it";

Presented read_presented(std::string_view text);

// `macaroon` points into `bytes`. Throws Refusal.
void decode_token(const std::string &token, std::string &bytes,
    Macaroon &macaroon);

// The value of the last caveat of that condition; null where there is none.
std::optional<std::string> last_value(const Slice *caveats, size_t count,
    std::string_view condition);
std::vector<std::string> split_list(std::string_view list);

// ---- words.cpp ----

// What a caveat says, for people; printable.
std::string in_words(std::string_view caveat);
// What a condition's value looks like; for messages.
std::string expected_value(std::string_view condition);

// ---- output.cpp ----

// For a terminal: bytes that are not printable ASCII become \xNN.
std::string printable(std::string_view bytes);
std::string utc(int64_t seconds);  // "2026-01-31 12:00:00 UTC"

}  // namespace l402::cli
