// Gets an invoice from a service: its protocol, those of its urls that do not
// rest, in order, one deadline over all of them, a bound on calls in flight,
// and the check of what was offered.
#pragma once

#include "l402/service_state.h"
#include "l402/transport.h"

namespace l402 {

struct InvoiceService {
    std::string           name;
    const Protocol       *protocol = nullptr;
    std::vector<Endpoint> endpoints;
    std::string           credential;
    Network               network = Network::mainnet;
    uint64_t              timeout = 5000;       // ms, over all endpoints
    uint32_t              invoice_expiry = 600;  // seconds, at most
    size_t                max_in_flight = 32;
    size_t                pool = 0;  // ready invoices for each memo and price
    BreakerRules          breaker;
};

// A request for an invoice that is under way. Destroying it cancels it.
class PendingInvoice {
public:
    virtual ~PendingInvoice() = default;
};

class InvoiceClient {
public:
    // All must outlive the client, and the client its pending invoices.
    InvoiceClient(const InvoiceService &service, HttpTransport &transport,
        ServiceState &state)
        : service_(service), transport_(transport), state_(state)
    {
    }

    enum class Start : uint8_t {
        asked,    // the waiter will be called once; it may destroy `out`
        busy,     // max_in_flight are under way
        resting,  // all urls rest
    };

    // Never calls the waiter itself.
    Start request(const InvoiceRequest &request, InvoiceWaiter &waiter,
        std::unique_ptr<PendingInvoice> &out);

    size_t in_flight() const noexcept { return in_flight_; }
    const InvoiceService &service() const noexcept { return service_; }
    ServiceState &state() noexcept { return state_; }

private:
    friend class Pending;

    const InvoiceService &service_;
    HttpTransport        &transport_;
    ServiceState         &state_;
    size_t                in_flight_ = 0;
};

}  // namespace l402
