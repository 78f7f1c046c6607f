// Addresses of invoice services.
#pragma once

#include "l402/types.h"

namespace l402 {

// https://host[:port][/base], http://host[:port][/base],
// http://unix:/path/of/socket:[/base]. Hosts: name, IPv4, [IPv6].
struct ServiceUrl {
    bool        https = false;
    std::string host;         // without brackets; "localhost" for a socket
    bool        host_is_address = false;
    uint16_t    port = 0;
    std::string unix_socket;  // empty: TCP
    std::string base;         // "" or "/lnd"; a service's has no last slash
    std::string query;        // "" or "?id=1", where the url is a resource's

    // What goes to the HTTP transport: scheme://host:port + base + path +
    // query.
    std::string join(std::string_view path) const;
};

// On failure sets `error` to what is wrong and what would be right. User
// info, query and fragment are refused.
bool parse_service_url(std::string_view text, ServiceUrl &out,
    std::string &error);

// The url of one resource: no socket, a query where there is one, and the path
// to the byte.
bool parse_resource_url(std::string_view text, ServiceUrl &out,
    std::string &error);

// A resource that the service at `from` named. It need not be at that host, but
// nobody on the way may be able to change what it answers: https, or http where
// `from` is http too or the host is an onion service. At the same host and port
// it is reached in the same way, through the socket for instance.
bool parse_callback_url(std::string_view text, const ServiceUrl &from,
    ServiceUrl &out, std::string &error);

// Is it below .onion, which no name server may be asked for (RFC 7686)?
bool is_onion(std::string_view host) noexcept;

// socks5h://[user[:password]@]host:port, the host as above.
struct ProxyUrl {
    std::string host;         // without brackets; empty: there is none
    bool        host_is_address = false;
    uint16_t    port = 0;
    std::string user;         // decoded
    std::string password;
};

// Quotes nothing of the text in `error`. Other kinds of SOCKS are refused: with
// them names would be looked up here.
bool parse_proxy_url(std::string_view text, ProxyUrl &out,
    std::string &error);

}  // namespace l402
