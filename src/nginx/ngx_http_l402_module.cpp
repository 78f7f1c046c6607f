// The module's entry: what nginx calls at start, in each worker, and at its
// end.

#include "ngx_http_l402_redis.h"
#include "ngx_http_l402_zone.h"

#include <sodium.h>

namespace {

// Some 110,000 tokens with a few caveats, in each worker that sees as many.
constexpr size_t memory_bytes = 64 * 1024 * 1024;

// nginx lets the module that was registered last go first: this one stands
// before nginx's own access modules, and asks for money after they had their
// say.
ngx_int_t add_access_handler(ngx_conf_t *cf)
{
    auto cmcf = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto h = static_cast<ngx_http_handler_pt *>(
        ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers));

    if (h == nullptr) {
        return NGX_ERROR;
    }

    *h = ngx_http_l402_access_handler;
    return NGX_OK;
}

ngx_int_t index_variables(ngx_conf_t *cf, ngx_http_l402_main_conf_t *mcf)
{
    static ngx_str_t names[] = {
        ngx_string("http_authorization"),
        ngx_string("http_macaroon"),
        ngx_string("http_grpc_metadata_macaroon"),
    };

    for (size_t i = 0; i < 3; i++) {
        mcf->credential_variables[i] =
            ngx_http_get_variable_index(cf, &names[i]);

        if (mcf->credential_variables[i] == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    mcf->ctx_variable = ngx_http_get_variable_index(cf,
        &ngx_http_l402_ctx_variable);

    return mcf->ctx_variable == NGX_ERROR ? NGX_ERROR : NGX_OK;
}

ngx_int_t postconfiguration(ngx_conf_t *cf)
{
    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_l402_module));

    if (add_access_handler(cf) != NGX_OK
        || index_variables(cf, mcf) != NGX_OK
        || ngx_http_l402_init_settled(cf, mcf) != NGX_CONF_OK
        || ngx_http_l402_check_redis(cf, mcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_l402_warn(cf, mcf);
    ngx_http_l402_check_free(cf, mcf);

    return ngx_http_l402_guard<ngx_int_t>(cf->log, NGX_ERROR, [&] {
        if (ngx_http_l402_list_stocks(cf, mcf) != NGX_OK
            || ngx_http_l402_prepare_zone(cf, mcf) != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_http_l402_check_count(cf, mcf) == NGX_CONF_OK
                       && ngx_http_l402_check_admin(cf, mcf) == NGX_CONF_OK
                   ? NGX_OK : NGX_ERROR;
    });
}

ngx_http_l402_main_conf_t *main_conf(ngx_cycle_t *cycle)
{
    if (ngx_get_conf(cycle->conf_ctx, ngx_http_module) == nullptr) {
        return nullptr;
    }

    return static_cast<ngx_http_l402_main_conf_t *>(
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_l402_module));
}

// The checker that stands behind the last access handler.
ngx_int_t find_access_end(ngx_cycle_t *cycle)
{
    auto cmcf = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module));
    ngx_http_phase_handler_t *ph = cmcf->phase_engine.handlers;

    for (ngx_int_t i = 0; ph[i].checker; i++) {
        if (ph[i].checker == ngx_http_core_post_access_phase) {
            return i;
        }
    }

    // None: then nothing has ever passed.
    return NGX_MAX_INT_T_VALUE;
}

