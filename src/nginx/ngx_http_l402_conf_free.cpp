// The directive l402_free: how it is read and inherited, and what is said of
// one that is of no use.

#include "ngx_http_l402.h"

#include "core/caveats.h"

namespace {

char *const failed = static_cast<char *>(NGX_CONF_ERROR);

using Free = ngx_http_l402_free_t;
using LocConf = ngx_http_l402_loc_conf_t;
using MainConf = ngx_http_l402_main_conf_t;

MainConf *main_conf(ngx_conf_t *cf)
{
    return static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_l402_module));
}

// "5/1d"
bool parse_rule(const ngx_str_t &value, l402::FreeRule &rule)
{
    constexpr time_t longest = l402::FreeQuota::max_window / 1000;
    std::string_view text = ngx_http_l402_view(value);
    size_t slash = text.find('/');
    int64_t requests;

    if (slash == text.npos
        || !l402::parse_number(text.substr(0, slash), requests)
        || requests < 1 || requests > l402::FreeQuota::max_requests)
    {
        return false;
    }

    ngx_str_t window = {value.len - slash - 1, value.data + slash + 1};
    time_t seconds = ngx_parse_time(&window, 1);

    if (seconds < 1 || seconds > longest) {
        return false;
    }

    rule.requests = static_cast<uint32_t>(requests);
    rule.window = static_cast<uint64_t>(seconds) * 1000;
    return true;
}

char *set_key(ngx_conf_t *cf, const ngx_str_t &value, Free *out)
{
    constexpr std::string_view name = "key=";
    std::string_view text = ngx_http_l402_view(value);

    if (text.substr(0, name.size()) != name || text.size() == name.size()) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid parameter \"%V\" in \"l402_free\", it must be \"key=\" "
            "and what a client is known by, such as \"key=$http_x_api_key\"",
            &value);
        return failed;
    }

    ngx_http_compile_complex_value_t ccv{};
    ngx_str_t key = {value.len - name.size(), value.data + name.size()};

    out->key = static_cast<ngx_http_complex_value_t *>(
        ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t)));

    if (out->key == nullptr) {
        return failed;
    }

    ccv.cf = cf;
    ccv.value = &key;
    ccv.complex_value = out->key;
    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? NGX_CONF_OK
                                                          : failed;
}

bool is_taken(const MainConf *mcf, std::string_view scope)
{
    auto frees = static_cast<Free **>(mcf->frees.elts);

    for (ngx_uint_t i = 0; i < mcf->frees.nelts; i++) {
        if (ngx_http_l402_view(frees[i]->scope) == scope) {
            return true;
        }
    }

    return false;
}

// What it is counted by, which a reload finds again: not by the line that it
// stands at, but by the block. Blocks of the same name are told apart by their
// order.
char *set_scope(ngx_conf_t *cf, Free *free, const std::string &block)
{
    std::string name = block + "\n" + std::to_string(free->rule.window) + "\n"
                       + (free->key ? "key" : "address");
    std::string scope = name;
    MainConf *mcf = main_conf(cf);

    for (ngx_uint_t i = 2; is_taken(mcf, scope); i++) {
        scope = name + "\n" + std::to_string(i);
    }

    free->scope.data = static_cast<u_char *>(
        ngx_pnalloc(cf->pool, scope.size()));

    if (free->scope.data == nullptr) {
        return failed;
    }

    free->scope.len = scope.size();
    ngx_memcpy(free->scope.data, scope.data(), scope.size());
    return NGX_CONF_OK;
}

// The server{} or location{} whose configuration is merged.
std::string block_name(ngx_conf_t *cf)
{
    auto cscf = static_cast<ngx_http_core_srv_conf_t *>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module));
    auto clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    std::string name(ngx_http_l402_view(cscf->server_name));

    name += "\n";
    name += ngx_http_l402_view(clcf->name);
    return name;
}

char *read_free(ngx_conf_t *cf, LocConf *lcf)
{
    auto value = static_cast<ngx_str_t *>(cf->args->elts);

    if (lcf->free != NGX_CONF_UNSET_PTR) {
        return const_cast<char *>("is duplicate");
    }

    if (cf->args->nelts == 2 && ngx_http_l402_view(value[1]) == "off") {
        lcf->free = nullptr;
        return NGX_CONF_OK;
    }

    auto free = static_cast<Free *>(ngx_pcalloc(cf->pool, sizeof(Free)));
    auto slot = static_cast<Free **>(ngx_array_push(&main_conf(cf)->frees));

    if (free == nullptr || slot == nullptr) {
        return failed;
    }

    *slot = lcf->free = free;
    ngx_http_l402_set_place(cf, &free->place);

    if (!parse_rule(value[1], free->rule)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_free\", it must be a number of "
            "requests from 1 to %uD and a time from 1s to 366d such as "
            "\"100/1d\", or \"off\"", &value[1],
            l402::FreeQuota::max_requests);
        return failed;
    }

    if (cf->args->nelts == 3 && set_key(cf, value[2], free) != NGX_CONF_OK) {
        return failed;
    }

    // Others are named once their blocks are.
    return cf->cmd_type == NGX_HTTP_MAIN_CONF ? set_scope(cf, free, "http")
                                              : NGX_CONF_OK;
}

}  // namespace

char *ngx_http_l402_set_free(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return ngx_http_l402_guard(cf->log, failed, [&] {
        return read_free(cf, static_cast<LocConf *>(conf));
    });
}

char *ngx_http_l402_merge_free(ngx_conf_t *cf, LocConf *prev, LocConf *conf)
{
    if (conf->free == NGX_CONF_UNSET_PTR) {
        conf->free = prev->free == NGX_CONF_UNSET_PTR ? nullptr : prev->free;
        return NGX_CONF_OK;
    }

    if (conf->free == nullptr) {
        return NGX_CONF_OK;
    }

    return ngx_http_l402_guard(cf->log, failed, [&] {
        return set_scope(cf, conf->free, block_name(cf));
    });
}

void ngx_http_l402_check_free(ngx_conf_t *cf, MainConf *mcf)
{
    auto locations = static_cast<LocConf **>(mcf->locations.elts);
    auto frees = static_cast<Free **>(mcf->frees.elts);

    for (ngx_uint_t i = 0; i < mcf->locations.nelts; i++) {
        const LocConf *lcf = locations[i];

        if (lcf->free == nullptr || lcf->price.value == nullptr) {
            continue;
        }

        lcf->free->is_used = 1;

        if (!lcf->price.is_static || lcf->price.amount != 0) {
            lcf->free->sells = 1;
            mcf->free = mcf->free ? mcf->free : lcf->free;
        }
    }

    for (ngx_uint_t i = 0; i < mcf->frees.nelts; i++) {
        if (!frees[i]->is_used) {
            ngx_http_l402_log_at(cf, NGX_LOG_WARN, frees[i]->place,
                "\"l402_free\" has no effect: nothing is protected by "
                "\"l402\" where it stands");

        } else if (!frees[i]->sells) {
            ngx_http_l402_log_at(cf, NGX_LOG_WARN, frees[i]->place,
                "\"l402_free\" has no effect: \"l402_price\" is 0 where it "
                "stands, and every request free");
        }
    }
}
