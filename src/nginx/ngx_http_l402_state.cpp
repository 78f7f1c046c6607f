// What all workers know of an invoice service, and the line in the log where
// one of its urls begins to rest or is back.

#include "ngx_http_l402_zone.h"

#include "l402/sha256.h"

#include <algorithm>

using l402::Breaker;
using l402::Leave;

namespace {

// How long a probe may take longer than the deadline of its call.
constexpr uint64_t grace = 1000;  // ms

class State final : public l402::ServiceState {
public:
    State(ngx_log_t *log, ngx_shm_zone_t *zone,
        ngx_http_l402_service_t *service)
        : log_(log), zone_(zone), service_(service)
    {
        for (size_t i = 0; i < service->service.endpoints.size(); i++) {
            keys_.push_back(ngx_http_l402_breaker_key(service, i));
        }
    }

    Leave leave(size_t endpoint) noexcept override;
    void worked(size_t endpoint, Leave leave) noexcept override;
    void failed(size_t endpoint, Leave leave, std::string_view error) noexcept
        override;
    void given_up(size_t endpoint, Leave leave) noexcept override;
    uint64_t rests_for() noexcept override;
    bool is_new(const l402::Hash &payment_hash) noexcept override;

private:
    const l402::BreakerRules &rules() const
    {
        return service_->service.breaker;
    }

    ngx_log_t                             *log_;
    ngx_shm_zone_t                        *zone_;
    ngx_http_l402_service_t               *service_;
    std::vector<ngx_http_l402_zone_key_t>  keys_;
};

Leave State::leave(size_t endpoint) noexcept
{
    ngx_http_l402_zone_lock_t lock(zone_);
    Breaker *breaker = lock.breaker(keys_[endpoint]);

    return breaker ? breaker->leave(rules(), ngx_current_msec,
                         service_->service.timeout + grace)
                   : Leave::yes;
}

void State::worked(size_t endpoint, Leave) noexcept
{
    Breaker::Change change = Breaker::Change::none;

    {
        ngx_http_l402_zone_lock_t lock(zone_);

        if (Breaker *breaker = lock.breaker(keys_[endpoint])) {
            change = breaker->worked();
        }
    }

    if (change == Breaker::Change::back) {
        ngx_log_error(NGX_LOG_NOTICE, log_, 0,
            "l402: invoice service \"%V\" is back at %s", &service_->name,
            service_->shown_urls[endpoint].c_str());
    }
}

void State::failed(size_t endpoint, Leave leave, std::string_view error)
    noexcept
{
    Breaker::Change change = Breaker::Change::none;

    {
        ngx_http_l402_zone_lock_t lock(zone_);

        if (Breaker *breaker = lock.breaker(keys_[endpoint])) {
            change = breaker->failed(rules(), leave, ngx_current_msec);
        }
    }

    if (change == Breaker::Change::down) {
        ngx_str_t text = ngx_http_l402_str(error);

        ngx_log_error(NGX_LOG_WARN, log_, 0,
            "l402: invoice service \"%V\" is down at %s, which is tried again "
            "every %uLms: %V", &service_->name,
            service_->shown_urls[endpoint].c_str(), rules().fail_timeout,
            &text);
    }
}

void State::given_up(size_t endpoint, Leave leave) noexcept
{
    ngx_http_l402_zone_lock_t lock(zone_);

    if (Breaker *breaker = lock.breaker(keys_[endpoint])) {
        breaker->given_up(leave, ngx_current_msec);
    }
}

uint64_t State::rests_for() noexcept
{
    ngx_http_l402_zone_lock_t lock(zone_);
    uint64_t least = UINT64_MAX;

    for (const ngx_http_l402_zone_key_t &key : keys_) {
        Breaker *breaker = lock.breaker(key);

        least = std::min<uint64_t>(least,
            breaker ? breaker->rests_for(ngx_current_msec) : 0);
    }

    return least;
}

bool State::is_new(const l402::Hash &payment_hash) noexcept
{
    ngx_http_l402_zone_lock_t lock(zone_);

    return lock.recent()->add(payment_hash);
}

}  // namespace

std::unique_ptr<l402::ServiceState> ngx_http_l402_create_state(
    ngx_log_t *log, ngx_shm_zone_t *zone, ngx_http_l402_service_t *service)
{
    return std::make_unique<State>(log, zone, service);
}

ngx_http_l402_zone_key_t ngx_http_l402_breaker_key(
    const ngx_http_l402_service_t *service, size_t endpoint)
{
    l402::Hash digest;
    ngx_http_l402_zone_key_t key;

    // Its place in the list, too: the same url may stand there twice.
    l402::sha256("breaker\n" + service->service.name + "\n"
            + std::to_string(endpoint) + "\n"
            + service->service.endpoints[endpoint].url.unix_socket + "\n"
            + service->service.endpoints[endpoint].url.join(""),
        digest.data());
    std::copy_n(digest.begin(), key.size(), key.begin());
    return key;
}
