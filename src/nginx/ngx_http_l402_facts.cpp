// What the core is told about a request.

#include "ngx_http_l402.h"

#include "core/caveats.h"

namespace {

// As $host.
[[gnu::hot]] ngx_str_t host(ngx_http_request_t *r)
{
    auto cscf = static_cast<ngx_http_core_srv_conf_t *>(
        ngx_http_get_module_srv_conf(r, ngx_http_core_module));

    return r->headers_in.server.len ? r->headers_in.server
                                    : cscf->server_name;
}

// nginx's own parser writes into the request that it is given.
[[gnu::noinline]] ngx_str_t parse_path(ngx_http_request_t *r)
{
    auto cscf = static_cast<ngx_http_core_srv_conf_t *>(
        ngx_http_get_module_srv_conf(r, ngx_http_core_module));
    ngx_http_request_t scratch = *r->main;

    scratch.uri_start = scratch.unparsed_uri.data;
    scratch.uri_end = scratch.uri_start + scratch.unparsed_uri.len;
    scratch.uri.data = static_cast<u_char *>(ngx_pnalloc(r->pool,
        scratch.unparsed_uri.len + 1));
    scratch.uri.len = 0;

    if (scratch.uri.data == nullptr
        || ngx_http_parse_complex_uri(&scratch, cscf->merge_slashes) != NGX_OK)
    {
        return r->uri;
    }

    return scratch.uri;
}

// The path of the request line, decoded and normalised as nginx does: a
// rewrite or a redirect may have led elsewhere by now. Nearly always it is as
// it came.
[[gnu::hot]] ngx_str_t client_path(ngx_http_request_t *r)
{
    std::string_view raw = ngx_http_l402_view(r->main->unparsed_uri);
    std::string_view path = ngx_http_l402_view(r->uri);

    bool as_it_came = raw.substr(0, path.size()) == path
                      && (raw.size() == path.size()
                          || raw[path.size()] == '?');

    return as_it_came ? r->uri : parse_path(r);
}

// error_page makes a GET of whatever it was.
[[gnu::hot]] ngx_str_t client_method(ngx_http_request_t *r)
{
    std::string_view line = ngx_http_l402_view(r->main->request_line);

    if (line.empty()) {
        return r->main->method_name;
    }

    return {ngx_min(line.find(' '), line.size()), r->main->request_line.data};
}

bool has_body(ngx_http_request_t *r)
{
    return r->headers_in.content_length_n > 0 || r->headers_in.chunked;
}

ngx_http_l402_constraint_t *constraints(const ngx_http_l402_loc_conf_t *lcf)
{
    return static_cast<ngx_http_l402_constraint_t *>(lcf->constraints->elts);
}

void log_no_number(ngx_http_request_t *r, ngx_http_l402_loc_conf_t *lcf,
    const ngx_http_l402_constraint_t &constraint, ngx_str_t value)
{
    if (!ngx_http_l402_may_log(lcf->bad_constraint_logged)) {
        return;
    }

    value.len = ngx_min(value.len, 64);
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
        "l402: the value \"%V\" of \"l402_constraint %V\" is no whole number",
        &value, &constraint.condition);
}

}  // namespace

[[gnu::hot]] std::string_view ngx_http_l402_client_address(
    ngx_http_request_t *r)
{
    // realip has put the client's own address here by now.
    struct sockaddr *sa = r->connection->sockaddr;
    const void *address = nullptr;
    size_t size = 0;

    if (sa->sa_family == AF_INET) {
        address = &reinterpret_cast<struct sockaddr_in *>(sa)->sin_addr;
        size = 4;
    }

#if (NGX_HAVE_INET6)
    if (sa->sa_family == AF_INET6) {
        address = &reinterpret_cast<struct sockaddr_in6 *>(sa)->sin6_addr;
        size = 16;
    }
#endif

    return {static_cast<const char *>(address), size};
}

size_t ngx_http_l402_measures_t::count() const noexcept
{
    return lcf_->constraints->nelts;
}

