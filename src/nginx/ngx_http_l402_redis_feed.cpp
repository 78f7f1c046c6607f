// One worker of a host keeps its list of revocations: it is subscribed to what
// changes, loads the whole list, and writes both into the ledger that all
// workers read. Every worker looks a few times a second whether it has to be
// the one.

#include "ngx_http_l402_redis_link.h"

#include "l402/redis_feed.h"

namespace {

constexpr ngx_msec_t look_again = 250;   // ms
constexpr ngx_msec_t tick_pause = 1000;  // ms
// How long an answer may take: taking out many that are past takes a while.
constexpr ngx_msec_t patience = 3000;    // ms

template <typename Function>
void guarded(ngx_log_t *log, Function function) noexcept
{
    ngx_http_l402_guard<bool>(log, false, [&] {
        function();
        return true;
    });
}

class LedgerSink final : public l402::RevocationSink {
public:
    LedgerSink(ngx_log_t *log, l402::Ledger &ledger)
        : log_(log), ledger_(ledger)
    {
    }

    bool revoke(const l402::Revocation &revocation, uint32_t generation)
        override
    {
        return ledger_.revoke(revocation, generation)
               != l402::Ledger::Change::full;
    }

    void unrevoke(const l402::Revocation &revocation) override
    {
        (void) ledger_.unrevoke(revocation.subject, revocation.id.data());
    }

    uint32_t begin_list() override { return ledger_.begin_list(); }

    void end_list(uint32_t generation, int64_t now) override
    {
        ledger_.end_list(generation, now);
    }

    void set_list_known_at(int64_t now) override
    {
        ledger_.set_list_known_at(now);
    }

    void say(Level level, const std::string &text) override
    {
        ngx_uint_t severity = level == Level::error ? NGX_LOG_ERR
            : level == Level::warning ? NGX_LOG_WARN : NGX_LOG_NOTICE;

        ngx_log_error(severity, log_, 0, "l402: %s", text.c_str());
    }

private:
    ngx_log_t     *log_;
    l402::Ledger  &ledger_;
};

class Feed final : public ngx_http_l402_redis_feed_t,
                   private ngx_http_l402_redis_client_t::User
{
public:
    Feed(ngx_cycle_t *cycle, const ngx_http_l402_redis_t &conf,
        l402::Ledger &ledger);
    ~Feed() override;

private:
    // The second connection, to the same server.
    class Subscriber final : public ngx_http_l402_redis_connection_t::Owner {
    public:
        explicit Subscriber(Feed &feed) : feed_(feed) {}

        void opened() noexcept override { feed_.subscriber_opened(); }
        void replied(l402::RedisReplyPtr reply) noexcept override
        {
            feed_.subscriber_replied(*reply);
        }
        void failed(const std::string &why) noexcept override
        {
            feed_.client_.drop(why);
        }

    private:
        Feed &feed_;
    };

    static void timer_event(ngx_event_t *ev) noexcept;

    // Of the connection for commands.
    std::string refuses(const l402::RedisGreeting &greeting) override;
    void ready() noexcept override;
    void replied(l402::RedisReplyPtr reply) noexcept override;
    void lost() noexcept override;

    void subscriber_opened() noexcept;
    void subscriber_replied(const redisReply &reply) noexcept;
    template <typename Function>
    void or_drop(Function function) noexcept;
    void look();
    void stop();
    void tick();
    void go_on(bool good);

    static l402::RevocationFeed::Time now()
    {
        return {ngx_current_msec, ngx_time()};
    }

    ngx_log_t                        *log_;
    const ngx_http_l402_redis_t      &conf_;
    LedgerSink                        sink_;
    l402::RevocationFeed              feed_;
    ngx_http_l402_redis_lease_t       lease_;
    Subscriber                        subscriber_owner_{*this};
    ngx_http_l402_redis_connection_t  subscriber_;
    ngx_http_l402_redis_client_t      client_;
    std::unique_ptr<l402::RedisGreeting> greeting_;  // of the subscriber
    bool                              fed_ = false;  // both are there
    ngx_msec_t                        began_ = 0;    // to connect the second
    ngx_msec_t                        ticked_ = 0;
    ngx_event_t                       timer_;
    ngx_http_l402_event_owner_t       timer_owner_;
};

Feed::Feed(ngx_cycle_t *cycle, const ngx_http_l402_redis_t &conf,
    l402::Ledger &ledger)
    : log_(cycle->log),
      conf_(conf),
      sink_(cycle->log, ledger),
      feed_(conf.prefix, conf.resync, sink_),
      lease_(conf.zone),
      subscriber_(cycle->log, conf, subscriber_owner_, true),
      client_(cycle, conf, *this, "revocations", true)
{
    ngx_http_l402_init_event(timer_, timer_owner_, this, timer_event, log_);
    timer_.cancelable = 1;
    ngx_add_timer(&timer_, 1);
}

Feed::~Feed()
{
    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }

