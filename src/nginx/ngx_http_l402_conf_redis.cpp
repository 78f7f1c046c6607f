// The l402_redis block.

#include "ngx_http_l402_block.h"
#include "ngx_http_l402_redis.h"
#include "ngx_http_l402_redis_tls.h"
#include "ngx_http_l402_service.h"

namespace {

struct Block {
    ngx_http_l402_redis_t    *redis;
    std::vector<std::string>  seen;
};

char *const failed = static_cast<char *>(NGX_CONF_ERROR);

constexpr const char *directive = "l402_redis";

template <typename... Args>
char *error(ngx_conf_t *cf, const char *format, Args... args)
{
    return ngx_http_l402_block_error(cf, format, args...);
}

template <typename... Args>
ngx_int_t error_at_block(ngx_conf_t *cf, const ngx_http_l402_redis_t &redis,
    const char *format, Args... args)
{
    ngx_http_l402_log_at(cf, NGX_LOG_EMERG, redis.place, format, args...);
    return NGX_ERROR;
}

bool is_set(const Block &block, std::string_view name)
{
    return ngx_http_l402_is_seen(block.seen, name);
}

char *set_url(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    std::string_view text = ngx_http_l402_view(*value);
    std::string shown = ngx_http_l402_without_user(text);
    std::string what;

    if (!l402::parse_redis_url(text, block.redis->url, what)) {
        return error(cf, "invalid value \"%s\" in \"url\" of l402_redis: %s",
            shown.c_str(), what.c_str());
    }

#if !(NGX_SSL)
    if (block.redis->url.tls) {
        return error(cf, "invalid value \"%V\" in \"url\" of l402_redis: needs "
            "an nginx that is built with TLS", value);
    }
#endif

    block.redis->login.database = block.redis->url.database;
    block.redis->shown_url = text;
    return NGX_CONF_OK;
}

char *set_username(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    if (value->len == 0) {
        return error(cf, "invalid value \"\" in \"username\" of l402_redis, "
            "it must not be empty");
    }

    block.redis->login.username = ngx_http_l402_view(*value);
    return NGX_CONF_OK;
}

char *read_password(ngx_conf_t *cf, const char *word, ngx_str_t *value,
    std::string &out)
{
    constexpr size_t longest = 4096;

    if (!ngx_http_l402_read_file(cf, word, value, longest, true, out)) {
        return failed;
    }

    while (!out.empty() && (out.back() == '\n' || out.back() == '\r')) {
        out.pop_back();
    }

    if (out.empty()) {
        return error(cf, "%s: \"%V\" is empty, it must hold the password on "
            "one line", word, value);
    }

    for (char c : out) {
        if (static_cast<unsigned char>(c) < ' ') {
            return error(cf, "%s: \"%V\" must hold the password on one line",
                word, value);
        }
    }

    return NGX_CONF_OK;
}

char *set_password(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    return read_password(cf, "password_file", value,
        block.redis->login.password);
}

char *set_sentinel_password(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    return read_password(cf, "sentinel_password_file", value,
        block.redis->sentinel_login.password);
}

char *set_ca(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    return ngx_http_l402_read_ca(cf, value, block.redis->ca_pem) ? NGX_CONF_OK
                                                                 : failed;
}

char *set_verify(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    if (ngx_http_l402_read_switch(cf, value, "verify", directive,
            block.redis->verify) != NGX_CONF_OK)
    {
        return failed;
    }

    if (!block.redis->verify) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
            "\"verify off\" in l402_redis: anybody between nginx and Redis can "
            "take its password, and end or renew tokens; give the certificate "
            "of its authority with \"ca_file\" instead");
    }

    return NGX_CONF_OK;
}

char *set_prefix(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    constexpr size_t longest = 64;
    std::string_view text = ngx_http_l402_view(*value);
    bool good = !text.empty() && text.size() <= longest;

    for (char c : text) {
        good = good && c > ' ' && c <= '~';
    }

    if (!good) {
        return error(cf, "invalid value \"%V\" in \"prefix\" of l402_redis, it "
            "must be 1 to 64 printable characters such as \"l402:\"", value);
    }

    block.redis->prefix = text;
    return NGX_CONF_OK;
}

char *set_timeout(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    return ngx_http_l402_read_number(cf, value, "timeout", directive,
        ngx_parse_time(value, 0), 1, 60000,
        "a time from 1ms to 1m such as \"500ms\"", block.redis->timeout);
}

char *set_resync(ngx_conf_t *cf, Block &block, ngx_str_t *value)
{
    return ngx_http_l402_read_number(cf, value, "resync", directive,
        ngx_parse_time(value, 0), 1000, 86400000,
        "a time from 1s to 1d such as \"60s\"", block.redis->resync);
}

constexpr ngx_http_l402_word_t<Block> words[] = {
    {"url", set_url},
    {"username", set_username},
    {"password_file", set_password},
    {"sentinel_password_file", set_sentinel_password},
    {"ca_file", set_ca},
    {"verify", set_verify},
    {"prefix", set_prefix},
    {"timeout", set_timeout},
    {"resync", set_resync},
};

