// What a caveat's value holds, read slowly and apart from src/ from the table
// of docs/wire-format.md ("Caveats").
#pragma once

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace naive {

using Texts = std::vector<std::string>;

inline bool only(const std::string &text, const char *characters)
{
    return text.find_first_not_of(characters) == text.npos;
}

constexpr const char *digits = "0123456789";
constexpr const char *lower = "abcdefghijklmnopqrstuvwxyz";
constexpr const char *upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

inline bool is_name(const std::string &text)
{
    return !text.empty() && text.size() <= 64
        && only(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                      "0123456789-_");
}

inline std::optional<int64_t> number(const std::string &text)
{
    if (text.empty() || text.size() > 18 || !only(text, digits)) {
        return {};
    }
    return std::stoll(text);
}

// ---- items of lists: an object that knows what it holds ----

// What an item covers, as a text of which others within it are longer
// versions (`prefix`) or equal.
struct Item {
    std::string text;
    bool        prefix = false;

    bool holds(const Item &other) const
    {
        return prefix ? other.text.compare(0, text.size(), text) == 0
                      : !other.prefix && other.text == text;
    }
};

using ReadItem = std::function<std::optional<Item>(const std::string &)>;

inline std::optional<Item> read_name(const std::string &text)
{
    if (!is_name(text)) {
        return {};
    }
    return Item{text};
}

inline std::string bits_of(const std::string &bytes)
{
    std::string out;

    for (unsigned char byte : bytes) {
        for (int bit = 7; bit >= 0; bit--) {
            out += byte >> bit & 1 ? '1' : '0';
        }
    }
    return out;
}

// IPv4 is a part of IPv6: ::ffff:0:0/96.
inline std::string address_bits(const std::string &bytes)
{
    static const std::string mapped(
        "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);

    return "ip " + bits_of(bytes.size() == 4 ? mapped + bytes : bytes);
}

// As bits, of which a network has the first few.
inline std::optional<Item> read_network(const std::string &text)
{
    std::string address = text, bytes(16, '\0');
    size_t      slash = text.find('/'), wanted = 128, extra = 0;

    if (text == "unix:") {
        return Item{text};
    }
    if (slash != text.npos) {
        address = text.substr(0, slash);
    }
    if (address.find('\0') != address.npos) {
        return {};
    }
    if (inet_pton(AF_INET, address.c_str(), &bytes[0]) == 1) {
        bytes.resize(4);
        extra = 96;

    } else if (inet_pton(AF_INET6, address.c_str(), &bytes[0]) != 1) {
        return {};
    }
    if (slash != text.npos) {
        std::string length = text.substr(slash + 1);

        if (length.empty() || length.size() > 3 || !only(length, digits)
            || (length.size() > 1 && length[0] == '0')
            || std::stoul(length) > 8 * bytes.size())
        {
            return {};
        }
        wanted = extra + std::stoul(length);
    }
    return Item{address_bits(bytes).substr(0, 3 + wanted), true};
}

inline bool stands_for_itself(unsigned char c)
{
    return c < 0x80 && c != 0
        && std::strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                       "0123456789-._~/", c);
}

inline std::string escape(const std::string &raw)
{
    std::string out;
    char        hex[4];

    for (unsigned char c : raw) {
        std::snprintf(hex, sizeof(hex), stands_for_itself(c) ? "%c" : "%%%02X",
            c);
        out += hex;
    }
    return out;
}

// What an escaped text stands for; nothing where it has another spelling.
inline std::optional<std::string> unescape(const std::string &text)
{
    std::string raw;

    for (size_t i = 0; i < text.size(); i++) {
        if (text[i] != '%') {
            raw += text[i];
            continue;
        }

        std::string hex = text.substr(i + 1, 2);

        if (hex.size() < 2 || !only(hex, "0123456789ABCDEF")) {
            return {};
        }
        raw += char(std::stoul(hex, nullptr, 16));
        i += 2;
    }
    if (text.empty() || escape(raw) != text) {
        return {};
    }
    return raw;
}

inline std::optional<Item> read_host(const std::string &text)
{
    auto raw = unescape(text);

    if (!raw || raw->find_first_of(upper) != raw->npos) {
        return {};
    }
    // A request without a host is one to ".".
    return Item{*raw == "." ? "" : *raw};
}

inline std::optional<Item> read_path(const std::string &text)
{
    bool prefix = !text.empty() && text.back() == '*';
    auto raw = unescape(prefix ? text.substr(0, text.size() - 1) : text);

    if (!raw || raw->at(0) != '/') {
        return {};
    }
    return Item{*raw, prefix};
}

inline std::optional<Item> read_method(const std::string &text)
{
    auto raw = unescape(text);

    if (!raw || raw->find_first_of(lower) != raw->npos) {
        return {};
    }
    return Item{*raw};
}

inline bool is_head_of(const Item &get, const Item &head)
{
    return get.text == "GET" && head.text == "HEAD";
}

// ---- lists ----

struct List {
    std::vector<Item> items;
    bool              methods = false;

    bool holds(const Item &one) const
    {
        for (const Item &item : items) {
            if (item.holds(one) || (methods && is_head_of(item, one))) {
                return true;
            }
        }
        return false;
    }

    bool holds(const List &other) const
    {
        for (const Item &item : other.items) {
            if (!holds(item)) {
                return false;
            }
        }
        return true;
    }
};

inline std::optional<Texts> split(const std::string &value)
{
    Texts  items;
    size_t begin = 0;

    if (value.empty()) {
        return items;
    }
    for ( ;; ) {
        size_t comma = value.find(',', begin);

        items.push_back(value.substr(begin,
            comma == value.npos ? comma : comma - begin));
        if (comma == value.npos) {
            break;
        }
        begin = comma + 1;
    }
    if (items.size() > 64) {
        return {};
    }
    return items;
}

inline std::optional<List> read_list(const std::string &value,
    const ReadItem &read)
{
    auto texts = split(value);
    List list;

    if (!texts) {
        return {};
    }
    for (const std::string &text : *texts) {
        auto item = read(text);

        if (!item) {
            return {};
        }
        list.items.push_back(*item);
    }
    return list;
}

using Tiers = std::map<std::string, int64_t>;

inline std::optional<Tiers> read_services(const std::string &value)
{
    auto  texts = split(value);
    Tiers tiers;

    if (!texts) {
        return {};
    }
    for (const std::string &text : *texts) {
        size_t colon = text.find(':');

        if (colon == text.npos) {
            return {};
        }

        std::string name = text.substr(0, colon);
        auto        tier = number(text.substr(colon + 1));

        if (!is_name(name) || !tier || *tier > 255) {
            return {};
        }
        // Twice: the lower one.
        auto [at, is_new] = tiers.emplace(name, *tier);
        if (!is_new) {
            at->second = std::min(at->second, *tier);
        }
    }
    return tiers;
}

}  // namespace naive
