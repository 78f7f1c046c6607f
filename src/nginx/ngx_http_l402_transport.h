// One worker's HTTP client: libcurl's multi-socket interface on nginx's event
// loop. nginx watches the sockets, keeps the time and, where it has a
// `resolver`, finds the addresses; libcurl speaks SOCKS, TLS and HTTP. Nothing
// here waits.
#pragma once

#include "ngx_http_l402_event.h"

#include <curl/curl.h>

#include <map>

class ngx_http_l402_transport_t final : public l402::HttpTransport {
public:
    ngx_http_l402_transport_t(ngx_cycle_t *cycle, size_t max_connections);
    ~ngx_http_l402_transport_t() override;

    std::unique_ptr<l402::HttpExchange> send(const l402::Endpoint &endpoint,
        const l402::HttpCall &call, uint64_t timeout,
        l402::HttpWaiter &waiter) override;

    uint64_t milliseconds() const noexcept override { return ngx_current_msec; }
    int64_t unix_time() const noexcept override { return ngx_time(); }

    CURLM *multi() const noexcept { return multi_; }
    ngx_log_t *log() const noexcept { return log_; }

    bool is_watched(curl_socket_t fd) const { return watched_.count(fd) > 0; }

    // Looks at each call, also at those that nothing has happened to. Ends
    // those that have ended.
    void act_on_all() noexcept;

    // May libcurl find addresses itself, in a thread that it need not join?
    bool has_threads() const noexcept { return has_threads_; }

    // Null where http {} has no `resolver`. Without a `resolver_timeout` it is
    // endless: a call has its own.
    ngx_resolver_t *resolver() const noexcept { return resolver_; }
    ngx_msec_t resolver_timeout() const noexcept { return resolver_timeout_; }

private:
    static int watch(CURL *easy, curl_socket_t fd, int what, void *self,
        void *connection) noexcept;
    static int set_timer(CURLM *multi, long ms, void *self) noexcept;
    static void socket_event(ngx_event_t *ev) noexcept;
    static void timer_event(ngx_event_t *ev) noexcept;

    void find_resolver(ngx_cycle_t *cycle);
    void act(curl_socket_t fd, int action) noexcept;
    void finish_done() noexcept;

    CURLM                       *multi_ = nullptr;
    std::map<curl_socket_t, ngx_connection_t *>  watched_;
    ngx_log_t                   *log_;
    bool                         has_threads_ = false;
    ngx_resolver_t              *resolver_ = nullptr;
    ngx_msec_t                   resolver_timeout_ = 0;
    ngx_event_t                  timer_;
    ngx_http_l402_event_owner_t  timer_owner_;
};

// One look-up of a name by nginx's resolver. Destroying it cancels it.
class ngx_http_l402_lookup_t {
public:
    class Waiter {
    public:
        virtual ~Waiter() = default;
        // Called once, maybe from within start(). It may not destroy a
        // look-up. Where there are no addresses, `error` says why.
        virtual void found(const std::vector<std::string> &addresses,
            const char *error) noexcept = 0;
    };

    explicit ngx_http_l402_lookup_t(Waiter &waiter) : waiter_(waiter) { }
    ~ngx_http_l402_lookup_t() { cancel(); }

    // The name must outlive it.
    void start(ngx_resolver_t *resolver, const std::string &name,
        ngx_msec_t timeout);
    void cancel() noexcept;

private:
    static void answered(ngx_resolver_ctx_t *ctx) noexcept;

    Waiter             &waiter_;
    ngx_resolver_ctx_t *ctx_ = nullptr;
};

// One call. Where the address is not known yet, it is looked up first.
class ngx_http_l402_exchange_t final
    : public l402::HttpExchange, private ngx_http_l402_lookup_t::Waiter
{
public:
    // The endpoint must outlive it.
    ngx_http_l402_exchange_t(ngx_http_l402_transport_t &transport,
        const l402::Endpoint &endpoint, l402::HttpWaiter &waiter);
    ~ngx_http_l402_exchange_t() override;

    void prepare(const l402::HttpCall &call, uint64_t timeout);
    void start(uint64_t timeout);
    void done(CURLcode code) noexcept;

    // Called whenever libcurl wants something else of a socket, and before it
    // closes one that is connected.
    void look_at(curl_socket_t fd) noexcept;

private:
    template <typename Value>
    void set(CURLoption option, Value value);
    void set_proxy();
    void set_tls();
    void set_body(const l402::HttpCall &call);

    void found(const std::vector<std::string> &addresses,
        const char *error) noexcept override;
    void send_to(const std::vector<std::string> &addresses);
    void detach();

    // The line that tells what has failed, in nginx's format.
    void say(const char *format, ...) noexcept;
    void say_how_far() noexcept;
    void say_with(const char *text, const std::string &host,
        uint16_t port) noexcept;
    void say_error(CURLcode code) noexcept;
    void fail_later(const char *format, const char *reason) noexcept;

    static size_t take_head(char *data, size_t size, size_t count,
        void *self) noexcept;
    static size_t take_body(char *data, size_t size, size_t count,
        void *self) noexcept;
    static curl_socket_t open_socket(void *self, curlsocktype purpose,
        curl_sockaddr *address) noexcept;
    static void push(ngx_event_t *ev) noexcept;
    static void timed_out(ngx_event_t *ev) noexcept;

    ngx_http_l402_transport_t       &transport_;
    const l402::Endpoint            &endpoint_;
    l402::HttpWaiter                &waiter_;

    // Who is connected to: the proxy where there is one.
    bool                             has_proxy_;
    const std::string               &host_;
    uint16_t                         port_;
    const std::vector<std::string>  &known_;

    CURL                            *easy_ = nullptr;
    curl_slist                      *headers_ = nullptr;
    curl_slist                      *resolve_ = nullptr;
    ngx_http_l402_lookup_t           lookup_{*this};
    bool                             is_looked_up_ = false;  // by libcurl
    bool                             running_ = false;
    bool                             failed_ = false;
    bool                             too_large_ = false;
    bool                             connected_ = false;  // at least that
    curl_socket_t                    socket_ = -1;  // the last opened
    unsigned int                     silence_ = 0;  // ms
    size_t                           head_size_ = 0;
    size_t                           max_body_ = 0;
    std::string                      url_;
    std::string                      request_body_;
    std::string                      body_;
    char                             error_[CURL_ERROR_SIZE] = "";
    u_char                           line_[CURL_ERROR_SIZE + 128] = "";
    ngx_event_t                      deadline_{};
    ngx_http_l402_event_owner_t      deadline_owner_{};
    ngx_event_t                      push_{};
    ngx_http_l402_event_owner_t      push_owner_{};
};
