// The configuration as a whole: its objects, inheritance, and the checks that
// need more than one directive.

#include "ngx_http_l402.h"

namespace {

char *const failed = static_cast<char *>(NGX_CONF_ERROR);

using LocConf = ngx_http_l402_loc_conf_t;
using MainConf = ngx_http_l402_main_conf_t;

ngx_http_l402_service_t *find_named(MainConf *mcf, const ngx_str_t &name)
{
    auto services = static_cast<ngx_http_l402_service_t **>(
        mcf->services.elts);

    for (ngx_uint_t i = 0; i < mcf->services.nelts; i++) {
        if (ngx_http_l402_view(services[i]->name) == ngx_http_l402_view(name)) {
            return services[i];
        }
    }

    return nullptr;
}

// The one that is named, or the only one there is.
ngx_http_l402_service_t *find_service(ngx_conf_t *cf, MainConf *mcf,
    LocConf *lcf)
{
    if (lcf->invoice_from.len) {
        return find_named(mcf, lcf->invoice_from);
    }

    if (mcf->services.nelts == 1) {
        return static_cast<ngx_http_l402_service_t **>(
            mcf->services.elts)[0];
    }

    if (mcf->services.nelts == 0) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, lcf->place,
            "\"l402 %V\" has no invoice service, define one with "
            "\"l402_invoice_service name { protocol lnd; url ...; }\"",
            &lcf->service);

    } else {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, lcf->place,
            "\"l402 %V\" has %ui invoice services to choose from, name one "
            "with \"l402_invoice_from\"", &lcf->service, mcf->services.nelts);
    }

    return nullptr;
}

// A server{} whose requests all end in locations needs no price of its own, and
// no stock; what still reaches it without a price is answered 500.
bool is_in_use(ngx_conf_t *cf)
{
    auto clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));

    // An `if` has what its surroundings have.
    return clcf->lmt_excpt
           || (!clcf->noname
               && (clcf->name.len != 0 || clcf->locations == nullptr));
}

char *check_protected(ngx_conf_t *cf, MainConf *mcf, LocConf *lcf)
{
    if (lcf->keys == nullptr) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, lcf->place,
            "\"l402 %V\" has no key, name a file with \"l402_key_file\" "
            "(\"l402ctl keygen\" makes one)", &lcf->service);
        return failed;
    }

    if (lcf->price.value == nullptr) {
        if (lcf->in_use) {
            ngx_http_l402_log_at(cf, NGX_LOG_EMERG, lcf->place,
                "\"l402 %V\" has no price, set one with \"l402_price\", such "
                "as \"l402_price 10sat\" or \"l402_price 0\"", &lcf->service);
            return failed;
        }

        return NGX_CONF_OK;
    }

    if (lcf->price.is_static && lcf->price.amount == 0) {
        return NGX_CONF_OK;
    }

    lcf->invoice_service = find_service(cf, mcf, lcf);

    return lcf->invoice_service ? NGX_CONF_OK : failed;
}

}  // namespace

void *ngx_http_l402_create_main_conf(ngx_conf_t *cf)
{
    auto mcf = static_cast<MainConf *>(ngx_pcalloc(cf->pool,
        sizeof(MainConf)));

    if (mcf == nullptr
        || ngx_array_init(&mcf->services, cf->pool, 2, sizeof(void *))
               != NGX_OK
        || ngx_array_init(&mcf->keys, cf->pool, 2, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->locations, cf->pool, 8, sizeof(void *))
               != NGX_OK
        || ngx_array_init(&mcf->stocks, cf->pool, 4, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->frees, cf->pool, 2, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->admins, cf->pool, 1,
               sizeof(ngx_http_l402_admin_t)) != NGX_OK
        || ngx_array_init(&mcf->sellers, cf->pool, 2,
               sizeof(ngx_http_l402_seller_t)) != NGX_OK)
    {
        return nullptr;
    }

    return mcf;
}

