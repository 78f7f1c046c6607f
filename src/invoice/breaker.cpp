#include "l402/breaker.h"

namespace l402 {

namespace {

// A url that comes and goes does not fill the log: what is left unsaid is said
// by a later probe, where it is still so.
constexpr uint64_t quiet_time = 10000;  // ms

}  // namespace

Leave Breaker::leave(const BreakerRules &rules, uint64_t now,
    uint64_t probe_time) noexcept
{
    if (rules.max_fails == 0 || rests_until_ == 0) {
        return Leave::yes;
    }

    if (now < rests_until_) {
        return Leave::no;
    }

    rests_until_ = now + probe_time;
    return Leave::probe;
}

Breaker::Change Breaker::failed(const BreakerRules &rules, Leave leave,
    uint64_t now) noexcept
{
    if (rules.max_fails == 0) {
        return Change::none;
    }

    if (rests_until_ == 0) {
        if (fails_ < rules.max_fails) {
            fails_++;
        }

        if (fails_ < rules.max_fails) {
            return Change::none;
        }

    } else if (leave != Leave::probe) {
        // Calls from before the rest change nothing.
        return Change::none;
    }

    rests_until_ = now + rules.fail_timeout;

    if (said_ || (said_at_ != 0 && now - said_at_ < quiet_time)) {
        return Change::none;
    }

    said_at_ = now;
    said_ = true;
    return Change::down;
}

Breaker::Change Breaker::worked() noexcept
{
    bool back = said_;

    fails_ = 0;
    rests_until_ = 0;
    said_ = false;
    return back ? Change::back : Change::none;
}

void Breaker::try_anew() noexcept
{
    fails_ = 0;
    rests_until_ = 0;
}

void Breaker::given_up(Leave leave, uint64_t now) noexcept
{
    // The next one is the probe.
    if (leave == Leave::probe && rests_until_ != 0) {
        rests_until_ = now;
    }
}

}  // namespace l402
