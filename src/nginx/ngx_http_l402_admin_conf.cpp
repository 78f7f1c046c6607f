// The directive l402_admin, and whether its location is open to all.

#include "ngx_http_l402_admin.h"
#include "ngx_http_l402_zone.h"

namespace {

char *const failed = static_cast<char *>(NGX_CONF_ERROR);

using LocConf = ngx_http_l402_loc_conf_t;
using MainConf = ngx_http_l402_main_conf_t;
using Admin = ngx_http_l402_admin_t;

bool has_prefix_to_follow(const ngx_http_core_loc_conf_t *clcf)
{
#if (NGX_PCRE)
    if (clcf->regex) {
        return false;
    }
#endif

    return clcf->name.len && !clcf->exact_match && !clcf->named;
}

// The module's configuration of that location; null: nginx is without it.
void *conf_of(ngx_conf_t *cf, const Admin &admin, const char *module)
{
    for (ngx_uint_t i = 0; cf->cycle->modules[i]; i++) {
        if (ngx_strcmp(cf->cycle->modules[i]->name, module) == 0) {
            return admin.core->loc_conf[cf->cycle->modules[i]->ctx_index];
        }
    }

    return nullptr;
}

// nginx keeps these structs to itself, and each has had the same beginning
// since 1.5: lists of rules that are null where there are none, the realm, the
// length of a uri. Words are compared with 0 and never followed, so that a
// nginx that is different can at worst have a warning wrong. `allow all` and
// `auth_basic off` look like any other rule: who writes them means it.
bool has_word(const void *conf, size_t words)
{
    uintptr_t word;

    for (size_t i = 0; conf && i < words; i++) {
        ngx_memcpy(&word, static_cast<const uintptr_t *>(conf) + i,
            sizeof(word));

        if (word != 0) {
            return true;
        }
    }

    return false;
}

constexpr size_t access_words = 1
#if (NGX_HAVE_INET6)
    + 1
#endif
#if (NGX_HAVE_UNIX_DOMAIN)
    + 1
#endif
    ;

bool has_access_rules(ngx_conf_t *cf, const Admin &admin)
{
    return has_word(conf_of(cf, admin, "ngx_http_access_module"), access_words)
           || has_word(conf_of(cf, admin, "ngx_http_auth_basic_module"), 1)
           || has_word(conf_of(cf, admin, "ngx_http_auth_request_module"), 1);
}

bool asks_for_certificate(const Admin &admin)
{
#if (NGX_HTTP_SSL)
    auto sscf = static_cast<ngx_http_ssl_srv_conf_t *>(
        admin.server->ctx->srv_conf[ngx_http_ssl_module.ctx_index]);

    return sscf->verify == 1;
#else
    (void) admin;
    return false;
#endif
}

bool is_exposed(const ngx_http_conf_addr_t &addr, const Admin &admin)
{
    if (addr.opt.sockaddr->sa_family == AF_UNIX
        || (addr.opt.ssl && asks_for_certificate(admin)))
    {
        return false;
    }

    auto servers = static_cast<ngx_http_core_srv_conf_t **>(
        addr.servers.elts);

    for (ngx_uint_t i = 0; i < addr.servers.nelts; i++) {
        if (servers[i] == admin.server) {
            return true;
        }
    }

    return false;
}

bool listens_to_all(ngx_conf_t *cf, const Admin &admin)
{
    auto cmcf = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto ports = static_cast<ngx_http_conf_port_t *>(
        cmcf->ports ? cmcf->ports->elts : nullptr);

    for (ngx_uint_t i = 0; ports && i < cmcf->ports->nelts; i++) {
        auto addrs = static_cast<ngx_http_conf_addr_t *>(ports[i].addrs.elts);

        for (ngx_uint_t j = 0; j < ports[i].addrs.nelts; j++) {
            if (is_exposed(addrs[j], admin)) {
                return true;
            }
        }
    }

    return false;
}

}  // namespace

char *ngx_http_l402_set_admin(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto lcf = static_cast<LocConf *>(conf);
    auto clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));

    if (lcf->admin) {
        return const_cast<char *>("is duplicate");
    }

    if (!has_prefix_to_follow(clcf)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "\"l402_admin\" cannot stand in location \"%V\": paths follow the "
            "location's name, so it has to be a prefix such as \"location "
            "/l402/ { ... }\"", &clcf->name);
        return failed;
    }

    lcf->admin = 1;
    clcf->handler = ngx_http_l402_admin_handler;
    ngx_http_l402_set_place(cf, &lcf->admin_place);
    return NGX_CONF_OK;
}

char *ngx_http_l402_merge_admin(ngx_conf_t *cf, LocConf *prev, LocConf *conf)
{
    auto clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));

    if (clcf->lmt_excpt && prev->admin) {
        conf->admin = 1;
        conf->admin_place = prev->admin_place;
        clcf->handler = ngx_http_l402_admin_handler;
    }

    if (!conf->admin) {
        return NGX_CONF_OK;
    }

    // Whoever pays would be let in, and whoever operates it asked to pay.
    if (conf->enable) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, conf->admin_place,
            "\"l402_admin\" cannot be sold, and \"l402 %V\" holds in location "
            "\"%V\": add \"l402 off\" there", &conf->service, &clcf->name);
        return failed;
    }

    auto mcf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_l402_module));
    auto slot = static_cast<Admin *>(ngx_array_push(&mcf->admins));

    if (slot == nullptr) {
        return failed;
    }

    slot->place = conf->admin_place;
    slot->core = clcf;
    slot->server = static_cast<ngx_http_core_srv_conf_t *>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module));
    return NGX_CONF_OK;
}

char *ngx_http_l402_check_admin(ngx_conf_t *cf, MainConf *mcf)
{
    auto admins = static_cast<Admin *>(mcf->admins.elts);

    for (ngx_uint_t i = 0; i < mcf->admins.nelts; i++) {
        const Admin &admin = admins[i];

        if (ngx_http_l402_check_zone(cf, mcf, "l402_admin", admin.place)
                != NGX_CONF_OK)
        {
            return failed;
        }

        if (admin.core->handler != ngx_http_l402_admin_handler) {
            ngx_http_l402_log_at(cf, NGX_LOG_EMERG, admin.place,
                "\"l402_admin\" has location \"%V\" for itself, and another "
                "directive answers there: remove one of them",
                &admin.core->name);
            return failed;
        }

        if (!admin.core->internal && !has_access_rules(cf, admin)
            && listens_to_all(cf, admin))
        {
            ngx_http_l402_log_at(cf, NGX_LOG_WARN, admin.place,
                "\"l402_admin\" in location \"%V\" is open to all: add "
                "\"allow\" and \"deny all\", \"auth_basic\" or "
                "\"auth_request\", or let the server listen on a unix socket "
                "alone (\"allow all\" where something else keeps others out)",
                &admin.core->name);
        }
    }

    return NGX_CONF_OK;
}