void *ngx_http_l402_create_loc_conf(ngx_conf_t *cf)
{
    auto lcf = static_cast<LocConf *>(ngx_pcalloc(cf->pool, sizeof(LocConf)));

    if (lcf == nullptr) {
        return nullptr;
    }

    lcf->enable = NGX_CONF_UNSET;
    lcf->keys = static_cast<ngx_http_l402_keys_t *>(NGX_CONF_UNSET_PTR);
    lcf->valid_for = NGX_CONF_UNSET;
    lcf->invalid_status = NGX_CONF_UNSET_UINT;
    lcf->lsat = NGX_CONF_UNSET;
    lcf->pass_credential = NGX_CONF_UNSET;
    lcf->cors = NGX_CONF_UNSET;
    lcf->settled = NGX_CONF_UNSET;
    lcf->revocation = NGX_CONF_UNSET;
    lcf->count.uses = NGX_CONF_UNSET_UINT;
    lcf->count.metered = NGX_CONF_UNSET;
    lcf->count.refund = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    lcf->refuse_unknown_caveats = NGX_CONF_UNSET;
    lcf->free = static_cast<ngx_http_l402_free_t *>(NGX_CONF_UNSET_PTR);
    return lcf;
}

char *ngx_http_l402_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    auto prev = static_cast<LocConf *>(parent);
    auto conf = static_cast<LocConf *>(child);
    auto mcf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_l402_module));

    if (conf->enable == NGX_CONF_UNSET) {
        conf->enable = prev->enable == NGX_CONF_UNSET ? 0 : prev->enable;
        conf->service = prev->service;
        conf->tier = prev->tier;
        conf->place = prev->place;
    }

    if (conf->keys == NGX_CONF_UNSET_PTR) {
        conf->keys = prev->keys == NGX_CONF_UNSET_PTR ? nullptr : prev->keys;
    }

    if (conf->price.value == nullptr) {
        conf->price = prev->price;
    }

    if (conf->upgrade_price.value == nullptr) {
        conf->upgrade_price = prev->upgrade_price;
    }

    if (conf->memo == nullptr) {
        conf->memo = prev->memo;
    }

    if (conf->invoice_from.data == nullptr) {
        conf->invoice_from = prev->invoice_from;
        conf->invoice_from_place = prev->invoice_from_place;
    }

    ngx_conf_merge_sec_value(conf->valid_for, prev->valid_for, 3600);
    ngx_conf_merge_uint_value(conf->invalid_status, prev->invalid_status, 402);
    ngx_conf_merge_value(conf->lsat, prev->lsat, 0);
    ngx_conf_merge_value(conf->pass_credential, prev->pass_credential, 0);
    ngx_conf_merge_value(conf->cors, prev->cors, 1);

    if (conf->settled == NGX_CONF_UNSET) {
        conf->settled = prev->settled == NGX_CONF_UNSET ? 0 : prev->settled;
        conf->settled_place = prev->settled_place;
    }

    ngx_http_l402_merge_caveats(prev, conf);

    if (ngx_http_l402_merge_count(cf, prev, conf) != NGX_CONF_OK
        || ngx_http_l402_merge_free(cf, prev, conf) != NGX_CONF_OK
        || ngx_http_l402_merge_admin(cf, prev, conf) != NGX_CONF_OK)
    {
        return failed;
    }

    if (conf->invoice_from.len
        && find_named(mcf, conf->invoice_from) == nullptr)
    {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, conf->invoice_from_place,
            "unknown service \"%V\" in \"l402_invoice_from\", it must be the "
            "name of an l402_invoice_service block", &conf->invoice_from);
        return failed;
    }

    if (!conf->enable) {
        return NGX_CONF_OK;
    }

    auto clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    auto slot = static_cast<LocConf **>(ngx_array_push(&mcf->locations));

    conf->location = clcf->name;
    conf->limit_except = clcf->lmt_excpt;
    conf->in_use = is_in_use(cf);

    if (slot == nullptr) {
        return failed;
    }

    *slot = conf;
    char *rv = check_protected(cf, mcf, conf);

    return rv == NGX_CONF_OK ? ngx_http_l402_check_caveats(cf, conf) : rv;
}
