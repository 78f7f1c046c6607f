// Directives about what a token is minted with and what it must allow.

#include "ngx_http_l402.h"

#include "core/caveats.h"
#include "l402/verify.h"

namespace {

char *const failed = static_cast<char *>(NGX_CONF_ERROR);

using LocConf = ngx_http_l402_loc_conf_t;
using Constraint = ngx_http_l402_constraint_t;

constexpr ngx_uint_t bind_off = 1;

ngx_str_t *arguments(ngx_conf_t *cf)
{
    return static_cast<ngx_str_t *>(cf->args->elts);
}

// "off" takes back what would be inherited.
bool is_off(const ngx_str_t &value)
{
    return ngx_http_l402_view(value) == "off";
}

ngx_str_t none()
{
    return {0, reinterpret_cast<u_char *>(const_cast<char *>(""))};
}

Constraint *find_constraint(const ngx_array_t *constraints,
    std::string_view condition)
{
    auto elements = static_cast<Constraint *>(constraints->elts);

    for (ngx_uint_t i = 0; i < constraints->nelts; i++) {
        if (ngx_http_l402_view(elements[i].condition) == condition) {
            return &elements[i];
        }
    }

    return nullptr;
}

char *parse_grant(ngx_conf_t *cf, const ngx_str_t &value, int64_t &grant)
{
    std::string_view text = ngx_http_l402_view(value);

    if (text.substr(0, 6) != "grant=") {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid parameter \"%V\" in \"l402_constraint\", it must be "
            "\"grant=\" and a whole number", &value);
        return failed;
    }

    if (!l402::parse_number(text.substr(6), grant)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_constraint\", it must be \"grant=\" "
            "and a whole number such as \"grant=1000000\"", &value);
        return failed;
    }

    return NGX_CONF_OK;
}

// A value without variables can be judged now.
char *check_value(ngx_conf_t *cf, const Constraint &constraint)
{
    int64_t number;

    if (constraint.value.lengths) {
        return NGX_CONF_OK;
    }

    if (!l402::parse_number(ngx_http_l402_view(constraint.value.value),
            number))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_constraint\", it must be a whole "
            "number, or variables that give one such as \"$content_length\"",
            &constraint.value.value);
        return failed;
    }

    if (constraint.grant >= 0 && number > constraint.grant) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "\"l402_constraint %V\" demands %L and grants %L: what is sold "
            "here would not open it", &constraint.condition, number,
            constraint.grant);
        return failed;
    }

    return NGX_CONF_OK;
}

char *add_constraint(ngx_conf_t *cf, LocConf *lcf)
{
    ngx_str_t *value = arguments(cf);
    ngx_http_compile_complex_value_t ccv{};

    if (!l402::is_service_name(ngx_http_l402_view(value[1]))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid condition \"%V\" in \"l402_constraint\", it must be 1 to "
            "64 letters, digits, \"_\" or \"-\"", &value[1]);
        return failed;
    }

    if (find_constraint(lcf->constraints, ngx_http_l402_view(value[1]))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "\"l402_constraint %V\" is duplicate", &value[1]);
        return failed;
    }

    if (lcf->constraints->nelts == l402::max_measures) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "more than %uz \"l402_constraint\" here", l402::max_measures);
        return failed;
    }

    auto constraint = static_cast<Constraint *>(
        ngx_array_push(lcf->constraints));

    if (constraint == nullptr) {
        return failed;
    }

    *constraint = Constraint();
    constraint->condition = value[1];
    ngx_http_l402_set_place(cf, &constraint->place);
    constraint->grant = -1;

    ccv.cf = cf;
    ccv.value = &value[2];
    ccv.complex_value = &constraint->value;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK
        || (cf->args->nelts > 3
            && parse_grant(cf, value[3], constraint->grant) != NGX_CONF_OK))
    {
        return failed;
    }

    return check_value(cf, *constraint);
}

// Half of the room is left for what comes from a request.
char *check_size(ngx_conf_t *cf, LocConf *lcf)
{
    l402::Terms terms;

    ngx_http_l402_fill_grants(lcf, terms);

    size_t size = l402::minted_size(terms);

    if (size > l402::max_minted_size / 2) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, lcf->place,
            "a token of \"l402 %V\" would have %uz bytes, more than %uz: name "
            "fewer in \"l402_capabilities\" and \"l402_constraint\"",
            &lcf->service, size, l402::max_minted_size / 2);
        return failed;
    }

    return NGX_CONF_OK;
}

char *check_location(ngx_conf_t *cf, LocConf *lcf)
{
    if (lcf->capability.len && lcf->capabilities.len
        && !l402::has_item(ngx_http_l402_view(lcf->capabilities),
               ngx_http_l402_view(lcf->capability)))
    {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, lcf->capability_place,
            "\"l402_capability %V\" is none of \"l402_capabilities %V\": what "
            "is sold here would not open it", &lcf->capability,
            &lcf->capabilities);
        return failed;
    }

    for (ngx_uint_t i = 0; lcf->constraints && i < lcf->constraints->nelts;
         i++)
    {
        auto constraint = static_cast<Constraint *>(lcf->constraints->elts)
                          + i;

        if (l402::is_reserved_condition(
                ngx_http_l402_view(constraint->condition),
                ngx_http_l402_view(lcf->service)))
        {
            ngx_http_l402_log_at(cf, NGX_LOG_EMERG, constraint->place,
                "\"l402_constraint %V\" has a meaning of its own at \"l402 "
                "%V\", choose a name such as \"upload_max_bytes\"",
                &constraint->condition, &lcf->service);
            return failed;
        }
    }

    return check_size(cf, lcf);
}

}  // namespace

