// $l402_result and its kin: what the access phase found, or nothing.

#include "ngx_http_l402.h"

#include "core/caveats.h"
#include "l402/encoding.h"

namespace {

ngx_int_t set_text(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    std::string_view text)
{
    auto p = static_cast<u_char *>(ngx_pnalloc(r->pool, text.size() + 1));

    if (p == nullptr) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, text.data(), text.size());
    v->data = p;
    v->len = static_cast<unsigned>(text.size());
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    return NGX_OK;
}

ngx_int_t set_number(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    int64_t number)
{
    u_char text[NGX_INT64_LEN + 1];
    u_char *end = ngx_sprintf(text, "%L", number);

    return set_text(r, v, {reinterpret_cast<char *>(text),
        static_cast<size_t>(end - text)});
}

ngx_int_t set_hex(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    const uint8_t bytes[32])
{
    char text[64];

    l402::hex_encode(bytes, 32, text);
    return set_text(r, v, {text, sizeof(text)});
}

ngx_int_t none(ngx_http_variable_value_t *v)
{
    v->not_found = 1;
    return NGX_OK;
}

// Null where this location was not decided about.
ngx_http_l402_ctx_t *decided(ngx_http_request_t *r)
{
    ngx_http_l402_ctx_t *ctx = ngx_http_l402_find_ctx(r);

    return ctx && ctx->location ? ctx : nullptr;
}

bool has_token(const ngx_http_l402_ctx_t *ctx)
{
    return ctx && ctx->verdict.has_token;
}

ngx_int_t result(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t)
{
    auto ctx = decided(r);

    return ctx ? set_text(r, v, l402::describe(ctx->result).word) : none(v);
}

ngx_int_t token_id(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t)
{
    auto ctx = decided(r);

    return has_token(ctx) ? set_hex(r, v, ctx->verdict.token_id) : none(v);
}

ngx_int_t payment_hash(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t)
{
    auto ctx = decided(r);

    return has_token(ctx) ? set_hex(r, v, ctx->verdict.payment_hash) : none(v);
}

ngx_int_t service(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t)
{
    auto lcf = static_cast<ngx_http_l402_loc_conf_t *>(
        ngx_http_get_module_loc_conf(r->main, ngx_http_l402_module));

    return lcf->enable ? set_text(r, v, ngx_http_l402_view(lcf->service))
                       : none(v);
}

// Were the caveats of the token read that far?
bool knows_tier(l402::Result result)
{
    switch (result) {
    case l402::Result::ok:
    case l402::Result::expired:
    case l402::Result::insufficient:
    case l402::Result::revoked:
    case l402::Result::used_up:
    case l402::Result::unavailable:
        return true;

    default:
        return false;
    }
}

ngx_int_t tier(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t)
{
    auto ctx = decided(r);

    return has_token(ctx) && knows_tier(ctx->result)
               ? set_number(r, v, ctx->verdict.tier) : none(v);
}

ngx_int_t expires(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t)
{
    auto ctx = decided(r);

    return has_token(ctx) && ctx->verdict.expires
               ? set_number(r, v, ctx->verdict.expires) : none(v);
}

ngx_int_t price(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t)
{
    auto lcf = static_cast<ngx_http_l402_loc_conf_t *>(
        ngx_http_get_module_loc_conf(r->main, ngx_http_l402_module));
    ngx_http_l402_ctx_t *ctx = ngx_http_l402_find_ctx(r);
    ngx_http_l402_ctx_t fresh{};

    if (!lcf->enable) {
        return none(v);
    }

    // Asked for before the access phase: nothing to keep it in yet.
    if (ctx == nullptr || ctx->location != lcf) {
        ctx = &fresh;
    }

    return ngx_http_l402_price(r->main, ctx, lcf, false)
               ? set_number(r, v, static_cast<int64_t>(ctx->price_msat))
               : none(v);
}

ngx_int_t left(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uint64_t l402::Amount::*what)
{
    auto ctx = decided(r);
    l402::Amount left;
    bool known = ctx && ngx_http_l402_left(r->main, ctx, left)
                 && left.*what != l402::no_limit;

    return known ? set_number(r, v, static_cast<int64_t>(left.*what))
                 : none(v);
}

ngx_int_t uses_left(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t)
{
    return left(r, v, &l402::Amount::uses);
}

ngx_int_t balance(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t)
{
    return left(r, v, &l402::Amount::msat);
}

ngx_int_t free_left(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t)
{
    auto ctx = decided(r);

    return ctx && ctx->has_free_left ? set_number(r, v, ctx->free_left)
                                     : none(v);
}

