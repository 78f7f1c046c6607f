// A request that may not pass ends here: at once, or parked until the invoice
// service has answered. It never walks on into a later phase.

#include "ngx_http_l402_zone.h"

#include "l402/encoding.h"

#include <sodium.h>

using l402::Result;

namespace {

constexpr ngx_uint_t retry_soon = 1;   // seconds: too many calls in flight
constexpr ngx_uint_t retry_later = 5;  // seconds: the node failed

// A parked request. Owned by the request's cleanup: it goes with it.
class Parked final : public l402::InvoiceWaiter {
public:
    Parked(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
        ngx_http_l402_loc_conf_t *lcf, Result reason)
        : r_(r), ctx_(ctx), lcf_(lcf), reason_(reason)
    {
    }

    l402::InvoiceClient::Start ask(const l402::InvoiceRequest &request)
    {
        return lcf_->invoice_service->client->request(request, *this,
            pending_);
    }

    void invoice_ready(const l402::Invoice &invoice) noexcept override;
    void invoice_failed(std::string_view error) noexcept override;

private:
    // Its client has left, and a post_action is under way in its place.
    bool is_abandoned() const { return r_->post_action; }
    void finish(ngx_int_t rc);

    ngx_http_request_t                    *r_;
    ngx_http_l402_ctx_t                   *ctx_;
    ngx_http_l402_loc_conf_t              *lcf_;
    Result                                 reason_;
    std::unique_ptr<l402::PendingInvoice>  pending_;
};

void destroy_parked(void *data)
{
    delete static_cast<Parked *>(data);
}

ngx_int_t answer_unavailable(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, ngx_uint_t retry_after)
{
    ctx->result = Result::no_invoice;

    return ngx_http_l402_send_answer(r, ctx, lcf,
        {Result::no_invoice, NGX_HTTP_SERVICE_UNAVAILABLE, nullptr,
         retry_after});
}

// Random and no secret. To ask the kernel for each would be a twentieth of a
// challenge out of the stock.
void new_token_id(l402::Hash &out)
{
    static l402::Hash ids[32];
    static size_t left;

    if (left == 0) {
        randombytes_buf(ids, sizeof(ids));
        left = sizeof(ids) / sizeof(ids[0]);
    }

    out = ids[--left];
}

ngx_int_t challenge(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, Result reason,
    const l402::Invoice &invoice)
{
    l402::Terms terms;
    l402::Challenge challenge;
    l402::Hash token_id;

    // A service that sells whole sats has rounded it up.
    ctx->price_msat = invoice.amount_msat;
    ngx_http_l402_fill_terms(r, ctx, lcf, terms);

    if (terms.valid_until) {
        // Nobody shall pay for a dead token: where the node's clock is ahead
        // of ours (by no more than check_offer allows), the token lives on.
        terms.valid_until = ngx_max(terms.valid_until, invoice.expires_at);
    }

    if (ctx->upgrade) {
        const l402::Upgrade &upgrade = *ctx->upgrade;

        // The token that earned it bounds it, come what may.
        if (upgrade.expires
            && (terms.valid_until == 0 || upgrade.expires < terms.valid_until))
        {
            terms.valid_until = upgrade.expires;
        }

        challenge.token = l402::base64_encode(l402::mint_upgrade(
            lcf->keys->ring, upgrade, invoice.payment_hash, terms));

    } else {
        new_token_id(token_id);
        challenge.token = l402::base64_encode(l402::mint(lcf->keys->ring, 0,
            invoice.payment_hash, token_id, l402::minted_caveats(terms)));
    }

    challenge.invoice = invoice.bolt11;
    challenge.payment_hash = l402::to_hex(invoice.payment_hash);
    challenge.price_msat = ctx->price_msat;
    challenge.invoice_expires_at = invoice.expires_at;
    challenge.token_expires_at = terms.valid_until;

    return ngx_http_l402_send_answer(r, ctx, lcf,
        {reason, ngx_http_l402_payment_required, &challenge, 0});
}

// Called from an event of ours: nobody else runs what is posted here.
void Parked::finish(ngx_int_t rc)
{
    ngx_connection_t *c = r_->connection;

    c->log->action = const_cast<char *>("sending to client");

    // A client that reads slowly holds its request, not a place in flight.
    pending_.reset();
    ngx_http_finalize_request(r_, rc);
    ngx_http_run_posted_requests(c);
}

void Parked::invoice_ready(const l402::Invoice &invoice) noexcept
{
    if (is_abandoned()) {
        return;
    }

    ngx_http_set_log_request(r_->connection->log, r_);

    finish(ngx_http_l402_guard<ngx_int_t>(r_->connection->log,
        NGX_HTTP_INTERNAL_SERVER_ERROR, [&] {
            return challenge(r_, ctx_, lcf_, reason_, invoice);
        }));
}

void Parked::invoice_failed(std::string_view error) noexcept
{
    ngx_http_set_log_request(r_->connection->log, r_);
    lcf_->invoice_service->no_invoice.log(r_->connection->log,
        lcf_->invoice_service->name, error);

    if (is_abandoned()) {
        return;
    }

    finish(ngx_http_l402_guard<ngx_int_t>(r_->connection->log,
        NGX_HTTP_INTERNAL_SERVER_ERROR, [&] {
            return answer_unavailable(r_, ctx_, lcf_, retry_later);
        }));
}

// Ready ones that fit, without waiting. False: there is none.
bool take_ready(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, l402::Invoice &out)
{
    ngx_http_l402_stock_t *stock = ngx_http_l402_upgrades(ctx, lcf)
                                       ? lcf->upgrade_stock : lcf->stock;
    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(
        ngx_http_get_module_main_conf(r, ngx_http_l402_module));

    return stock
           && ngx_http_l402_take_ready(r, mcf, stock,
                  ctx->upgrade ? ctx->upgrade->expires : 0, out);
}

// While all urls rest nobody waits.
ngx_int_t answer_resting(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf)
{
    uint64_t ms = lcf->invoice_service->state->rests_for();

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
        "l402: no invoice from \"%V\", which is down",
        &lcf->invoice_service->name);