char *ngx_http_l402_set_capabilities(ngx_conf_t *cf, ngx_command_t *,
    void *conf)
{
    auto lcf = static_cast<LocConf *>(conf);
    ngx_str_t *value = &arguments(cf)[1];

    if (lcf->capabilities.data) {
        return const_cast<char *>("is duplicate");
    }

    if (is_off(*value)) {
        lcf->capabilities = none();
        return NGX_CONF_OK;
    }

    if (value->len == 0
        || !l402::value_is_good(l402::Values::names,
               ngx_http_l402_view(*value)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_capabilities\", it must be a comma "
            "list of at most %uz names of letters, digits, \"_\" or \"-\" such "
            "as \"read,write\", or \"off\"", value, l402::max_list_items);
        return failed;
    }

    lcf->capabilities = *value;
    return NGX_CONF_OK;
}

char *ngx_http_l402_set_capability(ngx_conf_t *cf, ngx_command_t *,
    void *conf)
{
    auto lcf = static_cast<LocConf *>(conf);
    ngx_str_t *value = &arguments(cf)[1];

    if (lcf->capability.data) {
        return const_cast<char *>("is duplicate");
    }

    ngx_http_l402_set_place(cf, &lcf->capability_place);

    if (is_off(*value)) {
        lcf->capability = none();
        return NGX_CONF_OK;
    }

    if (!l402::is_service_name(ngx_http_l402_view(*value))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_capability\", it must be one name "
            "of 1 to 64 letters, digits, \"_\" or \"-\" such as \"read\", or "
            "\"off\"", value);
        return failed;
    }

    lcf->capability = *value;
    return NGX_CONF_OK;
}

char *ngx_http_l402_set_constraint(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto lcf = static_cast<LocConf *>(conf);
    ngx_str_t *value = arguments(cf);
    bool off = cf->args->nelts == 2 && is_off(value[1]);

    // What "off" leaves is an empty array.
    if ((cf->args->nelts == 2 && !off)
        || (lcf->constraints && (off || lcf->constraints->nelts == 0)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_constraint\", it must be a "
            "condition and a number such as \"l402_constraint "
            "upload_max_bytes $content_length grant=1000000\", or \"off\" "
            "alone", &value[1]);
        return failed;
    }

    if (lcf->constraints == nullptr) {
        lcf->constraints = ngx_array_create(cf->pool, 2, sizeof(Constraint));

        if (lcf->constraints == nullptr) {
            return failed;
        }
    }

    return off ? NGX_CONF_OK : add_constraint(cf, lcf);
}

char *ngx_http_l402_set_bind(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    static constexpr struct {
        std::string_view  name;
        ngx_uint_t        bit;
    } words[] = {
        { "address", NGX_HTTP_L402_BIND_ADDRESS },
        { "host", NGX_HTTP_L402_BIND_HOST },
        { "path", NGX_HTTP_L402_BIND_PATH },
        { "method", NGX_HTTP_L402_BIND_METHOD },
    };

    auto lcf = static_cast<LocConf *>(conf);
    ngx_str_t *value = arguments(cf);

    if (lcf->bind) {
        return const_cast<char *>("is duplicate");
    }

    if (cf->args->nelts == 2 && is_off(value[1])) {
        lcf->bind = bind_off;
        return NGX_CONF_OK;
    }

    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        ngx_uint_t bit = 0;

        for (const auto &word : words) {
            if (ngx_http_l402_view(value[i]) == word.name) {
                bit = word.bit;
            }
        }

        if (bit == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                "invalid value \"%V\" in \"l402_bind\", it must be one or more "
                "of \"address\", \"host\", \"path\" and \"method\", or \"off\" "
                "alone", &value[i]);
            return failed;
        }

        if (lcf->bind & bit) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                "duplicate value \"%V\" in \"l402_bind\"", &value[i]);
            return failed;
        }

        lcf->bind |= bit;
    }

    return NGX_CONF_OK;
}

char *ngx_http_l402_set_unknown_caveats(ngx_conf_t *cf, ngx_command_t *,
    void *conf)
{
    auto lcf = static_cast<LocConf *>(conf);
    std::string_view value = ngx_http_l402_view(arguments(cf)[1]);

    if (lcf->refuse_unknown_caveats != NGX_CONF_UNSET) {
        return const_cast<char *>("is duplicate");
    }

    if (value != "skip" && value != "refuse") {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_unknown_caveats\", it must be "
            "\"skip\" or \"refuse\"", &arguments(cf)[1]);
        return failed;
    }

    lcf->refuse_unknown_caveats = value == "refuse";
    return NGX_CONF_OK;
}

void ngx_http_l402_merge_caveats(LocConf *prev, LocConf *conf)
{
    if (conf->capabilities.data == nullptr) {
        conf->capabilities = prev->capabilities;
    }

    if (conf->capability.data == nullptr) {
        conf->capability = prev->capability;
        conf->capability_place = prev->capability_place;
    }

    if (conf->constraints == nullptr) {
        conf->constraints = prev->constraints;
    }

    // What "off" has left.
    if (conf->constraints && conf->constraints->nelts == 0) {
        conf->constraints = nullptr;
    }

    if (conf->bind == 0) {
        conf->bind = prev->bind;
    }

    ngx_conf_merge_value(conf->refuse_unknown_caveats,
        prev->refuse_unknown_caveats, 0);
}

char *ngx_http_l402_check_caveats(ngx_conf_t *cf, LocConf *lcf)
{
    return ngx_http_l402_guard(cf->log, failed, [&] {
        return check_location(cf, lcf);
    });
}
