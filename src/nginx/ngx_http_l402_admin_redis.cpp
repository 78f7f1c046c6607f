// l402_admin where several hosts share what is known: each change is told to
// Redis, and the counts are there.

#include "ngx_http_l402_admin.h"

ngx_int_t ngx_http_l402_admin_publish(ngx_http_request_t *,
    const ngx_http_l402_admin_change_t &, bool)
{
    return NGX_DECLINED;
}

ngx_int_t ngx_http_l402_admin_ask_payment(ngx_http_request_t *,
    const l402::Hash &)
{
    return NGX_DECLINED;
}

bool ngx_http_l402_admin_redis_health(ngx_http_l402_main_conf_t *,
    l402::RedisHealth &)
{
    return false;
}
