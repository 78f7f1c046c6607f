// What became of a request, as far as nginx can know: was somebody asked, and
// is what it cost given back?

#include "ngx_http_l402_count.h"

namespace {

bool is_named(const ngx_http_l402_loc_conf_t *lcf, ngx_uint_t status)
{
    auto refund = lcf->count.refund;
    auto statuses = refund ? static_cast<ngx_uint_t *>(refund->elts) : nullptr;

    for (ngx_uint_t i = 0; refund && i < refund->nelts; i++) {
        if (statuses[i] == status) {
            return true;
        }
    }

    return false;
}

}  // namespace

// Has somebody behind us begun to work on it? Where that cannot be seen, yes:
// a client could else have everything done and leave.
bool ngx_http_l402_was_asked(ngx_http_request_t *r)
{
    auto cmcf = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_get_module_main_conf(r, ngx_http_core_module));

    if (r->upstream == nullptr) {
        return r->post_action
               || cmcf->phase_engine.handlers[r->phase_handler].checker
                      == ngx_http_core_content_phase;
    }

    if (r->upstream->request_sent) {
        return true;
    }

    auto states = r->upstream_states;
    auto state = states
                     ? static_cast<ngx_http_upstream_state_t *>(states->elts)
                     : nullptr;

    for (ngx_uint_t i = 0; states && i < states->nelts; i++) {
        if (state[i].bytes_sent > 0) {
            return true;
        }
    }

    return false;
}

// An error_page may have put another status, or another page, in the place of
// what the upstream said; an old answer out of a cache is an answer.
bool ngx_http_l402_upstream_failed(ngx_http_request_t *r,
    const ngx_http_l402_loc_conf_t *lcf)
{
    constexpr auto never = static_cast<ngx_msec_t>(-1);
    auto states = r->upstream_states;

#if (NGX_HTTP_CACHE)
    if (r->cached) {
        return false;
    }
#endif

    // A body that could not be read: nobody was asked.
    if (states == nullptr || states->nelts == 0) {
        return r->upstream != nullptr;
    }

    auto last = &static_cast<ngx_http_upstream_state_t *>(
        states->elts)[states->nelts - 1];

    return last->header_time == never || is_named(lcf, last->status);
}

bool ngx_http_l402_is_refunded(ngx_http_request_t *r,
    const ngx_http_l402_loc_conf_t *lcf)
{
    return is_named(lcf, r->headers_out.status)
           || ngx_http_l402_upstream_failed(r, lcf);
}
