#include "cli.h"

#include <cstdio>
#include <ctime>

namespace l402::cli {

std::string printable(std::string_view bytes)
{
    std::string out;

    for (unsigned char c : bytes) {
        if (c >= 0x20 && c < 0x7f && c != '\\') {
            out += char(c);
        } else {
            char hex[8];
            std::snprintf(hex, sizeof(hex), "\\x%02x", c);
            out += hex;
        }
    }

    return out;
}

std::string utc(int64_t seconds)
{
    time_t t = time_t(seconds);
    tm     parts;
    char   text[48];

    if (gmtime_r(&t, &parts) == nullptr
        || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
    {
        return std::to_string(seconds);
    }

    return text;
}

}  // namespace l402::cli
