// What a payment bought is counted: reserved in the access phase, and charged
// or given back before the first byte of the answer leaves. The counts are in
// the ledger, which all workers share, or in Redis.

#include "ngx_http_l402_count.h"

#include "l402/price.h"

using l402::Amount;
using l402::Ledger;
using l402::Result;

namespace {

using MainConf = ngx_http_l402_main_conf_t;
using LocConf = ngx_http_l402_loc_conf_t;
using Counted = ngx_http_l402_counted_t;

l402::Allowance allowance_of(const LocConf *lcf,
    const l402::Verdict &verdict)
{
    l402::Allowance allowance;

    if (verdict.has_uses) {
        allowance.limit.uses = verdict.uses;
        allowance.minted.uses = verdict.minted_uses;
    }

    if (lcf->count.cost) {
        allowance.limit.msat = verdict.has_balance ? verdict.balance_msat : 0;
    }

    allowance.minted.msat = verdict.minted_balance_msat;
    allowance.expires = verdict.minted_expires;
    return allowance;
}

// False: it is no amount.
bool evaluate_cost(ngx_http_request_t *r, LocConf *lcf, ngx_str_t &value,
    uint64_t &out)
{
    return ngx_http_complex_value(r, lcf->count.cost, &value) == NGX_OK
           && l402::parse_amount(ngx_http_l402_view(value), out);
}

// What a request takes. False: its cost cannot be worked out.
bool amount_of(ngx_http_request_t *r, LocConf *lcf,
    const l402::Verdict &verdict, Amount &out)
{
    ngx_str_t value;

    out = {verdict.has_uses ? 1u : 0u, 0};

    if (lcf->count.cost == nullptr) {
        return true;
    }

    if (lcf->count.has_hold) {
        out.msat = lcf->count.hold;
        return true;
    }

    if (lcf->count.cost_is_static) {
        out.msat = lcf->count.static_cost;
        return true;
    }

    if (evaluate_cost(r, lcf, value, out.msat)) {
        return true;
    }

    if (ngx_http_l402_may_log(lcf->count.bad_cost_logged)) {
        value.len = ngx_min(value.len, 64);
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
            "l402: the value \"%V\" of \"l402_metered\" is no amount, it must "
            "be such as %s; a cost that comes with the answer needs \"hold=\"",
            &value, l402::amount_hint);
    }

    return false;
}

void note_left(ngx_http_l402_ctx_t *ctx, const Amount &left)
{
    ctx->left = left;
    ctx->has_left = 1;
}

// An answer of ours refuses: nothing was had for it.
bool is_given_back(ngx_http_request_t *r, const ngx_http_l402_ctx_t *ctx)
{
    const LocConf *lcf = ctx->counted->lcf;

    return ctx->answering || ctx->blocked
           || ngx_http_l402_is_refunded(r, lcf);
}

// What the answer says that it cost; what was held where it says nothing.
uint64_t cost_of_answer(ngx_http_request_t *r, const Counted *counted,
    bool log)
{
    LocConf *lcf = counted->lcf;
    ngx_str_t value = ngx_null_string;
    uint64_t cost;

    if (!lcf->count.cost || !lcf->count.has_hold) {
        return counted->amount.msat;
    }

    if (evaluate_cost(r, lcf, value, cost)) {
        return cost;
    }

    if (log && ngx_http_l402_may_log(lcf->count.bad_cost_logged)) {
        value.len = ngx_min(value.len, 64);
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
            "l402: the cost \"%V\" of the answer is no amount such as %s, "
            "its hold of %uLmsat is charged", &value, l402::amount_hint,
            counted->amount.msat);
    }

    return counted->amount.msat;
}

bool is_held(const Counted *counted)
{
    return counted->reservation || ngx_http_l402_holds_in_redis(counted);
}

