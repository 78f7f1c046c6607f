// Base64, hex, bech32 and UTF-8: each against a slow decoder of the same text,
// and what was decoded encodes to that text again.
#include "core/bech32.h"
#include "l402/encoding.h"
#include "l402/utf8.h"

#include "../unit/make_bolt11.h"
#include "../unit/naive_verify.h"
#include "require.h"

using namespace l402;

namespace {

void check_base64(const std::string &text)
{
    // Its end is the buffer's: what is written beyond is found.
    std::vector<uint8_t> out(base64_decoded_max(text.size()));
    ptrdiff_t size = base64_decode(text, out.data());
    auto slow = naive::from_base64(text);

    require((size >= 0) == slow.has_value());
    if (slow) {
        require(*slow == std::string(out.begin(), out.begin() + size));
    }

    std::string encoded = base64_encode(text);

    require(encoded.size() == (text.size() + 2) / 3 * 4);
    require(naive::from_base64(encoded) == text);
}

void check_hex(const std::string &text)
{
    std::vector<uint8_t> out(text.size() / 2);
    bool is_hex = hex_decode(text, out.data());
    auto slow = naive::from_hex(text);

    require(is_hex == slow.has_value());
    if (slow) {
        require(*slow == std::string(out.begin(), out.end()));
    }

    std::string encoded = to_hex(
        reinterpret_cast<const uint8_t *>(text.data()), text.size());

    require(naive::from_hex(encoded) == text);
}

std::string lower(std::string text)
{
    for (char &c : text) {
        c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
    }
    return text;
}

struct Bech32 {
    std::string prefix;
    std::vector<uint8_t> words;
    bool is_good;

    explicit Bech32(const std::string &text)
    {
        const char *error = nullptr;

        is_good = decode_bech32(text, prefix, words, error);
        require(is_good || (error && *error));
    }
};

void check_bech32(const std::string &text)
{
    Bech32 read(text);

    if (read.is_good) {
        require(l402_test::bech32(read.prefix, read.words) == lower(text));

        // One changed character is always found.
        std::string changed = lower(text);

        changed.back() = changed.back() == 'q' ? 'p' : 'q';
        require(!Bech32(changed).is_good);
    }

    // As words of a text that is right.
    std::vector<uint8_t> sent;

    for (char c : text) {
        sent.push_back(uint8_t(c) & 31);
    }

    Bech32 again(l402_test::bech32("lnbc", sent));
    std::string bytes;

    require(again.is_good && again.prefix == "lnbc" && again.words == sent);
    append_bytes(Words{sent.data(), sent.size()}, false, bytes);
    require(bytes.size() == 5 * sent.size() / 8);
}

// By the numbers that the sequences stand for.
bool is_utf8_slowly(const std::string &text)
{
    for (size_t i = 0; i < text.size(); ) {
        unsigned first = uint8_t(text[i]);
        unsigned length = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0
            ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
        unsigned long value = length == 1 ? first : first & (0x7fu >> length);
        static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};

        if (length == 0 || i + length > text.size()) {
            return false;
        }
        for (unsigned k = 1; k < length; k++) {
            unsigned byte = uint8_t(text[i + k]);

            if (byte >> 6 != 2) {
                return false;
            }
            value = value << 6 | (byte & 0x3f);
        }
        if (value < least[length] || value > 0x10ffff
            || (value >= 0xd800 && value <= 0xdfff))
        {
            return false;
        }
        i += length;
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string text(reinterpret_cast<const char *>(data), size);

    check_base64(text);
    check_hex(text);
    check_bech32(text);
    require(is_utf8(text) == is_utf8_slowly(text));
    return 0;
}
