// What a request holds of its payment, and who counts it: the ledger of this
// host, or Redis for all hosts.
#pragma once

#include "ngx_http_l402.h"

#include "l402/count_client.h"

class ngx_http_l402_counting_t;

// Trivially copyable: in the request's pool.
struct ngx_http_l402_counted_t {
    ngx_http_request_t        *request;  // the main one
    ngx_http_l402_main_conf_t *mcf;
    ngx_http_l402_loc_conf_t  *lcf;      // by whose directives
    l402::Allowance            allowance;
    l402::Amount               amount;   // that was reserved
    uint8_t                    payment_hash[32];
    bool                       charged;
    bool                       returned;  // given back
    l402::Reservation          reservation;  // of the ledger
    ngx_http_l402_counting_t  *counting;     // of Redis; null: not asked
};

// ngx_http_l402_refund.cpp
// Has somebody behind us begun to work on it?
bool ngx_http_l402_was_asked(ngx_http_request_t *r);
// Did it fail, or never answer, whatever an error_page shows?
bool ngx_http_l402_upstream_failed(ngx_http_request_t *r,
    const ngx_http_l402_loc_conf_t *lcf);
// By l402_refund, of an answer whose status is known.
bool ngx_http_l402_is_refunded(ngx_http_request_t *r,
    const ngx_http_l402_loc_conf_t *lcf);

// ngx_http_l402_count_redis.cpp
void ngx_http_l402_start_count_redis(ngx_http_l402_main_conf_t *mcf);
void ngx_http_l402_stop_count_redis(ngx_http_l402_main_conf_t *mcf);
void ngx_http_l402_keep_count_redis(ngx_http_l402_main_conf_t *mcf);

// As ngx_http_l402_count(), for what has been worked out of the request.
ngx_int_t ngx_http_l402_count_in_redis(ngx_http_request_t *r,
    ngx_http_l402_ctx_t *ctx, ngx_http_l402_counted_t *counted);
bool ngx_http_l402_holds_in_redis(const ngx_http_l402_counted_t *counted);
// Nobody waits for Redis. What is left by the last answer's word.
void ngx_http_l402_settle_in_redis(ngx_http_l402_ctx_t *ctx, uint64_t msat);
void ngx_http_l402_give_back_in_redis(ngx_http_l402_ctx_t *ctx);
// The request ends: what it still holds or waits for is given back.
void ngx_http_l402_end_in_redis(ngx_http_l402_counted_t *counted);
