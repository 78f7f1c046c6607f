// Text that can stand between quotes as it is, in JSON and in a header field.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace l402 {

// Visible ASCII but for quote and backslash: no space, either. Sixteen bytes
// at a time: a challenge is a kilobyte of such text.
inline bool is_plain(std::string_view text) noexcept
{
    typedef uint8_t Bytes __attribute__((vector_size(16)));
    typedef uint64_t Halves __attribute__((vector_size(16)));

    auto special = [](Bytes v) {
        return reinterpret_cast<Halves>((v <= ' ') | (v >= 0x7f) | (v == '"')
                                        | (v == '\\'));
    };

    Halves found{};
    Bytes v;

    for ( /* void */ ; text.size() >= sizeof(v); text.remove_prefix(sizeof(v)))
    {
        std::memcpy(&v, text.data(), sizeof(v));
        found |= special(v);
    }

    std::memset(&v, 'x', sizeof(v));

    if (!text.empty()) {
        std::memcpy(&v, text.data(), text.size());
    }

    found |= special(v);
    return (found[0] | found[1]) == 0;
}

}  // namespace l402
