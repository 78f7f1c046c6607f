// l402_free: some requests of each client are let in for nothing. What was
// taken is in a block of the zone, under its lock.

#include "ngx_http_l402_zone.h"

using l402::FreeQuota;
using l402::Result;

// What a request was counted by. It is that once, wherever redirects lead it.
// Trivially copyable: in its pool.
struct ngx_http_l402_freed_t {
    const ngx_http_l402_free_t  *by;
    uint32_t                     left;
    ngx_http_l402_freed_t       *next;
};

namespace {

using Ctx = ngx_http_l402_ctx_t;
using Free = ngx_http_l402_free_t;
using Freed = ngx_http_l402_freed_t;
using MainConf = ngx_http_l402_main_conf_t;

// Whose credential is spent, or is for something else, is a stranger here. One
// that is broken, refused or in doubt keeps the answer that says so.
bool is_strangers(Result result)
{
    switch (result) {
    case Result::absent:
    case Result::expired:
    case Result::used_up:
    case Result::wrong_service:
    case Result::insufficient:
        return true;

    default:
        return false;
    }
}

const Freed *find_freed(const Ctx *ctx, const Free *by)
{
    const Freed *freed = ctx->freed;

    while (freed && freed->by != by) {
        freed = freed->next;
    }

    return freed;
}

// False: a request without a key.
bool find_name(ngx_http_request_t *r, const Free *by, l402::Hash &out)
{
    std::string_view client;
    ngx_str_t value;

    if (by->key == nullptr) {
        client = l402::free_client(ngx_http_l402_client_address(r));

    } else if (ngx_http_complex_value(r, by->key, &value) == NGX_OK
               && value.len)
    {
        client = ngx_http_l402_view(value);

    } else {
        return false;
    }

    out = l402::free_client_name(ngx_http_l402_view(by->scope), client);
    return true;
}

// A reload may have found no room for the quota.
bool has_left(const MainConf *mcf, const Free *by, const l402::Hash &name)
{
    ngx_http_l402_zone_lock_t lock(mcf->zone);
    FreeQuota *quota = lock.free_quota();

    return quota && quota->left(name, by->rule, ngx_current_msec) != 0;
}

FreeQuota::Taken take(const MainConf *mcf, const Free *by,
    const l402::Hash &name, uint32_t &left)
{
    ngx_http_l402_zone_lock_t lock(mcf->zone);
    FreeQuota *quota = lock.free_quota();

    return quota ? quota->take(name, by->rule, ngx_current_msec, left)
                 : FreeQuota::Taken::no_room;
}

void note_left(Ctx *ctx, uint32_t left)
{
    ctx->free_left = left;
    ctx->has_free_left = 1;
}

// What is sold here was not paid for, whatever came with the request.
void note_free(Ctx *ctx, uint32_t left)
{
    note_left(ctx, left);
    ctx->verdict.has_token = false;
}

bool take_one(ngx_http_request_t *r, const MainConf *mcf, const Free *by,
    const l402::Hash &name, Ctx *ctx)
{
    auto freed = static_cast<Freed *>(ngx_palloc(r->pool, sizeof(Freed)));
    uint32_t left = 0;

    if (freed == nullptr) {
        return false;
    }

    FreeQuota::Taken taken = take(mcf, by, name, left);

    if (taken == FreeQuota::Taken::yes) {
        *freed = {by, left, ctx->freed};
        ctx->freed = freed;
        note_free(ctx, left);
        return true;
    }

    note_left(ctx, 0);

    if (taken == FreeQuota::Taken::no_room_and_say_so) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
            "l402: the zone \"%V\" has no room for the free requests of more "
            "clients: until windows end, others have none",
            &mcf->zone->shm.name);
    }

    return false;
}

}  // namespace

bool ngx_http_l402_is_free(ngx_http_request_t *r, MainConf *mcf,
    const ngx_http_l402_loc_conf_t *lcf, Ctx *ctx, bool take)
{
    const Free *by = lcf->free;
    l402::Hash name;

    if (!is_strangers(ctx->result)) {
        return false;
    }

    if (const Freed *freed = find_freed(ctx, by)) {
        if (take) {
            note_free(ctx, freed->left);
        }

        return true;
    }

    if (!find_name(r, by, name)) {
        return false;
    }

    return take ? take_one(r, mcf, by, name, ctx) : has_left(mcf, by, name);
}
