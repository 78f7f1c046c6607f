#include "l402/url.h"

#include <arpa/inet.h>

#include <utility>

namespace l402 {

namespace {

constexpr const char *forms =
    "\"https://host[:port][/base]\", \"http://host[:port][/base]\" or "
    "\"http://unix:/path/of/socket:[/base]\"";

constexpr const char *resource_forms =
    "\"https://host[:port][/path][?query]\" or "
    "\"http://host[:port][/path][?query]\"";

// sun_path of Linux has 108 bytes, the last one zero.
constexpr size_t max_socket_path = 107;
constexpr size_t max_host = 253;
constexpr size_t max_label = 63;

enum class Form : uint8_t { service, resource };

bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

char to_lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool is_letter(char c) noexcept
{
    return to_lower(c) >= 'a' && to_lower(c) <= 'z';
}

bool is_hex_digit(char c) noexcept
{
    return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f');
}

bool take_scheme(std::string_view &text, std::string_view scheme) noexcept
{
    if (text.size() < scheme.size()) {
        return false;
    }

    for (size_t i = 0; i < scheme.size(); i++) {
        if (to_lower(text[i]) != scheme[i]) {
            return false;
        }
    }

    text.remove_prefix(scheme.size());
    return true;
}

bool is_address(int family, const std::string &host) noexcept
{
    unsigned char address[16];

    return inet_pton(family, host.c_str(), address) == 1;
}

// Labels of letters, digits, '-' and '_' (which containers' names have).
bool is_name(std::string_view host) noexcept
{
    if (host.size() > max_host) {
        return false;
    }

    for ( ;; ) {
        std::string_view label = host.substr(0, host.find('.'));

        if (label.empty() || label.size() > max_label || label.front() == '-'
            || label.back() == '-')
        {
            return false;
        }

        for (char c : label) {
            if (!is_letter(c) && !is_digit(c) && c != '-' && c != '_') {
                return false;
            }
        }

        if (label.size() == host.size()) {
            return true;
        }

        host.remove_prefix(label.size() + 1);
    }
}

// "127.1" and "0x7f000001" are addresses to some resolvers and names to
// others; an address is written in full here.
bool looks_like_address(std::string_view host) noexcept
{
    std::string_view last = host.substr(host.rfind('.') + 1);

    if (last.substr(0, 2) == "0x" || last.substr(0, 2) == "0X") {
        return last.find_first_not_of("0123456789abcdefABCDEF", 2)
               == last.npos;
    }

    return last.find_first_not_of("0123456789") == last.npos;
}

bool parse_host(std::string_view text, ServiceUrl &out, std::string &error)
{
    out.host.clear();

    for (char c : text) {
        out.host += to_lower(c);
    }

    if (text.empty()) {
        error = std::string("has no host: ") + forms + " is right";
        return false;
    }

    out.host_is_address = is_address(AF_INET, out.host);

    if (out.host_is_address) {
        return true;
    }

    if (!is_name(text)) {
        error = "has a host that is no name and no address: "
                "\"node.example\", \"127.0.0.1\" or \"[::1]\" is right";
        return false;
    }

    if (looks_like_address(text)) {
        error = "has a host that is no full IPv4 address: "
                "\"127.0.0.1\" is right";
        return false;
    }

    return true;
}

bool parse_ipv6(std::string_view text, ServiceUrl &out, std::string &error)
{
    out.host.clear();

    for (char c : text) {
        out.host += to_lower(c);
    }

    out.host_is_address = true;

    if (!is_address(AF_INET6, out.host)) {
        error = "has no IPv6 address between \"[\" and \"]\": "
                "\"[::1]\" is right";
        return false;
    }

    return true;
}

bool parse_port(std::string_view text, uint16_t &port, std::string &error)
{
    unsigned value = 0;
    bool good = !text.empty() && text.size() <= 5;

    for (char c : text) {
        good = good && is_digit(c);
        value = good ? value * 10 + static_cast<unsigned>(c - '0') : 0;
    }

    if (!good || value == 0 || value > 65535) {
        error = "has a port that is no number from 1 to 65535";
        return false;
    }

    port = static_cast<uint16_t>(value);
    return true;
}

// host[:port] or [IPv6][:port]
bool parse_authority(std::string_view text, ServiceUrl &out,
    std::string &error)
{
    std::string_view rest;

    if (!text.empty() && text.front() == '[') {
        size_t close = text.find(']');

        if (close == text.npos) {
            error = "has no \"]\" after its IPv6 address";
            return false;
        }

        if (!parse_ipv6(text.substr(1, close - 1), out, error)) {
            return false;
        }

        rest = text.substr(close + 1);

        if (!rest.empty() && rest.front() != ':') {
            error = "goes on after \"]\" with something other than a port";
            return false;
        }

    } else {
        size_t colon = text.find(':');

        if (colon != text.npos && text.find(':', colon + 1) != text.npos) {
            error = "has several colons in its host: "
                    "an IPv6 address stands in brackets, \"[::1]\"";
            return false;
        }

        if (!parse_host(text.substr(0, colon), out, error)) {
            return false;
        }

        rest = colon == text.npos ? std::string_view() : text.substr(colon);
    }

    return rest.empty() || parse_port(rest.substr(1), out.port, error);
}

// RFC 3986's characters of a path, and of a query.
bool is_escaped(std::string_view text) noexcept
{
    constexpr std::string_view marks = "-._~!$&'()*+,;=:@/?";

    for (size_t i = 0; i < text.size(); i++) {
        bool escape = text[i] == '%' && i + 2 < text.size()
                      && is_hex_digit(text[i + 1])
                      && is_hex_digit(text[i + 2]);

        if (!escape && !is_letter(text[i]) && !is_digit(text[i])
            && marks.find(text[i]) == marks.npos)
        {
            return false;
        }
    }

    return true;
}

// Segments "." and ".." are refused: the transport would resolve them and call
// something else than what is read here.
bool parse_base(std::string_view text, Form form, ServiceUrl &out,
    std::string &error)
{
    if (!is_escaped(text)) {
        error = "has a character in its path that must be written as %XX";
        return false;
    }

    while (form == Form::service && !text.empty() && text.back() == '/') {
        text.remove_suffix(1);
    }

    out.base = text;

    for (size_t at = 0; at < text.size(); /* void */ ) {
        size_t end = text.find('/', at + 1);
        std::string_view segment = text.substr(at + 1,
            end == text.npos ? end : end - at - 1);

        if (segment == "." || segment == "..") {
            error = "has \".\" or \"..\" in its path";
            return false;
        }

        at = end == text.npos ? text.size() : end;
    }

    return true;
}

// What stands after "http://unix:".
bool parse_unix(std::string_view text, ServiceUrl &out, std::string &error)
{
    size_t colon = text.find(':');

    if (colon == text.npos || text.empty() || text.front() != '/') {
        error = "is no unix socket: \"http://unix:/path/of/socket:[/base]\", "
                "with a colon after the path, is right";
        return false;
    }

    std::string_view path = text.substr(0, colon);
    std::string_view base = text.substr(colon + 1);

    if (path.size() > max_socket_path) {
        error = "has a socket path of more than 107 bytes";
        return false;
    }

    if (!base.empty() && base.front() != '/') {
        error = "goes on after the socket's colon with something other than "
                "\"/base\"";
        return false;
    }

    out.unix_socket = path;
    out.host = "localhost";
    return parse_base(base, Form::service, out, error);
}

bool take_query(std::string_view &text, ServiceUrl &out, std::string &error)
{
    size_t mark = text.find('?');

    if (mark == text.npos) {
        return true;
    }

    out.query = text.substr(mark);
    text = text.substr(0, mark);

    if (!is_escaped(out.query)) {
        error = "has a character in its query that must be written as %XX";
        return false;
    }

    return true;
}

bool parse(std::string_view text, Form form, ServiceUrl &out,
    std::string &error)
{
    for (char c : text) {
        if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') {
            error = "has a space or a control character in it";
            return false;
        }
    }

