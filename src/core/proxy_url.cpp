#include "l402/url.h"

#include <utility>

namespace l402 {

namespace {

constexpr const char *form = "\"socks5h://host:port\" is right";

// RFC 1929: a length is one byte.
constexpr size_t max_secret = 255;

std::string lower(std::string_view text)
{
    std::string out(text);

    for (char &c : out) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    }

    return out;
}

int hex_value(char c) noexcept
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool decode(std::string_view text, std::string &out, std::string &error)
{
    for (size_t i = 0; i < text.size(); i++) {
        char c = text[i];

        if (c == '%') {
            int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;

            if (high < 0 || low < 0) {
                error = "has a \"%\" in its user information without two hex "
                        "digits behind it: a \"%\" itself is written as %25";
                return false;
            }

            c = static_cast<char>(high << 4 | low);
            i += 2;
        }

        if (c == '\0') {
            error = "has a zero byte in its user information";
            return false;
        }

        out += c;
    }

    if (out.size() > max_secret) {
        error = "has a user or a password of more than 255 bytes, which SOCKS5 "
                "cannot carry";
        return false;
    }

    return true;
}

bool take_user(std::string_view &authority, ProxyUrl &out, std::string &error)
{
    size_t at = authority.rfind('@');

    if (at == authority.npos) {
        return true;
    }

    std::string_view user = authority.substr(0, at);
    std::string_view password;
    size_t colon = user.find(':');

    authority.remove_prefix(at + 1);

    if (colon != user.npos) {
        password = user.substr(colon + 1);
        user = user.substr(0, colon);
    }

    if (user.empty()) {
        error = "has no user before its \"@\"";
        return false;
    }

    return decode(user, out.user, error)
           && decode(password, out.password, error);
}

bool check_scheme(std::string_view scheme, std::string &error)
{
    if (scheme == "socks5h") {
        return true;
    }

    if (scheme == "socks5" || scheme == "socks4") {
        error = "would have names looked up here, and tell name servers which "
                "nodes are called: ";

    } else {
        error = "is no SOCKS5 proxy that is told names: ";
    }

    error += form;
    return false;
}

}  // namespace

bool parse_proxy_url(std::string_view text, ProxyUrl &out,
    std::string &error)
{
    for (char c : text) {
        if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') {
            error = "has a space or a control character in it";
            return false;
        }
    }

    constexpr std::string_view slashes = "://";
    size_t scheme = text.find(slashes);

    if (!check_scheme(lower(text.substr(0, scheme == text.npos ? 0 : scheme)),
            error))
    {
        return false;
    }

    std::string_view authority = text.substr(scheme + slashes.size());
    ProxyUrl proxy;

    if (!take_user(authority, proxy, error)) {
        return false;
    }

    // A last slash, as urls are often written, says nothing.
    if (!authority.empty() && authority.back() == '/') {
        authority.remove_suffix(1);
    }

    if (authority.find_first_of("/?#") != authority.npos) {
        error = std::string("goes on after its host and port: ") + form;
        return false;
    }

    if (authority.empty()
        || (authority.front() == ':' && authority.find(':', 1)
                                            == authority.npos))
    {
        error = std::string("has no host: ") + form;
        return false;
    }

    if (authority == "unix" || authority.substr(0, 5) == "unix:") {
        error = std::string("is a unix socket, which is not supported: ")
                + form;
        return false;
    }

    // The port has no default here: Tor's is not SOCKS's.
    size_t bracket = authority.rfind(']');

    if (authority.find(':', bracket == authority.npos ? 0 : bracket)
        == authority.npos)
    {
        error = std::string("has no port: ") + form;
        return false;
    }

    ServiceUrl url;

    if (!parse_service_url("http://" + std::string(authority), url, error)) {
        return false;
    }

    if (is_onion(url.host)) {
        error = "is itself an onion service, which needs a proxy to be "
                "reached";
        return false;
    }

    proxy.host = url.host;
    proxy.host_is_address = url.host_is_address;
    proxy.port = url.port;
    out = std::move(proxy);
    return true;
}

}  // namespace l402
