// Which of a host's workers keeps the list of revocations.

#include "ngx_http_l402_redis.h"

#include <sodium.h>

using Lease = ngx_http_l402_redis_lease_t;

namespace {

// A worker that is stuck for longer is taken for gone.
constexpr uint64_t patience = 3000;  // ms

struct Shared {
    std::atomic<uint64_t> owner;      // 0: nobody
    std::atomic<uint64_t> claimed_at; // ms, of the clock that workers share
    std::atomic<uint32_t> whole;
};

Shared *shared_of(ngx_shm_zone_t *zone)
{
    return static_cast<Shared *>(zone->data);
}

// Kept over a reload: the contents are never initialised anew.
ngx_int_t init_zone(ngx_shm_zone_t *zone, void *data)
{
    auto pool = reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);

    if (data == nullptr && !zone->shm.exists) {
        pool->data = ngx_slab_calloc(pool, sizeof(Shared));
    }

    zone->data = data ? data : pool->data;
    return zone->data ? NGX_OK : NGX_ERROR;
}

bool is_gone(uint64_t owner)
{
    return kill(static_cast<pid_t>(owner >> 32), 0) == -1
           && ngx_errno == NGX_ESRCH;
}

}  // namespace

ngx_shm_zone_t *ngx_http_l402_add_feed_zone(ngx_conf_t *cf)
{
    // No zone of l402_zone can have a name with a colon.
    static ngx_str_t name = ngx_string("l402:redis");
    ngx_shm_zone_t *zone = ngx_shared_memory_add(cf, &name,
        16 * ngx_pagesize, &ngx_http_l402_module);

    if (zone) {
        zone->init = init_zone;
    }

    return zone;
}

Lease::ngx_http_l402_redis_lease_t(ngx_shm_zone_t *zone)
    : zone_(zone),
      owner_(static_cast<uint64_t>(ngx_pid) << 32 | randombytes_random())
{
}

bool Lease::claim() noexcept
{
    Shared *shared = shared_of(zone_);
    uint64_t owner = shared->owner;
    uint64_t now = ngx_current_msec;

    if (owner == owner_) {
        shared->claimed_at = now;
        return true;
    }

    if (owner != 0 && !is_gone(owner) && now - shared->claimed_at < patience) {
        return false;
    }

    // Of several that see it at once one is let in.
    if (!shared->owner.compare_exchange_strong(owner, owner_)) {
        return false;
    }

    shared->claimed_at = now;
    shared->whole = 0;
    return true;
}

void Lease::release() noexcept
{
    uint64_t owner = owner_;

    if (shared_of(zone_)->owner == owner) {
        shared_of(zone_)->whole = 0;
    }

    shared_of(zone_)->owner.compare_exchange_strong(owner, 0);
}

void Lease::set_whole(bool whole) noexcept
{
    if (shared_of(zone_)->owner == owner_) {
        shared_of(zone_)->whole = whole;
    }
}

bool Lease::is_whole(ngx_shm_zone_t *zone) noexcept
{
    const Shared *shared = shared_of(zone);

    return shared->whole && shared->owner != 0 && !is_gone(shared->owner)
           && ngx_current_msec - shared->claimed_at < patience;
}
