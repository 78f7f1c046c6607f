// The l402_zone directive.

#include "ngx_http_l402_zone.h"

namespace {

// The zone of that name before this reload, or null.
ngx_shm_zone_t *find_old(ngx_conf_t *cf, const ngx_str_t &name)
{
    for (ngx_list_part_t *part = &cf->cycle->old_cycle->shared_memory.part;
         part; part = part->next)
    {
        auto zones = static_cast<ngx_shm_zone_t *>(part->elts);

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (zones[i].tag == &ngx_http_l402_module
                && ngx_http_l402_view(zones[i].shm.name)
                       == ngx_http_l402_view(name))
            {
                return &zones[i];
            }
        }
    }

    return nullptr;
}

bool starts_with(std::string_view text, std::string_view name)
{
    return text.substr(0, name.size()) == name;
}

char *set_zone_parameter(ngx_conf_t *cf, ngx_http_l402_main_conf_t *mcf,
    ngx_str_t value)
{
    constexpr std::string_view file = "file=", damaged = "damaged=";
    std::string_view text = ngx_http_l402_view(value);

    if (starts_with(text, file) && text.size() > file.size()) {
        mcf->zone_file = {value.len - file.size(), value.data + file.size()};

        return ngx_conf_full_name(cf->cycle, &mcf->zone_file, 0) == NGX_OK
                   ? NGX_CONF_OK : static_cast<char *>(NGX_CONF_ERROR);
    }

    if (text == "damaged=refuse" || text == "damaged=salvage") {
        mcf->salvage = text == "damaged=salvage";
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
        "invalid parameter \"%V\" in \"l402_zone\", it must be \"file=path\"%s",
        &value, starts_with(text, damaged)
                    ? ", \"damaged=refuse\" or \"damaged=salvage\"" 
                    : " or \"damaged=refuse|salvage\"");
    return static_cast<char *>(NGX_CONF_ERROR);
}

// What a reload would have to move under the hands of workers.
char *check_same(ngx_conf_t *cf, const ngx_http_l402_main_conf_t *mcf,
    const ngx_str_t &name, size_t size)
{
    ngx_shm_zone_t *old = find_old(cf, name);
    auto counts = ngx_http_l402_zone_counts(old);

    if (old && old->shm.size != size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "the size of \"l402_zone\" \"%V\" cannot change from %uz to %uz "
            "bytes by a reload, which would lose what it holds: restart nginx",
            &name, old->shm.size, size);
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    if (counts && ngx_http_l402_view(counts->file)
                    != ngx_http_l402_view(mcf->zone_file))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "the file of \"l402_zone\" \"%V\" cannot change from \"%V\" to "
            "\"%V\" by a reload: restart nginx", &name, &counts->file,
            &mcf->zone_file);
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    return NGX_CONF_OK;
}

}  // namespace

char *ngx_http_l402_set_zone(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(conf);
    auto value = static_cast<ngx_str_t *>(cf->args->elts);
    auto failed = static_cast<char *>(NGX_CONF_ERROR);
    std::string_view text = ngx_http_l402_view(value[1]);
    size_t colon = text.find(':');
    ngx_str_t name = {0, nullptr}, size_text = {0, nullptr};
    ssize_t size = NGX_ERROR;

    if (colon != text.npos && colon > 0) {
        name = {colon, value[1].data};
        size_text = {text.size() - colon - 1, value[1].data + colon + 1};
        size = ngx_parse_size(&size_text);
    }

    if (size == NGX_ERROR || size < static_cast<ssize_t>(8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_zone\", it must be a name and a "
            "size of at least %uzk such as \"l402:1m\"", &value[1],
            8 * ngx_pagesize / 1024);
        return failed;
    }

    if (mcf->zone) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "\"l402_zone\" \"%V\" is duplicate, there can be one zone", &name);
        return failed;
    }

    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        if (set_zone_parameter(cf, mcf, value[i]) != NGX_CONF_OK) {
            return failed;
        }
    }

    if (check_same(cf, mcf, name, static_cast<size_t>(size)) != NGX_CONF_OK) {
        return failed;
    }

    mcf->zone = ngx_shared_memory_add(cf, &name, static_cast<size_t>(size),
        &ngx_http_l402_module);

    if (mcf->zone == nullptr) {
        return failed;
    }

    mcf->zone->init = ngx_http_l402_init_zone;
    mcf->zone->data = mcf;
    ngx_http_l402_set_place(cf, &mcf->zone_place);
    return NGX_CONF_OK;
}
