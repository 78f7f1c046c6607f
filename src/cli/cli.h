// l402ctl: what an operator does with keys and tokens by hand. Everything
// that decides is in the core; here are words, files and exit codes.
#pragma once

#include "l402/keyring.h"
#include "l402/types.h"

#include <CLI/CLI.hpp>

#include <functional>
#include <stdexcept>

namespace l402::cli {

// Exit codes, documented in --help.
inline constexpr int exit_ok = 0;
inline constexpr int exit_refused = 1;  // read, and the answer is no
inline constexpr int exit_usage = 2;    // a wrong option, a file, the system

// Ends the command with exit_usage and this text on stderr.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Each adds its subcommand to `app`; what is to be run is left in `run`.
using Run = std::function<int()>;
void add_keygen(CLI::App &app, Run &run);
void add_inspect(CLI::App &app, Run &run);
void add_mint(CLI::App &app, Run &run);
void add_verify(CLI::App &app, Run &run);

// ---- input.cpp ----

// The argument itself, or all of stdin for "-"; white space around it is cut.
std::string read_argument(const std::string &argument);

// Refuses a file that others may read, as the module does. No message holds
// a byte of the file.
void load_keys(const std::string &path, Keyring &keys);

struct Service {
    std::string name;
    uint8_t     tier = 0;
};

Service parse_service(const std::string &text);   // "weather:2"
int64_t parse_duration(const std::string &text);  // "1h30m", "90", seconds
int64_t parse_time(const std::string &text, const char *option);
Hash    parse_hash(const std::string &text, const char *option);
int64_t unix_now();

// "Name: value" without the name, where it is `name` in any case.
bool take_field_name(std::string_view &line, std::string_view name);

// ---- output.cpp ----

// For a terminal: bytes that are not printable ASCII become \xNN.
std::string printable(std::string_view bytes);
std::string utc(int64_t seconds);  // "2026-01-31 12:00:00 UTC"

}  // namespace l402::cli
