#include "cli.h"

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

constexpr size_t max_input = 1 << 20;
constexpr size_t max_key_file = 64 * 1024;

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
