// What an l402_invoice_service block knows of its peers while it is read.
#pragma once

#include "ngx_http_l402.h"

// ngx_http_l402_service_names.cpp

// What stands before an "@" may be a password.
std::string ngx_http_l402_without_user(std::string_view url);

// A name that cannot be found now is a warning that calls it `what`.
void ngx_http_l402_find_addresses(ngx_conf_t *cf,
    const ngx_http_l402_place_t &place, const char *what,
    const std::string &host, std::vector<std::string> &addresses);

// False once an error has been logged.
bool ngx_http_l402_read_proxy(ngx_conf_t *cf, ngx_str_t *value,
    l402::ProxyUrl &proxy, std::vector<std::string> &addresses);

// Can the endpoint be reached in this way? False with `error`.
bool ngx_http_l402_check_way(const l402::Endpoint &endpoint,
    std::string &error);

// ngx_http_l402_service_tls.cpp

// False once an error has been logged.
bool ngx_http_l402_read_ca(ngx_conf_t *cf, ngx_str_t *path, std::string &pem);

// Where a single certificate is trusted, it is mostly the peer's own: is it for
// the host that is called?
void ngx_http_l402_warn_names(ngx_conf_t *cf,
    const ngx_http_l402_place_t &place, const l402::Endpoint &endpoint);
