// What of Redis lives in a worker.

#include "ngx_http_l402_redis_link.h"

ngx_http_l402_redis_t::ngx_http_l402_redis_t() = default;
ngx_http_l402_redis_t::~ngx_http_l402_redis_t() = default;

void ngx_http_l402_start_redis(ngx_cycle_t *cycle,
    ngx_http_l402_main_conf_t *mcf)
{
    if (ngx_http_l402_redis_t *redis = mcf->redis) {
        redis->link = std::make_unique<ngx_http_l402_redis_link_t>(cycle,
            *redis);
    }
}

void ngx_http_l402_stop_redis(ngx_http_l402_main_conf_t *mcf)
{
    if (mcf->redis) {
        mcf->redis->link.reset();
    }
}

l402::RedisLink *ngx_http_l402_redis_link(ngx_http_l402_main_conf_t *mcf)
{
    return mcf->redis ? mcf->redis->link.get() : nullptr;
}