void give_back(Counted *counted, ngx_http_l402_ctx_t *ctx)
{
    Amount left;

    counted->returned = true;

    if (ngx_http_l402_holds_in_redis(counted)) {
        ngx_http_l402_give_back_in_redis(ctx);
        return;
    }

    l402::Ledger &ledger = counted->mcf->ledger;

    ledger.give_back(counted->reservation);
    (void) ledger.look(counted->payment_hash, counted->allowance, {}, &left);
    note_left(ctx, left);
}

void settle(Counted *counted, ngx_http_l402_ctx_t *ctx, uint64_t msat)
{
    ngx_http_request_t *r = counted->request;
    Amount left;

    counted->charged = true;

    if (ngx_http_l402_holds_in_redis(counted)) {
        ngx_http_l402_settle_in_redis(ctx, msat);
        return;
    }

    bool whole = counted->mcf->ledger.settle(counted->reservation,
        {counted->amount.uses, msat}, counted->allowance, &left);

    note_left(ctx, left);

    if (!whole && ngx_http_l402_may_log(counted->lcf->count.bad_cost_logged)) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
            "l402: an answer cost %uLmsat, more than its hold of %uLmsat and "
            "what was left of its payment: that is charged", msat,
            counted->amount.msat);
    }
}

// Nothing was answered where something is still held.
void finish(Counted *counted)
{
    ngx_http_request_t *r = counted->request;
    ngx_http_l402_ctx_t *ctx = ngx_http_l402_find_ctx(r);

    ngx_http_l402_guard<bool>(r->connection->log, false, [&] {
        if (ctx && is_held(counted)) {
            if (ngx_http_l402_was_asked(r)) {
                settle(counted, ctx, counted->amount.msat);

            } else {
                give_back(counted, ctx);
            }
        }

        return true;
    });

    ngx_http_l402_end_in_redis(counted);
}

void request_ends(void *data)
{
    finish(static_cast<Counted *>(data));
}

// Null: out of memory.
Counted *create(ngx_http_request_t *r, MainConf *mcf)
{
    ngx_http_cleanup_t *cln = ngx_http_cleanup_add(r, sizeof(Counted));

    if (cln == nullptr) {
        return nullptr;
    }

    auto counted = new (cln->data) Counted();

    counted->request = r->main;
    counted->mcf = mcf;
    cln->handler = request_ends;
    return counted;
}

Result reserve(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx, LocConf *lcf,
    Counted *counted)
{
    MainConf *mcf = counted->mcf;
    Amount left;

    switch (mcf->ledger.reserve(ctx->verified_payment_hash,
        counted->allowance, counted->amount, counted->reservation, &left))
    {
    case Ledger::Reserve::held:
        note_left(ctx, left);
        return Result::ok;

    case Ledger::Reserve::used_up:
        note_left(ctx, left);
        return Result::used_up;

    case Ledger::Reserve::full:
        break;
    }

    if (ngx_http_l402_may_log(lcf->count.full_logged)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
            "l402: no room in the zone \"%V\" to count a request that was "
            "paid for", &mcf->zone->shm.name);
    }

    return Result::unavailable;
}

// Does what was reserved, or charged, pay for what this location asks as well?
bool covers(const Counted *counted, const ngx_http_l402_ctx_t *ctx,
    const l402::Allowance &allowance, const Amount &amount)
{
    const Amount &had = counted->allowance.limit;

    return ngx_memcmp(counted->payment_hash, ctx->verified_payment_hash,
               sizeof(counted->payment_hash)) == 0
           && counted->amount.uses >= amount.uses
           && counted->amount.msat >= amount.msat
           && had.uses <= allowance.limit.uses
           && had.msat <= allowance.limit.msat;
}

// A redirect has led to where it does not cover the request. What another
// payment had an answer for stays paid.
void let_go(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx, Counted *counted)
{
    bool same = ngx_memcmp(counted->payment_hash, ctx->verified_payment_hash,
                    sizeof(counted->payment_hash)) == 0;

    if (same || !ngx_http_l402_was_asked(r)
        || ngx_http_l402_upstream_failed(r, counted->lcf))
    {
        give_back(counted, ctx);

    } else {
        settle(counted, ctx, cost_of_answer(r, counted, true));
    }
}

}  // namespace