    return answer_unavailable(r, ctx, lcf,
        ngx_max(static_cast<ngx_uint_t>((ms + 999) / 1000), retry_soon));
}

ngx_int_t memo(ngx_http_request_t *r, ngx_http_l402_loc_conf_t *lcf,
    std::string &out)
{
    ngx_str_t value = lcf->service;

    if (lcf->memo && ngx_http_complex_value(r, lcf->memo, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    out = ngx_http_l402_view(value);
    return NGX_OK;
}

// Where `parked` is not set, what to finalize the request with.
ngx_int_t park(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, Result reason, bool &parked)
{
    ngx_http_l402_service_t *service = lcf->invoice_service;
    l402::InvoiceRequest request;

    if (service == nullptr || service->client == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (memo(r, lcf, request.memo) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    request.amount_msat = ctx->price_msat;
    request.is_variable = !(ngx_http_l402_upgrades(ctx, lcf)
                                ? lcf->upgrade_price : lcf->price).is_static
                          || (lcf->memo && lcf->memo->lengths);
    request.expiry = ngx_http_l402_invoice_expiry(lcf);

    // It was good a moment ago, so that a second or more is left.
    if (ctx->upgrade && ctx->upgrade->expires
        && ctx->upgrade->expires - ngx_time() < request.expiry)
    {
        request.expiry = static_cast<uint32_t>(
            ctx->upgrade->expires - ngx_time());
    }

    ngx_http_cleanup_t *cln = ngx_http_cleanup_add(r, 0);

    if (cln == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    auto waiter = new Parked(r, ctx, lcf, reason);

    cln->handler = destroy_parked;
    cln->data = waiter;

    switch (waiter->ask(request)) {

    case l402::InvoiceClient::Start::asked:
        break;

    case l402::InvoiceClient::Start::busy:
        service->no_invoice.log(r->connection->log, service->name,
            "max_in_flight calls are under way");
        return answer_unavailable(r, ctx, lcf, retry_soon);

    case l402::InvoiceClient::Start::resting:
        return answer_resting(r, ctx, lcf);
    }

    if (ngx_http_l402_park(r, "waiting for an invoice") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    parked = true;
    return NGX_OK;
}

ngx_int_t refuse(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, Result reason, bool &parked)
{
    ngx_uint_t status = l402::describe(reason).status;

    if (reason == Result::bad_signature || reason == Result::bad_preimage) {
        status = lcf->invalid_status;
    }

    if (status != ngx_http_l402_payment_required) {
        return ngx_http_l402_send_answer(r, ctx, lcf,
            {reason, status, nullptr,
             status == NGX_HTTP_SERVICE_UNAVAILABLE ? retry_soon : 0});
    }

    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(
        ngx_http_get_module_main_conf(r, ngx_http_l402_module));

    // Nobody shall pay for what cannot be counted.
    if (!ngx_http_l402_has_room(r, mcf, lcf)) {
        ctx->result = Result::unavailable;
        return ngx_http_l402_send_answer(r, ctx, lcf,
            {Result::unavailable, NGX_HTTP_SERVICE_UNAVAILABLE, nullptr,
             retry_later});
    }

    // No invoice for a token that its buyer could not send.
    l402::Terms terms;

    ngx_http_l402_fill_terms(r, ctx, lcf, terms);

    if (l402::minted_size(terms) > l402::max_minted_size) {
        ctx->result = Result::too_long;
        return ngx_http_l402_send_answer(r, ctx, lcf,
            {Result::too_long, NGX_HTTP_REQUEST_URI_TOO_LARGE, nullptr, 0});
    }

    // An error_page of limit_req led here: the limit is for invoices.
    if (ngx_http_l402_is_limited(r)) {
        return answer_unavailable(r, ctx, lcf, retry_soon);
    }

    l402::Invoice invoice;

    if (take_ready(r, ctx, lcf, invoice)) {
        return challenge(r, ctx, lcf, reason, invoice);
    }

    return park(r, ctx, lcf, reason, parked);
}

}  // namespace

ngx_int_t ngx_http_l402_refuse(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, Result reason)
{
    ctx->result = reason;

    // What nobody paid for is read away, and never written to a disk.
    ngx_int_t rc = ngx_http_discard_request_body(r);
    bool parked = false;

    if (rc == NGX_OK) {
        rc = ngx_http_l402_guard<ngx_int_t>(r->connection->log,
            NGX_HTTP_INTERNAL_SERVER_ERROR, [&] {
                return refuse(r, ctx, lcf, reason, parked);
            });
    }

    if (!parked) {
        ngx_http_finalize_request(r, rc);
    }

    return NGX_DONE;
}
