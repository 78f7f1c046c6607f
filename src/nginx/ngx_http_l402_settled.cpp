// l402_settled: a good credential waits until the node has said that its
// invoice is settled. The node is asked once; the yes is kept in memory that
// all workers share.

#include "ngx_http_l402.h"

#include <algorithm>
#include <list>

using l402::Result;
using l402::Settlement;

namespace {

constexpr ngx_uint_t retry_soon = 1;     // seconds: too many calls in flight
constexpr ngx_uint_t retry_pending = 2;  // seconds: the money may be near
constexpr ngx_uint_t retry_later = 5;    // seconds: the node failed

}  // namespace

// What all nodes that may have the invoice were asked, and have said. Owned by
// the request's cleanup: it goes with it.
class ngx_http_l402_settling_t {
public:
    ngx_http_l402_settling_t(ngx_http_request_t *r,
        ngx_http_l402_main_conf_t *mcf, const l402::SettledKey &key)
        : r_(r), mcf_(mcf), key_(key)
    {
    }

    void ask(const ngx_http_l402_seller_t &seller, const l402::Hash &hash);

    bool is_about(const l402::SettledKey &key) const
    {
        return key.first == key_.first && key.second == key_.second;
    }

    bool is_under_way() const { return under_way_ > 0 && !settled_; }
    bool is_settled() const { return settled_; }
    bool is_pending() const { return pending_; }
    bool is_unknown() const { return busy_ || failed_; }
    bool is_busy() const { return busy_ && !failed_; }

private:
    struct Part final : l402::SettlementWaiter {
        Part(ngx_http_l402_settling_t &all, ngx_http_l402_service_t *service)
            : all(all), service(service)
        {
        }

        void settlement_told(Settlement state, std::string_view error)
            noexcept override
        {
            all.told(service, state, error);
        }

        ngx_http_l402_settling_t                 &all;
        ngx_http_l402_service_t                  *service;
        std::unique_ptr<l402::PendingSettlement>  pending;
    };

    void told(ngx_http_l402_service_t *service, Settlement state,
        std::string_view error) noexcept;
    void go_on() noexcept;

    void complain(ngx_http_l402_service_t *service, std::string_view error)
    {
        service->unconfirmed.log(r_->connection->log, service->name, error);
    }

    ngx_http_request_t         *r_;
    ngx_http_l402_main_conf_t  *mcf_;
    l402::SettledKey            key_;
    std::list<Part>             parts_;
    ngx_uint_t                  under_way_ = 0;
    bool                        settled_ = false;
    bool                        pending_ = false;
    bool                        failed_ = false;
    bool                        busy_ = false;
};

void ngx_http_l402_settling_t::ask(const ngx_http_l402_seller_t &seller,
    const l402::Hash &hash)
{
    auto services = static_cast<ngx_http_l402_service_t **>(
        seller.invoice_services.elts);

    for (ngx_uint_t i = 0; i < seller.invoice_services.nelts; i++) {
        if (services[i]->settlement == nullptr) {
            complain(services[i], "its protocol cannot be asked");
            failed_ = true;
            continue;
        }

        Part &part = parts_.emplace_back(*this, services[i]);

        switch (services[i]->settlement->ask(hash, part, part.pending)) {

        case l402::SettlementClient::Start::asked:
            under_way_++;
            break;

        case l402::SettlementClient::Start::busy:
            complain(services[i], "max_in_flight calls are under way");
            busy_ = true;
            break;

        case l402::SettlementClient::Start::resting:
            failed_ = true;
            break;
        }
    }

    // Nobody is there to say yes.
    failed_ = failed_ || seller.invoice_services.nelts == 0;
}

void ngx_http_l402_settling_t::told(ngx_http_l402_service_t *service,
    Settlement state, std::string_view error) noexcept
{
    ngx_http_set_log_request(r_->connection->log, r_);
    under_way_--;

    switch (state) {

    case Settlement::settled:
        ngx_http_l402_settled_memory(mcf_).add(key_);
        settled_ = true;
        break;

    case Settlement::pending:
        pending_ = true;
        break;

    case Settlement::gone:
    case Settlement::unknown:
        break;

    case Settlement::failed:
        complain(service, error);
        failed_ = true;
        break;
    }

    if (!is_under_way()) {
        go_on();
    }
}

