#include "l402/encoding.h"

#include "base64_avx2.h"

#include <cstring>

namespace l402 {

namespace {

constexpr uint16_t no_digit = 0xff00;
constexpr uint32_t no_letter = 0xff000000;

constexpr char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Digits and letters stand ready shifted for each place in their group: ORs
// make the bytes, and any bit above them is a letter that is none.
struct Tables {
    uint16_t hex[2][256];
    uint32_t base64[4][256];
};

constexpr void set_letter(Tables &t, char letter, uint32_t value)
{
    for (int place = 0; place < 4; place++) {
        t.base64[place][static_cast<uint8_t>(letter)] =
            value << (18 - 6 * place);
    }
}

constexpr void set_digit(Tables &t, int digit, int value)
{
    t.hex[0][digit] = static_cast<uint16_t>(value << 4);
    t.hex[1][digit] = static_cast<uint16_t>(value);
}

constexpr Tables make_tables()
{
    Tables t{};

    for (int i = 0; i < 256; i++) {
        t.hex[0][i] = t.hex[1][i] = no_digit;

        for (int place = 0; place < 4; place++) {
            t.base64[place][i] = no_letter;
        }
    }

    for (uint32_t i = 0; i < 64; i++) {
        set_letter(t, base64_alphabet[i], i);
    }

    set_letter(t, '-', 62);
    set_letter(t, '_', 63);

    for (int i = 0; i < 10; i++) {
        set_digit(t, '0' + i, i);
    }

    for (int i = 0; i < 6; i++) {
        set_digit(t, 'a' + i, 10 + i);
        set_digit(t, 'A' + i, 10 + i);
    }

    return t;
}

constexpr Tables tables = make_tables();

// Writes four bytes, of which the last is no part of the group.
inline void store_group(uint8_t *out, uint32_t group)
{
    group = __builtin_bswap32(group << 8);
    std::memcpy(out, &group, 4);
}

typedef uint8_t  Digits __attribute__((vector_size(16)));
typedef uint16_t Pairs __attribute__((vector_size(16)));
typedef uint8_t  Octets __attribute__((vector_size(8)));

// Sixteen digits; ORs into `wrong` what is none.
inline void decode_digits(const uint8_t *in, uint8_t *out, Digits &wrong)
{
    Digits text;

    std::memcpy(&text, in, sizeof(text));

    Digits number = text - '0', letter = (text | 0x20) - 'a';
    auto is_number = reinterpret_cast<Digits>(number < 10);
    auto is_letter = reinterpret_cast<Digits>(letter < 6);
    auto pairs = reinterpret_cast<Pairs>((number & is_number)
                                         | ((letter + 10) & is_letter));

    wrong |= ~(is_number | is_letter);

    Octets bytes = __builtin_convertvector((pairs << 4 | pairs >> 8) & 0xff,
        Octets);

    std::memcpy(out, &bytes, sizeof(bytes));
}

inline bool is_zero(Digits digits)
{
    uint64_t halves[2];

    std::memcpy(halves, &digits, sizeof(halves));
    return (halves[0] | halves[1]) == 0;
}

}  // namespace

bool hex_decode(std::string_view in, uint8_t *out) noexcept
{
    if (in.size() % 2) {
        return false;
    }

    auto p = reinterpret_cast<const uint8_t *>(in.data());
    auto end = p + in.size();
    unsigned seen = 0;
    Digits wrong{};

    for ( /* void */ ; end - p >= 16; p += 16, out += 8) {
        decode_digits(p, out, wrong);
    }

    for ( /* void */ ; p < end; p += 2) {
        unsigned byte = tables.hex[0][p[0]] | tables.hex[1][p[1]];

        seen |= byte;
        *out++ = static_cast<uint8_t>(byte);
    }

    return (seen & no_digit) == 0 && is_zero(wrong);
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
    uint32_t seen = 0;
    const auto &t = tables.base64;

    if (!base64_decode_blocks(p, end, out)) {
        return -1;
    }

    for ( /* void */ ; p < end; p += 4, out += 3) {
        uint32_t group = t[0][p[0]] | t[1][p[1]] | t[2][p[2]] | t[3][p[3]];

        seen |= group;
        store_group(out, group);
    }

    size_t rest = in.size() % 4;

    if (rest == 1) {
        return -1;
    }

    if (rest) {
        uint32_t group = t[0][p[0]] | t[1][p[1]]
                         | (rest == 3 ? t[2][p[2]] : 0);

        // One byte string, one text: bits that say nothing must be zero.
        if (group & (rest == 2 ? 0xffff : 0xff)) {
            return -1;
        }

        seen |= group;
        *out++ = static_cast<uint8_t>(group >> 16);

        if (rest == 3) {
            *out++ = static_cast<uint8_t>(group >> 8);
        }
    }

    return seen & no_letter ? -1 : out - start;
}

std::string base64_encode(std::string_view in)
{
    std::string text((in.size() + 2) / 3 * 4, '=');
    auto data = reinterpret_cast<const uint8_t *>(in.data());
    char *out = text.data();
    size_t left = in.size();

    for ( /* void */ ; left >= 3; left -= 3, data += 3, out += 4) {
        unsigned group = data[0] << 16 | data[1] << 8 | data[2];

        out[0] = base64_alphabet[group >> 18];
        out[1] = base64_alphabet[group >> 12 & 63];
        out[2] = base64_alphabet[group >> 6 & 63];
        out[3] = base64_alphabet[group & 63];
    }

    if (left) {
        unsigned group = data[0] << 16 | (left == 2 ? data[1] << 8 : 0);

        out[0] = base64_alphabet[group >> 18];
        out[1] = base64_alphabet[group >> 12 & 63];

        if (left == 2) {
            out[2] = base64_alphabet[group >> 6 & 63];
        }
    }

    return text;
}

}  // namespace l402
