// Several calls under way on one connection, each with a deadline, and a beat
// that finds out that the server is gone, frozen or no longer the master before
// a request does.

#include "ngx_http_l402_redis_link.h"

using Link = ngx_http_l402_redis_link_t;

namespace {

constexpr ngx_msec_t beat_pause = 1000;  // ms

template <typename Function>
void guarded(ngx_log_t *log, Function function) noexcept
{
    ngx_http_l402_guard<bool>(log, false, [&] {
        function();
        return true;
    });
}

Link *link_of(ngx_event_t *ev)
{
    return static_cast<Link *>(
        static_cast<ngx_http_l402_event_owner_t *>(ev->data)->self);
}

}  // namespace

Link::ngx_http_l402_redis_link_t(ngx_cycle_t *cycle,
    const ngx_http_l402_redis_t &conf)
    : log_(cycle->log),
      conf_(conf),
      client_(cycle, conf, *this, "counting", false)
{
    ngx_http_l402_init_event(deadline_, deadline_owner_, this, deadline_event,
        log_);
    ngx_http_l402_init_event(beat_, beat_owner_, this, beat_event, log_);
    beat_.cancelable = 1;
    client_.start();
}

Link::~ngx_http_l402_redis_link_t()
{
    client_.stop();

    for (ngx_event_t *event : {&deadline_, &beat_}) {
        if (event->timer_set) {
            ngx_del_timer(event);
        }
    }
}

bool Link::counts_are_safe() noexcept
{
    return client_.is_ready() && client_.greeting().evicts().empty();
}

bool Link::forgets_all() noexcept
{
    return client_.is_ready() && client_.greeting().evicts_all();
}

bool Link::send(std::string_view commands, size_t replies, uint64_t timeout,
    l402::RedisWaiter &waiter)
{
    if (client_.is_ready() && !counts_are_safe()) {
        why_not_ = "redis " + client_.greeting().evicts();
        return false;
    }

    return send_any(commands, replies, timeout, waiter);
}

bool Link::send_any(std::string_view commands, size_t replies,
    uint64_t timeout, l402::RedisWaiter &waiter)
{
    if (!client_.is_ready()) {
        why_not_ = "redis " + client_.why_not();
        return false;
    }

    add(commands, replies, timeout, waiter);
    return true;
}

void Link::add(std::string_view commands, size_t replies, uint64_t timeout,
    l402::RedisWaiter &waiter)
{
    uint64_t deadline = ngx_current_msec + timeout;

    pipeline_.add(replies, deadline, waiter);
    client_.write(commands);

    // The timer may stand for an earlier one that was kept: it looks again.
    if (!deadline_.timer_set
        || static_cast<ngx_msec_int_t>(deadline_.timer.key - deadline) > 0)
    {
        if (deadline_.timer_set) {
            ngx_del_timer(&deadline_);
        }

        ngx_add_timer(&deadline_, static_cast<ngx_msec_t>(timeout));
    }

    // A worker that shuts down waits for answers, but not for our own beat.
    if (&waiter != static_cast<l402::RedisWaiter *>(this)) {
        deadline_.cancelable = 0;
    }
}

void Link::forget(l402::RedisWaiter &waiter) noexcept
{
    pipeline_.forget(waiter);
}

std::string_view Link::why_not() const noexcept
{
    return why_not_;
}

void Link::deadline_event(ngx_event_t *ev) noexcept
{
    Link *link = link_of(ev);
    uint64_t first = link->pipeline_.first_deadline();

    link->deadline_.cancelable = link->pipeline_.empty();

    if (first == UINT64_MAX) {
        return;
    }

    if (first > ngx_current_msec) {
        ngx_add_timer(ev, static_cast<ngx_msec_t>(first - ngx_current_msec));
        return;
    }

    // What comes later would be taken for the answer to something else.
    guarded(link->log_, [&] {
        link->client_.drop("does not answer in time");
    });
}

void Link::beat_event(ngx_event_t *ev) noexcept
{
    Link *link = link_of(ev);

    guarded(link->log_, [&] { link->beat(); });

    if (link->client_.is_ready() && !ev->timer_set) {
        ngx_add_timer(ev, beat_pause);
    }
}

void Link::beat()
{
    if (beating_ || !client_.is_ready()) {
        return;
    }

    std::string commands = l402::RedisGreeting::role_command();

    asks_memory_ = ngx_current_msec - memory_asked_ >= conf_.resync;

    if (asks_memory_) {
        commands += l402::RedisGreeting::memory_command();
        memory_asked_ = ngx_current_msec;
    }

    beating_ = true;
    add(commands, asks_memory_ ? 2 : 1,
        ngx_max(conf_.timeout, beat_pause), *this);
}

void Link::replied(const redisReply *const *replies, size_t count) noexcept
{
    beating_ = false;

    guarded(log_, [&] {
        std::string error;

        if (count > 0 && !l402::RedisGreeting::is_master(*replies[0], error)) {
            client_.drop(error);
            return;
        }

        if (count > 1) {
            client_.note_memory(*replies[1]);
        }
    });
}

void Link::ready() noexcept
{
    memory_asked_ = ngx_current_msec;
    guarded(log_, [&] { client_.settle(); });

    if (!beat_.timer_set) {
        ngx_add_timer(&beat_, beat_pause);
    }
}

void Link::replied(l402::RedisReplyPtr reply) noexcept
{
    const char *unusable = l402::redis_unusable(*reply);
    const char *wrong = ngx_http_l402_guard<const char *>(log_,
        "has an answer for which there is no memory", [&] {
            return pipeline_.replied(std::move(reply))
                       ? unusable : "sends what nobody has asked for";
        });

    if (wrong) {
        guarded(log_, [&] { client_.drop(wrong); });
    }

    if (pipeline_.empty()) {
        deadline_.cancelable = 1;
    }
}

void Link::lost() noexcept
{
    pipeline_.fail();
    deadline_.cancelable = 1;
}
