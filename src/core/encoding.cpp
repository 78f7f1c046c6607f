#include "l402/encoding.h"

namespace l402 {

namespace {

constexpr uint8_t none = 0xff;

struct Tables {
    uint8_t hex[256];
    uint8_t base64[256];
};

constexpr char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr Tables make_tables()
{
    Tables t{};

    for (int i = 0; i < 256; i++) {
        t.hex[i] = t.base64[i] = none;
    }

    for (int i = 0; i < 64; i++) {
        t.base64[static_cast<uint8_t>(base64_alphabet[i])] =
            static_cast<uint8_t>(i);
    }

    t.base64[static_cast<uint8_t>('-')] = 62;
    t.base64[static_cast<uint8_t>('_')] = 63;

    for (int i = 0; i < 10; i++) {
        t.hex['0' + i] = static_cast<uint8_t>(i);
    }

    for (int i = 0; i < 6; i++) {
        t.hex['a' + i] = t.hex['A' + i] = static_cast<uint8_t>(10 + i);
    }

    return t;
}

constexpr Tables tables = make_tables();

}  // namespace

bool hex_decode(std::string_view in, uint8_t *out) noexcept
{
    if (in.size() % 2) {
        return false;
    }

    auto p = reinterpret_cast<const uint8_t *>(in.data());
    unsigned bad = 0;

    for (size_t i = 0; i < in.size(); i += 2) {
        unsigned high = tables.hex[p[i]], low = tables.hex[p[i + 1]];

        bad |= high | low;
        *out++ = static_cast<uint8_t>(high << 4 | low);
    }

    return (bad & 0xf0) == 0;
}

void hex_encode(const uint8_t *in, size_t size, char *out) noexcept
{
    static constexpr char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 15];
    }
}

std::string to_hex(const uint8_t *in, size_t size)
{
    std::string out(2 * size, '\0');

    hex_encode(in, size, out.data());
    return out;
}

ptrdiff_t base64_decode(std::string_view in, uint8_t *out) noexcept
{
    // Padding, where there is any, fills the last group up.
    if (in.size() % 4 == 0 && !in.empty()) {
        for (int i = 0; i < 2 && in.back() == '='; i++) {
            in.remove_suffix(1);
        }
    }

    auto p = reinterpret_cast<const uint8_t *>(in.data());
    auto end = p + in.size() / 4 * 4;
    uint8_t *start = out;
    unsigned bad = 0;

    for ( /* void */ ; p < end; p += 4) {
        unsigned a = tables.base64[p[0]], b = tables.base64[p[1]],
                 c = tables.base64[p[2]], d = tables.base64[p[3]];
        unsigned group = a << 18 | b << 12 | c << 6 | d;

        bad |= a | b | c | d;
        *out++ = static_cast<uint8_t>(group >> 16);
        *out++ = static_cast<uint8_t>(group >> 8);
        *out++ = static_cast<uint8_t>(group);
    }

    size_t rest = in.size() % 4;

    if (rest == 1) {
        return -1;
    }

    if (rest) {
        unsigned a = tables.base64[p[0]], b = tables.base64[p[1]],
                 c = rest == 3 ? tables.base64[p[2]] : 0;

        bad |= a | b | c;

        // One byte string, one text: bits that say nothing must be zero.
        if (rest == 2 ? b & 15 : c & 3) {
            return -1;
        }

        *out++ = static_cast<uint8_t>(a << 2 | b >> 4);

        if (rest == 3) {
            *out++ = static_cast<uint8_t>(b << 4 | c >> 2);
        }
    }

    return bad & 0xc0 ? -1 : out - start;
}

std::string base64_encode(std::string_view in)
{
    std::string out;
    size_t i = 0;

    out.reserve((in.size() + 2) / 3 * 4);

    auto byte = [&](size_t at) -> unsigned {
        return at < in.size() ? static_cast<uint8_t>(in[at]) : 0;
    };

    for ( /* void */ ; i < in.size(); i += 3) {
        unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);

        out += base64_alphabet[group >> 18];
        out += base64_alphabet[group >> 12 & 63];
        out += i + 1 < in.size() ? base64_alphabet[group >> 6 & 63] : '=';
        out += i + 2 < in.size() ? base64_alphabet[group & 63] : '=';
    }

    return out;
}

}  // namespace l402
