#include "core/bech32.h"

namespace l402 {

namespace {

constexpr size_t checksum_words = 6;

constexpr uint8_t no_word = 255;

// What is computed for each character of each invoice, computed once: the
// word of a character in either case, and what the five bits that leave the
// checksum's state do to it.
struct Tables {
    uint8_t  words[256]{};
    uint32_t feedback[32]{};

    constexpr Tables()
    {
        constexpr char charset[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
        constexpr uint32_t generator[] = {
            0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3,
        };

        for (uint8_t &word : words) {
            word = no_word;
        }

        for (uint8_t i = 0; i < 32; i++) {
            uint8_t c = static_cast<uint8_t>(charset[i]);

            words[c] = i;

            if (c >= 'a') {
                words[c & ~0x20] = i;
            }

            for (unsigned bit = 0; bit < 5; bit++) {
                feedback[i] ^= i >> bit & 1 ? generator[bit] : 0;
            }
        }
    }
};

constexpr Tables tables;

uint32_t polymod(uint32_t state, uint32_t word) noexcept
{
    return ((state & 0x1ffffff) << 5 ^ word) ^ tables.feedback[state >> 25];
}

char to_lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

}  // namespace

void append_bytes(Words words, bool pad, std::string &out)
{
    uint32_t bits = 0;
    unsigned count = 0;

    for (size_t i = 0; i < words.size; i++) {
        bits = (bits << 5 | words.data[i]) & 0xfff;
        count += 5;

        if (count >= 8) {
            count -= 8;
            out += static_cast<char>(bits >> count & 0xff);
        }
    }

    if (pad && count) {
        out += static_cast<char>(bits << (8 - count) & 0xff);
    }
}

bool decode_bech32(std::string_view text, std::string &prefix,
    std::vector<uint8_t> &words, const char *&error)
{
    bool lower = false, upper = false;

    for (char c : text) {
        if (c < '!' || c > '~') {
            error = "it has characters that bech32 has not";
            return false;
        }

        lower |= c >= 'a' && c <= 'z';
        upper |= c >= 'A' && c <= 'Z';
    }

    if (lower && upper) {
        error = "it mixes upper and lower case";
        return false;
    }

    size_t separator = text.rfind('1');

    if (separator == text.npos || separator == 0) {
        error = "it is not bech32: there is no separator";
        return false;
    }

    uint32_t state = 1;

    for (char c : text.substr(0, separator)) {
        prefix += to_lower(c);
        state = polymod(state, static_cast<uint8_t>(prefix.back()) >> 5);
    }

    state = polymod(state, 0);

    for (char c : prefix) {
        state = polymod(state, static_cast<uint8_t>(c) & 31);
    }

    words.reserve(text.size() - separator - 1);

    for (char c : text.substr(separator + 1)) {
        uint8_t word = tables.words[static_cast<uint8_t>(c)];

        if (word == no_word) {
            error = "it has characters that bech32 has not";
            return false;
        }

        words.push_back(word);
        state = polymod(state, word);
    }

    if (words.size() < checksum_words || state != 1) {
        error = "its checksum is wrong";
        return false;
    }

    words.resize(words.size() - checksum_words);
    return true;
}

}  // namespace l402
