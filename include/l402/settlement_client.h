// Asks a service whether an invoice is settled: its urls in order, one
// deadline over all of them, a bound on questions under way, and one question
// for all who ask about the same invoice meanwhile.
#pragma once

#include "l402/invoice_client.h"

#include <map>

namespace l402 {

class SettlementWaiter {
public:
    virtual ~SettlementWaiter() = default;
    // settled; pending; gone: every url has answered, and none expects the
    // money; failed, with one line for the log: at least one has not answered,
    // and none of the others has the money.
    virtual void settlement_told(Settlement state, std::string_view error)
        noexcept = 0;
};

// Somebody's part in a question. Destroying it gives the part up; the question
// is dropped with the last one.
class PendingSettlement {
public:
    virtual ~PendingSettlement() = default;
};

class SettlementClient {
public:
    // The protocol has to have a settlement. All must outlive the client. What
    // is pending may outlive it, and is never told then.
    SettlementClient(const InvoiceService &service, HttpTransport &transport,
        ServiceState &state);
    ~SettlementClient();

    enum class Start : uint8_t {
        asked,    // the waiter will be called once; it may destroy `out`
        busy,     // max_in_flight are under way, and none is about this invoice
        resting,  // all urls rest
    };

    // Never calls the waiter itself.
    Start ask(const Hash &payment_hash, SettlementWaiter &waiter,
        std::unique_ptr<PendingSettlement> &out);

    size_t in_flight() const noexcept { return questions_.size(); }

private:
    class Question;
    class Asker;

    const InvoiceService                      &service_;
    HttpTransport                             &transport_;
    ServiceState                              &state_;
    std::map<Hash, std::unique_ptr<Question>>  questions_;
};

}  // namespace l402
