// A transport that carries nothing: the test answers.
#pragma once

#include "l402/transport.h"

#include "cmocka_cpp.h"

#include <string>
#include <vector>

namespace unit {

using namespace l402;

class Wire : public HttpTransport {
public:
    struct Sent final : HttpExchange {
        Sent(Wire &wire, const Endpoint &endpoint, const HttpCall &call,
            uint64_t timeout, HttpWaiter &waiter)
            : wire(wire), host(endpoint.url.host), call(call),
              timeout(timeout), waiter(waiter)
        {
            wire.sent.push_back(this);
        }

        ~Sent() override
        {
            for (Sent *&s : wire.sent) {
                s = s == this ? nullptr : s;
            }
        }

        Wire        &wire;
        std::string  host;
        HttpCall     call;
        uint64_t     timeout;
        HttpWaiter  &waiter;
    };

    std::unique_ptr<HttpExchange> send(const Endpoint &endpoint,
        const HttpCall &call, uint64_t timeout, HttpWaiter &waiter) override
    {
        if (broken) {
            throw std::bad_alloc();
        }

        return std::make_unique<Sent>(*this, endpoint, call, timeout, waiter);
    }

    uint64_t milliseconds() const noexcept override { return now; }
    int64_t unix_time() const noexcept override { return 1700000000; }

    size_t under_way() const
    {
        size_t n = 0;

        for (Sent *s : sent) {
            n += s != nullptr;
        }

        return n;
    }

    Sent &last()
    {
        assert_false(sent.empty());
        assert_non_null(sent.back());
        return *sent.back();
    }

    void answer(long status, const std::string &body)
    {
        last().waiter.http_answered({status, body});
    }

    void fail(const char *error) { last().waiter.http_failed(error); }

    std::vector<Sent *> sent;
    uint64_t            now = 1000;
    bool                broken = false;
};

}  // namespace unit
