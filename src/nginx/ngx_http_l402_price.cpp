// What a request costs.

#include "ngx_http_l402.h"

#include "l402/price.h"

namespace {

bool evaluate(ngx_http_request_t *r, ngx_http_l402_loc_conf_t *lcf,
    const ngx_http_l402_price_t &price, const char *directive, bool log,
    uint64_t &out)
{
    ngx_str_t value;

    if (price.value == nullptr) {
        if (log && ngx_http_l402_may_log(lcf->bad_price_logged)) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                "l402: no \"%s\" where \"%V\" is sold", directive,
                &lcf->service);
        }

        return false;
    }

    if (price.is_static) {
        out = price.amount;
        return true;
    }

    if (ngx_http_complex_value(r, price.value, &value) != NGX_OK) {
        return false;
    }

    if (!l402::parse_amount(ngx_http_l402_view(value), out)) {
        if (log && ngx_http_l402_may_log(lcf->bad_price_logged)) {
            // It may come from the request: no more than a price could need.
            value.len = ngx_min(value.len, 64);
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                "l402: the value \"%V\" of \"%s\" is no amount, it must be "
                "such as %s", &value, directive, l402::amount_hint);
        }

        return false;
    }

    return true;
}

}  // namespace

bool ngx_http_l402_price(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, bool log)
{
    if (ctx->has_price) {
        return true;
    }

    bool upgrades = ngx_http_l402_upgrades(ctx, lcf);
    uint64_t whole;

    if (!(upgrades ? evaluate(r, lcf, lcf->upgrade_price, "l402_upgrade_price",
                         log, ctx->price_msat)
                   : evaluate(r, lcf, lcf->price, "l402_price", log,
                         ctx->price_msat)))
    {
        return false;
    }

    // What is free for strangers is free for everybody.
    if (upgrades && evaluate(r, lcf, lcf->price, "l402_price", false, whole)
        && whole == 0)
    {
        ctx->price_msat = 0;
    }

    ctx->has_price = 1;
    return true;
}
