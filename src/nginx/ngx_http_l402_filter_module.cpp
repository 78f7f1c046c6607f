// The last gate. `return 200 "..."` answers in the rewrite phase, before any
// access module runs; so might a module that this one has never heard of. No
// response below 400 of a protected location leaves unless its request has
// been through the access phase there.
//
// A second module in the same file: as a header filter it must stand among
// the filters, and as an access module before nginx's own.

#include "ngx_http_l402.h"

namespace {

ngx_http_output_header_filter_pt  next_header_filter;
ngx_http_output_body_filter_pt    next_body_filter;

ngx_str_t blocked_type = ngx_string("application/problem+json");
const std::string_view blocked_body =
    R"({"type":"about:blank","title":"Internal Server Error","status":500,)"
    R"("reason":"error"})";

// nginx's own answer to /weather where the location is /weather/.
bool is_slash_redirect(ngx_http_request_t *r)
{
    auto cmcf = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_get_module_main_conf(r, ngx_http_core_module));

    return r->headers_out.status == NGX_HTTP_MOVED_PERMANENTLY
           && cmcf->phase_engine.handlers[r->phase_handler].checker
                  == ngx_http_core_find_config_phase;
}

// A configuration that answers preflights itself does so with `return 204`,
// which has nothing to give away; other answers are its affair only where it
// has said so.
bool is_preflight_answer(ngx_http_request_t *r,
    const ngx_http_l402_loc_conf_t *lcf)
{
    return (r->headers_out.status == NGX_HTTP_NO_CONTENT || !lcf->cors)
           && ngx_http_l402_is_preflight(r);
}

[[gnu::hot]] bool may_leave(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    const ngx_http_l402_loc_conf_t *lcf)
{
    return r->headers_out.status >= 400 || (ctx && ctx->answering)
           || ngx_http_l402_passed_access(r) || is_slash_redirect(r)
           || is_preflight_answer(r, lcf);
}

bool has_header(ngx_http_request_t *r, std::string_view name)
{
    for (ngx_list_part_t *part = &r->headers_out.headers.part; part;
         part = part->next)
    {
        auto h = static_cast<ngx_table_elt_t *>(part->elts);

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (h[i].hash && h[i].key.len == name.size()
                && ngx_strncasecmp(h[i].key.data,
                       reinterpret_cast<u_char *>(
                           const_cast<char *>(name.data())),
                       name.size()) == 0)
            {
                return true;
            }
        }
    }

    return false;
}

ngx_int_t block(ngx_http_request_t *r)
{
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
        "l402: a response with status %ui of a protected location was made "
        "before the access phase (by \"return\" or a module) and is replaced "
        "by 500", r->headers_out.status);

    ngx_http_clean_header(r);
    // What a log would show in its place.
    r->err_status = 0;
    r->headers_out.status = NGX_HTTP_INTERNAL_SERVER_ERROR;
    r->headers_out.content_type = blocked_type;
    r->headers_out.content_type_len = blocked_type.len;
    r->headers_out.content_length_n =
        static_cast<off_t>(blocked_body.size());
    r->allow_ranges = 0;
    r->expect_trailers = 0;

    // A response that came without a body ends here as well.
    r->header_only = 0;

    return next_header_filter(r);
}

// Shared caches spare answers to Authorization, not to a header of ours, nor to
// what one client has had for nothing.
[[gnu::hot]] bool needs_private(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx)
{
    return ctx && !ctx->answering
           && (ctx->freed
               || (ctx->verified
                   && ctx->verdict.field
                          != l402::CredentialField::authorization))
           && !has_header(r, "cache-control");
}

// Of limit_req or limit_conn, which a client understands as "not now".
[[gnu::hot]] bool is_limits_answer(ngx_http_request_t *r,
    const ngx_http_l402_ctx_t *ctx)
{
    ngx_uint_t status = r->headers_out.status;

    return status >= 400 && !(ctx && ctx->answering)
           && !ngx_http_l402_passed_access(r)
           && (status == NGX_HTTP_TOO_MANY_REQUESTS
               || (status == NGX_HTTP_SERVICE_UNAVAILABLE
                   && ngx_http_l402_is_limited(r)));
}

// They name no time, and scripts of other origins could not see their answer.
ngx_int_t complete(ngx_http_request_t *r, const ngx_http_l402_loc_conf_t *lcf)
{
    if (!has_header(r, "retry-after")
        && ngx_http_l402_add_literal(r, "Retry-After", "1") != NGX_OK)
    {
        return NGX_ERROR;
    }

    return lcf->cors && !has_header(r, "access-control-allow-origin")
               ? ngx_http_l402_allow_scripts(r, "Retry-After") : NGX_OK;
}

[[gnu::hot]] ngx_int_t header_filter(ngx_http_request_t *r)
{
    auto lcf = static_cast<ngx_http_l402_loc_conf_t *>(
        ngx_http_get_module_loc_conf(r, ngx_http_l402_module));

    if (r != r->main) {
        return next_header_filter(r);
    }

    ngx_http_l402_ctx_t *ctx = ngx_http_l402_find_ctx(r);
    bool leaves = !lcf->enable || may_leave(r, ctx, lcf);

    if (!leaves) {
        ctx = ctx ? ctx : ngx_http_l402_get_ctx(r);

        // Without even a context: nothing leaves.
        if (ctx == nullptr) {
            return NGX_ERROR;
        }

        ctx->blocked = 1;
    }

    // An error_page may have led out of the location that was paid for.
    if (ctx && ctx->counted) {
        ngx_http_l402_settle_count(r, ctx);
    }

    if (!leaves) {
        return block(r);
    }

    if (!lcf->enable) {
        return next_header_filter(r);
    }

    if (needs_private(r, ctx)
        && ngx_http_l402_add_literal(r, "Cache-Control", "private") != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (is_limits_answer(r, ctx) && complete(r, lcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return next_header_filter(r);
}

[[gnu::hot]] ngx_int_t body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_l402_ctx_t *ctx = ngx_http_l402_find_ctx(r);

    if (ctx == nullptr || !ctx->blocked || r != r->main) {
        return next_body_filter(r, in);
    }

    // Nothing of the response that was made leaves; ours does, once.
    for (ngx_chain_t *cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    if (ctx->blocked_sent) {
        return next_body_filter(r, nullptr);
    }

    auto b = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));

    if (b == nullptr) {
        return NGX_ERROR;
    }

    b->start = b->pos = reinterpret_cast<u_char *>(
        const_cast<char *>(blocked_body.data()));
    b->end = b->last = b->pos + blocked_body.size();
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;
    ctx->blocked_sent = 1;

    ngx_chain_t out = {b, nullptr};

    return next_body_filter(r, &out);
}

ngx_int_t init(ngx_conf_t *)
{
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = header_filter;

    next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = body_filter;
    return NGX_OK;
}

ngx_http_module_t module_ctx = {
    nullptr,  // preconfiguration
    init,     // postconfiguration

    nullptr,  // create main configuration
    nullptr,  // init main configuration

    nullptr,  // create server configuration
    nullptr,  // merge server configuration

    nullptr,  // create location configuration
    nullptr,  // merge location configuration
};

}  // namespace

ngx_module_t ngx_http_l402_filter_module = {
    NGX_MODULE_V1,
    &module_ctx,
    nullptr,          // module directives
    NGX_HTTP_MODULE,
    nullptr,          // init master
    nullptr,          // init module
    nullptr,          // init process
    nullptr,          // init thread
    nullptr,          // exit thread
    nullptr,          // exit process
    nullptr,          // exit master
    NGX_MODULE_V1_PADDING
};