ngx_int_t ngx_http_l402_count(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf)
{
    auto mcf = static_cast<MainConf *>(
        ngx_http_get_module_main_conf(r, ngx_http_l402_module));
    Amount amount;

    if (!amount_of(r, lcf, ctx->verdict, amount)) {
        ctx->result = Result::bad_price;
        return NGX_OK;
    }

    // What was held before a redirect, or by a location that it led through.
    Counted *counted = ctx->counted;
    l402::Allowance allowance = allowance_of(lcf, ctx->verdict);

    if (counted && covers(counted, ctx, allowance, amount)) {
        if (counted->charged || counted->reservation) {
            return NGX_OK;
        }

        // Parked before: the phases run again with its answer.
        if (counted->counting && !counted->returned
            && (is_held(counted) || counted->lcf == lcf))
        {
            return ngx_http_l402_count_in_redis(r, ctx, counted);
        }
    }

    if (counted && is_held(counted)) {
        let_go(r, ctx, counted);
    }

    counted = create(r, mcf);

    if (counted == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->counted = counted;
    counted->lcf = lcf;
    counted->amount = amount;
    counted->allowance = allowance;
    ngx_memcpy(counted->payment_hash, ctx->verified_payment_hash,
        sizeof(counted->payment_hash));

    if (mcf->counts) {
        return ngx_http_l402_count_in_redis(r, ctx, counted);
    }

    ctx->result = reserve(r, ctx, lcf, counted);
    return NGX_OK;
}

void ngx_http_l402_end_count(ngx_http_request_t *r)
{
    ngx_http_l402_ctx_t *ctx = ngx_http_l402_find_ctx(r);

    if (ctx && ctx->counted) {
        finish(ctx->counted);
    }
}

bool ngx_http_l402_is_used_up(ngx_http_l402_main_conf_t *mcf,
    const ngx_http_l402_loc_conf_t *lcf, const l402::Verdict &verdict)
{
    if (!mcf->ledger || mcf->counts || !ngx_http_l402_counts(lcf, verdict)) {
        return false;
    }

    // What a request costs may be known later; that something is left, now.
    Amount least = {verdict.has_uses ? 1u : 0u, lcf->count.cost ? 1u : 0u};

    if (lcf->count.cost && (lcf->count.has_hold || lcf->count.cost_is_static)) {
        least.msat = lcf->count.has_hold ? lcf->count.hold
                                         : lcf->count.static_cost;
    }

    return mcf->ledger.look(verdict.payment_hash, allowance_of(lcf, verdict),
               least, nullptr) == Ledger::Reserve::used_up;
}

void ngx_http_l402_settle_count(ngx_http_request_t *r,
    ngx_http_l402_ctx_t *ctx)
{
    Counted *counted = ctx->counted;

    if (!is_held(counted)) {
        return;
    }

    ngx_http_l402_guard<bool>(r->connection->log, false, [&] {
        if (is_given_back(r, ctx)) {
            give_back(counted, ctx);

        } else {
            settle(counted, ctx, cost_of_answer(r, counted, true));
        }

        return true;
    });
}

// Header fields are set before the answer comes to where it is settled.
bool ngx_http_l402_left(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    l402::Amount &left)
{
    const Counted *counted = ctx->counted;

    left = ctx->left;

    if (!ctx->has_left || !counted || !is_held(counted)
        || r->headers_out.status == 0)
    {
        return ctx->has_left;
    }

    bool back = is_given_back(r, ctx);

    if (back && left.uses != l402::no_limit) {
        left.uses += counted->amount.uses;
    }

    if (left.msat != l402::no_limit) {
        uint64_t most = left.msat + counted->amount.msat;

        left.msat = most - (back ? 0
                                 : ngx_min(cost_of_answer(r, counted, false),
                                       most));
    }

    return true;
}
