// The Redis that several hosts share, for the rest of the glue: l402_redis, a
// worker's connection for counting, and the list of revocations.
#pragma once

#include "ngx_http_l402.h"

#include "l402/ledger.h"
#include "l402/redis_greeting.h"
#include "l402/redis_link.h"
#include "l402/redis_url.h"

// A host of the url and where it is: found while the configuration is read, or
// (where `addresses` is empty) by nginx's resolver.
struct ngx_http_l402_redis_host_t {
    std::string               name;  // without brackets
    uint16_t                  port = 0;
    std::vector<std::string>  addresses;
};

class ngx_http_l402_redis_link_t;

// Keeps this host's list of revocations, where this worker is the one to do so.
class ngx_http_l402_redis_feed_t {
public:
    virtual ~ngx_http_l402_redis_feed_t() = default;
};

// The l402_redis block.
struct ngx_http_l402_redis_t {
    ngx_http_l402_redis_t();
    ~ngx_http_l402_redis_t();

    l402::RedisUrl                           url;
    std::string                              shown_url;
    std::vector<ngx_http_l402_redis_host_t>  hosts;
    l402::RedisLogin                         login;
    l402::RedisLogin                         sentinel_login;
    std::string                              prefix = "l402:";
    std::string                              ca_pem;
    bool                                     verify = true;
    ngx_msec_t                               timeout = 500;
    ngx_msec_t                               resync = 60000;
    ngx_http_l402_place_t                    place;
    ngx_http_l402_complaints_t no_count{"no count from redis at"};
#if (NGX_SSL)
    ngx_ssl_t                               *ssl = nullptr;
#endif

    // Who of this host's workers keeps the list of revocations.
    ngx_shm_zone_t                          *zone = nullptr;

    // In a worker: null until init_process.
    std::unique_ptr<ngx_http_l402_redis_link_t>  link;
    std::unique_ptr<ngx_http_l402_redis_feed_t>  feed;
};

// ngx_http_l402_conf_redis.cpp
char *ngx_http_l402_set_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
// Once the configuration is read.
ngx_int_t ngx_http_l402_check_redis(ngx_conf_t *cf,
    ngx_http_l402_main_conf_t *mcf);

// ngx_http_l402_redis_lease.cpp: who of the workers it is, in memory that all
// share. Without a lock: one that dies leaves nothing behind but its number,
// which is then seen to be nobody's.
class ngx_http_l402_redis_lease_t {
public:
    explicit ngx_http_l402_redis_lease_t(ngx_shm_zone_t *zone);
    ~ngx_http_l402_redis_lease_t() { release(); }

    // True: it is this process, which has to say so again within seconds.
    bool claim() noexcept;
    void release() noexcept;
    void set_whole(bool whole) noexcept;

    // Of whoever holds it: is it subscribed, and has it the whole list?
    static bool is_whole(ngx_shm_zone_t *zone) noexcept;

private:
    ngx_shm_zone_t *zone_;
    uint64_t        owner_;
};

// Null once an error has been logged.
ngx_shm_zone_t *ngx_http_l402_add_feed_zone(ngx_conf_t *cf);

// ngx_http_l402_redis_feed.cpp: `conf` and `ledger` must outlive it
std::unique_ptr<ngx_http_l402_redis_feed_t> ngx_http_l402_create_feed(
    ngx_cycle_t *cycle, const ngx_http_l402_redis_t &conf,
    l402::Ledger &ledger);

// ngx_http_l402_redis_start.cpp

// In a worker, at its start: connects. Nothing without an l402_redis.
void ngx_http_l402_start_redis(ngx_cycle_t *cycle,
    ngx_http_l402_main_conf_t *mcf);
// At its end. Whoever still waits for an answer is not told anything any more.
void ngx_http_l402_stop_redis(ngx_http_l402_main_conf_t *mcf);

// For counting: refuses to send while Redis is away, or where it could forget
// counts. Null without an l402_redis.
l402::RedisLink *ngx_http_l402_redis_link(ngx_http_l402_main_conf_t *mcf);

// A change of the list of revocations, for all hosts; with `revoke` false it
// ends one. The waiter gets what l402::read_redis_change() reads. False: there
// is no connection now; `why` says so.
bool ngx_http_l402_publish_revocation(ngx_http_l402_main_conf_t *mcf,
    const l402::Revocation &revocation, bool revoke,
    l402::RedisWaiter &waiter, std::string &why);
void ngx_http_l402_forget_publisher(ngx_http_l402_main_conf_t *mcf,
    l402::RedisWaiter &waiter);

// Is a worker of this host subscribed now, and has the whole list?
bool ngx_http_l402_has_redis_feed(ngx_http_l402_main_conf_t *mcf);
