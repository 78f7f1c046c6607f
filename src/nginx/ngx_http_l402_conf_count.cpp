// Directives about what is counted of a payment: l402_uses, l402_metered,
// l402_refund.

#include "ngx_http_l402_zone.h"

#include "core/caveats.h"
#include "l402/price.h"

#include <algorithm>

namespace {

char *const failed = static_cast<char *>(NGX_CONF_ERROR);

using LocConf = ngx_http_l402_loc_conf_t;
using MainConf = ngx_http_l402_main_conf_t;

ngx_str_t *arguments(ngx_conf_t *cf)
{
    return static_cast<ngx_str_t *>(cf->args->elts);
}

char *parse_hold(ngx_conf_t *cf, const ngx_str_t &value, uint64_t &hold)
{
    constexpr std::string_view name = "hold=";
    std::string_view text = ngx_http_l402_view(value);

    if (text.substr(0, name.size()) != name
        || !l402::parse_amount(text.substr(name.size()), hold))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid parameter \"%V\" in \"l402_metered\", it must be "
            "\"hold=\" and an amount such as %s", &value, l402::amount_hint);
        return failed;
    }

    // Whoever has nothing left could hold that as well.
    if (hold == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid parameter \"%V\" in \"l402_metered\", what is held must "
            "be more than 0: a payment that is used up would open it", &value);
        return failed;
    }

    return NGX_CONF_OK;
}

bool comes_with_answer(std::string_view value)
{
    return value.find("$upstream_") != value.npos
           || value.find("${upstream_") != value.npos
           || value.find("$sent_") != value.npos
           || value.find("${sent_") != value.npos;
}

char *set_cost(ngx_conf_t *cf, ngx_http_l402_count_conf_t &count)
{
    ngx_str_t *value = arguments(cf);
    ngx_http_compile_complex_value_t ccv{};

    count.cost = static_cast<ngx_http_complex_value_t *>(
        ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t)));

    if (count.cost == nullptr) {
        return failed;
    }

    bool later = comes_with_answer(ngx_http_l402_view(value[1]));

    if (later && !count.has_hold) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "the value \"%V\" of \"l402_metered\" is known once the answer is "
            "there: add what is held until then, such as \"hold=50sat\"",
            &value[1]);
        return failed;
    }

    // Compiling the value writes into the text.
    ngx_str_t text = value[1];

    ccv.cf = cf;
    ccv.value = &text;
    ccv.complex_value = count.cost;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return failed;
    }

    count.cost_is_static = count.cost->lengths == nullptr;

    if (count.cost_is_static
        && !l402::parse_amount(ngx_http_l402_view(count.cost->value),
            count.static_cost))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_metered\", it must be an amount "
            "such as %s, or variables that give one", &value[1],
            l402::amount_hint);
        return failed;
    }

    return NGX_CONF_OK;
}

bool sells_for_nothing(const LocConf *lcf)
{
    return lcf->price.value && lcf->price.is_static && lcf->price.amount == 0;
}

// A payment that could never be used shall not be sold.
char *check_metered(ngx_conf_t *cf, const LocConf *lcf)
{
    const ngx_http_l402_count_conf_t &count = lcf->count;

    if (lcf->price.value == nullptr || !lcf->price.is_static) {
        return NGX_CONF_OK;
    }

    uint64_t least = count.has_hold ? count.hold
                     : count.cost_is_static ? count.static_cost : 0;

    if (sells_for_nothing(lcf)) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, count.metered_place,
            "\"l402_metered\" cannot work where \"l402_price\" is 0: a "
            "payment credits what was paid");
        return failed;
    }

    if (least > lcf->price.amount) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, count.metered_place,
            "\"l402_metered\" takes %uLmsat for a request of \"l402 %V\", "
            "more than a payment of %uLmsat credits: raise \"l402_price\" or "
            "lower the %s", least, &lcf->service, lcf->price.amount,
            count.has_hold ? "hold" : "cost");
        return failed;
    }

    return NGX_CONF_OK;
}

bool same_service(const LocConf *a, const LocConf *b)
{
    return ngx_http_l402_view(a->service) == ngx_http_l402_view(b->service);
}

// A token that grants no uses must not look as if it did once its holder has
// appended them.
void find_mixed(MainConf *mcf)
{
    auto locations = static_cast<LocConf **>(mcf->locations.elts);

    for (ngx_uint_t i = 0; i < mcf->locations.nelts; i++) {
        LocConf *lcf = locations[i];

        for (ngx_uint_t j = 0; j < mcf->locations.nelts; j++) {
            const LocConf *other = locations[j];

            if (same_service(lcf, other)
                && ((other->count.uses && !lcf->count.uses)
                    || (other->count.cost && !lcf->count.cost)))
            {
                lcf->count.closes_grants = 1;
            }
        }
    }
}

}  // namespace

char *ngx_http_l402_set_uses(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto lcf = static_cast<LocConf *>(conf);
    ngx_str_t *value = &arguments(cf)[1];
    int64_t number = 0;

    if (lcf->count.uses != NGX_CONF_UNSET_UINT) {
        return const_cast<char *>("is duplicate");
    }

    ngx_http_l402_set_place(cf, &lcf->count.uses_place);

    if (ngx_http_l402_view(*value) != "off"
        && (!l402::parse_number(ngx_http_l402_view(*value), number)
            || number == 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_uses\", it must be a whole number "
            "of requests such as \"10\", or \"off\"", value);
        return failed;
    }

    lcf->count.uses = static_cast<ngx_uint_t>(number);
    return NGX_CONF_OK;
}

