// Counting that all hosts share. A request waits, parked, until Redis has
// answered whether it may be charged; nothing waits for what follows.

#include "ngx_http_l402_count.h"
#include "ngx_http_l402_redis.h"
#include "ngx_http_l402_zone.h"

#include <algorithm>
#include <sodium.h>

using l402::Amount;
using l402::CountAnswer;
using l402::CountClient;
using l402::Result;

using Counted = ngx_http_l402_counted_t;

// What Redis was asked for a request.
class ngx_http_l402_counting_t final : public l402::CountWaiter {
public:
    explicit ngx_http_l402_counting_t(Counted *counted) : counted_(counted) {}

    ~ngx_http_l402_counting_t() override { release(); }

    CountClient::Start ask(const uint8_t payment_hash[32]);
    void count_told(const CountAnswer &answer) noexcept override;

    bool is_under_way() const { return under_way_; }
    bool holds() const { return claim_ && !under_way_; }
    CountAnswer::Kind kind() const { return kind_; }
    const Amount &left() const { return left_; }

    void settle(Amount cost)
    {
        client().settle(claim_, cost);
        claim_ = {};
    }

    void release() noexcept
    {
        ngx_http_l402_guard<bool>(counted_->request->connection->log, false,
            [&] {
                if (claim_ && counted_->mcf->counts) {
                    client().give_back(claim_);
                }

                return true;
            });

        claim_ = {};
    }

private:
    CountClient &client() const { return *counted_->mcf->counts; }

    Counted           *counted_;
    l402::JournalRef   claim_;
    CountAnswer::Kind  kind_ = CountAnswer::Kind::unavailable;
    Amount             left_;
    bool               under_way_ = false;
};

namespace {

void complain(ngx_http_request_t *r, ngx_http_l402_main_conf_t *mcf,
    std::string_view error)
{
    mcf->redis->no_count.log(r->connection->log,
        ngx_http_l402_str(mcf->redis->shown_url), error);
}

}  // namespace

CountClient::Start ngx_http_l402_counting_t::ask(
    const uint8_t payment_hash[32])
{
    l402::RequestId id;
    l402::Hash hash;

    randombytes_buf(id.data(), id.size());
    std::copy_n(payment_hash, hash.size(), hash.begin());

    CountClient::Start start = client().reserve(hash, counted_->allowance,
        counted_->amount, id, ngx_time(), *this, claim_);

    under_way_ = start == CountClient::Start::asked;
    return start;
}

// Called from an event of ours: nobody else runs what is posted here. May
// destroy this object.
void ngx_http_l402_counting_t::count_told(const CountAnswer &answer) noexcept
{
    ngx_http_request_t *r = counted_->request;
    ngx_connection_t *c = r->connection;

    ngx_http_set_log_request(c->log, r);
    under_way_ = false;
    kind_ = answer.kind;
    left_ = answer.left;

    if (kind_ != CountAnswer::Kind::held) {
        claim_ = {};
    }

    ngx_http_l402_guard<bool>(c->log, false, [&] {
        if (kind_ == CountAnswer::Kind::unavailable) {
            complain(r, counted_->mcf, answer.error);
        }

        return true;
    });

    ngx_http_l402_unpark(r);
}

void ngx_http_l402_start_count_redis(ngx_http_l402_main_conf_t *mcf)
{
    l402::RedisLink *link = ngx_http_l402_redis_link(mcf);
    size_t bytes;
    void *block = ngx_http_l402_journal(mcf, bytes);

    if (link == nullptr || block == nullptr) {
        return;
    }

    l402::CountOptions options;

    options.prefix = mcf->redis->prefix;
    options.timeout = mcf->redis->timeout;
    options.replicated = !mcf->redis->url.master.empty();
    // Less than what the answer has.
    options.wait = mcf->redis->timeout * 3 / 4;

    mcf->journal = new l402::Journal(block, bytes);
    mcf->counts = new CountClient(*link, *mcf->journal, options);
    mcf->counts->keep_house(ngx_time());
}

void ngx_http_l402_stop_count_redis(ngx_http_l402_main_conf_t *mcf)
{
    delete std::exchange(mcf->counts, nullptr);
    delete std::exchange(mcf->journal, nullptr);
}

void ngx_http_l402_keep_count_redis(ngx_http_l402_main_conf_t *mcf)
{
    if (mcf->counts) {
        mcf->counts->keep_house(ngx_time());
    }
}

ngx_int_t ngx_http_l402_count_in_redis(ngx_http_request_t *r,
    ngx_http_l402_ctx_t *ctx, ngx_http_l402_counted_t *counted)
{
    if (counted->counting == nullptr) {
        counted->counting = new ngx_http_l402_counting_t(counted);

        switch (counted->counting->ask(ctx->verified_payment_hash)) {

        case CountClient::Start::asked:
            break;

        case CountClient::Start::no_connection:
            complain(r, counted->mcf,
                ngx_http_l402_redis_link(counted->mcf)->why_not());
            break;

        case CountClient::Start::full:
            complain(r, counted->mcf,
                "too many requests wait for their answers");
            break;
        }
    }

    ngx_http_l402_counting_t *counting = counted->counting;

    if (counting->is_under_way()) {
        return ngx_http_l402_park(r, "waiting for a count") == NGX_OK
                   ? NGX_AGAIN : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    switch (counting->kind()) {

    case CountAnswer::Kind::held:
        break;

    case CountAnswer::Kind::used_up:
        ctx->result = Result::used_up;
        break;

    case CountAnswer::Kind::unavailable:
        ctx->result = Result::unavailable;
        return NGX_OK;
    }

    ctx->left = counting->left();
    ctx->has_left = 1;
    return NGX_OK;
}

void ngx_http_l402_end_in_redis(ngx_http_l402_counted_t *counted)
{
    delete std::exchange(counted->counting, nullptr);
}

bool ngx_http_l402_holds_in_redis(const ngx_http_l402_counted_t *counted)
{
    return counted->counting && counted->counting->holds();
}

void ngx_http_l402_settle_in_redis(ngx_http_l402_ctx_t *ctx, uint64_t msat)
{
    Counted *counted = ctx->counted;

    counted->counting->settle({counted->amount.uses, msat});

    if (ctx->left.msat != l402::no_limit) {
        uint64_t most = ctx->left.msat + counted->amount.msat;

        ctx->left.msat = most - ngx_min(msat, most);
    }
}

void ngx_http_l402_give_back_in_redis(ngx_http_l402_ctx_t *ctx)
{
    Counted *counted = ctx->counted;

    counted->counting->release();

    if (ctx->left.uses != l402::no_limit) {
        ctx->left.uses += counted->amount.uses;
    }

    if (ctx->left.msat != l402::no_limit) {
        ctx->left.msat += counted->amount.msat;
    }
}