char fold(char c)
{
    return c == '-' ? '_' : static_cast<char>(ngx_tolower(c));
}

// Variables have lower-case names without '-', as $http_name has.
bool is_named(std::string_view condition, std::string_view name)
{
    if (condition.size() != name.size()) {
        return false;
    }

    for (size_t i = 0; i < name.size(); i++) {
        if (fold(condition[i]) != fold(name[i])) {
            return false;
        }
    }

    return true;
}

// A caveat may hold any byte, and a variable may go into a header field.
bool is_plain(std::string_view value)
{
    for (char c : value) {
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
            return false;
        }
    }

    return true;
}

// $l402_caveat_NAME: the value of the last caveat of that condition, which is
// the narrowest. The token is decoded anew: hardly any request asks.
ngx_int_t caveat(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    static constexpr size_t prefix = sizeof("l402_caveat_") - 1;

    std::string_view name = ngx_http_l402_view(
        *reinterpret_cast<ngx_str_t *>(data)).substr(prefix);
    auto ctx = decided(r);
    l402::PresentedMacaroon presented;
    l402::Facts facts;

    if (!has_token(ctx)) {
        return none(v);
    }

    facts.authorization = ngx_http_l402_view(ctx->authorization);
    facts.macaroon = ngx_http_l402_view(ctx->macaroon);
    facts.grpc_metadata_macaroon =
        ngx_http_l402_view(ctx->grpc_metadata_macaroon);

    if (!l402::presented_macaroon(facts, ctx->verdict, presented)) {
        return none(v);
    }

    std::string_view value;
    bool found = l402::last_value(presented.macaroon.caveats,
        presented.macaroon.caveat_count,
        [&](std::string_view condition) { return is_named(condition, name); },
        value);

    return found && is_plain(value) ? set_text(r, v, value) : none(v);
}

// As $binary_remote_addr has it, and realip has left it.
std::string_view binary_address(const ngx_connection_t *c)
{
    switch (c->sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6: {
        auto sin6 = reinterpret_cast<struct sockaddr_in6 *>(c->sockaddr);

        return {reinterpret_cast<char *>(&sin6->sin6_addr),
            sizeof(struct in6_addr)};
    }
#endif

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return ngx_http_l402_view(c->addr_text);
#endif

    default: {
        auto sin = reinterpret_cast<struct sockaddr_in *>(c->sockaddr);

        return {reinterpret_cast<char *>(&sin->sin_addr), sizeof(in_addr_t)};
    }
    }
}

ngx_int_t unpaid_client(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t)
{
    bool let_in = ngx_http_l402_guard<bool>(r->connection->log, false,
        [r] { return ngx_http_l402_lets_in(r->main); });

    return let_in ? none(v) : set_text(r, v, binary_address(r->connection));
}

struct Variable {
    ngx_str_t                    name;
    ngx_http_get_variable_pt     get;
};

Variable variables[] = {
    { ngx_string("l402_result"), result },
    { ngx_string("l402_token_id"), token_id },
    { ngx_string("l402_payment_hash"), payment_hash },
    { ngx_string("l402_service"), service },
    { ngx_string("l402_tier"), tier },
    { ngx_string("l402_price_msat"), price },
    { ngx_string("l402_expires"), expires },
    { ngx_string("l402_unpaid_client"), unpaid_client },
    { ngx_string("l402_uses_left"), uses_left },
    { ngx_string("l402_balance_msat"), balance },
    { ngx_string("l402_free_left"), free_left },
};

ngx_str_t caveat_prefix = ngx_string("l402_caveat_");

}  // namespace

// No configuration can name this one.
ngx_str_t ngx_http_l402_ctx_variable = ngx_string("l402 context");

ngx_int_t ngx_http_l402_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t *context = ngx_http_add_variable(cf,
        &ngx_http_l402_ctx_variable, NGX_HTTP_VAR_NOHASH);

    if (context == nullptr) {
        return NGX_ERROR;
    }

    context->get_handler = [](ngx_http_request_t *,
        ngx_http_variable_value_t *v, uintptr_t) -> ngx_int_t {
            return none(v);
        };

    for (Variable &variable : variables) {
        // Not cacheable: a redirect leads to another decision.
        ngx_http_variable_t *v = ngx_http_add_variable(cf, &variable.name,
            NGX_HTTP_VAR_NOCACHEABLE);

        if (v == nullptr) {
            return NGX_ERROR;
        }

        v->get_handler = variable.get;
    }

    ngx_http_variable_t *v = ngx_http_add_variable(cf, &caveat_prefix,
        NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX);

    if (v == nullptr) {
        return NGX_ERROR;
    }

    v->get_handler = caveat;
    return NGX_OK;
}