ngx_int_t start_worker(ngx_cycle_t *cycle, ngx_http_l402_main_conf_t *mcf)
{
    auto services = static_cast<ngx_http_l402_service_t **>(
        mcf->services.elts);
    size_t connections = 0;

    if (mcf->locations.nelts == 0 && mcf->admins.nelts == 0) {
        return NGX_OK;
    }

    mcf->access_end = find_access_end(cycle);

    if (sodium_init() < 0) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
            "l402: libsodium cannot be initialised");
        return NGX_ERROR;
    }

    mcf->memory = new l402::VerifiedMemory(memory_bytes);

    for (ngx_uint_t i = 0; i < mcf->services.nelts; i++) {
        connections += services[i]->service.max_in_flight;
    }

    mcf->transport = ngx_http_l402_create_transport(cycle, connections);

    for (ngx_uint_t i = 0; i < mcf->services.nelts; i++) {
        services[i]->state = ngx_http_l402_create_state(cycle->log, mcf->zone,
            services[i]);
        services[i]->client = std::make_unique<l402::InvoiceClient>(
            services[i]->service, *mcf->transport, *services[i]->state);
    }

    ngx_http_l402_start_settled(mcf);
    mcf->ledger = ngx_http_l402_ledger(mcf);
    ngx_http_l402_start_redis(cycle, mcf);
    ngx_http_l402_start_count(cycle, mcf);

    auto stocks = static_cast<ngx_http_l402_stock_t **>(mcf->stocks.elts);

    for (ngx_uint_t i = 0; i < mcf->stocks.nelts; i++) {
        stocks[i]->refill = ngx_http_l402_create_refill(cycle, mcf->zone,
            stocks[i]);
    }

    return NGX_OK;
}

ngx_int_t init_module(ngx_cycle_t *cycle)
{
    ngx_http_l402_main_conf_t *mcf = main_conf(cycle);

    if (mcf == nullptr) {
        return NGX_OK;
    }

    // Nothing can go back to the old configuration from here on, nor stop the
    // new one: without its blocks a zone holds no stock.
    ngx_http_l402_guard<bool>(cycle->log, false, [&] {
        ngx_http_l402_fill_zone(cycle, mcf);
        return true;
    });

    return NGX_OK;
}

ngx_int_t init_process(ngx_cycle_t *cycle)
{
    ngx_http_l402_main_conf_t *mcf = main_conf(cycle);

    // Cache managers and loaders serve nobody.
    if (mcf == nullptr
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    return ngx_http_l402_guard<ngx_int_t>(cycle->log, NGX_ERROR, [&] {
        return start_worker(cycle, mcf);
    });
}

void exit_process(ngx_cycle_t *cycle)
{
    ngx_http_l402_main_conf_t *mcf = main_conf(cycle);

    if (mcf == nullptr) {
        return;
    }

    ngx_http_l402_stop_count(mcf);

    auto stocks = static_cast<ngx_http_l402_stock_t **>(mcf->stocks.elts);

    for (ngx_uint_t i = 0; i < mcf->stocks.nelts; i++) {
        stocks[i]->refill.reset();
    }

    auto services = static_cast<ngx_http_l402_service_t **>(
        mcf->services.elts);

    // Whoever still waits for an answer gets none.
    for (ngx_uint_t i = 0; i < mcf->services.nelts; i++) {
        services[i]->settlement.reset();
    }

    ngx_http_l402_stop_redis(mcf);

    // Requests that are parked for an invoice hold calls of this transport; a
    // worker that is told to stop at once leaves both as they are.
    for (ngx_uint_t i = 0; i < mcf->services.nelts; i++) {
        if (services[i]->client && services[i]->client->in_flight()) {
            return;
        }
    }

    for (ngx_uint_t i = 0; i < mcf->services.nelts; i++) {
        services[i]->client.reset();
    }

    delete mcf->transport;
    mcf->transport = nullptr;
    delete mcf->memory;
    mcf->memory = nullptr;
}

void exit_master(ngx_cycle_t *)
{
    ngx_http_l402_end_zone();
}

ngx_http_module_t module_ctx = {
    ngx_http_l402_add_variables,     // preconfiguration
    postconfiguration,

    ngx_http_l402_create_main_conf,
    nullptr,                         // init main configuration

    nullptr,                         // create server configuration
    nullptr,                         // merge server configuration

    ngx_http_l402_create_loc_conf,
    ngx_http_l402_merge_loc_conf,
};

}  // namespace

ngx_module_t ngx_http_l402_module = {
    NGX_MODULE_V1,
    &module_ctx,
    ngx_http_l402_commands,
    NGX_HTTP_MODULE,
    nullptr,          // init master
    init_module,
    init_process,
    nullptr,          // init thread
    nullptr,          // exit thread
    exit_process,
    exit_master,
    NGX_MODULE_V1_PADDING
};
