// Our own answers, in the form that the caller reads. They are sent from here
// and not by status code, so that no error_page can turn them into something
// else.

#include "ngx_http_l402.h"

using l402::Result;

namespace {

constexpr std::string_view challenge_name = "WWW-Authenticate";

struct Page {
    std::string_view   content_type;
    std::string        made;   // for this request
    const std::string *kept;   // or null: the same for all of its kind

    const std::string &body() const { return kept ? *kept : made; }
};

std::string_view header(ngx_http_request_t *r, std::string_view name)
{
    ngx_table_elt_t *h = ngx_http_l402_find_header(r, name);

    return h ? ngx_http_l402_view(h->value) : std::string_view();
}

// What auth_basic set under `satisfy any` stays, behind ours: clients look at
// the first field.
std::string other_schemes(ngx_http_request_t *r)
{
    ngx_table_elt_t *h = r->headers_out.www_authenticate;

    return h && h->hash ? std::string(ngx_http_l402_view(h->value))
                        : std::string();
}

void begin(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx, ngx_uint_t status)
{
    // What stood here may be of another location, before a redirect: an
    // error_page's status among it.
    ngx_http_clean_header(r);
    r->err_status = 0;
    r->headers_out.status = status;
    r->disable_not_modified = 1;
    r->allow_ranges = 0;
    ctx->answering = 1;
}

// The same for each reason, and kept for good.
const std::string &error_field(Result reason)
{
    static std::string kept[l402::result_count];
    std::string &field = kept[static_cast<size_t>(reason)];

    if (field.empty()) {
        field = l402::www_authenticate_error(reason);
    }

    return field;
}

ngx_int_t add_fields(ngx_http_request_t *r, ngx_http_l402_loc_conf_t *lcf,
    const ngx_http_l402_answer_t &answer, const std::string &others)
{
    ngx_int_t rc = NGX_OK;

    if (answer.challenge) {
        rc = ngx_http_l402_add_header(r, "WWW-Authenticate",
            l402::www_authenticate(*answer.challenge, lcf->lsat));

    } else if (answer.status == NGX_HTTP_UNAUTHORIZED) {
        rc = ngx_http_l402_add_literal(r, "WWW-Authenticate",
            error_field(answer.reason));
    }

    bool asks = answer.challenge || answer.status == NGX_HTTP_UNAUTHORIZED;

    if (rc == NGX_OK && asks && !others.empty()) {
        rc = ngx_http_l402_add_header(r, "WWW-Authenticate", others);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_l402_add_literal(r, "Cache-Control", "no-store") != NGX_OK) {
        return NGX_ERROR;
    }

    if (answer.retry_after
        && ngx_http_l402_add_header(r, "Retry-After",
               std::to_string(answer.retry_after)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return lcf->cors ? ngx_http_l402_allow_scripts(r, challenge_name) : NGX_OK;
}

ngx_int_t send_grpc(ngx_http_request_t *r, const ngx_http_l402_answer_t &answer)
{
    l402::GrpcStatus status = l402::grpc_status(answer.reason,
        static_cast<unsigned>(answer.status));

    if (ngx_http_l402_add_header(r, "grpc-status",
            std::to_string(status.code)) != NGX_OK
        || ngx_http_l402_add_header(r, "grpc-message", status.message)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    ngx_str_set(&r->headers_out.content_type, "application/grpc");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    // "Trailers-Only": the headers end the stream.
    if (r->http_version >= NGX_HTTP_VERSION_20) {
        r->header_only = 1;

    } else {
        r->headers_out.content_length_n = 0;
    }

    ngx_int_t rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_send_special(r, NGX_HTTP_LAST);
}

ngx_int_t send_page(ngx_http_request_t *r, const Page &page)
{
    const std::string &body = page.body();
    auto b = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));

    if (b == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = reinterpret_cast<u_char *>(const_cast<char *>(body.data()));

    if (!page.kept) {
        b->pos = static_cast<u_char *>(ngx_pnalloc(r->pool, body.size()));

        if (b->pos == nullptr) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_memcpy(b->pos, body.data(), body.size());
    }

    b->last = b->pos + body.size();
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    r->headers_out.content_type = ngx_http_l402_str(page.content_type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_length_n = static_cast<off_t>(body.size());

    ngx_int_t rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    ngx_chain_t out = {b, nullptr};

    return ngx_http_output_filter(r, &out);
}

// Host and path, for people.
std::string what_is_asked(ngx_http_request_t *r)
{
    std::string what(ngx_http_l402_view(r->headers_in.server));

    what += ngx_http_l402_view(r->uri);
    return what.substr(0, 200);
}

// What is refused without a challenge is refused in the same words each time.
// Responses on their way point into it: nothing kept is ever changed.
const std::string *refusal(Result reason, unsigned status)
{
    struct Kept {
        unsigned    status;
        std::string json;
    };

    static Kept kept[l402::result_count];
    Kept &k = kept[static_cast<size_t>(reason)];

    if (k.status == 0) {
        k.json = l402::problem_json(reason, status, nullptr);
        k.status = status;
    }

    return k.status == status ? &k.json : nullptr;
}

Page make_page(ngx_http_request_t *r, const ngx_http_l402_answer_t &answer)
{
    auto status = static_cast<unsigned>(answer.status);

    if (l402::prefers_html(header(r, "accept"))) {
        return {"text/html; charset=utf-8",
            l402::html_page(answer.reason, status, answer.challenge,
                what_is_asked(r)),
            nullptr};
    }

    const std::string *kept = answer.challenge
                                  ? nullptr : refusal(answer.reason, status);

    return {"application/problem+json",
        kept ? std::string()
             : l402::problem_json(answer.reason, status, answer.challenge),
        kept};
}

bool lists(std::string_view list, std::string_view name)
{
    return ngx_strlcasestrn(
               reinterpret_cast<u_char *>(const_cast<char *>(list.data())),
               reinterpret_cast<u_char *>(
                   const_cast<char *>(list.data() + list.size())),
               reinterpret_cast<u_char *>(const_cast<char *>(name.data())),
               name.size() - 1) != nullptr;
}

ngx_int_t send_preflight(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx)
{
    std::string methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    std::string_view method = header(r, "access-control-request-method");
    std::string headers(header(r, "access-control-request-headers"));

    if (!lists(methods, method)) {
        methods += ", ";
        methods += method;
    }

    if (headers.empty() || !lists(headers, "authorization")) {
        headers += headers.empty() ? "Authorization" : ", Authorization";
    }

    ngx_int_t rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    begin(r, ctx, NGX_HTTP_NO_CONTENT);

    if (ngx_http_l402_allow_scripts(r, challenge_name) != NGX_OK
        || ngx_http_l402_add_header(r, "Access-Control-Allow-Methods", methods)
               != NGX_OK
        || ngx_http_l402_add_header(r, "Access-Control-Allow-Headers", headers)
               != NGX_OK
        || ngx_http_l402_add_literal(r, "Access-Control-Max-Age", "86400")
               != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->header_only = 1;
    return ngx_http_send_header(r);
}

}  // namespace

ngx_int_t ngx_http_l402_add_literal(ngx_http_request_t *r,
    std::string_view name, std::string_view value)
{
    auto h = static_cast<ngx_table_elt_t *>(
        ngx_list_push(&r->headers_out.headers));

    if (h == nullptr) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(*h));
    h->hash = 1;
    h->key = ngx_http_l402_str(name);
    h->value = ngx_http_l402_str(value);
    return NGX_OK;
}

ngx_int_t ngx_http_l402_add_header(ngx_http_request_t *r,
    std::string_view name, std::string_view value)
{
    auto text = static_cast<char *>(ngx_pnalloc(r->pool, value.size()));

    if (text == nullptr) {
        return NGX_ERROR;
    }

    ngx_memcpy(text, value.data(), value.size());
    return ngx_http_l402_add_literal(r, name, {text, value.size()});
}

ngx_int_t ngx_http_l402_allow_scripts(ngx_http_request_t *r,
    std::string_view exposed)
{
    if (ngx_http_l402_add_literal(r, "Access-Control-Allow-Origin", "*")
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_l402_add_literal(r, "Access-Control-Expose-Headers",
        exposed);
}

ngx_int_t ngx_http_l402_send_answer(ngx_http_request_t *r,
    ngx_http_l402_ctx_t *ctx, ngx_http_l402_loc_conf_t *lcf,
    const ngx_http_l402_answer_t &answer)
{
    std::string others = other_schemes(r);
    bool grpc = l402::is_grpc(header(r, "content-type"));
    Page page;

    // Everything that can throw comes before the first byte.
    if (!grpc) {
        page = make_page(r, answer);
    }

    begin(r, ctx, answer.status);

    if (add_fields(r, lcf, answer, others) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return grpc ? send_grpc(r, answer) : send_page(r, page);
}

ngx_int_t ngx_http_l402_send_preflight(ngx_http_request_t *r,
    ngx_http_l402_ctx_t *ctx)
{
    return send_preflight(r, ctx);
}
