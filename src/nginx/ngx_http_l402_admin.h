// l402_admin: what its files call in each other.
#pragma once

#include "ngx_http_l402.h"

#include "l402/admin.h"

// A change of what is revoked that an operator asked for.
struct ngx_http_l402_admin_change_t {
    l402::Revocation  revocation;
    bool              revoke;  // false: it ends
};

// ngx_http_l402_admin.cpp
ngx_int_t ngx_http_l402_admin_handler(ngx_http_request_t *r);
// On this host, and says so. `was_there`: whether or not it still is.
ngx_int_t ngx_http_l402_admin_end_revocation(ngx_http_request_t *r,
    ngx_http_l402_main_conf_t *mcf,
    const ngx_http_l402_admin_change_t &change, bool was_there);

// ngx_http_l402_admin_answer.cpp: what ngx_http_finalize_request takes
ngx_int_t ngx_http_l402_admin_send(ngx_http_request_t *r, ngx_uint_t status,
    std::string &&json);
// There is nothing more to say.
ngx_int_t ngx_http_l402_admin_send_status(ngx_http_request_t *r,
    ngx_uint_t status);
ngx_int_t ngx_http_l402_admin_send_error(ngx_http_request_t *r,
    l402::AdminError error);

// ngx_http_l402_admin_redis.cpp: where several hosts share what is known.
// NGX_DECLINED: there is no Redis; NGX_AGAIN: it is asked, and the request will
// be finalized when it has answered; else what ngx_http_finalize_request takes.
ngx_int_t ngx_http_l402_admin_publish(ngx_http_request_t *r,
    const ngx_http_l402_admin_change_t &change);
ngx_int_t ngx_http_l402_admin_ask_payment(ngx_http_request_t *r,
    const l402::Hash &payment_hash);
// False: there is no Redis.
bool ngx_http_l402_admin_redis_health(ngx_http_l402_main_conf_t *mcf,
    l402::RedisHealth &health);
