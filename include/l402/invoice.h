// Where invoices come from. The caller sees InvoiceClient, which has no HTTP
// in it; a protocol (src/invoice/) builds requests and reads answers and never
// sees a socket; the transport (src/nginx/) waits and decides nothing.
#pragma once

#include "l402/bolt11.h"
#include "l402/types.h"
#include "l402/url.h"

#include <memory>
#include <utility>
#include <vector>

namespace l402 {

// Bytes of a description: what a BOLT 11 field holds. Services refuse more.
inline constexpr size_t max_description = 639;

struct InvoiceRequest {
    uint64_t    amount_msat = 0;
    std::string memo;
    uint32_t    expiry = 0;  // seconds
    // A client has a hand in it: that the service refuses it says nothing of
    // the service.
    bool        is_variable = false;
};

struct Invoice {
    std::string bolt11;
    Hash        payment_hash{};
    uint64_t    amount_msat = 0;
    int64_t     created_at = 0;  // unix seconds of the service's clock
    int64_t     expires_at = 0;  // unix seconds
};

// The error is one line without secrets and without line breaks, for the log.
class InvoiceWaiter {
public:
    virtual ~InvoiceWaiter() = default;
    virtual void invoice_ready(const Invoice &invoice) noexcept = 0;
    virtual void invoice_failed(std::string_view error) noexcept = 0;
};

// ---- protocols ----

inline constexpr size_t max_answer_size = 64 * 1024;  // bytes of a body

struct HttpCall {
    std::string method;        // "POST"
    std::string path;          // below the service's base, "/v1/invoices"
    // Of another place, as the service named it; empty: base + path. The
    // client checks it (parse_callback_url), a transport never sees it.
    std::string url;
    std::string content_type;  // empty: no body
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    size_t      max_answer = max_answer_size;
};

struct HttpAnswer {
    long             status = 0;
    std::string_view body;
};

// What the service answered, before it is checked.
struct OfferedInvoice {
    std::string bolt11;
    bool        names_hash = false;  // the service named the hash itself
    Hash        payment_hash{};

    // What the service described beforehand: an invoice that commits to a
    // description must commit to this one.
    bool        has_description_hash = false;
    Hash        description_hash{};
};

// One step of a protocol: send a further call, or an end.
struct ProtocolStep {
    enum class Kind : uint8_t { send, done, failed };

    Kind           kind = Kind::failed;
    HttpCall       call;    // send
    OfferedInvoice offer;   // done
    std::string    error;   // failed; quotes nothing of the answer's secrets
    bool           refused = false;  // failed: it would make others
};

// One attempt to get one invoice.
class InvoiceAttempt {
public:
    virtual ~InvoiceAttempt() = default;
    virtual ProtocolStep start() = 0;
    virtual ProtocolStep answered(const HttpAnswer &answer) = 0;
};

// What a service says of an invoice that it is asked about.
enum class Settlement : uint8_t {
    settled,  // the money is there
    pending,  // not yet: unpaid, or a payment is held or on its way
    gone,     // canceled or expired: it will not come
    unknown,  // the service has no such invoice
    failed,   // no answer that says any of these
};

struct SettlementAnswer {
    Settlement  state = Settlement::failed;
    std::string error;  // failed; quotes nothing of the answer's secrets
};

// One call, one answer.
struct SettlementProtocol {
    HttpCall (*ask)(const std::string &credential, const Hash &payment_hash);
    SettlementAnswer (*read)(const std::string &credential,
        const Hash &payment_hash, const HttpAnswer &answer);
};

enum class CredentialUse : uint8_t { none, optional, required };

struct Protocol {
    const char *name;  // the word in `protocol`
    // The credential file's bytes, brought into the form that the service's
    // header needs; false with `error` where they cannot be that. Null where
    // credential_use is none.
    bool (*read_credential)(std::string_view file, std::string &credential,
        std::string &error);
    std::unique_ptr<InvoiceAttempt> (*attempt)(const std::string &credential,
        const InvoiceRequest &request);

    // Null where nobody can ask it by the payment hash alone.
    const SettlementProtocol *settlement;

    // What the service can ask for is a multiple of this: amounts are rounded
    // up to it before an attempt is made.
    uint64_t unit_msat = 1;

    CredentialUse credential_use = CredentialUse::optional;

    // `invoice_expiry` where it is not configured, in seconds.
    uint32_t default_expiry = 600;

    // What `url` may say.
    bool (*read_url)(std::string_view text, ServiceUrl &out,
        std::string &error) = parse_service_url;

    uint64_t rounded(uint64_t amount_msat) const noexcept
    {
        return amount_msat + (unit_msat - amount_msat % unit_msat) % unit_msat;
    }
};

// Null if there is no such protocol.
const Protocol *find_protocol(std::string_view name) noexcept;
// "lnd, cln, ...": for messages.
std::string protocol_names();

// Nothing of what a service offers reaches a client unchecked: hashes, amount,
// network, and an expiry that lies ahead of `now` and not more than
// `max_extra` seconds beyond what was asked for.
bool check_offer(const OfferedInvoice &offer, const InvoiceRequest &request,
    Network network, int64_t now, Invoice &out, std::string &error);

inline constexpr int64_t max_clock_difference = 60;  // seconds

}  // namespace l402
