// Keeps a connection to the server that is the master now.

#include "ngx_http_l402_redis_connection.h"

#include <sodium.h>

using Client = ngx_http_l402_redis_client_t;

namespace {

constexpr ngx_msec_t first_rest = 100;     // ms, at most
constexpr ngx_msec_t longest_rest = 1000;  // ms, from try to try
constexpr ngx_msec_t complain_again = 60000;

template <typename Function>
void guarded(ngx_log_t *log, Function function) noexcept
{
    ngx_http_l402_guard<bool>(log, false, [&] {
        function();
        return true;
    });
}

}  // namespace

Client::ngx_http_l402_redis_client_t(ngx_cycle_t *cycle,
    const ngx_http_l402_redis_t &conf, User &user, const char *purpose,
    bool idle)
    : log_(cycle->log),
      conf_(conf),
      user_(user),
      purpose_(purpose),
      idle_(idle),
      connection_(cycle->log, conf, *this, idle)
{
    ngx_http_l402_init_event(timer_, timer_owner_, this, timer_event, log_);
    timer_.cancelable = 1;
}

Client::~ngx_http_l402_redis_client_t()
{
    stop();
}

void Client::start()
{
    if (state_ == State::off) {
        // Workers do not begin with the same one.
        turn_ = randombytes_uniform(1024);
        failures_ = 0;
        try_now();
    }
}

void Client::stop() noexcept
{
    state_ = State::off;
    connection_.close();

    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }
}

void Client::timer_event(ngx_event_t *ev) noexcept
{
    auto client = static_cast<Client *>(
        static_cast<ngx_http_l402_event_owner_t *>(ev->data)->self);

    guarded(client->log_, [&] {
        if (client->state_ == State::resting) {
            client->try_now();

        } else if (client->state_ != State::off
                   && client->state_ != State::ready)
        {
            client->give_up("does not answer");
        }
    });

    // Whatever went wrong in there: it goes on.
    if (!ev->timer_set && client->state_ != State::off
        && client->state_ != State::ready)
    {
        client->rest();
    }
}

ngx_http_l402_redis_peer_t Client::next_peer()
{
    ngx_http_l402_redis_peer_t peer;

    if (!conf_.url.unix_socket.empty()) {
        peer.unix_socket = conf_.url.unix_socket;
        return peer;
    }

    const ngx_http_l402_redis_host_t &host =
        conf_.hosts[turn_ % conf_.hosts.size()];
    size_t round = turn_++ / conf_.hosts.size();

    peer.name = host.name;
    peer.port = host.port;

    if (!host.addresses.empty()) {
        peer.address = host.addresses[round % host.addresses.size()];
    }

    return peer;
}

void Client::try_now()
{
    state_ = State::opening;
    began_ = ngx_current_msec;
    at_sentinel_ = !conf_.url.master.empty();
    ngx_add_timer(&timer_, conf_.timeout);
    connection_.open(next_peer());
}

// From the begin of one try to the next: never all workers at once.
void Client::rest() noexcept
{
    ngx_msec_t most = ngx_min(first_rest << ngx_min(failures_, 4u),
        longest_rest);
    ngx_msec_t wanted = failures_ == 0
        ? 10 + randombytes_uniform(first_rest - 10)
        : most / 2 + randombytes_uniform(static_cast<uint32_t>(most / 2));
    ngx_msec_t passed = failures_ == 0 ? 0 : ngx_current_msec - began_;

    state_ = State::resting;
    failures_++;
    ngx_add_timer(&timer_, passed + 10 < wanted ? wanted - passed : 10);
}

void Client::give_up(const std::string &why) noexcept
{
    bool was_ready = state_ == State::ready;

    guarded(log_, [&] {
        why_not_ = why;
        complain(why);
    });

    connection_.close();

    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }

    settled_ = false;

    if (ngx_exiting && idle_) {
        state_ = State::off;

    } else {
        rest();
    }

    if (was_ready) {
        user_.lost();
    }
}

