// The access phase: what was decided of a request is done here.

#include "ngx_http_l402.h"

using l402::Result;

namespace {

// Is there a credential, and is it the reason?
bool is_of_credential(Result result)
{
    return result != Result::absent && result != Result::bad_price
           && result != Result::error;
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

// What was decided is done. Whoever is let in goes on without his credential.
[[gnu::hot]]
ngx_int_t act(ngx_http_request_t *r, ngx_http_l402_main_conf_t *mcf,
    ngx_http_l402_loc_conf_t *lcf, ngx_http_l402_ctx_t *ctx)
{
    if (ctx->result == Result::ok && lcf->settled) {
        ngx_int_t rc = ngx_http_l402_settle(r, ctx, lcf);

        if (rc != NGX_OK) {
            return rc;
        }

        if (ctx->result != Result::ok) {
            ctx->result = ngx_http_l402_charge(r, lcf, ctx);
        }
    }

    if (ctx->result == Result::ok
        && ngx_http_l402_counts(lcf, ctx->verdict))
    {
        ngx_int_t rc = ngx_http_l402_count(r, ctx, lcf);

        if (rc != NGX_OK) {
            return rc;
        }

        if (ctx->result != Result::ok) {
            ctx->verified = 0;
            ctx->result = ngx_http_l402_charge(r, lcf, ctx);
        }
    }

    if (ctx->result == Result::ok) {
        return pass(r, mcf, lcf, ctx);
    }

    if (ctx->result == Result::free) {
        if (!lcf->cors || !ngx_http_l402_is_preflight(r)) {
            return pass(r, mcf, lcf, ctx);
        }

        ngx_http_finalize_request(r, ngx_http_l402_send_preflight(r, ctx));
        return NGX_DONE;
    }

    if (is_of_credential(ctx->result)) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
            "l402: credential for \"%V\" refused: %s", &lcf->service,
            l402::describe(ctx->result).word);
    }

    ngx_http_l402_note_refusal(r);
    return ngx_http_l402_refuse(r, ctx, lcf, ctx->result);
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

    ngx_http_l402_decide(r, mcf, lcf, ctx);
    return act(r, mcf, lcf, ctx);
}

}  // namespace

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

    // Its client has an answer, or has left.
    if (r->post_action) {
        ngx_http_l402_end_count(r);
    }

    if (!lcf->enable) {
        return NGX_DECLINED;
    }

    return ngx_http_l402_guard<ngx_int_t>(r->connection->log,
        NGX_HTTP_INTERNAL_SERVER_ERROR, [&] { return handle(r, lcf); });
}
