#include "cli.h"

#include "l402/encoding.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <iostream>
#include <iterator>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace l402::cli {

namespace {

constexpr size_t  max_input = 1 << 20;
constexpr size_t  max_key_file = 64 * 1024;
constexpr int64_t max_time = 999999999999;  // the year 33658
constexpr int64_t max_duration = max_time / 2;

struct Descriptor {
    int fd;

    ~Descriptor()
    {
        if (fd >= 0) {
            close(fd);
        }
    }
};

Failure file_failure(const std::string &path)
{
    return Failure(path + ": " + std::strerror(errno));
}

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

}  // namespace

std::string read_argument(const std::string &argument)
{
    std::string text = argument;

    if (argument == "-") {
        text.assign(std::istreambuf_iterator<char>(std::cin), {});
    }

    if (text.size() > max_input) {
        throw Failure("more than 1 MB of input");
    }

    size_t first = text.find_first_not_of(" \t\r\n");
    size_t last = text.find_last_not_of(" \t\r\n");

    return first == text.npos ? "" : text.substr(first, last - first + 1);
}

void load_keys(const std::string &path, Keyring &keys)
{
    Descriptor  file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat info;

    if (file.fd < 0 || fstat(file.fd, &info) != 0) {
        throw file_failure(path);
    }

    if (info.st_mode & (S_IROTH | S_IWOTH)) {
        throw Failure(path + ": can be read or written by others; run: chmod"
            " 600 " + path);
    }

    std::string text(max_key_file + 1, '\0');
    size_t      size = 0;
    ssize_t     n;

    while ((n = read(file.fd, &text[size], text.size() - size)) > 0) {
        size += size_t(n);
    }

    std::string error;
    bool        good = false;

    if (n < 0) {
        error = std::strerror(errno);
    } else if (size > max_key_file) {
        error = "more than 64 kB: not a key file";
    } else {
        good = keys.parse(std::string_view(text).substr(0, size), error);
    }

    wipe(&text[0], text.size());

    if (!good) {
        throw Failure(path + ": " + error);
    }
}

Service parse_service(const std::string &text)
{
    size_t  colon = text.find(':');
    Service service{text.substr(0, colon), 0};

    bool good = !service.name.empty() && service.name.size() <= 64
        && service.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == text.npos
        && service.name != "on" && service.name != "off";

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

int64_t parse_duration(const std::string &text)
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
        throw Failure("--valid-for \"" + printable(text) + "\": write \"1h\","
            " \"30m\", \"1d12h\" or seconds");
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

int64_t unix_now()
{
    return int64_t(std::time(nullptr));
}

bool take_field_name(std::string_view &line, std::string_view name)
{
    if (line.size() <= name.size() || line[name.size()] != ':') {
        return false;
    }

    for (size_t i = 0; i < name.size(); i++) {
        char c = line[i];
        char d = name[i];

        if ((c >= 'A' && c <= 'Z' ? c + 32 : c)
            != (d >= 'A' && d <= 'Z' ? d + 32 : d))
        {
            return false;
        }
    }

    line.remove_prefix(name.size() + 1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    return true;
}

}  // namespace l402::cli