std::string_view ngx_http_l402_measures_t::condition(size_t i) const noexcept
{
    return ngx_http_l402_view(constraints(lcf_)[i].condition);
}

bool ngx_http_l402_measures_t::value(size_t i, int64_t &out) noexcept
{
    ngx_http_l402_constraint_t &constraint = constraints(lcf_)[i];
    ngx_str_t value;

    asked_ = true;

    if (ngx_http_complex_value(r_, &constraint.value, &value) != NGX_OK) {
        failed_ = true;
        return false;
    }

    if (value.len == 0) {
        out = 0;
        return !has_body(r_);
    }

    if (!l402::parse_number(ngx_http_l402_view(value), out)) {
        log_no_number(r_, lcf_, constraint, value);
        failed_ = true;
        return false;
    }

    return true;
}

[[gnu::hot]] void ngx_http_l402_fill_facts(ngx_http_request_t *r,
    ngx_http_l402_ctx_t *ctx, ngx_http_l402_loc_conf_t *lcf,
    l402::Facts &facts)
{
    ngx_table_elt_t *authorization = r->headers_in.authorization;

    if (authorization) {
        ctx->authorization = authorization->value;
    }

    if (ctx->path.data == nullptr) {
        ctx->host = host(r);
        ctx->path = client_path(r);
        ctx->method = client_method(r);
    }

    facts.authorization = ngx_http_l402_view(ctx->authorization);
    facts.service = ngx_http_l402_view(lcf->service);
    facts.tier = static_cast<uint8_t>(lcf->tier);
    facts.capability = ngx_http_l402_view(lcf->capability);
    facts.now = ngx_time();
    facts.refuse_unknown_caveats = lcf->refuse_unknown_caveats;
    facts.needs_uses = lcf->count.uses != 0;
    facts.needs_balance = lcf->count.cost != nullptr;
    facts.client_address = ngx_http_l402_client_address(r);
    facts.host = ngx_http_l402_view(ctx->host);
    facts.path = ngx_http_l402_view(ctx->path);
    facts.method = ngx_http_l402_view(ctx->method);
}

void ngx_http_l402_fill_grants(const ngx_http_l402_loc_conf_t *lcf,
    l402::Terms &terms)
{
    terms.service = ngx_http_l402_view(lcf->service);
    terms.tier = static_cast<uint8_t>(lcf->tier);

    if (lcf->capabilities.len) {
        terms.has_capabilities = true;
        terms.capabilities = ngx_http_l402_view(lcf->capabilities);
    }

    terms.uses = lcf->count.uses;
    terms.closes_grants = lcf->count.closes_grants;

    for (ngx_uint_t i = 0; lcf->constraints && i < lcf->constraints->nelts;
         i++)
    {
        const ngx_http_l402_constraint_t &constraint = constraints(lcf)[i];

        if (constraint.grant >= 0) {
            terms.constraints.push_back(
                {ngx_http_l402_view(constraint.condition), constraint.grant});
        }
    }

    terms.bind_address = lcf->bind & NGX_HTTP_L402_BIND_ADDRESS;
    terms.bind_host = lcf->bind & NGX_HTTP_L402_BIND_HOST;
    terms.bind_path = lcf->bind & NGX_HTTP_L402_BIND_PATH;
    terms.bind_method = lcf->bind & NGX_HTTP_L402_BIND_METHOD;
}

void ngx_http_l402_fill_terms(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, l402::Terms &terms)
{
    ngx_http_l402_fill_grants(lcf, terms);

    if (lcf->valid_for) {
        terms.valid_until = ngx_time() + lcf->valid_for;
    }

    // What is paid is credited. A price that is not worked out yet is not less
    // than this.
    if (lcf->count.cost) {
        terms.balance_msat = ctx->has_price
                                 ? ngx_max(ctx->price_msat, uint64_t(1)) : 1;
    }

    terms.client_address = ngx_http_l402_client_address(r);
    terms.host = ngx_http_l402_view(ctx->host);
    terms.path = ngx_http_l402_view(ctx->path);
    terms.method = ngx_http_l402_view(ctx->method);
}
