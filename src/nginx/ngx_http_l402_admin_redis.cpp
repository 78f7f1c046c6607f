// l402_admin where several hosts share what is known: each change is told to
// Redis, and the counts are there. Requests are parked meanwhile.

#include "ngx_http_l402_admin.h"
#include "ngx_http_l402_redis.h"

#include "l402/redis_feed.h"
#include "l402/redis_payment.h"

using l402::AdminError;
using l402::RedisChange;

namespace {

using Change = ngx_http_l402_admin_change_t;
using MainConf = ngx_http_l402_main_conf_t;

void log_why(ngx_http_request_t *r, std::string_view why)
{
    ngx_str_t text = ngx_http_l402_str(why);

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
        "l402_admin: redis is not told or asked: %V", &text);
}

// A request that waits for Redis. It belongs to the request's pool, so that
// one that goes takes its question with it.
class Waiting : public l402::RedisWaiter {
public:
    Waiting(ngx_http_request_t *r, MainConf *mcf) : r_(r), mcf_(mcf) {}

    void replied(const redisReply *const *replies, size_t count)
        noexcept override;

protected:
    virtual ngx_int_t answer(const redisReply *const *replies,
        size_t count) = 0;

    ngx_int_t unavailable(std::string_view why) const
    {
        log_why(r_, why);
        return ngx_http_l402_admin_send_error(r_,
            AdminError::redis_unavailable);
    }

    ngx_http_request_t  *r_;
    MainConf            *mcf_;
    bool                 is_asked_ = false;
};

void Waiting::replied(const redisReply *const *replies, size_t count) noexcept
{
    ngx_connection_t *c = r_->connection;

    is_asked_ = false;
    ngx_http_set_log_request(c->log, r_);

    ngx_int_t rc = ngx_http_l402_guard<ngx_int_t>(c->log,
        NGX_HTTP_INTERNAL_SERVER_ERROR, [&] {
            return answer(replies, count);
        });

    c->log->action = const_cast<char *>("sending to client");
    ngx_http_finalize_request(r_, rc);
    ngx_http_run_posted_requests(c);
}

class Publishing final : public Waiting {
public:
    using Waiting::Waiting;

    ~Publishing() override
    {
        if (is_asked_) {
            ngx_http_l402_forget_publisher(mcf_, *this);
        }
    }

    ngx_int_t start(const Change &change);

private:
    ngx_int_t answer(const redisReply *const *replies, size_t count) override;

    Change change_;
    bool   stood_ = false;  // here, before anybody was told
};

ngx_int_t Publishing::start(const Change &change)
{
    std::string why;

    change_ = change;
    stood_ = mcf_->ledger.has_revocation(change.revocation.subject,
        change.revocation.id.data());

    if (!ngx_http_l402_publish_revocation(mcf_, change.revocation,
            change.revoke, *this, why))
    {
        return unavailable(why);
    }

    is_asked_ = true;
    return ngx_http_l402_park(r_, "waiting for redis") == NGX_OK
               ? NGX_AGAIN : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

ngx_int_t Publishing::answer(const redisReply *const *replies, size_t count)
{
    std::string error;
    RedisChange change = l402::read_redis_change(replies, count, error);

    if (change != RedisChange::made && change != RedisChange::stood) {
        return unavailable(error);
    }

    bool made = change == RedisChange::made;

    return change_.revoke
               ? ngx_http_l402_admin_send_status(r_,
                     made ? NGX_HTTP_CREATED : NGX_HTTP_OK)
               : ngx_http_l402_admin_end_revocation(r_, mcf_, change_,
                     made || stood_);
}

class Asking final : public Waiting {
public:
    using Waiting::Waiting;

    ~Asking() override
    {
        // None: the worker ends.
        auto link = ngx_http_l402_redis_link(mcf_);

        if (is_asked_ && link) {
            link->forget(*this);
        }
    }

    ngx_int_t start(const l402::Hash &payment_hash);

private:
    ngx_int_t answer(const redisReply *const *replies, size_t count) override;

    l402::Hash hash_{};
};

ngx_int_t Asking::start(const l402::Hash &payment_hash)
{
    l402::RedisLink *link = ngx_http_l402_redis_link(mcf_);

    hash_ = payment_hash;

    if (!link->send(l402::redis_payment_command(mcf_->redis->prefix, hash_), 1,
            mcf_->redis->timeout, *this))
    {
        return unavailable(link->why_not());
    }

    is_asked_ = true;
    return ngx_http_l402_park(r_, "waiting for redis") == NGX_OK
               ? NGX_AGAIN : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

ngx_int_t Asking::answer(const redisReply *const *replies, size_t count)
{
    l402::Payment payment;

    if (count != 1) {
        return unavailable("redis has not answered");
    }

    switch (l402::read_redis_payment(*replies[0], hash_, payment)) {
    case l402::RedisPayment::known:
        return ngx_http_l402_admin_send(r_, NGX_HTTP_OK,
            l402::payment_json(payment,
                mcf_->ledger.has_revocation(l402::Subject::payment,
                    hash_.data())));
    case l402::RedisPayment::unknown:
        return ngx_http_l402_admin_send_error(r_,
            AdminError::unknown_payment);
    default:
        return unavailable("redis has something else than a payment there");
    }
}

template <typename Waiter, typename Question>
ngx_int_t ask(ngx_http_request_t *r, const Question &question)
{
    auto mcf = static_cast<MainConf *>(
        ngx_http_get_module_main_conf(r, ngx_http_l402_module));

    if (mcf->redis == nullptr) {
        return NGX_DECLINED;
    }

    auto waiter = ngx_http_l402_pool_new<Waiter>(r->pool, r, mcf);

    return waiter ? waiter->start(question) : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

}  // namespace

ngx_int_t ngx_http_l402_admin_publish(ngx_http_request_t *r,
    const Change &change)
{
    return ask<Publishing>(r, change);
}

ngx_int_t ngx_http_l402_admin_ask_payment(ngx_http_request_t *r,
    const l402::Hash &payment_hash)
{
    return ask<Asking>(r, payment_hash);
}

bool ngx_http_l402_admin_redis_health(MainConf *mcf,
    l402::RedisHealth &health)
{
    if (mcf->redis == nullptr) {
        return false;
    }

    int64_t known_at = mcf->ledger.list_known_at();

    health.connected = ngx_http_l402_has_redis_feed(mcf);
    health.age = known_at ? std::max<int64_t>(ngx_time() - known_at, 0) : -1;
    return true;
}
