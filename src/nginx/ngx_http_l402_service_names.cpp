// Where the nodes of an l402_invoice_service are, and the way to them.

#include "ngx_http_l402_service.h"

#include <netdb.h>

std::string ngx_http_l402_without_user(std::string_view url)
{
    std::string shown(url);
    size_t at = shown.rfind('@');

    if (at != shown.npos) {
        size_t scheme = shown.find("://");
        size_t begin = scheme != shown.npos && scheme < at ? scheme + 3 : 0;

        shown.replace(begin, at - begin, "***");
    }

    return shown;
}

// Names are looked up once, while the configuration is read, as nginx does
// with its upstreams; one that cannot be found now does not stop nginx.
void ngx_http_l402_find_addresses(ngx_conf_t *cf,
    const ngx_http_l402_place_t &place, const char *what,
    const std::string &host, std::vector<std::string> &addresses)
{
    addrinfo hints{}, *list = nullptr;

    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;

    int rc = getaddrinfo(host.c_str(), nullptr, &hints, &list);

    if (rc == EAI_ADDRFAMILY || rc == EAI_NONAME) {
        // A machine with loopback addresses only has no family configured.
        hints.ai_flags = 0;
        rc = getaddrinfo(host.c_str(), nullptr, &hints, &list);
    }

    if (rc != 0) {
        ngx_http_l402_log_at(cf, NGX_LOG_WARN, place,
            "l402_invoice_service: the host of \"%s\" cannot be found now "
            "(%s); it is looked up anew for each invoice until a reload",
            what, gai_strerror(rc));
        return;
    }

    for (addrinfo *ai = list; ai; ai = ai->ai_next) {
        char text[NI_MAXHOST];

        if (getnameinfo(ai->ai_addr, ai->ai_addrlen, text, sizeof(text),
                nullptr, 0, NI_NUMERICHOST) == 0)
        {
            addresses.emplace_back(text);
        }
    }

    freeaddrinfo(list);
}

bool ngx_http_l402_read_proxy(ngx_conf_t *cf, ngx_str_t *value,
    l402::ProxyUrl &proxy, std::vector<std::string> &addresses)
{
    std::string shown = ngx_http_l402_without_user(ngx_http_l402_view(*value));
    std::string what;

    if (!l402::parse_proxy_url(ngx_http_l402_view(*value), proxy, what)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%s\" in "
            "\"proxy\" of l402_invoice_service: %s", shown.c_str(),
            what.c_str());
        return false;
    }

    if (!proxy.host_is_address) {
        ngx_http_l402_place_t here;

        ngx_http_l402_set_place(cf, &here);
        ngx_http_l402_find_addresses(cf, here, shown.c_str(), proxy.host,
            addresses);
    }

    return true;
}

bool ngx_http_l402_check_way(const l402::Endpoint &endpoint,
    std::string &error)
{
    bool has_proxy = !endpoint.proxy.host.empty();

    if (has_proxy && !endpoint.url.unix_socket.empty()) {
        error = "is a unix socket, to which no \"proxy\" leads";
        return false;
    }

    if (!has_proxy && l402::is_onion(endpoint.url.host)) {
        error = "is an onion service, which is reached through a \"proxy\" "
                "such as \"proxy socks5h://127.0.0.1:9050\"";
        return false;
    }

    return true;
}
