// Stocks of ready invoices: which ones a configuration makes, and how a
// request takes from one.

#include "ngx_http_l402_zone.h"

#include "l402/sha256.h"

#include <algorithm>

namespace {

using LocConf = ngx_http_l402_loc_conf_t;
using MainConf = ngx_http_l402_main_conf_t;

// Only what stands in the configuration makes a stock: a client that may
// choose a price or a memo could have any number of invoices made.
bool is_fixed(const LocConf *lcf)
{
    return lcf->in_use && lcf->invoice_service
           && lcf->invoice_service->service.pool
           && (lcf->memo == nullptr || lcf->memo->lengths == nullptr);
}

ngx_http_l402_zone_key_t key_of(const ngx_http_l402_stock_t *stock)
{
    const l402::InvoiceService &service = stock->service->service;
    std::string text = "stock\n" + service.name + "\n"
                       + service.protocol->name + "\n"
                       + l402::network_name(service.network) + "\n";
    l402::Hash digest;
    ngx_http_l402_zone_key_t key;

    for (const l402::Endpoint &endpoint : service.endpoints) {
        text += endpoint.url.unix_socket + "\n" + endpoint.url.join("") + "\n";
    }

    text += std::to_string(stock->request.amount_msat) + "\n"
            + std::to_string(stock->request.expiry) + "\n"
            + stock->request.memo;
    l402::sha256(text, digest.data());
    std::copy_n(digest.begin(), key.size(), key.begin());
    return key;
}

ngx_http_l402_stock_t *find(MainConf *mcf, const ngx_http_l402_zone_key_t &key)
{
    auto stocks = static_cast<ngx_http_l402_stock_t **>(mcf->stocks.elts);

    for (ngx_uint_t i = 0; i < mcf->stocks.nelts; i++) {
        if (stocks[i]->key == key) {
            return stocks[i];
        }
    }

    return nullptr;
}

ngx_int_t add_stock(ngx_conf_t *cf, MainConf *mcf, const LocConf *lcf,
    const ngx_http_l402_price_t &price, ngx_http_l402_stock_t *&out)
{
    if (price.value == nullptr || !price.is_static || price.amount == 0) {
        return NGX_OK;
    }

    auto stock = ngx_http_l402_pool_new<ngx_http_l402_stock_t>(cf->pool);

    if (stock == nullptr) {
        return NGX_ERROR;
    }

    stock->service = lcf->invoice_service;
    stock->request.amount_msat =
        stock->service->service.protocol->rounded(price.amount);
    stock->request.memo = ngx_http_l402_view(
        lcf->memo ? lcf->memo->value : lcf->service);
    stock->request.expiry = ngx_http_l402_invoice_expiry(lcf);
    stock->key = key_of(stock);
    out = find(mcf, stock->key);

    if (out) {
        return NGX_OK;
    }

    auto slot = static_cast<ngx_http_l402_stock_t **>(
        ngx_array_push(&mcf->stocks));

    if (slot == nullptr) {
        return NGX_ERROR;
    }

    *slot = stock;
    out = stock;
    return NGX_OK;
}

}  // namespace

ngx_int_t ngx_http_l402_list_stocks(ngx_conf_t *cf, MainConf *mcf)
{
    auto locations = static_cast<LocConf **>(mcf->locations.elts);

    for (ngx_uint_t i = 0; i < mcf->locations.nelts; i++) {
        LocConf *lcf = locations[i];

        if (is_fixed(lcf)
            && (add_stock(cf, mcf, lcf, lcf->price, lcf->stock) != NGX_OK
                || add_stock(cf, mcf, lcf, lcf->upgrade_price,
                       lcf->upgrade_stock) != NGX_OK))
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}

// Characters of the longest invoice that has a place. A description is eight
// bits to five; some seven hints of private channels fit beside a short one,
// three beside the longest.
size_t ngx_http_l402_invoice_size(const ngx_http_l402_stock_t *stock)
{
    size_t memo = ngx_min(stock->request.memo.size(), l402::max_description)
                  * 8 / 5;

    return ngx_max(900, 600 + memo);
}

bool ngx_http_l402_take_ready(ngx_http_request_t *r, MainConf *mcf,
    ngx_http_l402_stock_t *stock, int64_t latest, l402::Invoice &out)
{
    l402::Stock::Taken taken = l402::Stock::Taken::no;

    {
        ngx_http_l402_zone_lock_t lock(mcf->zone);

        if (l402::Stock *ready = lock.stock(stock->key)) {
            taken = ready->take(ngx_time(), latest, out);
        }
    }

    if (taken == l402::Stock::Taken::no_and_say_so) {
        ngx_str_t memo = ngx_http_l402_str(stock->request.memo);

        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
            "l402: the stock of invoices of \"%V\" for \"%V\" at %uLmsat is "
            "empty", &stock->service->name, &memo,
            stock->request.amount_msat);
    }

    if (stock->refill) {
        stock->refill->wake();
    }

    return taken == l402::Stock::Taken::yes;
}
