// What an invoice client needs of the outside: somebody who carries an HTTP
// call there and back without blocking, and a clock.
#pragma once

#include "l402/invoice.h"
#include "l402/url.h"

namespace l402 {

// Where a call goes, and how its peer is known.
struct Endpoint {
    ServiceUrl               url;
    std::vector<std::string> addresses;  // of url.host; empty: not resolved
    ProxyUrl                 proxy;      // where there is one, url.host is
    std::vector<std::string> proxy_addresses;  // its business, and not ours
    std::string              ca_pem;     // empty: the system's
    bool                     verify = true;
};

class HttpWaiter {
public:
    virtual ~HttpWaiter() = default;
    virtual void http_answered(const HttpAnswer &answer) noexcept = 0;
    // One line for the log.
    virtual void http_failed(std::string_view error) noexcept = 0;
};

// A call on its way. Destroying it cancels it.
class HttpExchange {
public:
    virtual ~HttpExchange() = default;
};

class HttpTransport {
public:
    virtual ~HttpTransport() = default;

    // Calls exactly one of the waiter's functions, once, and never from
    // within send(). The waiter may destroy the exchange from there.
    // `timeout` is in milliseconds and covers everything from the look-up of
    // the name to the last byte.
    virtual std::unique_ptr<HttpExchange> send(const Endpoint &endpoint,
        const HttpCall &call, uint64_t timeout, HttpWaiter &waiter) = 0;

    virtual uint64_t milliseconds() const noexcept = 0;  // monotonic
    virtual int64_t unix_time() const noexcept = 0;      // seconds
};

}  // namespace l402