    stop();
}

void Feed::timer_event(ngx_event_t *ev) noexcept
{
    auto feed = static_cast<Feed *>(
        static_cast<ngx_http_l402_event_owner_t *>(ev->data)->self);

    guarded(feed->log_, [&] { feed->look(); });

    if (!ngx_exiting) {
        ngx_add_timer(ev, look_again);
    }
}

void Feed::look()
{
    if (ngx_exiting || !lease_.claim()) {
        stop();
        return;
    }

    if (!client_.is_started()) {
        client_.start();

    } else if (client_.is_ready()) {
        tick();
    }
}

void Feed::stop()
{
    fed_ = false;
    subscriber_.close();
    client_.stop();
    lease_.release();
}

void Feed::tick()
{
    if (!fed_) {
        if (ngx_current_msec - began_ > conf_.timeout) {
            client_.drop("does not answer");
        }

        return;
    }

    // The link looks at each resync.
    if (conf_.link && conf_.link->forgets_all()) {
        client_.drop("could forget what is revoked when its memory is full");
        return;
    }

    uint64_t since = feed_.waiting_since();

    if (since && ngx_current_msec - since > patience) {
        client_.drop("does not answer in time");
        return;
    }

    if (ngx_current_msec - ticked_ >= tick_pause) {
        ticked_ = ngx_current_msec;
        feed_.tick(now());
        go_on(true);
    }
}

std::string Feed::refuses(const l402::RedisGreeting &greeting)
{
    return greeting.evicts_all()
               ? "could forget what is revoked: it " + greeting.evicts() : "";
}

void Feed::ready() noexcept
{
    guarded(log_, [&] {
        began_ = ngx_current_msec;
        subscriber_.open(client_.peer());
    });
}

void Feed::subscriber_opened() noexcept
{
    guarded(log_, [&] {
        greeting_ = std::make_unique<l402::RedisGreeting>(conf_.login);
        subscriber_.write(l402::RedisGreeting::commands(conf_.login));
    });
}

void Feed::subscriber_replied(const redisReply &reply) noexcept
{
    or_drop([&] {
        if (fed_) {
            go_on(feed_.subscriber_replied(reply, now()));
            return;
        }

        switch (greeting_->replied(reply)) {
        case l402::RedisGreeting::State::waiting:
            return;

        case l402::RedisGreeting::State::good:
            fed_ = true;
            feed_.start(now());
            go_on(true);
            return;

        default:
            client_.drop(greeting_->error());
        }
    });
}

void Feed::replied(l402::RedisReplyPtr reply) noexcept
{
    // What comes before anything was asked ends it, too.
    or_drop([&] { go_on(feed_.commands_replied(*reply, now())); });
}

// A change that is not carried out must not be taken for one that is.
template <typename Function>
void Feed::or_drop(Function function) noexcept
{
    bool done = ngx_http_l402_guard<bool>(log_, false, [&] {
        function();
        return true;
    });

    if (!done) {
        guarded(log_, [&] {
            client_.drop("has an answer for which there is no memory");
        });
    }
}

void Feed::go_on(bool good)
{
    if (!good) {
        client_.drop(feed_.error());
        return;
    }

    std::string commands = feed_.take_commands_output();
    std::string subscriber = feed_.take_subscriber_output();

    if (!commands.empty()) {
        client_.write(commands);
    }

    if (!subscriber.empty()) {
        subscriber_.write(subscriber);
    }

    lease_.set_whole(feed_.is_whole());

    if (feed_.is_whole()) {
        client_.settle();
    }
}

void Feed::lost() noexcept
{
    fed_ = false;
    subscriber_.close();
    lease_.set_whole(false);

    if (ngx_exiting) {
        lease_.release();
    }
}

}  // namespace

std::unique_ptr<ngx_http_l402_redis_feed_t> ngx_http_l402_create_feed(
    ngx_cycle_t *cycle, const ngx_http_l402_redis_t &conf,
    l402::Ledger &ledger)
{
    return std::make_unique<Feed>(cycle, conf, ledger);
}
