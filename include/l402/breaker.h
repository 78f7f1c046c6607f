// A url that keeps failing rests for a while, so that nobody waits for it. One
// breaker a url, in memory that several processes share: zeroed bytes are a
// breaker that has seen nothing. Its functions are called under one lock; a
// process may be killed within them.
#pragma once

#include <cstdint>

namespace l402 {

struct BreakerRules {
    uint32_t max_fails = 3;       // in a row; 0: it never rests
    uint64_t fail_timeout = 10000;  // ms
};

// May the url be called? A probe is the one call that finds out whether it is
// back. Whoever got a leave reports how it ended.
enum class Leave : uint8_t { no, yes, probe };

class Breaker {
public:
    // What a change of state is worth to the log.
    enum class Change : uint8_t { none, down, back };

    // `now` is in ms of a clock that all processes share. A probe that nobody
    // reports about, its process being dead, counts as failed after
    // `probe_time` ms.
    Leave leave(const BreakerRules &rules, uint64_t now, uint64_t probe_time)
        noexcept;

    Change failed(const BreakerRules &rules, Leave leave, uint64_t now)
        noexcept;
    Change worked() noexcept;

    // The call ended in a way that says nothing of the url.
    void given_up(Leave leave, uint64_t now) noexcept;

    // A new configuration may have mended what was wrong.
    void try_anew() noexcept;

    // ms until a probe may go out; 0: it does not rest.
    uint64_t rests_for(uint64_t now) const noexcept
    {
        return rests_until_ > now ? rests_until_ - now : 0;
    }

private:
    uint64_t rests_until_;  // 0: it does not rest
    uint64_t said_at_;      // when "down" was last logged
    uint32_t fails_;
    bool     said_;         // "down" was logged, and "back" was not yet
};

}  // namespace l402
