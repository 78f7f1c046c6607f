// The l402_settled directive: who can be asked, and the memory of what was
// said, which all workers share.

#include "ngx_http_l402.h"

namespace {

constexpr size_t remembered = 16384;  // payments

char *const failed = static_cast<char *>(NGX_CONF_ERROR);

// Kept over a reload: the contents are never initialised anew.
ngx_int_t init_zone(ngx_shm_zone_t *zone, void *data)
{
    auto pool = reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);

    if (data == nullptr && !zone->shm.exists) {
        pool->data = ngx_slab_calloc(pool,
            l402::SettledMemory::bytes_for(remembered));
    }

    zone->data = data ? data : pool->data;
    return zone->data ? NGX_OK : NGX_ERROR;
}

ngx_shm_zone_t *add_zone(ngx_conf_t *cf)
{
    // No zone of l402_zone can have a name with a colon.
    static ngx_str_t name = ngx_string("l402:settled");
    constexpr size_t slab_pages = 64 * 1024;

    ngx_shm_zone_t *zone = ngx_shared_memory_add(cf, &name,
        l402::SettledMemory::bytes_for(remembered) + slab_pages,
        &ngx_http_l402_module);

    if (zone) {
        zone->init = init_zone;
    }

    return zone;
}

bool add_invoice_service(ngx_conf_t *cf, ngx_http_l402_main_conf_t *mcf,
    const ngx_http_l402_loc_conf_t *lcf)
{
    ngx_http_l402_seller_t *seller = ngx_http_l402_find_seller(mcf,
        lcf->service);

    if (seller == nullptr) {
        seller = static_cast<ngx_http_l402_seller_t *>(
            ngx_array_push(&mcf->sellers));

        if (seller == nullptr
            || ngx_array_init(&seller->invoice_services, cf->pool, 2,
                   sizeof(void *)) != NGX_OK)
        {
            return false;
        }

        seller->service = lcf->service;
    }

    auto known = static_cast<ngx_http_l402_service_t **>(
        seller->invoice_services.elts);

    for (ngx_uint_t i = 0; i < seller->invoice_services.nelts; i++) {
        if (known[i] == lcf->invoice_service) {
            return true;
        }
    }

    auto slot = static_cast<ngx_http_l402_service_t **>(
        ngx_array_push(&seller->invoice_services));

    if (slot) {
        *slot = lcf->invoice_service;
    }

    return slot != nullptr;
}

bool can_ask(ngx_conf_t *cf, ngx_http_l402_main_conf_t *mcf,
    const ngx_http_l402_loc_conf_t *lcf)
{
    ngx_http_l402_seller_t *seller = ngx_http_l402_find_seller(mcf,
        lcf->service);

    if (seller == nullptr) {
        return true;
    }

    auto services = static_cast<ngx_http_l402_service_t **>(
        seller->invoice_services.elts);

    for (ngx_uint_t i = 0; i < seller->invoice_services.nelts; i++) {
        const l402::Protocol *protocol = services[i]->service.protocol;

        if (protocol->settlement == nullptr) {
            ngx_http_l402_log_at(cf, NGX_LOG_EMERG, lcf->settled_place,
                "\"l402_settled require\" cannot work for \"l402 %V\": it is "
                "sold with l402_invoice_service \"%V\", whose protocol \"%s\" "
                "cannot be asked by payment hash whether an invoice is "
                "settled", &lcf->service, &services[i]->name, protocol->name);
            return false;
        }
    }

    return true;
}

}  // namespace

ngx_http_l402_seller_t *ngx_http_l402_find_seller(
    ngx_http_l402_main_conf_t *mcf, const ngx_str_t &service)
{
    auto sellers = static_cast<ngx_http_l402_seller_t *>(mcf->sellers.elts);

    for (ngx_uint_t i = 0; i < mcf->sellers.nelts; i++) {
        if (ngx_http_l402_view(sellers[i].service)
            == ngx_http_l402_view(service))
        {
            return &sellers[i];
        }
    }

    return nullptr;
}

l402::SettledMemory ngx_http_l402_settled_memory(
    ngx_http_l402_main_conf_t *mcf)
{
    return {mcf->settled_zone->data,
        l402::SettledMemory::bytes_for(remembered)};
}

char *ngx_http_l402_set_settled(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto lcf = static_cast<ngx_http_l402_loc_conf_t *>(conf);
    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_l402_module));
    ngx_str_t *value = &static_cast<ngx_str_t *>(cf->args->elts)[1];
    std::string_view word = ngx_http_l402_view(*value);

    if (lcf->settled != NGX_CONF_UNSET) {
        return const_cast<char *>("is duplicate");
    }

    if (word != "off" && word != "require") {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_settled\", it must be \"off\" or "
            "\"require\"", value);
        return failed;
    }

    ngx_http_l402_set_place(cf, &lcf->settled_place);
    lcf->settled = word == "require";

    if (lcf->settled) {
        mcf->settled_zone = add_zone(cf);
    }

    return lcf->settled && mcf->settled_zone == nullptr ? failed : NGX_CONF_OK;
}

char *ngx_http_l402_init_settled(ngx_conf_t *cf,
    ngx_http_l402_main_conf_t *mcf)
{
    auto locations = static_cast<ngx_http_l402_loc_conf_t **>(
        mcf->locations.elts);

    for (ngx_uint_t i = 0; i < mcf->locations.nelts; i++) {
        ngx_http_l402_loc_conf_t *lcf = locations[i];

        if (lcf->invoice_service && !add_invoice_service(cf, mcf, lcf)) {
            return failed;
        }

        // What is free needs no money.
        if (lcf->price.value && lcf->price.is_static
            && lcf->price.amount == 0)
        {
            lcf->settled = 0;
        }
    }

    for (ngx_uint_t i = 0; i < mcf->locations.nelts; i++) {
        if (locations[i]->settled && !can_ask(cf, mcf, locations[i])) {
            return failed;
        }
    }

    return NGX_CONF_OK;
}
