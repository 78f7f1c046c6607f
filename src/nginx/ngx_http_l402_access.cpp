// The access phase: one decision for each location that a request comes to.

#include "ngx_http_l402.h"

using l402::Result;

namespace {

// Only `internal` and named locations can be sure that the configuration, and
// not a client, brought a request here.
bool is_internal(ngx_http_request_t *r)
{
    auto clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));

    return clcf->internal || clcf->named;
}

// What tokens of the lower tiers may have been minted with.
std::vector<std::string> minted_below(const ngx_http_l402_main_conf_t *mcf,
    const ngx_http_l402_loc_conf_t *lcf)
{
    auto locations = static_cast<ngx_http_l402_loc_conf_t **>(
        mcf->locations.elts);
    std::vector<std::string> conditions;

    for (ngx_uint_t i = 0; i < mcf->locations.nelts; i++) {
        const ngx_http_l402_loc_conf_t *other = locations[i];

        if (other->tier < lcf->tier
            && ngx_http_l402_view(other->service)
                   == ngx_http_l402_view(lcf->service))
        {
            l402::Terms terms;

            ngx_http_l402_fill_grants(other, terms);

            for (std::string &condition : l402::minted_conditions(terms)) {
                conditions.push_back(std::move(condition));
            }
        }
    }

    return conditions;
}

// A good token of a lower tier is worth something here.
void find_upgrade(ngx_http_request_t *r, ngx_http_l402_main_conf_t *mcf,
    const l402::Facts &facts, ngx_http_l402_loc_conf_t *lcf,
    ngx_http_l402_ctx_t *ctx)
{
    bool is_free = lcf->price.is_static && lcf->price.amount == 0;

    if (ctx->verdict.result != Result::insufficient || is_free) {
        return;
    }

    l402::Terms terms;
    auto upgrade = ngx_http_l402_pool_new<l402::Upgrade>(r->pool);

    ngx_http_l402_fill_terms(r, ctx, lcf, terms);

    if (upgrade
        && l402::find_upgrade(lcf->keys->ring, facts, ctx->verdict, terms,
            minted_below(mcf, lcf), *upgrade))
    {
        ctx->upgrade = upgrade;
    }
}

[[gnu::hot]]
bool carries_over(ngx_http_request_t *r, const ngx_http_l402_ctx_t *ctx,
    const ngx_http_l402_loc_conf_t *lcf)
{
    if (!ctx->verified) {
        return false;
    }

    if (is_internal(r)) {
        return true;
    }

    bool demands_more = lcf->capability.len || lcf->constraints
                        || lcf->refuse_unknown_caveats;

    return !demands_more
           && ngx_http_l402_view(ctx->verified_service)
                  == ngx_http_l402_view(lcf->service)
           && ctx->verified_tier >= lcf->tier;
}

// Finds out what `ctx` has to say of this location. False: a value of the
// configuration cannot be worked out for this request.
[[gnu::hot]] bool decide(ngx_http_request_t *r, ngx_http_l402_main_conf_t *mcf,
    ngx_http_l402_loc_conf_t *lcf, ngx_http_l402_ctx_t *ctx)
{
    l402::Facts facts;
    ngx_http_l402_measures_t measures(r, lcf);

    ngx_http_l402_fill_facts(r, ctx, lcf, facts);

    if (lcf->constraints) {
        facts.measures = &measures;
    }

    l402::verify(lcf->keys->ring, facts, mcf->memory, ctx->verdict);

    if (ctx->verdict.result == Result::ok) {
        return true;
    }

    if (ctx->macaroon.len == 0 && ctx->grpc_metadata_macaroon.len == 0) {
        ngx_http_l402_find_fields(r, &ctx->macaroon,
            &ctx->grpc_metadata_macaroon);
    }

    if (ctx->macaroon.len || ctx->grpc_metadata_macaroon.len) {
        facts.macaroon = ngx_http_l402_view(ctx->macaroon);
        facts.grpc_metadata_macaroon =
            ngx_http_l402_view(ctx->grpc_metadata_macaroon);
        l402::verify(lcf->keys->ring, facts, mcf->memory, ctx->verdict);
    }

    if (ctx->verdict.result == Result::ok) {
        return true;
    }

    if (measures.failed()) {
        return false;
    }

    find_upgrade(r, mcf, facts, lcf, ctx);
    return true;
}

