// A worker's connection for counting and for what is published.
#pragma once

#include "ngx_http_l402_redis_connection.h"

#include "l402/redis_pipeline.h"

class ngx_http_l402_redis_link_t final
    : public l402::RedisLink,
      private ngx_http_l402_redis_client_t::User,
      private l402::RedisWaiter
{
public:
    ngx_http_l402_redis_link_t(ngx_cycle_t *cycle,
        const ngx_http_l402_redis_t &conf);
    ~ngx_http_l402_redis_link_t() override;

    // What counts is refused where the server could forget it.
    bool send(std::string_view commands, size_t replies, uint64_t timeout,
        l402::RedisWaiter &waiter) override;
    void forget(l402::RedisWaiter &waiter) noexcept override;
    std::string_view why_not() const noexcept override;

    // As send(), also where counts are not safe.
    bool send_any(std::string_view commands, size_t replies, uint64_t timeout,
        l402::RedisWaiter &waiter);

    bool is_connected() const noexcept { return client_.is_ready(); }
    bool counts_are_safe() noexcept;
    // Could the server forget the list of revocations, too?
    bool forgets_all() noexcept;

private:
    static void deadline_event(ngx_event_t *ev) noexcept;
    static void beat_event(ngx_event_t *ev) noexcept;

    // Of the connection.
    void ready() noexcept override;
    void replied(l402::RedisReplyPtr reply) noexcept override;
    void lost() noexcept override;
    // Of its own questions.
    void replied(const redisReply *const *replies, size_t count)
        noexcept override;

    void add(std::string_view commands, size_t replies, uint64_t timeout,
        l402::RedisWaiter &waiter);
    void set_deadline();
    void beat();

    ngx_log_t                    *log_;
    const ngx_http_l402_redis_t  &conf_;
    l402::RedisPipeline           pipeline_;
    ngx_http_l402_redis_client_t  client_;
    std::string                   why_not_;
    bool                          beating_ = false;
    bool                          asks_memory_ = false;
    ngx_msec_t                    memory_asked_ = 0;
    ngx_event_t                   deadline_;
    ngx_http_l402_event_owner_t   deadline_owner_;
    ngx_event_t                   beat_;
    ngx_http_l402_event_owner_t   beat_owner_;
};
