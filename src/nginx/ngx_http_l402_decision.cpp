// The decision: may this request pass the access phase of its location? Taken
// there, and ahead of it where $l402_unpaid_client asks; nothing is done yet.

#include "ngx_http_l402.h"

using l402::Result;

namespace {

// What a decision rests on and others may change until the access phase:
// rewrites lead elsewhere, realip puts another address, scripts set fields.
struct Grounds {
    const ngx_http_l402_loc_conf_t *location;  // null: of no use later
    struct sockaddr                *address;
    ngx_str_t                       authorization;
    ngx_str_t                       macaroon;
    ngx_str_t                       grpc_metadata_macaroon;
};

// A decision ahead of the access phase, which takes it over. nginx forgets it
// where a redirect starts the phases again. Trivially copyable.
struct Ahead {
    ngx_http_l402_ctx_t ctx;  // as the access phase would leave it
    Grounds             grounds;
};

// Of a request that the access phase has ended there is no more to find out.
Ahead refused;

// Only `internal` and named locations can be sure that the configuration, and
// not a client, brought a request here.
bool is_internal(ngx_http_request_t *r)
{
    auto clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));

    return clcf->internal || clcf->named;
}

// What tokens of the lower tiers may have been minted with.
std::vector<std::string> minted_below(const ngx_http_l402_main_conf_t *mcf,
    const ngx_http_l402_loc_conf_t *lcf)
{
    auto locations = static_cast<ngx_http_l402_loc_conf_t **>(
        mcf->locations.elts);
    std::vector<std::string> conditions;

    for (ngx_uint_t i = 0; i < mcf->locations.nelts; i++) {
        const ngx_http_l402_loc_conf_t *other = locations[i];

        if (other->tier < lcf->tier
            && ngx_http_l402_view(other->service)
                   == ngx_http_l402_view(lcf->service))
        {
            l402::Terms terms;

            ngx_http_l402_fill_grants(other, terms);

            for (std::string &condition : l402::minted_conditions(terms)) {
                conditions.push_back(std::move(condition));
            }
        }
    }

    return conditions;
}

// A good token of a lower tier is worth something here.
[[gnu::noinline]]
void find_upgrade(ngx_http_request_t *r, ngx_http_l402_main_conf_t *mcf,
    const l402::Facts &facts, ngx_http_l402_loc_conf_t *lcf,
    ngx_http_l402_ctx_t *ctx)
{
    bool is_free = lcf->price.is_static && lcf->price.amount == 0;

    if (ctx->verdict.result != Result::insufficient || is_free
        || ngx_http_l402_is_used_up(mcf, lcf, ctx->verdict))
    {
        return;
    }

    // Whether it is used up only Redis knows: the full price.
    if (mcf->counts && ctx->verdict.has_uses) {
        return;
    }

    l402::Terms terms;
    auto upgrade = ngx_http_l402_pool_new<l402::Upgrade>(r->pool);

    ngx_http_l402_fill_terms(r, ctx, lcf, terms);

    if (upgrade
        && l402::find_upgrade(lcf->keys->ring, facts, ctx->verdict, terms,
            minted_below(mcf, lcf), *upgrade))
    {
        ctx->upgrade = upgrade;
    }
}

// From here to judge() all is inlined into both who ask, so that what is asked
// ahead costs the access phase nothing.
[[gnu::always_inline]]
inline bool carries_over(ngx_http_request_t *r, const ngx_http_l402_ctx_t *ctx,
    const ngx_http_l402_loc_conf_t *lcf)
{
    if (!ctx->verified
        || (lcf->count.uses && ctx->verdict.minted_uses == 0)
        || (lcf->count.cost && ctx->verdict.minted_balance_msat == 0))
    {
        return false;
    }

    if (is_internal(r)) {
        return true;
    }

    bool demands_more = lcf->capability.len || lcf->constraints
                        || lcf->refuse_unknown_caveats;

    return !demands_more
           && ngx_http_l402_view(ctx->verified_service)
                  == ngx_http_l402_view(lcf->service)
           && ctx->verified_tier >= lcf->tier;
}

[[gnu::always_inline]]
inline void verify(ngx_http_request_t *r, ngx_http_l402_main_conf_t *mcf,
    ngx_http_l402_loc_conf_t *lcf, l402::Facts &facts,
    ngx_http_l402_ctx_t *ctx)
{
    l402::verify(lcf->keys->ring, facts, mcf->memory, ctx->verdict);

    if (ctx->verdict.result == Result::ok) {
        return;
    }

    if (ctx->macaroon.len == 0 && ctx->grpc_metadata_macaroon.len == 0) {
        ngx_http_l402_find_fields(r, &ctx->macaroon,
            &ctx->grpc_metadata_macaroon);
    }

    if (ctx->macaroon.len || ctx->grpc_metadata_macaroon.len) {
        facts.macaroon = ngx_http_l402_view(ctx->macaroon);
        facts.grpc_metadata_macaroon =
            ngx_http_l402_view(ctx->grpc_metadata_macaroon);
        l402::verify(lcf->keys->ring, facts, mcf->memory, ctx->verdict);
    }
}