char *read_word(ngx_conf_t *cf, Block &block)
{
    auto args = static_cast<ngx_str_t *>(cf->args->elts);

    if (ngx_http_l402_view(args[0]) == "password") {
        return error(cf, "unknown directive \"password\" in l402_redis: a "
            "password stands in a file that others cannot read, named with "
            "\"password_file\"");
    }

    return ngx_http_l402_read_word(cf, block, words, directive, directive);
}

char *word_handler(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return ngx_http_l402_guard(cf->log, failed, [&] {
        return read_word(cf, *static_cast<Block *>(conf));
    });
}

ngx_int_t check(ngx_conf_t *cf, const Block &block)
{
    const ngx_http_l402_redis_t &redis = *block.redis;

    if (redis.shown_url.empty()) {
        return error_at_block(cf, redis, "l402_redis has no \"url\", such as "
            "\"url redis://127.0.0.1:6379\"");
    }

    if (!redis.login.username.empty() && redis.login.password.empty()) {
        return error_at_block(cf, redis, "\"username\" in l402_redis needs a "
            "\"password_file\"");
    }

    if (!redis.sentinel_login.password.empty() && redis.url.master.empty()) {
        return error_at_block(cf, redis, "\"sentinel_password_file\" in "
            "l402_redis has no use: its \"url\" names no Sentinel");
    }

    for (const char *word : {"ca_file", "verify"}) {
        if (is_set(block, word) && !redis.url.tls) {
            return error_at_block(cf, redis, "\"%s\" in l402_redis has no use "
                "without TLS: \"rediss://\" or \"sentinels://\" in \"url\" "
                "asks for it", word);
        }
    }

    if (!redis.ca_pem.empty() && !redis.verify) {
        return error_at_block(cf, redis, "\"ca_file\" in l402_redis has no use "
            "beside \"verify off\"");
    }

    return NGX_OK;
}

char *read_block(ngx_conf_t *cf, ngx_http_l402_main_conf_t *mcf)
{
    if (mcf->redis) {
        return error(cf, "\"l402_redis\" is duplicate, there can be one");
    }

    mcf->redis = ngx_http_l402_pool_new<ngx_http_l402_redis_t>(cf->pool);

    if (mcf->redis == nullptr) {
        return failed;
    }

    ngx_http_l402_set_place(cf, &mcf->redis->place);
    mcf->redis->zone = ngx_http_l402_add_feed_zone(cf);

    if (mcf->redis->zone == nullptr) {
        return failed;
    }

    Block block{mcf->redis, {}};
    char *rv = ngx_http_l402_parse_block(cf, block, word_handler);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return check(cf, block) == NGX_OK ? NGX_CONF_OK : failed;
}

bool has_resolver(ngx_conf_t *cf)
{
    auto clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));

    return clcf->resolver && clcf->resolver->connections.nelts;
}

// A name that cannot be found now does not stop nginx.
void find_addresses(ngx_conf_t *cf, const ngx_http_l402_redis_t &redis,
    ngx_http_l402_redis_host_t &host)
{
    ngx_url_t url;

    ngx_memzero(&url, sizeof(url));
    url.url = ngx_http_l402_str(host.name);
    url.default_port = host.port;

    if (ngx_parse_url(cf->pool, &url) != NGX_OK) {
        ngx_http_l402_log_at(cf, NGX_LOG_WARN, redis.place,
            "l402_redis: the host \"%s\" cannot be found now; without a "
            "\"resolver\" in http {} it is not looked up again until a reload",
            host.name.c_str());
        return;
    }

    for (ngx_uint_t i = 0; i < url.naddrs; i++) {
        u_char text[NGX_SOCKADDR_STRLEN];
        size_t n = ngx_sock_ntop(url.addrs[i].sockaddr, url.addrs[i].socklen,
            text, sizeof(text), 0);

        // ngx_sock_ntop writes brackets only with a port.
        host.addresses.emplace_back(reinterpret_cast<char *>(text), n);
    }
}

void find_hosts(ngx_conf_t *cf, ngx_http_l402_redis_t &redis)
{
    for (const l402::RedisHost &from : redis.url.hosts) {
        ngx_http_l402_redis_host_t host;

        host.name = from.name;
        host.port = from.port;

        if (from.is_address) {
            host.addresses.push_back(from.name);

        } else if (!has_resolver(cf) || from.name == "localhost") {
            // Name servers do not know "localhost".
            find_addresses(cf, redis, host);
        }

        redis.hosts.push_back(std::move(host));
    }
}

}  // namespace

char *ngx_http_l402_set_redis(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return ngx_http_l402_guard(cf->log, failed, [&] {
        return read_block(cf, static_cast<ngx_http_l402_main_conf_t *>(conf));
    });
}

ngx_int_t ngx_http_l402_check_redis(ngx_conf_t *cf,
    ngx_http_l402_main_conf_t *mcf)
{
    if (mcf->redis == nullptr) {
        return NGX_OK;
    }

    return ngx_http_l402_guard<ngx_int_t>(cf->log, NGX_ERROR, [&] {
        find_hosts(cf, *mcf->redis);

#if (NGX_SSL)
        if (mcf->redis->url.tls
            && !ngx_http_l402_redis_create_tls(cf, *mcf->redis))
        {
            return NGX_ERROR;
        }
#endif

        return NGX_OK;
    });
}
