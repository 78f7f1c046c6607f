// What a request costs.

#include "ngx_http_l402.h"

#include "l402/price.h"

namespace {

// A client that chooses the price could fill the log: one line a second.
bool may_log(ngx_http_l402_loc_conf_t *lcf)
{
    if (lcf->bad_price_logged == ngx_time()) {
        return false;
    }

    lcf->bad_price_logged = ngx_time();
    return true;
}

}  // namespace

bool ngx_http_l402_price(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, bool log)
{
    bool upgrades = ctx->upgrade && lcf->upgrade_price.value;
    const ngx_http_l402_price_t *price = upgrades ? &lcf->upgrade_price
                                                  : &lcf->price;
    const char *directive = upgrades ? "l402_upgrade_price" : "l402_price";
    ngx_str_t value;

    if (ctx->has_price) {
        return true;
    }

    if (price->value == nullptr) {
        if (log && may_log(lcf)) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                "l402: no \"l402_price\" where \"%V\" is sold", &lcf->service);
        }

        return false;
    }

    if (price->is_static) {
        ctx->price_msat = price->amount;
        ctx->has_price = 1;
        return true;
    }

    if (ngx_http_complex_value(r, price->value, &value) != NGX_OK) {
        return false;
    }

    if (!l402::parse_amount(ngx_http_l402_view(value), ctx->price_msat)) {
        if (log && may_log(lcf)) {
            ngx_str_t shown = value;

            // It may come from the request: no more than a price could need.
            shown.len = ngx_min(shown.len, 64);
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                "l402: the value \"%V\" of \"%s\" is no amount, it must be "
                "such as %s", &shown, directive, l402::amount_hint);
        }

        return false;
    }

    ctx->has_price = 1;
    return true;
}
