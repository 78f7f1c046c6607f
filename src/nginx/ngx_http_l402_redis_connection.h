// A connection to one Redis server or Sentinel, and a client that keeps one to
// the master. Everything is asynchronous and on nginx's event loop.
#pragma once

#include "ngx_http_l402_event.h"
#include "ngx_http_l402_redis.h"
#include "ngx_http_l402_transport.h"

#include "l402/redis_reader.h"

// nginx's lines about a connection, kept instead of written: they would come
// with every try.
class ngx_http_l402_redis_log_t {
public:
    explicit ngx_http_l402_redis_log_t(ngx_log_t *log);

    ngx_log_t *log() { return &log_; }
    void clear() { text_.clear(); }
    const std::string &text() const { return text_; }

private:
    static void write(ngx_log_t *log, ngx_uint_t level, u_char *line,
        size_t size) noexcept;

    ngx_log_t    log_;
    std::string  text_;
};

union ngx_http_l402_redis_address_t {
    sockaddr      any;
    sockaddr_in   v4;
    sockaddr_in6  v6;
    sockaddr_un   local;
};

// Where a connection leads.
struct ngx_http_l402_redis_peer_t {
    std::string  name;     // of the host, for TLS and messages
    uint16_t     port = 0;
    std::string  address;  // numeric; empty: the name has to be looked up
    std::string  unix_socket;

    std::string shown() const;
    // How long the address is; 0: it is none.
    socklen_t find(ngx_http_l402_redis_address_t &out) const;
};

class ngx_http_l402_redis_connection_t final
    : private ngx_http_l402_lookup_t::Waiter
{
public:
    // Nothing is called from within a method of the connection. All may close
    // and open it again; none may destroy it.
    class Owner {
    public:
        virtual ~Owner() = default;
        virtual void opened() noexcept = 0;
        virtual void replied(l402::RedisReplyPtr reply) noexcept = 0;
        // It is closed, and was not by its owner.
        virtual void failed(const std::string &why) noexcept = 0;
    };

    // `idle`: nginx closes it as soon as a worker is told to end.
    ngx_http_l402_redis_connection_t(ngx_log_t *log,
        const ngx_http_l402_redis_t &conf, Owner &owner, bool idle);
    ~ngx_http_l402_redis_connection_t();

    // Names are found by nginx's resolver where there is one. Opening has no
    // deadline of its own.
    void open(const ngx_http_l402_redis_peer_t &peer);
    // Goes out with whatever else is written in this turn of the event loop.
    void write(std::string_view bytes);
    void close() noexcept;

    bool is_open() const noexcept { return opened_; }
    const ngx_http_l402_redis_peer_t &peer() const noexcept { return peer_; }

private:
    static void connecting_event(ngx_event_t *ev) noexcept;
    static void read_event(ngx_event_t *ev) noexcept;
    static void write_event(ngx_event_t *ev) noexcept;
    static void flush_event(ngx_event_t *ev) noexcept;
    static void failed_event(ngx_event_t *ev) noexcept;

    void found(const std::vector<std::string> &addresses,
        const char *error) noexcept override;
    void connect();
    void connected();
    void start_tls();
    void check_tls();
    void say_opened();
    void read();
    bool take(const char *data, size_t size);
    void flush();
    void fail(std::string why) noexcept;
    std::string socket_error();
    bool is_closing(ngx_connection_t *c);

    ngx_http_l402_redis_log_t     log_;
    const ngx_http_l402_redis_t  &conf_;
    Owner                        &owner_;
    bool                          idle_;
    ngx_http_l402_lookup_t        lookup_{*this};
    ngx_http_l402_redis_peer_t    peer_;
    ngx_connection_t             *c_ = nullptr;
    bool                          opened_ = false;
    std::unique_ptr<l402::RedisReader> reader_;
    std::string                   out_;
    std::string                   why_;
    ngx_event_t                   flush_;
    ngx_http_l402_event_owner_t   flush_owner_;
    ngx_event_t                   failed_;
    ngx_http_l402_event_owner_t   failed_owner_;

#if (NGX_SSL)
    static void tls_event(ngx_connection_t *c) noexcept;
#endif
};

// Finds the master (by Sentinel, where there is one), connects, greets it, and
// does so again whenever it is lost.
class ngx_http_l402_redis_client_t final
    : private ngx_http_l402_redis_connection_t::Owner
{
public:
    class User {
    public:
        virtual ~User() = default;
        // Why a master that has let us in is not to be used; empty: it is.
        virtual std::string refuses(const l402::RedisGreeting &) { return {}; }
        // From here on it may write. It calls settle() once it is served.
        virtual void ready() noexcept = 0;
        virtual void replied(l402::RedisReplyPtr reply) noexcept = 0;
        // Was ready, and is no longer.
        virtual void lost() noexcept = 0;
    };

    // `purpose` is for the log.
    ngx_http_l402_redis_client_t(ngx_cycle_t *cycle,
        const ngx_http_l402_redis_t &conf, User &user, const char *purpose,
        bool idle);
    ~ngx_http_l402_redis_client_t();

    void start();
    void stop() noexcept;
    void write(std::string_view bytes) { connection_.write(bytes); }
    // All is well: the next loss is a new one.
    void settle();
    // It is of no use any more. Calls lost() and tries anew.
    void drop(const std::string &why) noexcept;

    bool is_ready() const noexcept { return state_ == State::ready; }
    bool is_started() const noexcept { return state_ != State::off; }
    // Why it is not.
    const std::string &why_not() const noexcept { return why_not_; }
    const ngx_http_l402_redis_peer_t &peer() const noexcept
    {
        return connection_.peer();
    }
    // What the greeting found out; may be told anew.
    l402::RedisGreeting &greeting() noexcept { return *greeting_; }
    void note_memory(const redisReply &reply);

private:
    enum class State : uint8_t { off, resting, opening, asking, greeting,
                                 ready };

    static void timer_event(ngx_event_t *ev) noexcept;

    void opened() noexcept override;
    void replied(l402::RedisReplyPtr reply) noexcept override;
    void failed(const std::string &why) noexcept override;

    void try_now();
    void give_up(const std::string &why) noexcept;
    void rest() noexcept;
    ngx_http_l402_redis_peer_t next_peer();
    void told_by_sentinel(const redisReply &reply);
    void greeted(const redisReply &reply);
    void complain(const std::string &why);
    void say_evicts();

    ngx_log_t                        *log_;
    const ngx_http_l402_redis_t      &conf_;
    User                             &user_;
    const char                       *purpose_;
    bool                              idle_;
    ngx_http_l402_redis_connection_t  connection_;
    State                             state_ = State::off;
    bool                              at_sentinel_ = false;
    size_t                            sentinel_reply_ = 0;
    size_t                            turn_ = 0;     // of hosts and addresses
    ngx_uint_t                        failures_ = 0;
    ngx_msec_t                        began_ = 0;    // the last try
    std::unique_ptr<l402::RedisGreeting>  greeting_;
    std::string                       why_not_ = "is not connected yet";
    std::string                       complained_;   // the last complaint
    ngx_msec_t                        complained_at_ = 0;
    std::string                       said_evicts_;
    bool                              settled_ = false;
    bool                              was_there_ = false;
    ngx_event_t                       timer_;
    ngx_http_l402_event_owner_t       timer_owner_;
};
