// Directives, read one by one.

#include "ngx_http_l402_redis.h"
#include "ngx_http_l402_zone.h"

#include "core/caveats.h"
#include "l402/encoding.h"
#include "l402/price.h"

namespace {

char *const failed = static_cast<char *>(NGX_CONF_ERROR);

using LocConf = ngx_http_l402_loc_conf_t;
using MainConf = ngx_http_l402_main_conf_t;

ngx_str_t *arguments(ngx_conf_t *cf)
{
    return static_cast<ngx_str_t *>(cf->args->elts);
}

bool is(const ngx_str_t &value, std::string_view word)
{
    return ngx_http_l402_view(value) == word;
}

char *set_l402(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto lcf = static_cast<LocConf *>(conf);
    ngx_str_t *value = &arguments(cf)[1];
    std::string_view name = ngx_http_l402_view(*value);
    std::string_view tier = "0";

    if (lcf->enable != NGX_CONF_UNSET) {
        return const_cast<char *>("is duplicate");
    }

    ngx_http_l402_set_place(cf, &lcf->place);

    if (name == "off") {
        lcf->enable = 0;
        return NGX_CONF_OK;
    }

    size_t colon = name.find(':');

    if (colon != name.npos) {
        tier = name.substr(colon + 1);
        name = name.substr(0, colon);
    }

    if (name == "on" || name == "off") {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402\", it must be \"off\" or the name "
            "of what is sold here: \"l402 weather\" or \"l402 weather:1\"",
            value);
        return failed;
    }

    if (!l402::is_service_name(name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid service name in \"l402 %V\", it must be 1 to 64 letters, "
            "digits, \"_\" or \"-\"", value);
        return failed;
    }

    int64_t number;

    if (!l402::parse_number(tier, number) || number > 255) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid tier in \"l402 %V\", it must be a number from 0 to 255",
            value);
        return failed;
    }

    lcf->enable = 1;
    lcf->service = {name.size(), value->data};
    lcf->tier = static_cast<ngx_uint_t>(number);
    return NGX_CONF_OK;
}

char *read_keys(ngx_conf_t *cf, LocConf *lcf)
{
    auto mcf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_l402_module));
    ngx_str_t path = arguments(cf)[1];

    if (lcf->keys != NGX_CONF_UNSET_PTR) {
        return const_cast<char *>("is duplicate");
    }

    uint8_t key[32];

    if (path.len == 64 && l402::hex_decode(ngx_http_l402_view(path), key)) {
        l402::wipe(key, sizeof(key));
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "l402_key_file: a key stands where the name of a file must be; "
            "put it into a file that only nginx's master can read");
        return failed;
    }

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return failed;
    }

    auto known = static_cast<ngx_http_l402_keys_t **>(mcf->keys.elts);

    for (ngx_uint_t i = 0; i < mcf->keys.nelts; i++) {
        if (is(known[i]->path, ngx_http_l402_view(path))) {
            lcf->keys = known[i];
            return NGX_CONF_OK;
        }
    }

    std::string text, what;

    if (!ngx_http_l402_read_file(cf, "l402_key_file", &path, 65536, true,
            text))
    {
        return failed;
    }

    auto keys = ngx_http_l402_pool_new<ngx_http_l402_keys_t>(cf->pool);
    auto slot = static_cast<ngx_http_l402_keys_t **>(
        ngx_array_push(&mcf->keys));

    if (keys == nullptr || slot == nullptr) {
        return failed;
    }

    *slot = keys;
    keys->path = path;

    bool good = keys->ring.parse(text, what);

    l402::wipe(text.data(), text.size());

    if (!good) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "l402_key_file: \"%V\": %s",
            &path, what.c_str());
        return failed;
    }

    lcf->keys = keys;
    return NGX_CONF_OK;
}

char *set_key_file(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return ngx_http_l402_guard(cf->log, failed, [&] {
        return read_keys(cf, static_cast<LocConf *>(conf));
    });
}

// l402_price and l402_upgrade_price.
char *set_price(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    auto price = reinterpret_cast<ngx_http_l402_price_t *>(
        static_cast<char *>(conf) + cmd->offset);
    ngx_command_t slot = *cmd;

    slot.offset += offsetof(ngx_http_l402_price_t, value);

    char *rv = ngx_http_set_complex_value_slot(cf, &slot, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ngx_http_l402_set_place(cf, &price->place);
    price->is_static = price->value->lengths == nullptr;

    if (price->is_static
        && !l402::parse_amount(ngx_http_l402_view(price->value->value),
            price->amount))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"%V\", it must be an amount such as %s",
            &arguments(cf)[1], &cmd->name, l402::amount_hint);
        return failed;
    }

    return NGX_CONF_OK;
}