char *ngx_http_l402_set_metered(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto lcf = static_cast<LocConf *>(conf);
    ngx_str_t *value = arguments(cf);
    ngx_http_l402_count_conf_t &count = lcf->count;

    if (count.metered != NGX_CONF_UNSET) {
        return const_cast<char *>("is duplicate");
    }

    ngx_http_l402_set_place(cf, &count.metered_place);

    if (ngx_http_l402_view(value[1]) == "off" && cf->args->nelts == 2) {
        count.metered = 0;
        return NGX_CONF_OK;
    }

    count.metered = 1;

    if (cf->args->nelts == 3) {
        if (parse_hold(cf, value[2], count.hold) != NGX_CONF_OK) {
            return failed;
        }

        count.has_hold = 1;
    }

    return set_cost(cf, count);
}

char *ngx_http_l402_set_refund(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto lcf = static_cast<LocConf *>(conf);
    ngx_str_t *value = arguments(cf);

    if (lcf->count.refund != NGX_CONF_UNSET_PTR) {
        return const_cast<char *>("is duplicate");
    }

    lcf->count.refund = ngx_array_create(cf->pool, cf->args->nelts,
        sizeof(ngx_uint_t));

    if (lcf->count.refund == nullptr) {
        return failed;
    }

    if (cf->args->nelts == 2 && ngx_http_l402_view(value[1]) == "off") {
        return NGX_CONF_OK;
    }

    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        ngx_int_t status = ngx_atoi(value[i].data, value[i].len);
        auto slot = static_cast<ngx_uint_t *>(
            ngx_array_push(lcf->count.refund));

        if (status < 300 || status > 599) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                "invalid status \"%V\" in \"l402_refund\", it must be a "
                "number from 300 to 599, or \"off\" alone", &value[i]);
            return failed;
        }

        if (slot == nullptr) {
            return failed;
        }

        *slot = static_cast<ngx_uint_t>(status);
    }

    return NGX_CONF_OK;
}

char *ngx_http_l402_merge_count(ngx_conf_t *cf, LocConf *prev, LocConf *conf)
{
    static ngx_uint_t statuses[] = {502, 503, 504};

    if (conf->count.uses == NGX_CONF_UNSET_UINT) {
        conf->count.uses = prev->count.uses == NGX_CONF_UNSET_UINT
                               ? 0 : prev->count.uses;
        conf->count.uses_place = prev->count.uses_place;
    }

    if (conf->count.metered == NGX_CONF_UNSET) {
        conf->count.metered = prev->count.metered == NGX_CONF_UNSET
                                  ? 0 : prev->count.metered;
        conf->count.cost = prev->count.cost;
        conf->count.cost_is_static = prev->count.cost_is_static;
        conf->count.static_cost = prev->count.static_cost;
        conf->count.has_hold = prev->count.has_hold;
        conf->count.hold = prev->count.hold;
        conf->count.metered_place = prev->count.metered_place;
    }

    if (conf->count.refund == NGX_CONF_UNSET_PTR) {
        conf->count.refund = prev->count.refund;
    }

    if (conf->count.refund == NGX_CONF_UNSET_PTR) {
        conf->count.refund = ngx_array_create(cf->pool, 3,
            sizeof(ngx_uint_t));

        auto slots = conf->count.refund
                         ? static_cast<ngx_uint_t *>(
                               ngx_array_push_n(conf->count.refund, 3))
                         : nullptr;

        if (slots == nullptr) {
            return failed;
        }

        std::copy_n(statuses, 3, slots);
    }

    if (conf->revocation == NGX_CONF_UNSET) {
        conf->revocation = prev->revocation;
        conf->max_stale = prev->max_stale;
        conf->revocation_place = prev->revocation_place;
    }

    return NGX_CONF_OK;
}

char *ngx_http_l402_check_zone(ngx_conf_t *cf, const MainConf *mcf,
    const char *directive, const ngx_http_l402_place_t &place)
{
    if (mcf->ledger_bytes == 0) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, place,
            "\"%s\" needs more shared memory: \"l402_zone\" \"%V\" has to be "
            "at least %uzk", directive, &mcf->zone->shm.name,
            ngx_http_l402_least_zone(mcf) / 1024);
        return failed;
    }

    return NGX_CONF_OK;
}

char *ngx_http_l402_check_count(ngx_conf_t *cf,
    ngx_http_l402_main_conf_t *mcf)
{
    auto locations = static_cast<LocConf **>(mcf->locations.elts);

    for (ngx_uint_t i = 0; i < mcf->locations.nelts; i++) {
        LocConf *lcf = locations[i];
        ngx_http_l402_count_conf_t &count = lcf->count;
        char *rv = NGX_CONF_OK;

        if (count.uses) {
            rv = ngx_http_l402_check_zone(cf, mcf, "l402_uses",
                count.uses_place);
        }

        if (rv == NGX_CONF_OK && count.cost) {
            rv = ngx_http_l402_check_zone(cf, mcf, "l402_metered",
                count.metered_place);
        }

        if (rv == NGX_CONF_OK && count.cost) {
            rv = check_metered(cf, lcf);
        }

        if (rv == NGX_CONF_OK && lcf->revocation == 1
            && lcf->revocation_place.line)
        {
            rv = ngx_http_l402_check_zone(cf, mcf, "l402_revocation",
                lcf->revocation_place);
        }

        if (rv != NGX_CONF_OK) {
            return rv;
        }

        // Not set: on where there is something to look at.
        lcf->revocation = lcf->revocation != 0;
    }

    find_mixed(mcf);
    return NGX_CONF_OK;
}
