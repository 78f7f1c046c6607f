#include "invoice/secret.h"

#include <algorithm>

namespace l402 {

namespace {

constexpr size_t max_secret = 8192;  // bytes; a rune may be long

bool is_control(char c)
{
    return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
}

}  // namespace

bool read_secret(std::string_view file, const char *what, std::string &secret,
    std::string &error)
{
    constexpr std::string_view spaces = " \t\r\n";
    size_t first = file.find_first_not_of(spaces);

    if (first == file.npos) {
        error = std::string("is empty: ") + what + " is right";
        return false;
    }

    if (file.size() > max_secret) {
        error = std::string("has more than 8192 bytes: ") + what + " is right";
        return false;
    }

    std::string_view line = file.substr(first,
        file.find_last_not_of(spaces) - first + 1);

    if (std::any_of(line.begin(), line.end(), is_control)) {
        error = std::string("is not one line of text: ") + what + " is right";
        return false;
    }

    secret = line;
    return true;
}

}  // namespace l402
