// What workers share of a service, for the tests of clients: breakers in the
// test's own memory.
#pragma once

#include "l402/recent_hashes.h"
#include "l402/service_state.h"

#include <memory>
#include <string>
#include <vector>

namespace unit {

class OwnState final : public l402::ServiceState {
public:
    explicit OwnState(size_t endpoints) : breakers(endpoints) {}

    l402::Leave leave(size_t endpoint) noexcept override
    {
        return breakers[endpoint].leave(rules, now, 6000);
    }

    void worked(size_t endpoint, l402::Leave) noexcept override
    {
        breakers[endpoint].worked();
    }

    void failed(size_t endpoint, l402::Leave leave, std::string_view) noexcept
        override
    {
        fails++;
        breakers[endpoint].failed(rules, leave, now);
    }

    void given_up(size_t endpoint, l402::Leave leave) noexcept override
    {
        breakers[endpoint].given_up(leave, now);
    }

    uint64_t rests_for() noexcept override { return 0; }

    bool is_new(const l402::Hash &hash) noexcept override
    {
        return recent->add(hash);
    }

    l402::BreakerRules                  rules;
    uint64_t                            now = 1000000;  // ms
    size_t                              fails = 0;
    std::vector<l402::Breaker>          breakers;
    std::unique_ptr<l402::RecentHashes> recent =
        std::make_unique<l402::RecentHashes>();
};

}  // namespace unit
