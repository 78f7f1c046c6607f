#include "l402/invoice_client.h"

namespace l402 {

// One customer's wait: walks the endpoints until one gives a good invoice or
// the deadline is reached.
class Pending final : public PendingInvoice, private HttpWaiter {
public:
    Pending(InvoiceClient &client, const InvoiceRequest &request,
        InvoiceWaiter &waiter)
        : client_(client),
          request_(request),
          waiter_(waiter),
          deadline_(client.transport_.milliseconds()
                    + client.service_.timeout)
    {
        request_.amount_msat =
            service().protocol->rounded(request_.amount_msat);
        client_.in_flight_++;
    }

    ~Pending() override
    {
        give_up();
        client_.in_flight_--;
    }

    // False where no endpoint is left that may be called.
    bool begin();

private:
    void http_answered(const HttpAnswer &answer) noexcept override;
    void http_failed(std::string_view error) noexcept override;

    const InvoiceService &service() const { return client_.service_; }
    size_t endpoints() const { return service().endpoints.size(); }

    void give_up() noexcept;

    void send(const HttpCall &call);
    void send_callback(const HttpCall &call);
    void take(ProtocolStep step, long status);
    void fail(std::string_view error, bool counts);

    InvoiceClient                  &client_;
    InvoiceRequest                  request_;
    InvoiceWaiter                  &waiter_;
    uint64_t                        deadline_;
    size_t                          endpoint_ = 0;
    Leave                           leave_ = Leave::no;
    uint64_t                        endpoint_deadline_ = 0;
    Endpoint                        callback_;
    std::unique_ptr<InvoiceAttempt> attempt_;
    std::unique_ptr<HttpExchange>   exchange_;
};

bool Pending::begin()
{
    for ( ; endpoint_ < endpoints(); endpoint_++) {
        leave_ = client_.state_.leave(endpoint_);

        if (leave_ != Leave::no) {
            break;
        }
    }

    if (endpoint_ == endpoints()) {
        return false;
    }

    uint64_t now = client_.transport_.milliseconds();
    uint64_t left = deadline_ > now ? deadline_ - now : 0;

    // A hung endpoint may not eat the time of those behind it.
    endpoint_deadline_ = now + left / (endpoints() - endpoint_);

    attempt_ = service().protocol->attempt(service().credential, request_);
    send(attempt_->start().call);
    return true;
}

// Nobody waits for the endpoint's answer any more.
void Pending::give_up() noexcept
{
    if (leave_ != Leave::no) {
        client_.state_.given_up(endpoint_, leave_);
        leave_ = Leave::no;
    }
}

void Pending::send(const HttpCall &call)
{
    uint64_t now = client_.transport_.milliseconds();

    exchange_ = client_.transport_.send(
        call.url.empty() ? service().endpoints[endpoint_] : callback_, call,
        endpoint_deadline_ > now ? endpoint_deadline_ - now : 1, *this);
}

// To a place that the service named. What a peer must show stays the same.
void Pending::send_callback(const HttpCall &call)
{
    const Endpoint &from = service().endpoints[endpoint_];
    Endpoint to = from;
    std::string error;

    if (!parse_callback_url(call.url, from.url, to.url, error)) {
        fail("named a url that " + error, true);
        return;
    }

    if (to.url.host != from.url.host || to.url.port != from.url.port) {
        to.addresses.clear();
    }

    // It may be what the exchange before was sent to.
    exchange_.reset();
    callback_ = std::move(to);
    send(call);
}

// The waiter may destroy this object: nothing may be touched after it is told.
void Pending::fail(std::string_view error, bool counts)
{
    exchange_.reset();

    if (counts && leave_ != Leave::no) {
        client_.state_.failed(endpoint_, leave_, error);
        leave_ = Leave::no;
    }

    give_up();
    endpoint_++;

    if (client_.transport_.milliseconds() < deadline_ && begin()) {
        return;
    }

    waiter_.invoice_failed(error);
}

namespace {

// Services tell in this way that they do not like what they were asked for.
bool is_refusal(long status)
{
    return status == 400 || status == 413 || status == 422;
}

}  // namespace

void Pending::take(ProtocolStep step, long status)
{
    switch (step.kind) {

    case ProtocolStep::Kind::send:
        if (step.call.url.empty()) {
            send(step.call);

        } else {
            send_callback(step.call);
        }

        return;

    case ProtocolStep::Kind::failed:
        // A client that may choose what is asked for could else put a url to
        // rest, and a location with a bad price those of the others.
        fail(step.error, !step.refused && !is_refusal(status)
            && !request_.is_variable);
        return;

    case ProtocolStep::Kind::done:
        break;
    }

    Invoice invoice;
    std::string error;

    if (!check_offer(step.offer, request_, service().network,
            client_.transport_.unix_time(), invoice, error))
    {
        fail(error, true);
        return;
    }

    if (!client_.state_.is_new(invoice.payment_hash)) {
        fail("payment hash is that of an earlier invoice", true);
        return;
    }

    exchange_.reset();
    client_.state_.worked(endpoint_, leave_);
    leave_ = Leave::no;
    waiter_.invoice_ready(invoice);
}

void Pending::http_answered(const HttpAnswer &answer) noexcept
{
    try {
        take(attempt_->answered(answer), answer.status);

    } catch (...) {
        waiter_.invoice_failed("out of memory or an unexpected error");
    }
}

void Pending::http_failed(std::string_view error) noexcept
{
    try {
        // The exchange that owns this text ends in fail().
        fail(std::string(error), true);

    } catch (...) {
        waiter_.invoice_failed("out of memory or an unexpected error");
    }
}

InvoiceClient::Start InvoiceClient::request(const InvoiceRequest &request,
    InvoiceWaiter &waiter, std::unique_ptr<PendingInvoice> &out)
{
    if (in_flight_ >= service_.max_in_flight) {
        return Start::busy;
    }

    auto pending = std::make_unique<Pending>(*this, request, waiter);

    if (!pending->begin()) {
        return Start::resting;
    }

    out = std::move(pending);
    return Start::asked;
}

}  // namespace l402
