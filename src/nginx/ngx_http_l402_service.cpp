// The l402_invoice_service block.

#include "ngx_http_l402_service.h"

#include "ngx_http_l402_block.h"

namespace {

struct Url {
    ngx_str_t              text;
    ngx_http_l402_place_t  place;
};

struct Block {
    ngx_http_l402_service_t  *service;
    std::vector<std::string>  seen;
    std::vector<Url>          urls;
    std::string               credential;
    ngx_str_t                 credential_file{};
    ngx_http_l402_place_t     credential_place{};
    std::string               ca_pem;
    bool                      verify = true;
    l402::ProxyUrl            proxy;
    std::vector<std::string>  proxy_addresses;
};

char *const failed = static_cast<char *>(NGX_CONF_ERROR);

constexpr const char *directive = "l402_invoice_service";

template <typename... Args>
char *error(ngx_conf_t *cf, const char *format, Args... args)
{
    return ngx_http_l402_block_error(cf, format, args...);
}

char *set_protocol(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    block.service->service.protocol =
        l402::find_protocol(ngx_http_l402_view(*value));

    if (block.service->service.protocol == nullptr) {
        return error(cf, "invalid value \"%V\" in \"protocol\" of "
            "l402_invoice_service, it must be one of: %s", value,
            l402::protocol_names().c_str());
    }

    return NGX_CONF_OK;
}

// What it may say depends on the protocol, which may stand further down.
char *set_url(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    Url url{*value, {}};

    ngx_http_l402_set_place(cf, &url.place);
    block.urls.push_back(url);
    return NGX_CONF_OK;
}

char *add_endpoint(ngx_conf_t *cf, Block &block, const Url &url)
{
    l402::InvoiceService &service = block.service->service;
    std::string_view text = ngx_http_l402_view(url.text);
    std::string shown = ngx_http_l402_without_user(text);
    l402::Endpoint endpoint;
    std::string what;

    endpoint.proxy = block.proxy;
    endpoint.proxy_addresses = block.proxy_addresses;
    endpoint.ca_pem = block.ca_pem;
    endpoint.verify = block.verify;

    if (!service.protocol->read_url(text, endpoint.url, what)
        || !ngx_http_l402_check_way(endpoint, what))
    {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, url.place,
            "invalid value \"%s\" in \"url\" of l402_invoice_service: %s",
            shown.c_str(), what.c_str());
        return failed;
    }

    // Behind a proxy names are its business, and nobody else is told.
    if (endpoint.url.unix_socket.empty() && !endpoint.url.host_is_address
        && endpoint.proxy.host.empty())
    {
        ngx_http_l402_find_addresses(cf, url.place,
            std::string(text).c_str(), endpoint.url.host, endpoint.addresses);
    }

    ngx_http_l402_warn_names(cf, url.place, endpoint);
    service.endpoints.push_back(std::move(endpoint));
    block.service->shown_urls.push_back(shown);
    return NGX_CONF_OK;
}

char *set_credential(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    ngx_http_l402_set_place(cf, &block.credential_place);

    if (!ngx_http_l402_read_file(cf, "credential_file", value, 65536, false,
            block.credential))
    {
        return failed;
    }

    // Its form depends on the protocol, which may stand further down.
    block.credential_file = *value;
    return NGX_CONF_OK;
}

char *set_ca(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    return ngx_http_l402_read_ca(cf, value, block.ca_pem) ? NGX_CONF_OK
                                                          : failed;
}

char *set_proxy(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    return ngx_http_l402_read_proxy(cf, value, block.proxy,
               block.proxy_addresses) ? NGX_CONF_OK : failed;
}

char *set_verify(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    if (ngx_http_l402_read_switch(cf, value, "verify", directive, block.verify)
        != NGX_CONF_OK)
    {
        return failed;
    }

    if (!block.verify) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
            "\"verify off\" in l402_invoice_service \"%V\": anybody between "
            "nginx and the node can take its credential and your payments; "
            "give its certificate with \"ca_file\" instead",
            &block.service->name);
    }

    return NGX_CONF_OK;
}

char *set_network(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    if (!l402::parse_network(ngx_http_l402_view(*value),
            block.service->service.network))
    {
        return error(cf, "invalid value \"%V\" in \"network\" of "
            "l402_invoice_service, it must be \"mainnet\", \"testnet\", "
            "\"signet\" or \"regtest\"", value);
    }

    return NGX_CONF_OK;
}

template <typename Number>
char *set_number(ngx_conf_t *cf, const char *word, ngx_str_t *value,
    ngx_int_t n, ngx_int_t least, ngx_int_t most, const char *right,
    Number &out)
{
    return ngx_http_l402_read_number(cf, value, word, directive, n, least,
        most, right, out);
}

char *set_timeout(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    return set_number(cf, "timeout", value, ngx_parse_time(value, 0), 1,
        600000, "a time from 1ms to 10m such as \"5s\"",
        block.service->service.timeout);
}

char *set_expiry(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    return set_number(cf, "invoice_expiry", value, ngx_parse_time(value, 1), 1,
        365 * 86400, "a time from 1s to 365d such as \"10m\"",
        block.service->service.invoice_expiry);
}

char *set_pool(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    return set_number(cf, "pool", value, ngx_atoi(value->data, value->len), 0,
        100000, "a number of invoices from 0 to 100000",
        block.service->service.pool);
}

