#include "l402/redis_link.h"

#include <hiredis/hiredis.h>

#include <new>
#include <vector>

namespace l402 {

std::string redis_command(std::initializer_list<std::string_view> arguments)
{
    std::vector<const char *> texts;
    std::vector<size_t> sizes;
    char *command = nullptr;

    for (std::string_view argument : arguments) {
        texts.push_back(argument.data());
        sizes.push_back(argument.size());
    }

    int n = redisFormatCommandArgv(&command, static_cast<int>(texts.size()),
        texts.data(), sizes.data());

    if (n < 0) {
        throw std::bad_alloc();
    }

    std::string out;

    try {
        out.assign(command, static_cast<size_t>(n));

    } catch (...) {
        redisFreeCommand(command);
        throw;
    }

    redisFreeCommand(command);
    return out;
}

}  // namespace l402
