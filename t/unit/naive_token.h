// Hex, base64 and both versions of macaroons, read slowly and apart from src/.
#pragma once

#include "naive_values.h"

namespace naive {

// ---- texts ----

inline std::optional<std::string> from_hex(const std::string &text)
{
    std::string out;

    if (text.size() % 2
        || !only(text, "0123456789abcdefABCDEF"))
    {
        return {};
    }
    for (size_t i = 0; i < text.size(); i += 2) {
        out += char(std::stoul(text.substr(i, 2), nullptr, 16));
    }
    return out;
}

inline std::optional<std::string> from_base64(std::string text)
{
    static const std::string letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    size_t      bits = 0, count = 0;

    for (int pads = 0; pads < 2 && text.size() && text.back() == '='
         && (text.size() + size_t(pads)) % 4 == 0; pads++) {
        text.pop_back();
    }
    for (char c : text) {
        size_t value = letters.find(c == '-' ? '+' : c == '_' ? '/' : c);

        if (value == letters.npos) {
            return {};
        }
        bits = bits << 6 | value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += char(bits >> count);
            bits &= (1U << count) - 1;
        }
    }
    if (count >= 6 || bits != 0) {
        return {};
    }
    return out;
}

// ---- macaroons ----

struct Token {
    std::string location, identifier, signature;
    Texts       caveats;
    bool        third_party = false;
};

struct Cursor {
    const std::string &bytes;
    size_t             at;

    bool done() const { return at >= bytes.size(); }
    int  next() const { return done() ? -1 : uint8_t(bytes[at]); }

    std::optional<std::string> take(size_t size)
    {
        if (size > bytes.size() - at) {
            return {};
        }
        at += size;
        return bytes.substr(at - size, size);
    }

    // Type, length of up to three bytes in its shortest form, value.
    std::optional<std::string> field(int type)
    {
        size_t size = 0;

        if (next() != type) {
            return {};
        }
        at++;
        for (unsigned shift = 0; shift < 21; shift += 7) {
            int byte = next();

            if (byte < 0 || (byte == 0 && shift > 0)) {
                return {};
            }
            at++;
            size |= size_t(byte & 0x7f) << shift;
            if (byte < 0x80) {
                return take(size);
            }
        }
        return {};
    }
};

inline std::optional<Token> read_v2(const std::string &bytes)
{
    Cursor in{bytes, 1};
    Token  out;
    std::optional<std::string> field;

    auto end = [&] { return in.next() == 0 && (in.at++, true); };

    if (in.next() == 1) {
        if (!(field = in.field(1))) {
            return {};
        }
        out.location = *field;
    }
    if (!(field = in.field(2)) || !end()) {
        return {};
    }
    out.identifier = *field;
    while (in.next() != 0) {
        if (in.next() == 1) {
            out.third_party = true;
            if (!in.field(1)) {
                return {};
            }
        }
        if (!(field = in.field(2))) {
            return {};
        }
        out.caveats.push_back(*field);
        if (in.next() == 4) {
            out.third_party = true;
            if (!in.field(4)) {
                return {};
            }
        }
        if (!end()) {
            return {};
        }
    }
    if (!end() || !(field = in.field(6)) || !in.done()) {
        return {};
    }
    out.signature = *field;
    return out;
}

inline std::optional<Token> read_v1(const std::string &bytes)
{
    std::vector<std::pair<std::string, std::string>> packets;
    Cursor in{bytes, 0};
    Token  out;

    while (!in.done()) {
        auto digits = in.take(4);

        if (!digits || !only(*digits, "0123456789abcdef")) {
            return {};
        }

        size_t size = std::stoul(*digits, nullptr, 16);
        auto   line = size < 6 ? std::nullopt : in.take(size - 4);

        if (!line || line->back() != '\n' || line->find(' ') == line->npos) {
            return {};
        }
        line->pop_back();

        size_t space = line->find(' ');

        if (space == line->npos) {
            return {};
        }
        packets.emplace_back(line->substr(0, space), line->substr(space + 1));
    }
    if (packets.size() < 3 || packets[0].first != "location"
        || packets[1].first != "identifier"
        || packets.back().first != "signature")
    {
        return {};
    }
    out.location = packets[0].second;
    out.identifier = packets[1].second;
    out.signature = packets.back().second;
    for (size_t i = 2; i + 1 < packets.size(); i++) {
        const auto &[key, value] = packets[i];

        if (key == "cid") {
            out.caveats.push_back(value);
        } else if ((key == "vid" || key == "cl") && !out.caveats.empty()) {
            out.third_party = true;
        } else {
            return {};
        }
    }
    return out;
}

inline std::optional<Token> read_token(const std::string &bytes)
{
    if (bytes.empty() || bytes.size() > 8192) {
        return {};
    }

    auto token = bytes[0] == 2 ? read_v2(bytes) : read_v1(bytes);

    if (!token || token->caveats.size() > 128 || token->signature.size() != 32)
    {
        return {};
    }
    return token;
}

}  // namespace naive
