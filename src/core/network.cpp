#include "network.h"

#include <arpa/inet.h>

#include <cstring>

namespace l402 {

namespace {

constexpr std::string_view unix_socket = "unix:";

// IPv4 as IPv4-mapped IPv6, so that both are one kind of thing.
struct Network {
    uint8_t  address[16];
    unsigned bits;
};

constexpr uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool set_address(std::string_view bytes, uint8_t out[16]) noexcept
{
    if (bytes.size() == 4) {
        std::memcpy(out, mapped, sizeof(mapped));
        std::memcpy(out + sizeof(mapped), bytes.data(), 4);
        return true;
    }

    if (bytes.size() == 16) {
        std::memcpy(out, bytes.data(), 16);
        return true;
    }

    return false;
}

// Decimal, without leading zeros, up to `max`.
bool parse_decimal(std::string_view text, unsigned max,
    unsigned &value) noexcept
{
    if (text.empty() || text.size() > 3 || (text[0] == '0' && text.size() > 1))
    {
        return false;
    }

    value = 0;

    for (char c : text) {
        if (c < '0' || c > '9') {
            return false;
        }

        value = value * 10 + static_cast<unsigned>(c - '0');
    }

    return value <= max;
}

bool parse_v4(std::string_view text, char out[4]) noexcept
{
    for (int i = 0; i < 4; i++) {
        size_t dot = i == 3 ? text.size() : text.find('.');
        unsigned byte;

        if (dot == text.npos || !parse_decimal(text.substr(0, dot), 255, byte))
        {
            return false;
        }

        out[i] = static_cast<char>(byte);
        text.remove_prefix(i == 3 ? dot : dot + 1);
    }

    return true;
}

bool parse_v6(std::string_view text, char out[16]) noexcept
{
    char terminated[INET6_ADDRSTRLEN];

    // A zero in it would hide what stands behind.
    if (text.size() >= sizeof(terminated) || text.find('\0') != text.npos) {
        return false;
    }

    std::memcpy(terminated, text.data(), text.size());
    terminated[text.size()] = '\0';
    return inet_pton(AF_INET6, terminated, out) == 1;
}

bool parse_network(std::string_view text, Network &out) noexcept
{
    size_t slash = text.find('/');
    std::string_view address = text.substr(0, slash);
    char bytes[16];
    bool is_v4 = parse_v4(address, bytes);

    if (!is_v4 && !parse_v6(address, bytes)) {
        return false;
    }

    set_address({bytes, is_v4 ? 4u : 16u}, out.address);
    out.bits = is_v4 ? 32 : 128;

    if (slash != text.npos
        && !parse_decimal(text.substr(slash + 1), out.bits, out.bits))
    {
        return false;
    }

    if (is_v4) {
        out.bits += 96;
    }

    return true;
}

bool holds(const Network &network, const uint8_t address[16]) noexcept
{
    unsigned whole = network.bits / 8;
    unsigned rest = network.bits % 8;

    if (std::memcmp(network.address, address, whole) != 0) {
        return false;
    }

    return rest == 0
           || ((network.address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

}  // namespace

bool is_network(std::string_view text) noexcept
{
    Network network;

    return text == unix_socket || parse_network(text, network);
}

bool network_within(std::string_view outer, std::string_view inner) noexcept
{
    Network out, in;

    if (outer == unix_socket || inner == unix_socket) {
        return outer == inner;
    }

    return parse_network(outer, out) && parse_network(inner, in)
           && in.bits >= out.bits && holds(out, in.address);
}

bool network_holds(std::string_view network, std::string_view address) noexcept
{
    Network parsed;
    uint8_t bytes[16];

    if (network == unix_socket) {
        return address.empty();
    }

    return set_address(address, bytes) && parse_network(network, parsed)
           && holds(parsed, bytes);
}

std::string address_text(std::string_view address)
{
    char text[INET6_ADDRSTRLEN];
    int family = address.size() == 4 ? AF_INET : AF_INET6;

    if ((address.size() != 4 && address.size() != 16)
        || inet_ntop(family, address.data(), text, sizeof(text)) == nullptr)
    {
        return std::string(unix_socket);
    }

    return text;
}

}  // namespace l402