// Finds out what `ctx` has to say of this location, but for the price. False:
// what was found rests on a value that may be another one later.
[[gnu::always_inline]]
inline bool judge(ngx_http_request_t *r, ngx_http_l402_main_conf_t *mcf,
    ngx_http_l402_loc_conf_t *lcf, ngx_http_l402_ctx_t *ctx)
{
    if (carries_over(r, ctx, lcf)) {
        // Where it comes from may not have asked, or it was a while ago.
        ctx->result = ngx_http_l402_check_revoked(mcf, lcf,
            ctx->verified_token_id, ctx->verified_payment_hash);
        ctx->verified = ctx->result == Result::ok;
        return true;
    }

    l402::Facts facts;
    ngx_http_l402_measures_t measures(r, lcf);

    ngx_http_l402_fill_facts(r, ctx, lcf, facts);

    if (lcf->constraints) {
        facts.measures = &measures;
    }

    verify(r, mcf, lcf, facts, ctx);
    ctx->result = ctx->verdict.result;

    // A customer who is not let in shall not pay for a higher tier either.
    if (ctx->result == Result::ok || ctx->result == Result::insufficient) {
        Result revoked = ngx_http_l402_check_revoked(mcf, lcf,
            ctx->verdict.token_id, ctx->verdict.payment_hash);

        if (revoked != Result::ok) {
            ctx->result = ctx->verdict.result = revoked;
        }
    }

    // A token of another gate's making, where nothing is counted.
    if (ctx->result == Result::ok && !mcf->ledger
        && ngx_http_l402_counts(lcf, ctx->verdict))
    {
        ctx->result = ctx->verdict.result = Result::caveat_refused;
    }

    if (ctx->result == Result::ok) {
        ctx->verified = 1;
        ctx->verified_service = lcf->service;
        ctx->verified_tier = ctx->verdict.tier;
        ngx_memcpy(ctx->verified_token_id, ctx->verdict.token_id,
            sizeof(ctx->verified_token_id));
        ngx_memcpy(ctx->verified_payment_hash, ctx->verdict.payment_hash,
            sizeof(ctx->verified_payment_hash));

    } else if (measures.failed()) {
        ctx->result = Result::error;

    } else {
        find_upgrade(r, mcf, facts, lcf, ctx);
    }

    return !measures.asked();
}

[[gnu::hot]] void begin(const ngx_http_l402_loc_conf_t *lcf,
    ngx_http_l402_ctx_t *ctx)
{
    ctx->location = lcf;
    ctx->result = Result::error;
    ctx->upgrade = nullptr;
    ctx->has_price = 0;
    ctx->has_free_left = 0;
    ctx->answering = 0;
}

// Worked out anew each time: a price may be set by then by auth_request. In the
// access phase it is acted on: a free request is taken, and mistakes logged.
[[gnu::hot]] Result charge(ngx_http_request_t *r,
    ngx_http_l402_main_conf_t *mcf, ngx_http_l402_loc_conf_t *lcf,
    ngx_http_l402_ctx_t *ctx, bool act)
{
    if (ctx->result == Result::ok || ctx->result == Result::error) {
        return ctx->result;
    }

    ctx->has_price = 0;

    if (!ngx_http_l402_price(r, ctx, lcf, act)) {
        return Result::bad_price;
    }

    bool is_free = ctx->price_msat == 0
                   || (lcf->free
                       && ngx_http_l402_is_free(r, mcf, lcf, ctx, act));

    return is_free ? Result::free : ctx->result;
}

void find_grounds(ngx_http_request_t *r, const ngx_http_l402_loc_conf_t *lcf,
    Grounds &out)
{
    ngx_table_elt_t *authorization = r->headers_in.authorization;

    out.location = lcf;
    out.address = r->connection->sockaddr;
    out.authorization = authorization ? authorization->value : ngx_str_t();
    ngx_http_l402_find_fields(r, &out.macaroon, &out.grpc_metadata_macaroon);
}

// The very bytes: text that was replaced lies elsewhere.
bool same(const ngx_str_t &a, const ngx_str_t &b)
{
    return a.data == b.data && a.len == b.len;
}

[[gnu::noinline]]
bool holds(ngx_http_request_t *r, ngx_http_l402_main_conf_t *mcf,
    const ngx_http_l402_loc_conf_t *lcf, const Ahead &ahead)
{
    const l402::Verdict &verdict = ahead.ctx.verdict;
    Grounds now;

    if (ahead.grounds.location != lcf) {
        return false;
    }

    // limit_req may have delayed it.
    if (verdict.result != Result::expired && verdict.expires
        && verdict.expires <= ngx_time())
    {
        return false;
    }

    if (verdict.result == Result::ok
        && ngx_http_l402_check_revoked(mcf, lcf, verdict.token_id,
               verdict.payment_hash) != Result::ok)
    {
        return false;
    }

    find_grounds(r, lcf, now);

    return now.address == ahead.grounds.address
           && same(now.authorization, ahead.grounds.authorization)
           && same(now.macaroon, ahead.grounds.macaroon)
           && same(now.grpc_metadata_macaroon,
                  ahead.grounds.grpc_metadata_macaroon);
}

