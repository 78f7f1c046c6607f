// TLS to Redis: nginx's own, with a peer that is verified by OpenSSL.
#pragma once

#include "ngx_http_l402_redis.h"

#if (NGX_SSL)

// While the configuration is read. False once an error has been logged.
bool ngx_http_l402_redis_create_tls(ngx_conf_t *cf,
    ngx_http_l402_redis_t &conf);

// What has failed; empty: nothing.
std::string ngx_http_l402_redis_start_tls(ngx_connection_t *c,
    const ngx_http_l402_redis_t &conf, const std::string &host);
std::string ngx_http_l402_redis_check_tls(ngx_connection_t *c,
    const ngx_http_l402_redis_t &conf);

#endif
