// Answers of l402_admin. They are sent from here and not by status code, so
// that no error_page can turn them into something else.

#include "ngx_http_l402_admin.h"

using l402::AdminError;

namespace {

ngx_int_t begin(ngx_http_request_t *r, ngx_uint_t status,
    std::string_view content_type)
{
    // What is left of it would be taken for the next request.
    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    r->headers_out.status = status;
    r->headers_out.content_type = ngx_http_l402_str(content_type);
    r->headers_out.content_type_len = content_type.size();
    r->disable_not_modified = 1;
    r->allow_ranges = 0;

    return ngx_http_l402_add_literal(r, "Cache-Control", "no-store");
}

ngx_int_t send_text(ngx_http_request_t *r, std::string &&text)
{
    auto b = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));
    auto kept = ngx_http_l402_pool_new<std::string>(r->pool, std::move(text));

    if (b == nullptr || kept == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = reinterpret_cast<u_char *>(&(*kept)[0]);
    b->last = b->pos + kept->size();
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;
    r->headers_out.content_length_n = static_cast<off_t>(kept->size());

    ngx_int_t rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    ngx_chain_t out = {b, nullptr};

    return ngx_http_output_filter(r, &out);
}

}  // namespace

ngx_int_t ngx_http_l402_admin_send(ngx_http_request_t *r, ngx_uint_t status,
    std::string &&json)
{
    if (begin(r, status, "application/json") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return send_text(r, std::move(json));
}

ngx_int_t ngx_http_l402_admin_send_status(ngx_http_request_t *r,
    ngx_uint_t status)
{
    if (begin(r, status, "") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.content_length_n = 0;
    r->header_only = 1;
    return ngx_http_send_header(r);
}

ngx_int_t ngx_http_l402_admin_send_error(ngx_http_request_t *r,
    AdminError error)
{
    if (begin(r, l402::describe(error).status, "application/problem+json")
            != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return send_text(r, l402::admin_problem_json(error));
}
