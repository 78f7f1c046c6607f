// Beside the requests: room for what is sold, and what is done once a second
// with what was counted, and by whom.

#include "ngx_http_l402_count.h"
#include "ngx_http_l402_event.h"

namespace {

using MainConf = ngx_http_l402_main_conf_t;

constexpr ngx_msec_t housekeeping_interval = 1000;  // ms
constexpr size_t     swept_at_once = 2000;          // entries
constexpr ngx_msec_t dropping_interval = 20;        // ms
constexpr size_t     dropped_at_once = 20000;       // entries
// Of the entries, so many are kept for payments that are under way: 1 / 20.
constexpr size_t     reserve_share = 20;

void keep_house(ngx_event_t *ev)
{
    auto mcf = static_cast<MainConf *>(
        static_cast<ngx_http_l402_event_owner_t *>(ev->data)->self);

    if (mcf->ledger.is_dropping()) {
        // What a new list of revocations does not have any more.
        (void) mcf->ledger.sweep(ngx_time(), dropped_at_once);
        ngx_add_timer(ev, dropping_interval);
        return;
    }

    (void) mcf->ledger.give_back_of_dead();
    (void) mcf->ledger.sweep(ngx_time(), swept_at_once);

    ngx_http_l402_guard<bool>(ev->log, false, [&] {
        ngx_http_l402_keep_count_redis(mcf);
        return true;
    });

    ngx_add_timer(ev, housekeeping_interval);
}

}  // namespace

bool ngx_http_l402_has_room(ngx_http_request_t *r,
    ngx_http_l402_main_conf_t *mcf, ngx_http_l402_loc_conf_t *lcf)
{
    if (!mcf->ledger || mcf->counts
        || (!lcf->count.uses && !lcf->count.cost))
    {
        return true;
    }

    size_t most = mcf->ledger.max_payments();

    if (mcf->ledger.free_payments() >= most / reserve_share) {
        return true;
    }

    if (ngx_http_l402_may_log(lcf->count.nearly_full_logged)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
            "l402: the zone \"%V\" is nearly full: nothing that is counted is "
            "sold until payments expire, or it is made larger and nginx "
            "restarted", &mcf->zone->shm.name);
    }

    return false;
}

void ngx_http_l402_start_count(ngx_cycle_t *cycle,
    ngx_http_l402_main_conf_t *mcf)
{
    static ngx_http_l402_event_owner_t owner;
    static ngx_event_t event;

    if (!mcf->ledger) {
        return;
    }

    ngx_http_l402_start_count_redis(mcf);
    ngx_http_l402_init_event(event, owner, mcf, keep_house, cycle->log);
    event.cancelable = 1;
    (void) mcf->ledger.give_back_of_dead();
    ngx_add_timer(&event, housekeeping_interval);
}

void ngx_http_l402_stop_count(ngx_http_l402_main_conf_t *mcf)
{
    ngx_http_l402_stop_count_redis(mcf);

    if (mcf->ledger) {
        mcf->ledger.detach();
    }
}