[[gnu::hot]] Ahead *find_ahead(ngx_http_request_t *r)
{
    return static_cast<Ahead *>(
        ngx_http_get_module_ctx(r, ngx_http_l402_module));
}

// Null: out of memory.
Ahead *decide_ahead(ngx_http_request_t *r, ngx_http_l402_main_conf_t *mcf,
    ngx_http_l402_loc_conf_t *lcf)
{
    ngx_http_l402_ctx_t *ctx = ngx_http_l402_get_ctx(r);
    Ahead *ahead = find_ahead(r);

    if (ctx == nullptr || (ahead && holds(r, mcf, lcf, *ahead))) {
        return ctx ? ahead : nullptr;
    }

    if (ahead == nullptr) {
        ahead = static_cast<Ahead *>(ngx_pcalloc(r->pool, sizeof(Ahead)));

        if (ahead == nullptr) {
            return nullptr;
        }

        ngx_http_set_ctx(r, ahead, ngx_http_l402_module);
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
        "l402 decides ahead for \"%V\"", &lcf->service);

    ahead->ctx = *ctx;
    begin(lcf, &ahead->ctx);
    find_grounds(r, lcf, ahead->grounds);

    if (!judge(r, mcf, lcf, &ahead->ctx)) {
        ahead->grounds.location = nullptr;
    }

    return ahead;
}

}  // namespace

bool ngx_http_l402_has_preflight_fields(ngx_http_request_t *r)
{
    return ngx_http_l402_find_header(r, "origin")
           && ngx_http_l402_find_header(r, "access-control-request-method");
}

[[gnu::hot]] void ngx_http_l402_decide(ngx_http_request_t *r,
    ngx_http_l402_main_conf_t *mcf, ngx_http_l402_loc_conf_t *lcf,
    ngx_http_l402_ctx_t *ctx)
{
    Ahead *ahead = find_ahead(r);

    // A browser sends these without credentials, and before it may pay.
    if (ngx_http_l402_is_preflight(r)) {
        begin(lcf, ctx);
        ctx->result = Result::free;
        return;
    }

    if (ahead && holds(r, mcf, lcf, *ahead)) {
        ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
            "l402 decision was taken ahead");
        // What was asked meanwhile stays: the phases run again for its answer.
        ngx_http_l402_settling_t *settling = ctx->settling;
        ngx_http_l402_counted_t *counted = ctx->counted;
        ngx_http_l402_freed_t *freed = ctx->freed;

        *ctx = ahead->ctx;
        ctx->settling = settling;
        ctx->counted = counted;
        ctx->freed = freed;

    } else {
        begin(lcf, ctx);
        judge(r, mcf, lcf, ctx);
    }

    ctx->result = charge(r, mcf, lcf, ctx, true);
}

Result ngx_http_l402_charge(ngx_http_request_t *r,
    ngx_http_l402_loc_conf_t *lcf, ngx_http_l402_ctx_t *ctx)
{
    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(
        ngx_http_get_module_main_conf(r, ngx_http_l402_module));

    return charge(r, mcf, lcf, ctx, true);
}

void ngx_http_l402_note_refusal(ngx_http_request_t *r)
{
    ngx_http_set_ctx(r, &refused, ngx_http_l402_module);
}

bool ngx_http_l402_lets_in(ngx_http_request_t *r)
{
    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(
        ngx_http_get_module_main_conf(r, ngx_http_l402_module));
    auto lcf = static_cast<ngx_http_l402_loc_conf_t *>(
        ngx_http_get_module_loc_conf(r, ngx_http_l402_module));

    if (!lcf->enable) {
        return true;
    }

    if (r->post_action) {
        ngx_http_l402_ctx_t *ctx = ngx_http_l402_find_ctx(r);

        return ctx && ctx->verified;
    }

    if (find_ahead(r) == &refused) {
        return false;
    }

    if (ngx_http_l402_passed_access(r) || ngx_http_l402_is_preflight(r)) {
        return true;
    }

    Ahead *ahead = decide_ahead(r, mcf, lcf);

    if (ahead == nullptr) {
        return false;
    }

    if (ahead->ctx.result == Result::ok && ahead->ctx.counted == nullptr
        && ngx_http_l402_is_used_up(mcf, lcf, ahead->ctx.verdict))
    {
        ahead->ctx.result = Result::used_up;
        ahead->ctx.verified = 0;
    }

    Result result = charge(r, mcf, lcf, &ahead->ctx, false);

    return result == Result::ok || result == Result::free;
}
