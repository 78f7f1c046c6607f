// What of Redis lives in a worker.

#include "ngx_http_l402_redis_link.h"

#include "l402/redis_feed.h"

ngx_http_l402_redis_t::ngx_http_l402_redis_t() = default;
ngx_http_l402_redis_t::~ngx_http_l402_redis_t() = default;

void ngx_http_l402_start_redis(ngx_cycle_t *cycle,
    ngx_http_l402_main_conf_t *mcf)
{
    ngx_http_l402_redis_t *redis = mcf->redis;

    if (redis == nullptr) {
        return;
    }

    redis->link = std::make_unique<ngx_http_l402_redis_link_t>(cycle, *redis);

    if (mcf->ledger) {
        redis->feed = ngx_http_l402_create_feed(cycle, *redis, mcf->ledger);
    }
}

void ngx_http_l402_stop_redis(ngx_http_l402_main_conf_t *mcf)
{
    if (mcf->redis) {
        mcf->redis->feed.reset();
        mcf->redis->link.reset();
    }
}

l402::RedisLink *ngx_http_l402_redis_link(ngx_http_l402_main_conf_t *mcf)
{
    return mcf->redis ? mcf->redis->link.get() : nullptr;
}

bool ngx_http_l402_publish_revocation(ngx_http_l402_main_conf_t *mcf,
    const l402::Revocation &revocation, bool revoke,
    l402::RedisWaiter &waiter, std::string &why)
{
    ngx_http_l402_redis_t *redis = mcf->redis;

    if (redis == nullptr || redis->link == nullptr) {
        why = "there is no l402_redis";
        return false;
    }

    std::string commands = revoke
        ? l402::revoke_commands(redis->prefix, revocation)
        : l402::unrevoke_commands(redis->prefix, revocation);

    size_t replies = l402::redis_change_replies;

    // There the master may be another one a moment later.
    if (!redis->url.master.empty()) {
        commands += l402::wait_for_replica(redis->timeout / 2);
        replies++;
    }

    if (!redis->link->send_any(commands, replies, redis->timeout, waiter))
    {
        why = redis->link->why_not();
        return false;
    }

    return true;
}

void ngx_http_l402_forget_publisher(ngx_http_l402_main_conf_t *mcf,
    l402::RedisWaiter &waiter)
{
    if (mcf->redis && mcf->redis->link) {
        mcf->redis->link->forget(waiter);
    }
}

bool ngx_http_l402_has_redis_feed(ngx_http_l402_main_conf_t *mcf)
{
    return mcf->redis
           && ngx_http_l402_redis_lease_t::is_whole(mcf->redis->zone);
}
