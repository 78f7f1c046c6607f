// l402_revocation: a token, or all that one payment bought, may be ended.

#include "ngx_http_l402.h"

using l402::Result;

char *ngx_http_l402_set_revocation(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto lcf = static_cast<ngx_http_l402_loc_conf_t *>(conf);
    auto value = static_cast<ngx_str_t *>(cf->args->elts);
    auto failed = static_cast<char *>(NGX_CONF_ERROR);
    std::string_view word = ngx_http_l402_view(value[1]);

    if (lcf->revocation != NGX_CONF_UNSET) {
        return const_cast<char *>("is duplicate");
    }

    if (word != "on" && word != "off") {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_revocation\", it must be \"on\", "
            "\"on max_stale=time\" or \"off\"", &value[1]);
        return failed;
    }

    ngx_http_l402_set_place(cf, &lcf->revocation_place);
    lcf->revocation = word == "on";
    lcf->max_stale = 0;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    std::string_view parameter = ngx_http_l402_view(value[2]);
    constexpr std::string_view name = "max_stale=";
    ngx_str_t text = {value[2].len - name.size(), value[2].data + name.size()};

    if (parameter.substr(0, name.size()) != name || !lcf->revocation) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid parameter \"%V\" in \"l402_revocation\", it must be "
            "\"on max_stale=time\"", &value[2]);
        return failed;
    }

    lcf->max_stale = ngx_parse_time(&text, 1);

    if (lcf->max_stale < 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_revocation\", it must be a time "
            "of at least one second such as \"max_stale=10m\"", &value[2]);
        return failed;
    }

    return NGX_CONF_OK;
}

[[gnu::hot]] Result ngx_http_l402_check_revoked(ngx_http_l402_main_conf_t *mcf,
    const ngx_http_l402_loc_conf_t *lcf, const uint8_t token_id[32],
    const uint8_t payment_hash[32])
{
    if (!lcf->revocation || !mcf->ledger) {
        return Result::ok;
    }

    // A list that comes from elsewhere has to have come.
    if (mcf->redis) {
        int64_t known_at = mcf->ledger.list_known_at();

        if (known_at == 0
            || (lcf->max_stale && ngx_time() - known_at > lcf->max_stale))
        {
            return Result::unavailable;
        }
    }

    return mcf->ledger.is_revoked(token_id, payment_hash) ? Result::revoked
                                                          : Result::ok;
}