    out.https = take_scheme(text, "https://");

    if (!out.https && !take_scheme(text, "http://")) {
        error = std::string("has no scheme that is known here: ")
                + (form == Form::service ? forms : resource_forms)
                + " is right";
        return false;
    }

    out.port = out.https ? 443 : 80;

    if (form == Form::resource) {
        if (text.find('#') != text.npos) {
            error = "has a fragment, which is never sent";
            return false;
        }

        if (!take_query(text, out, error)) {
            return false;
        }

    } else if (text.find('#') != text.npos || text.find('?') != text.npos) {
        error = "has a query or a fragment: it ends with the path that the "
                "service's own paths are appended to";
        return false;
    }

    if (form == Form::service && text.substr(0, 5) == "unix:") {
        if (out.https) {
            error = "asks for TLS on a unix socket: "
                    "\"http://unix:/path/of/socket:[/base]\" is right";
            return false;
        }

        return parse_unix(text.substr(5), out, error);
    }

    size_t slash = text.find('/');
    std::string_view authority = text.substr(0, slash);

    if (authority.find('@') != authority.npos) {
        error = "has user information in it: a credential belongs in "
                "credential_file";
        return false;
    }

    return parse_authority(authority, out, error)
           && parse_base(text.substr(authority.size()), form, out, error);
}

}  // namespace

bool is_onion(std::string_view host) noexcept
{
    constexpr std::string_view suffix = ".onion";

    return host.size() > suffix.size()
           && host.substr(host.size() - suffix.size()) == suffix;
}

std::string ServiceUrl::join(std::string_view path) const
{
    std::string out = https ? "https://" : "http://";
    bool brackets = host.find(':') != host.npos;

    out += brackets ? "[" + host + "]" : host;
    out += ':';
    out += std::to_string(port);
    out += base;
    out += path;
    out += query;
    return out;
}

bool parse_service_url(std::string_view text, ServiceUrl &out,
    std::string &error)
{
    ServiceUrl url;

    if (!parse(text, Form::service, url, error)) {
        return false;
    }

    out = std::move(url);
    return true;
}

bool parse_resource_url(std::string_view text, ServiceUrl &out,
    std::string &error)
{
    ServiceUrl url;

    if (!parse(text, Form::resource, url, error)) {
        return false;
    }

    out = std::move(url);
    return true;
}

bool parse_callback_url(std::string_view text, const ServiceUrl &from,
    ServiceUrl &out, std::string &error)
{
    ServiceUrl url;

    if (!parse(text, Form::resource, url, error)) {
        return false;
    }

    if (!url.https && from.https && !is_onion(url.host)) {
        error = "is not https, as the service itself is";
        return false;
    }

    if (url.https == from.https && url.host == from.host
        && url.port == from.port)
    {
        url.unix_socket = from.unix_socket;
    }

    out = std::move(url);
    return true;
}

}  // namespace l402
