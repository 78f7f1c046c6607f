// Keeps a stock full: one worker at a time asks for what is wanted, a few
// invoices at once. Every worker looks every second whether that worker could
// be it.

#include "ngx_http_l402_event.h"
#include "ngx_http_l402_zone.h"

#include <sodium.h>

#include <list>

namespace {

constexpr ngx_msec_t look_again = 1000;  // ms
// After something was taken: a burst is served first.
constexpr ngx_msec_t look_soon = 100;    // ms
// How long a worker that is stuck keeps others from refilling, beyond the
// deadline of its last call.
constexpr uint64_t grace = 2000;         // ms

bool is_gone(uint64_t owner)
{
    return kill(static_cast<pid_t>(owner >> 32), 0) == -1
           && ngx_errno == NGX_ESRCH;
}

class Refill;

class Call final : public l402::InvoiceWaiter {
public:
    explicit Call(Refill &refill) : refill_(refill) {}

    void invoice_ready(const l402::Invoice &invoice) noexcept override;
    void invoice_failed(std::string_view error) noexcept override;

    std::unique_ptr<l402::PendingInvoice> pending;

private:
    Refill &refill_;
};

class Refill final : public ngx_http_l402_refill_t {
public:
    Refill(ngx_cycle_t *cycle, ngx_shm_zone_t *zone,
        ngx_http_l402_stock_t *stock);
    ~Refill() override;

    void wake() override;

    void ended(Call *call, const l402::Invoice *invoice,
        std::string_view error);

private:
    static void timer_event(ngx_event_t *ev) noexcept;

    l402::InvoiceClient &client() { return *stock_->service->client; }
    size_t most_calls();
    size_t wanted();
    bool claim();
    void release();
    void go_on();
    bool ask();
    void put(const l402::Invoice &invoice);

    ngx_log_t                   *log_;
    ngx_shm_zone_t              *zone_;
    ngx_http_l402_stock_t       *stock_;
    uint64_t                     owner_;
    ngx_event_t                  timer_;
    ngx_http_l402_event_owner_t  timer_owner_;
    size_t                       missing_ = 0;  // under way included
    std::list<Call>              calls_;
};

void Call::invoice_ready(const l402::Invoice &invoice) noexcept
{
    refill_.ended(this, &invoice, {});
}

void Call::invoice_failed(std::string_view error) noexcept
{
    refill_.ended(this, nullptr, error);
}

Refill::Refill(ngx_cycle_t *cycle, ngx_shm_zone_t *zone,
    ngx_http_l402_stock_t *stock)
    : log_(cycle->log),
      zone_(zone),
      stock_(stock),
      owner_(static_cast<uint64_t>(ngx_pid) << 32 | randombytes_random())
{
    ngx_http_l402_init_event(timer_, timer_owner_, this, timer_event, log_);
    timer_.cancelable = 1;
    ngx_add_timer(&timer_, 1);
}

Refill::~Refill()
{
    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }

    release();
}

void Refill::wake()
{
    // ngx_add_timer leaves a timer alone that is about to fire.
    if (timer_.timer_set && calls_.empty()
        && static_cast<ngx_msec_int_t>(timer_.timer.key - ngx_current_msec)
               > static_cast<ngx_msec_int_t>(look_soon))
    {
        ngx_add_timer(&timer_, look_soon);
    }
}

void Refill::timer_event(ngx_event_t *ev) noexcept
{
    auto refill = static_cast<Refill *>(
        static_cast<ngx_http_l402_event_owner_t *>(ev->data)->self);

    if (ngx_exiting) {
        refill->release();
        return;
    }

    refill->missing_ = 0;
    ngx_http_l402_guard<bool>(ev->log, false, [&] {
        refill->go_on();
        return true;
    });

    ngx_add_timer(ev, look_again);
}

// Customers that wait come first.
size_t Refill::most_calls()
{
    return ngx_max(ngx_min(client().service().max_in_flight / 4, 8u), 1u);
}

size_t Refill::wanted()
{
    ngx_http_l402_zone_lock_t lock(zone_);
    l402::Stock *stock = lock.stock(stock_->key);

    return stock ? stock->wanted(ngx_time()) : 0;
}

bool Refill::claim()
{
    ngx_http_l402_zone_lock_t lock(zone_);
    l402::Stock *stock = lock.stock(stock_->key);

    if (stock == nullptr) {
        return false;
    }

    if (stock->owner() != owner_ && is_gone(stock->owner())) {
        stock->release(stock->owner());
    }

    return stock->claim(owner_, ngx_current_msec,
        client().service().timeout + grace);
}

void Refill::release()
{
    ngx_http_l402_zone_lock_t lock(zone_);

    if (l402::Stock *stock = lock.stock(stock_->key)) {
        stock->release(owner_);
    }
}

void Refill::go_on()
{
    // Counted once a round: it takes a look at every slot.
    if (missing_ == 0) {
        missing_ = wanted();
    }

    if (missing_ == 0 || ngx_exiting) {
        if (calls_.empty()) {
            release();
        }

        return;
    }

    while (calls_.size() < ngx_min(missing_, most_calls())) {
        if (!claim() || !ask()) {
            return;
        }
    }
}

bool Refill::ask()
{
    calls_.emplace_back(*this);

    Call &call = calls_.back();

    try {
        if (client().request(stock_->request, call, call.pending)
            == l402::InvoiceClient::Start::asked)
        {
            return true;
        }

    } catch (...) {
        calls_.pop_back();
        throw;
    }

    calls_.pop_back();
    return false;
}

void Refill::put(const l402::Invoice &invoice)
{
    l402::Stock::Put put = l402::Stock::Put::no_room;
    size_t size = 0;

    {
        ngx_http_l402_zone_lock_t lock(zone_);

        if (l402::Stock *stock = lock.stock(stock_->key)) {
            put = stock->put(invoice, ngx_time());
            size = stock->invoice_size();
        }
    }

    ngx_str_t memo = ngx_http_l402_str(stock_->request.memo);

    if (put == l402::Stock::Put::full_again) {
        ngx_log_error(NGX_LOG_NOTICE, log_, 0,
            "l402: the stock of invoices of \"%V\" for \"%V\" at %uLmsat is "
            "full again", &stock_->service->name, &memo,
            stock_->request.amount_msat);

    } else if (put == l402::Stock::Put::too_long) {
        ngx_log_error(NGX_LOG_WARN, log_, 0,
            "l402: invoices of \"%V\" for \"%V\" have %uz characters, a stock "
            "takes up to %uz: they are asked for one by one",
            &stock_->service->name, &memo, invoice.bolt11.size(), size);
    }
}

// From within the call's waiter: the call goes, and with it its exchange.
void Refill::ended(Call *call, const l402::Invoice *invoice,
    std::string_view error)
{
    ngx_http_l402_guard<bool>(log_, false, [&] {
        if (invoice) {
            put(*invoice);

        } else {
            stock_->service->no_invoice.log(log_, stock_->service->name, error);
        }

        return true;
    });

    calls_.remove_if([call](const Call &other) { return &other == call; });

    // A failure is followed by a pause.
    if (invoice) {
        missing_ -= missing_ > 0;
        ngx_http_l402_guard<bool>(log_, false, [&] {
            go_on();
            return true;
        });
    }
}

}  // namespace

std::unique_ptr<ngx_http_l402_refill_t> ngx_http_l402_create_refill(
    ngx_cycle_t *cycle, ngx_shm_zone_t *zone, ngx_http_l402_stock_t *stock)
{
    return std::make_unique<Refill>(cycle, zone, stock);
}
