#include "cli.h"

#include "core/caveats.h"
#include "l402/encoding.h"
#include "l402/price.h"

#include <arpa/inet.h>

namespace l402::cli {

namespace {

constexpr int64_t max_time = 999999999999;  // the year 33658
constexpr int64_t max_duration = max_time / 2;

// Whole numbers, no sign, no space; -1 where the text is anything else.
int64_t parse_whole(std::string_view text, int64_t max)
{
    int64_t n = 0;

    if (text.empty()) {
        return -1;
    }

    for (char c : text) {
        if (c < '0' || c > '9' || n > (max - (c - '0')) / 10) {
            return -1;
        }
        n = n * 10 + (c - '0');
    }

    return n;
}

int64_t seconds_of(char unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 7 * 86400;
    default:
        return 0;
    }
}

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? char(c + 32) : c;
}

char upper(char c)
{
    return c >= 'a' && c <= 'z' ? char(c - 32) : c;
}

Failure bad_value(const char *option, const std::string &text,
    const char *hint)
{
    return Failure(std::string(option) + " \"" + printable(text) + "\": "
        + hint);
}

}  // namespace

// CLI11's own conversions take "{}" and "[a,b]" apart.
CLI::Option *add_text(CLI::App &command, const char *name, Text &value,
    const char *description, const char *type)
{
    auto take = [&value](const CLI::results_t &results) {
        value = results.at(0);
        return true;
    };

    return command.add_option(name, CLI::callback_t(take), description)
        ->type_name(type);
}

CLI::Option *add_texts(CLI::App &command, const char *name,
    std::vector<std::string> &values, const char *description,
    const char *type)
{
    auto take = [&values](const CLI::results_t &results) {
        values = results;
        return true;
    };

    return command.add_option(name, CLI::callback_t(take), description)
        ->type_name(type)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

Service parse_service(const std::string &text)
{
    size_t  colon = text.find(':');
    Service service{text.substr(0, colon), 0};

    bool good = is_service_name(service.name) && service.name != "on"
        && service.name != "off";

    if (!good) {
        throw Failure("--service \"" + printable(text) + "\": a name is 1 to"
            " 64 letters, digits, \"_\" and \"-\", and not \"on\" or \"off\"");
    }

    if (colon != text.npos) {
        int64_t tier = parse_whole(text.substr(colon + 1), 255);

        if (tier < 0) {
            throw Failure("--service \"" + printable(text)
                + "\": a tier is 0 to 255");
        }
        service.tier = uint8_t(tier);
    }

    return service;
}

int64_t parse_duration(const std::string &text, const char *option)
{
    std::string_view rest = text;
    int64_t          total = 0;

    while (!rest.empty()) {
        size_t  digits = rest.find_first_not_of("0123456789");
        int64_t n = parse_whole(rest.substr(0, digits), max_duration);
        int64_t unit = digits == rest.npos ? 1 : seconds_of(rest[digits]);

        if (n < 0 || unit == 0 || n > (max_duration - total) / unit) {
            total = 0;
            break;
        }

        total += n * unit;
        rest.remove_prefix(digits == rest.npos ? rest.size() : digits + 1);
    }

    if (total <= 0) {
        throw bad_value(option, text, "write \"1h\", \"30m\", \"1d12h\" or"
            " seconds");
    }

    return total;
}

int64_t parse_time(const std::string &text, const char *option)
{
    int64_t n = parse_whole(text, max_time);

    if (n < 0) {
        throw Failure(std::string(option) + " \"" + printable(text)
            + "\": unix seconds, a whole number");
    }

    return n;
}

Hash parse_hash(const std::string &text, const char *option)
{
    Hash hash;

    if (text.size() != 64 || !hex_decode(text, hash.data())) {
        throw Failure(std::string(option) + ": needs 64 hex digits");
    }

    return hash;
}

Number parse_constraint(const std::string &text, const Service &service)
{
    std::string_view condition, value;
    Number           number;

    if (!split_caveat(text, condition, value) || !is_service_name(condition)
        || !parse_number(value, number.value))
    {
        throw bad_value("--constraint", text, "write condition=number, as in"
            " \"upload_max_bytes=1000\"");
    }

    if (is_reserved_condition(condition, service.name)) {
        throw bad_value("--constraint", text, "this condition has a meaning of"
            " its own");
    }

    number.condition = condition;
    return number;
}

uint64_t parse_uses(const std::string &text, uint64_t least)
{
    int64_t n = parse_whole(text, max_number);

    if (n < 0 || uint64_t(n) < least) {
        throw bad_value("--uses", text, "a whole number of requests, with at"
            " most 18 digits");
    }

    return uint64_t(n);
}

uint64_t parse_balance(const std::string &text, uint64_t least)
{
    uint64_t msat = 0;

    if (!parse_amount(text, msat) || msat < least
        || msat > uint64_t(max_number))
    {
        throw bad_value("--balance", text, "an amount, as in \"10sat\" or"
            " \"1500msat\" (whole numbers, at most 18 digits of msat)");
    }

    return msat;
}

std::string parse_address(const std::string &text, const char *option)
{
    char bytes[16];

    if (text == "unix:") {
        return "";
    }

    if (inet_pton(AF_INET, text.c_str(), bytes) == 1) {
        return std::string(bytes, 4);
    }
    if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) {
        return std::string(bytes, 16);
    }

    throw bad_value(option, text, "an IPv4 or IPv6 address, or \"unix:\"");
}

std::string parse_host(std::string text, const char *option)
{
    if (text.empty()) {
        throw bad_value(option, text, "a host is not empty");
    }
    for (char &c : text) {
        c = lower(c);
    }
    return text;
}

std::string parse_path(const std::string &text, const char *option)
{
    if (text.empty() || text[0] != '/') {
        throw bad_value(option, text, "a path begins with \"/\"");
    }
    return text;
}

std::string parse_method(std::string text, const char *option)
{
    if (text.empty()) {
        throw bad_value(option, text, "a method is not empty");
    }
    for (char &c : text) {
        c = upper(c);
    }
    return text;
}

}  // namespace l402::cli