[[gnu::hot]]
ngx_int_t pass(ngx_http_request_t *r, ngx_http_l402_main_conf_t *mcf,
    ngx_http_l402_loc_conf_t *lcf, ngx_http_l402_ctx_t *ctx)
{
    if (lcf->pass_credential) {
        return NGX_OK;
    }

    if (ngx_http_l402_take_credential_off(r, mcf, ctx->verdict.field)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_OK;
}

[[gnu::hot]]
ngx_int_t handle(ngx_http_request_t *r, ngx_http_l402_loc_conf_t *lcf)
{
    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(
        ngx_http_get_module_main_conf(r, ngx_http_l402_module));
    ngx_http_l402_ctx_t *ctx = ngx_http_l402_get_ctx(r);

    if (ctx == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    // A post_action has no client that could pay.
    if (r->post_action) {
        return ctx->verified ? NGX_OK : NGX_HTTP_FORBIDDEN;
    }

    ctx->service = lcf->service;
    ctx->result = Result::error;
    ctx->upgrade = nullptr;
    ctx->has_price = 0;
    ctx->answering = 0;

    // A browser sends these without credentials, and before it may pay.
    if (ngx_http_l402_is_preflight(r)) {
        ctx->result = Result::free;

        if (!lcf->cors) {
            return pass(r, mcf, lcf, ctx);
        }

        ngx_http_finalize_request(r, ngx_http_l402_send_preflight(r, ctx));
        return NGX_DONE;
    }

    if (carries_over(r, ctx, lcf)) {
        ctx->result = Result::ok;
        return pass(r, mcf, lcf, ctx);
    }

    if (!decide(r, mcf, lcf, ctx)) {
        return ngx_http_l402_refuse(r, ctx, lcf, Result::error);
    }

    ctx->result = ctx->verdict.result;

    if (ctx->result == Result::ok) {
        ctx->verified = 1;
        ctx->verified_service = lcf->service;
        ctx->verified_tier = ctx->verdict.tier;
        return pass(r, mcf, lcf, ctx);
    }

    if (!ngx_http_l402_price(r, ctx, lcf, true)) {
        return ngx_http_l402_refuse(r, ctx, lcf, Result::bad_price);
    }

    if (ctx->price_msat == 0) {
        ctx->result = Result::free;
        return pass(r, mcf, lcf, ctx);
    }

    if (ctx->result != Result::absent) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
            "l402: credential for \"%V\" refused: %s", &lcf->service,
            l402::describe(ctx->result).word);
    }

    return ngx_http_l402_refuse(r, ctx, lcf, ctx->result);
}

}  // namespace

bool ngx_http_l402_is_preflight(ngx_http_request_t *r)
{
    return r->method == NGX_HTTP_OPTIONS
           && ngx_http_l402_find_header(r, "origin")
           && ngx_http_l402_find_header(r, "access-control-request-method");
}

[[gnu::hot]] ngx_http_l402_ctx_t *ngx_http_l402_get_ctx(ngx_http_request_t *r)
{
    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(
        ngx_http_get_module_main_conf(r, ngx_http_l402_module));
    ngx_http_variable_value_t *v = &r->variables[mcf->ctx_variable];

    if (v->data == nullptr) {
        v->data = static_cast<u_char *>(ngx_pcalloc(r->pool,
            sizeof(ngx_http_l402_ctx_t)));
    }

    return reinterpret_cast<ngx_http_l402_ctx_t *>(v->data);
}

[[gnu::hot]] ngx_int_t ngx_http_l402_access_handler(ngx_http_request_t *r)
{
    auto lcf = static_cast<ngx_http_l402_loc_conf_t *>(
        ngx_http_get_module_loc_conf(r, ngx_http_l402_module));

    if (!lcf->enable) {
        return NGX_DECLINED;
    }

    return ngx_http_l402_guard<ngx_int_t>(r->connection->log,
        NGX_HTTP_INTERNAL_SERVER_ERROR, [&] { return handle(r, lcf); });
}
