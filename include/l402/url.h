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
    std::string base;         // "" or "/lnd", never with a trailing slash

    // What goes to the HTTP transport: scheme://host:port + base + path.
    std::string join(std::string_view path) const;
};

// On failure sets `error` to what is wrong and what would be right. User
// info, query and fragment are refused.
bool parse_service_url(std::string_view text, ServiceUrl &out,
    std::string &error);

}  // namespace l402
