// Gets an invoice from a service: its protocol, its urls in order, one
// deadline over all of them, a bound on calls in flight, and the check of what
// was offered.
#pragma once

#include "l402/recent_hashes.h"
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
};

// A request for an invoice that is under way. Destroying it cancels it.
class PendingInvoice {
public:
    virtual ~PendingInvoice() = default;
};

class InvoiceClient {
public:
    // Both must outlive the client, and the client its pending invoices.
    InvoiceClient(const InvoiceService &service, HttpTransport &transport)
        : service_(service), transport_(transport)
    {
    }

    // Null where max_in_flight are under way. Else the waiter is called once,
    // never from within request(), and may destroy the pending invoice.
    std::unique_ptr<PendingInvoice> request(const InvoiceRequest &request,
        InvoiceWaiter &waiter);

    size_t in_flight() const noexcept { return in_flight_; }
    const InvoiceService &service() const noexcept { return service_; }

private:
    friend class Pending;

    const InvoiceService &service_;
    HttpTransport        &transport_;
    RecentHashes          recent_;  // of the invoices that were handed on
    size_t                in_flight_ = 0;
};

}  // namespace l402
