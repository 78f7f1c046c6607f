// Names by nginx's resolver: asynchronous, and remembered for as long as the
// name server says.

#include "ngx_http_l402_transport.h"

void ngx_http_l402_lookup_t::cancel() noexcept
{
    if (ctx_) {
        ngx_resolve_name_done(ctx_);
        ctx_ = nullptr;
    }
}

void ngx_http_l402_lookup_t::start(ngx_resolver_t *resolver,
    const std::string &name, ngx_msec_t timeout)
{
    ngx_resolver_ctx_t *ctx = ngx_resolve_start(resolver, nullptr);

    if (ctx == nullptr || ctx == NGX_NO_RESOLVER) {
        waiter_.found({}, "the resolver cannot be asked");
        return;
    }

    ctx->name = ngx_http_l402_str(name);
    ctx->handler = answered;
    ctx->data = this;
    ctx->timeout = timeout;
    ctx_ = ctx;

    // It may answer at once. On failure it has freed what it was given, and has
    // not answered.
    if (ngx_resolve_name(ctx) != NGX_OK) {
        ctx_ = nullptr;
        waiter_.found({}, "the resolver cannot be asked");
    }
}

void ngx_http_l402_lookup_t::answered(ngx_resolver_ctx_t *ctx) noexcept
{
    auto lookup = static_cast<ngx_http_l402_lookup_t *>(ctx->data);
    std::vector<std::string> addresses;
    const char *error = nullptr;

    if (ctx->state) {
        error = ngx_resolver_strerror(ctx->state);

    } else {
        error = ngx_http_l402_guard<const char *>(ngx_cycle->log,
            "out of memory", [&] {
                for (ngx_uint_t i = 0; i < ctx->naddrs; i++) {
                    u_char text[NGX_SOCKADDR_STRLEN];
                    size_t n = ngx_sock_ntop(ctx->addrs[i].sockaddr,
                        ctx->addrs[i].socklen, text, sizeof(text), 0);

                    addresses.emplace_back(reinterpret_cast<char *>(text), n);
                }

                return "it has no address";
            });
    }

    lookup->ctx_ = nullptr;
    ngx_resolve_name_done(ctx);
    lookup->waiter_.found(addresses, error);
}
