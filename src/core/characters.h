// Letters, digits and a few others: a set that is made at compile time.
#pragma once

#include <cstdint>
#include <string_view>

namespace l402 {

struct Characters {
    bool in[256];

    constexpr explicit Characters(std::string_view others) : in{}
    {
        for (char c :
            std::string_view("abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
        {
            in[static_cast<uint8_t>(c)] = true;
        }

        for (char c : others) {
            in[static_cast<uint8_t>(c)] = true;
        }
    }

    constexpr bool has(char c) const noexcept
    {
        return in[static_cast<uint8_t>(c)];
    }
};

}  // namespace l402
