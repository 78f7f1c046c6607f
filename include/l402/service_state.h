// What all workers know of an invoice service together: which of its urls
// rest, and which invoices it has given.
#pragma once

#include "l402/breaker.h"
#include "l402/types.h"

namespace l402 {

class ServiceState {
public:
    virtual ~ServiceState() = default;

    // Endpoints are counted as in InvoiceService::endpoints. The last leave
    // that an endpoint gave is reported about by one of the three below.
    virtual Leave leave(size_t endpoint) noexcept = 0;
    virtual void worked(size_t endpoint, Leave leave) noexcept = 0;
    virtual void failed(size_t endpoint, Leave leave, std::string_view error)
        noexcept = 0;
    virtual void given_up(size_t endpoint, Leave leave) noexcept = 0;

    // ms until one of them may be called; 0: now.
    virtual uint64_t rests_for() noexcept = 0;

    // False where an invoice with that payment hash was handed on before.
    virtual bool is_new(const Hash &payment_hash) noexcept = 0;
};

}  // namespace l402