char *set_invoice_from(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    auto lcf = static_cast<LocConf *>(conf);

    if (arguments(cf)[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "unknown service \"\" in \"l402_invoice_from\", it must be the name "
            "of an l402_invoice_service block");
        return failed;
    }

    ngx_http_l402_set_place(cf, &lcf->invoice_from_place);
    return ngx_conf_set_str_slot(cf, cmd, conf);
}

char *set_valid_for(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto lcf = static_cast<LocConf *>(conf);
    ngx_str_t *value = &arguments(cf)[1];

    if (lcf->valid_for != NGX_CONF_UNSET) {
        return const_cast<char *>("is duplicate");
    }

    if (is(*value, "off")) {
        lcf->valid_for = 0;
        return NGX_CONF_OK;
    }

    lcf->valid_for = ngx_parse_time(value, 1);

    if (lcf->valid_for < 1 || lcf->valid_for > 100L * 365 * 86400) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_valid_for\", it must be a time "
            "from 1s to 100y such as \"1h\", or \"off\" for tokens that never "
            "expire", value);
        return failed;
    }

    return NGX_CONF_OK;
}

char *set_invalid_status(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto lcf = static_cast<LocConf *>(conf);
    ngx_str_t *value = &arguments(cf)[1];

    if (lcf->invalid_status != NGX_CONF_UNSET_UINT) {
        return const_cast<char *>("is duplicate");
    }

    if (is(*value, "401")) {
        lcf->invalid_status = 401;

    } else if (is(*value, "402")) {
        lcf->invalid_status = 402;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_invalid_status\", it must be "
            "\"401\" or \"402\"", value);
        return failed;
    }

    return NGX_CONF_OK;
}

constexpr ngx_uint_t everywhere = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF
    | NGX_HTTP_LOC_CONF | NGX_HTTP_LMT_CONF;

}  // namespace

void ngx_http_l402_set_place(ngx_conf_t *cf, ngx_http_l402_place_t *place)
{
    if (cf->conf_file) {
        place->file = cf->conf_file->file.name;
        place->line = cf->conf_file->line;
    }
}

ngx_command_t  ngx_http_l402_commands[] = {

    { ngx_string("l402_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_http_l402_set_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_invoice_service"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_l402_invoice_service,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_NOARGS,
      ngx_http_l402_set_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402"),
      everywhere|NGX_CONF_TAKE1,
      set_l402,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_key_file"),
      everywhere|NGX_CONF_TAKE1,
      set_key_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_price"),
      everywhere|NGX_CONF_TAKE1,
      set_price,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_l402_loc_conf_t, price),
      nullptr },

    { ngx_string("l402_free"),
      everywhere|NGX_CONF_TAKE12,
      ngx_http_l402_set_free,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_upgrade_price"),
      everywhere|NGX_CONF_TAKE1,
      set_price,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_l402_loc_conf_t, upgrade_price),
      nullptr },

    { ngx_string("l402_capabilities"),
      everywhere|NGX_CONF_TAKE1,
      ngx_http_l402_set_capabilities,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_capability"),
      everywhere|NGX_CONF_TAKE1,
      ngx_http_l402_set_capability,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_constraint"),
      everywhere|NGX_CONF_TAKE123,
      ngx_http_l402_set_constraint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_bind"),
      everywhere|NGX_CONF_1MORE,
      ngx_http_l402_set_bind,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_unknown_caveats"),
      everywhere|NGX_CONF_TAKE1,
      ngx_http_l402_set_unknown_caveats,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_invoice_from"),
      everywhere|NGX_CONF_TAKE1,
      set_invoice_from,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_l402_loc_conf_t, invoice_from),
      nullptr },

    { ngx_string("l402_settled"),
      everywhere|NGX_CONF_TAKE1,
      ngx_http_l402_set_settled,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_uses"),
      everywhere|NGX_CONF_TAKE1,
      ngx_http_l402_set_uses,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_metered"),
      everywhere|NGX_CONF_TAKE12,
      ngx_http_l402_set_metered,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_refund"),
      everywhere|NGX_CONF_1MORE,
      ngx_http_l402_set_refund,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_revocation"),
      everywhere|NGX_CONF_TAKE12,
      ngx_http_l402_set_revocation,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_admin"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_l402_set_admin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_valid_for"),
      everywhere|NGX_CONF_TAKE1,
      set_valid_for,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_memo"),
      everywhere|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_l402_loc_conf_t, memo),
      nullptr },

    { ngx_string("l402_invalid_status"),
      everywhere|NGX_CONF_TAKE1,
      set_invalid_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("l402_lsat"),
      everywhere|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_l402_loc_conf_t, lsat),
      nullptr },

    { ngx_string("l402_pass_credential"),
      everywhere|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_l402_loc_conf_t, pass_credential),
      nullptr },

    { ngx_string("l402_cors"),
      everywhere|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_l402_loc_conf_t, cors),
      nullptr },

    { ngx_null_string, 0, nullptr, 0, 0, nullptr }
};