// Called from an event of ours: nobody else runs what is posted here. May
// destroy this object.
void ngx_http_l402_settling_t::go_on() noexcept
{
    ngx_http_request_t *r = r_;

    parts_.clear();
    ngx_http_l402_unpark(r);
}

namespace {

void destroy_settling(void *data)
{
    delete static_cast<ngx_http_l402_settling_t *>(data);
}

// Null: out of memory.
ngx_http_l402_settling_t *ask(ngx_http_request_t *r,
    ngx_http_l402_main_conf_t *mcf, const ngx_str_t &service,
    const l402::SettledKey &key, const uint8_t payment_hash[32])
{
    ngx_http_cleanup_t *cln = ngx_http_cleanup_add(r, 0);

    if (cln == nullptr) {
        return nullptr;
    }

    auto settling = new ngx_http_l402_settling_t(r, mcf, key);

    cln->handler = destroy_settling;
    cln->data = settling;

    ngx_http_l402_seller_t *seller = ngx_http_l402_find_seller(mcf,
        service);
    l402::Hash hash;

    std::copy_n(payment_hash, hash.size(), hash.begin());
    settling->ask(seller ? *seller : ngx_http_l402_seller_t{}, hash);
    return settling;
}

ngx_int_t answer_unavailable(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf, Result reason, ngx_uint_t retry_after)
{
    // Nobody has to have paid for what is free.
    ctx->verified = 0;

    if (ngx_http_l402_price(r, ctx, lcf, false) && ctx->price_msat == 0) {
        ctx->result = Result::unsettled;
        return NGX_OK;
    }

    ctx->result = reason;
    ngx_http_l402_note_refusal(r);
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
        "l402: credential for \"%V\" refused: %s", &lcf->service,
        l402::describe(reason).word);

    ngx_int_t rc = ngx_http_discard_request_body(r);

    if (rc == NGX_OK) {
        rc = ngx_http_l402_send_answer(r, ctx, lcf,
            {reason, NGX_HTTP_SERVICE_UNAVAILABLE, nullptr, retry_after});
    }

    ngx_http_finalize_request(r, rc);
    return NGX_DONE;
}

}  // namespace

void ngx_http_l402_start_settled(ngx_http_l402_main_conf_t *mcf)
{
    auto services = static_cast<ngx_http_l402_service_t **>(
        mcf->services.elts);

    for (ngx_uint_t i = 0; mcf->settled_zone && i < mcf->services.nelts; i++) {
        if (services[i]->service.protocol->settlement) {
            services[i]->settlement =
                std::make_unique<l402::SettlementClient>(services[i]->service,
                    *mcf->transport, *services[i]->state);
        }
    }
}

ngx_int_t ngx_http_l402_settle(ngx_http_request_t *r, ngx_http_l402_ctx_t *ctx,
    ngx_http_l402_loc_conf_t *lcf)
{
    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(
        ngx_http_get_module_main_conf(r, ngx_http_l402_module));
    const ngx_str_t &service = ctx->verified_service;
    const uint8_t *hash = ctx->verified_payment_hash;
    l402::SettledKey key = l402::settled_key(ngx_http_l402_view(service), hash);

    if (ngx_http_l402_settled_memory(mcf).has(key)) {
        return NGX_OK;
    }

    if (ctx->settling == nullptr || !ctx->settling->is_about(key)) {
        ctx->settling = ask(r, mcf, service, key, hash);
    }

    ngx_http_l402_settling_t *settling = ctx->settling;

    if (settling == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (settling->is_under_way()) {
        return ngx_http_l402_park(r, "waiting for a settlement") == NGX_OK
                   ? NGX_AGAIN : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (settling->is_settled()) {
        return NGX_OK;
    }

    if (settling->is_pending()) {
        return answer_unavailable(r, ctx, lcf, Result::unsettled,
            retry_pending);
    }

    if (settling->is_unknown()) {
        return answer_unavailable(r, ctx, lcf, Result::unconfirmed,
            settling->is_busy() ? retry_soon : retry_later);
    }

    // Canceled, or never heard of: it has to be paid anew.
    ctx->verified = 0;
    ctx->result = Result::unsettled;
    return NGX_OK;
}