void Client::drop(const std::string &why) noexcept
{
    if (state_ != State::off && state_ != State::resting) {
        give_up(why);
    }
}

void Client::opened() noexcept
{
    guarded(log_, [&] {
        if (at_sentinel_) {
            state_ = State::asking;
            sentinel_reply_ = 0;
            connection_.write(l402::sentinel_commands(conf_.sentinel_login,
                conf_.url.master));
            return;
        }

        state_ = State::greeting;
        greeting_ = std::make_unique<l402::RedisGreeting>(conf_.login);
        connection_.write(l402::RedisGreeting::commands(conf_.login));
    });
}

void Client::replied(l402::RedisReplyPtr reply) noexcept
{
    if (state_ == State::ready) {
        user_.replied(std::move(reply));
        return;
    }

    guarded(log_, [&] {
        if (state_ == State::asking) {
            told_by_sentinel(*reply);

        } else if (state_ == State::greeting) {
            greeted(*reply);
        }
    });
}

void Client::failed(const std::string &why) noexcept
{
    give_up(why.empty() ? "cannot be reached" : why);
}

void Client::told_by_sentinel(const redisReply &reply)
{
    ngx_http_l402_redis_peer_t master;
    std::string error;

    if (!l402::read_sentinel(conf_.sentinel_login, conf_.url.master,
            sentinel_reply_, reply, master.name, master.port, error))
    {
        give_up(error);
        return;
    }

    if (++sentinel_reply_ < l402::sentinel_replies(conf_.sentinel_login)) {
        return;
    }

    in6_addr any;

    if (inet_pton(AF_INET, master.name.c_str(), &any) == 1
        || inet_pton(AF_INET6, master.name.c_str(), &any) == 1)
    {
        master.address = master.name;
    }

    at_sentinel_ = false;
    state_ = State::opening;
    ngx_add_timer(&timer_, conf_.timeout);
    connection_.open(master);
}

void Client::greeted(const redisReply &reply)
{
    std::string why;

    switch (greeting_->replied(reply)) {
    case l402::RedisGreeting::State::waiting:
        return;

    case l402::RedisGreeting::State::good:
        why = user_.refuses(*greeting_);
        break;

    default:
        why = greeting_->error();
    }

    if (!why.empty()) {
        give_up(why);
        return;
    }

    state_ = State::ready;
    why_not_.clear();

    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }

    say_evicts();
    user_.ready();
}

void Client::settle()
{
    if (settled_) {
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, log_, 0, "l402: redis %s is %s for %s",
        connection_.peer().shown().c_str(), was_there_ ? "back" : "there",
        purpose_);

    settled_ = was_there_ = true;
    failures_ = 0;
    complained_.clear();
}

void Client::note_memory(const redisReply &reply)
{
    greeting_->memory(reply);
    say_evicts();
}

void Client::say_evicts()
{
    if (greeting_->evicts() == said_evicts_) {
        return;
    }

    said_evicts_ = greeting_->evicts();

    if (!said_evicts_.empty()) {
        ngx_log_error(NGX_LOG_ERR, log_, 0,
            "l402: redis %s %s; nothing is counted in it",
            connection_.peer().shown().c_str(), said_evicts_.c_str());
    }
}

// One line at a change of state, and once a minute while it lasts.
void Client::complain(const std::string &why)
{
    std::string text = (at_sentinel_ ? "sentinel " : "redis ")
                       + connection_.peer().shown() + " " + why;

    if (ngx_exiting) {
        return;
    }

    if (complained_ == why
        && ngx_current_msec - complained_at_ < complain_again)
    {
        return;
    }

    complained_ = why;
    complained_at_ = ngx_current_msec;
    ngx_log_error(NGX_LOG_ERR, log_, 0, "l402: %s, it is tried again for %s",
        text.c_str(), purpose_);
}