char *set_max_fails(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    return set_number(cf, "max_fails", value,
        ngx_atoi(value->data, value->len), 0, 100000,
        "a number from 1 to 100000, or 0 for urls that never rest",
        block.service->service.breaker.max_fails);
}

char *set_fail_timeout(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    return set_number(cf, "fail_timeout", value, ngx_parse_time(value, 0), 1,
        86400000, "a time from 1ms to 1d such as \"10s\"",
        block.service->service.breaker.fail_timeout);
}

char *set_in_flight(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    return set_number(cf, "max_in_flight", value,
        ngx_atoi(value->data, value->len), 1, 100000,
        "a number from 1 to 100000", block.service->service.max_in_flight);
}

constexpr ngx_http_l402_word_t<Block> words[] = {
    {"protocol", set_protocol},
    {"url", set_url, true},
    {"credential_file", set_credential},
    {"ca_file", set_ca},
    {"verify", set_verify},
    {"proxy", set_proxy},
    {"network", set_network},
    {"timeout", set_timeout},
    {"invoice_expiry", set_expiry},
    {"max_in_flight", set_in_flight},
    {"pool", set_pool},
    {"max_fails", set_max_fails},
    {"fail_timeout", set_fail_timeout},
};

char *word_handler(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return ngx_http_l402_guard(cf->log, failed, [&] {
        auto block = static_cast<Block *>(conf);

        return ngx_http_l402_read_word(cf, *block, words, directive,
            directive + (" \"" + block->service->service.name + "\""));
    });
}

char *check_credential(ngx_conf_t *cf, Block &block)
{
    l402::InvoiceService &service = block.service->service;
    l402::CredentialUse use = service.protocol->credential_use;

    if (block.credential_file.data == nullptr) {
        if (use != l402::CredentialUse::required) {
            return NGX_CONF_OK;
        }

        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, block.service->place,
            "l402_invoice_service \"%V\" has no \"credential_file\", which "
            "protocol \"%s\" needs", &block.service->name,
            service.protocol->name);
        return failed;
    }

    if (use == l402::CredentialUse::none) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, block.credential_place,
            "\"credential_file\" in l402_invoice_service \"%V\" has no use: "
            "protocol \"%s\" sends no credential", &block.service->name,
            service.protocol->name);
        return failed;
    }

    std::string what;
    bool good = service.protocol->read_credential(block.credential,
        service.credential, what);

    if (!good) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, block.credential_place,
            "credential_file: \"%V\" %s", &block.credential_file,
            what.c_str());
        return failed;
    }

    return NGX_CONF_OK;
}

char *finish(ngx_conf_t *cf, Block &block)
{
    l402::InvoiceService &service = block.service->service;

    if (service.protocol == nullptr) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, block.service->place,
            "l402_invoice_service \"%V\" has no \"protocol\", it must be one "
            "of: %s", &block.service->name, l402::protocol_names().c_str());
        return failed;
    }

    if (block.urls.empty()) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, block.service->place,
            "l402_invoice_service \"%V\" has no \"url\", such as "
            "\"url https://127.0.0.1:8080\"", &block.service->name);
        return failed;
    }

    char *rv = check_credential(cf, block);

    l402::wipe(block.credential.data(), block.credential.size());

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    for (const Url &url : block.urls) {
        if (add_endpoint(cf, block, url) != NGX_CONF_OK) {
            return failed;
        }
    }

    if (!ngx_http_l402_is_seen(block.seen, "invoice_expiry")) {
        service.invoice_expiry = service.protocol->default_expiry;
    }

    return NGX_CONF_OK;
}

char *read_block(ngx_conf_t *cf, ngx_http_l402_main_conf_t *mcf)
{
    auto args = static_cast<ngx_str_t *>(cf->args->elts);
    auto services = static_cast<ngx_http_l402_service_t **>(
        mcf->services.elts);

    if (args[1].len == 0) {
        return error(cf, "invalid name \"\" in \"l402_invoice_service\", it "
            "must not be empty");
    }

    for (ngx_uint_t i = 0; i < mcf->services.nelts; i++) {
        if (ngx_http_l402_view(services[i]->name)
            == ngx_http_l402_view(args[1]))
        {
            return error(cf, "l402_invoice_service \"%V\" is duplicate, each "
                "must have a name of its own", &args[1]);
        }
    }

    auto service = ngx_http_l402_pool_new<ngx_http_l402_service_t>(cf->pool);
    auto slot = static_cast<ngx_http_l402_service_t **>(
        ngx_array_push(&mcf->services));

    if (service == nullptr || slot == nullptr) {
        return failed;
    }

    *slot = service;
    service->name = args[1];
    service->service.name = ngx_http_l402_view(args[1]);
    ngx_http_l402_set_place(cf, &service->place);

    Block block;

    block.service = service;

    char *rv = ngx_http_l402_parse_block(cf, block, word_handler);

    return rv == NGX_CONF_OK ? finish(cf, block) : rv;
}

}  // namespace

char *ngx_http_l402_invoice_service(ngx_conf_t *cf, ngx_command_t *,
    void *conf)
{
    return ngx_http_l402_guard(cf->log, failed, [&] {
        return read_block(cf, static_cast<ngx_http_l402_main_conf_t *>(conf));
    });
}
