// What is no mistake, but is cheaper than it looks.

#include "ngx_http_l402.h"

#include "core/caveats.h"

namespace {

using LocConf = ngx_http_l402_loc_conf_t;
using MainConf = ngx_http_l402_main_conf_t;

// Can a token that was bought at `at` not open `other`, whatever it cost?
bool keeps_out(const LocConf *at, const LocConf *other)
{
    ngx_uint_t tie = NGX_HTTP_L402_BIND_PATH;

    // Where the paths may be the same, something else has to differ.
    if (ngx_http_l402_view(at->location) == ngx_http_l402_view(other->location))
    {
        tie = at->limit_except || other->limit_except
                  ? NGX_HTTP_L402_BIND_METHOD : NGX_HTTP_L402_BIND_HOST;
    }

    if (at->bind & tie) {
        return true;
    }

    return at->capabilities.len && other->capability.len
           && !l402::has_item(ngx_http_l402_view(at->capabilities),
                  ngx_http_l402_view(other->capability));
}

bool same_goods(const LocConf *a, const LocConf *b)
{
    return a->tier == b->tier
           && ngx_http_l402_view(a->service) == ngx_http_l402_view(b->service);
}

// True where there was a reason.
bool warn_two_prices(ngx_conf_t *cf, const LocConf *a, const LocConf *b)
{
    const LocConf *cheap = a->price.amount < b->price.amount ? a : b;
    const LocConf *dear = cheap == a ? b : a;

    if (keeps_out(cheap, dear)) {
        return false;
    }

    ngx_http_l402_log_at(cf, NGX_LOG_WARN, a->price.place,
        "service \"%V\" tier %ui is sold at two prices, %uLmsat and %uLmsat: "
        "the cheaper token opens both locations", &a->service, a->tier,
        b->price.amount, a->price.amount);
    return true;
}

void warn_variable_price(ngx_conf_t *cf, const LocConf *lcf)
{
    if (!(lcf->bind & NGX_HTTP_L402_BIND_PATH) && !lcf->count.uses
        && !lcf->count.cost)
    {
        ngx_http_l402_log_at(cf, NGX_LOG_WARN, lcf->price.place,
            "the price of \"l402 %V\" is variable: a token bought at its "
            "cheapest opens its dearest request; \"l402_bind path\" ties a "
            "token to the path it was bought for, \"l402_uses\" or "
            "\"l402_metered\" bound what it is worth", &lcf->service);
    }
}

// Once: a restart, or a new host, would renew what was used up.
void warn_forgetful(ngx_conf_t *cf, const MainConf *mcf, const LocConf *lcf)
{
    const ngx_http_l402_count_conf_t &count = lcf->count;

    if (mcf->zone_file.len == 0 && mcf->redis == nullptr) {
        ngx_http_l402_log_at(cf, NGX_LOG_WARN,
            count.uses ? count.uses_place : count.metered_place,
            "\"%s\" counts in memory alone: a restart of nginx renews every "
            "token; \"l402_zone\" with \"file=\" or \"l402_redis\" keeps what "
            "was counted", count.uses ? "l402_uses" : "l402_metered");
    }
}

void warn_stale(ngx_conf_t *cf, const MainConf *mcf, const LocConf *lcf)
{
    if (mcf->redis == nullptr) {
        ngx_http_l402_log_at(cf, NGX_LOG_WARN, lcf->revocation_place,
            "\"max_stale\" has no effect without \"l402_redis\": the list of "
            "this host is never old");
    }
}

void warn_upgrade_price(ngx_conf_t *cf, const LocConf *lcf)
{
    const ngx_http_l402_price_t &upgrade = lcf->upgrade_price;

    if (upgrade.value && upgrade.is_static && lcf->price.is_static
        && upgrade.amount > lcf->price.amount)
    {
        ngx_http_l402_log_at(cf, NGX_LOG_WARN, upgrade.place,
            "an upgrade to \"l402 %V:%ui\" costs %uLmsat, more than its price "
            "of %uLmsat", &lcf->service, lcf->tier, upgrade.amount,
            lcf->price.amount);
    }
}

}  // namespace

void ngx_http_l402_warn(ngx_conf_t *cf, MainConf *mcf)
{
    auto locations = static_cast<LocConf **>(mcf->locations.elts);
    const LocConf *last_variable = nullptr;
    const LocConf *last_upgrade = nullptr;
    bool forgetful = false, stale = false;

    for (ngx_uint_t i = 0; i < mcf->locations.nelts; i++) {
        LocConf *lcf = locations[i];

        if (!forgetful && (lcf->count.uses || lcf->count.cost)) {
            warn_forgetful(cf, mcf, lcf);
            forgetful = true;
        }

        if (!stale && lcf->max_stale) {
            warn_stale(cf, mcf, lcf);
            stale = true;
        }

        if (lcf->price.value == nullptr) {
            continue;
        }

        // Nested blocks share a line.
        if (last_upgrade == nullptr
            || last_upgrade->upgrade_price.value != lcf->upgrade_price.value
            || last_upgrade->price.value != lcf->price.value)
        {
            warn_upgrade_price(cf, lcf);
            last_upgrade = lcf;
        }

        if (!lcf->price.is_static) {
            if (last_variable == nullptr
                || last_variable->price.value != lcf->price.value)
            {
                warn_variable_price(cf, lcf);
                last_variable = lcf;
            }

            continue;
        }

        for (ngx_uint_t j = 0; j < i; j++) {
            LocConf *other = locations[j];

            if (other->price.value && other->price.is_static
                && other->price.amount != lcf->price.amount
                && same_goods(lcf, other)
                && warn_two_prices(cf, lcf, other))
            {
                break;
            }
        }
    }
}
