// libcurl's multi-socket interface on nginx's event loop: nginx watches the
// sockets and keeps the time, libcurl speaks HTTP and TLS. Nothing here waits.

#include "ngx_http_l402.h"

#include <curl/curl.h>

namespace {

struct Exchange;

// nginx's debug log reads a descriptor out of what an event belongs to.
struct EventOwner {
    void         *self;
    void         *unused[2];
    ngx_socket_t  fd;
};

void init_event(ngx_event_t &event, EventOwner &owner, void *self,
    ngx_event_handler_pt handler, ngx_log_t *log)
{
    ngx_memzero(&event, sizeof(event));
    owner = {self, {nullptr, nullptr}, static_cast<ngx_socket_t>(-1)};
    event.data = &owner;
    event.handler = handler;
    event.log = log;
}

class Transport final : public l402::HttpTransport {
public:
    Transport(ngx_log_t *log, size_t max_connections);
    ~Transport() override;

    std::unique_ptr<l402::HttpExchange> send(const l402::Endpoint &endpoint,
        const l402::HttpCall &call, uint64_t timeout,
        l402::HttpWaiter &waiter) override;

    uint64_t milliseconds() const noexcept override { return ngx_current_msec; }
    int64_t unix_time() const noexcept override { return ngx_time(); }

private:
    friend struct Exchange;

    static int watch(CURL *easy, curl_socket_t fd, int what, void *self,
        void *connection) noexcept;
    static int set_timer(CURLM *multi, long ms, void *self) noexcept;
    static void socket_event(ngx_event_t *ev) noexcept;
    static void timer_event(ngx_event_t *ev) noexcept;

    void act(curl_socket_t fd, int action);
    void finish_done();

    CURLM       *multi_;
    ngx_log_t   *log_;
    ngx_event_t  timer_;
    EventOwner   timer_owner_;
};

struct Exchange final : l402::HttpExchange {
    Exchange(Transport &transport, l402::HttpWaiter &waiter)
        : transport(transport), waiter(waiter)
    {
    }

    ~Exchange() override;

    void prepare(const l402::Endpoint &endpoint, const l402::HttpCall &call);
    void start(uint64_t timeout);
    void done(CURLcode code);
    void detach();

    static size_t take_body(char *data, size_t size, size_t count,
        void *self) noexcept;
    static void timed_out(ngx_event_t *ev) noexcept;

    Transport        &transport;
    l402::HttpWaiter &waiter;
    CURL             *easy = nullptr;
    curl_slist       *headers = nullptr;
    curl_slist       *resolve = nullptr;
    bool              running = false;
    bool              too_large = false;
    size_t            max_body = 0;
    std::string       url;
    std::string       request_body;
    std::string       body;
    char              error[CURL_ERROR_SIZE] = "";
    ngx_event_t       deadline{};
    EventOwner        deadline_owner{};
};

// ---- sockets and time ----

void unwatch(ngx_connection_t *c)
{
    if (c->read->active || c->write->active) {
        if (ngx_del_conn) {
            (void) ngx_del_conn(c, 0);

        } else {
            if (c->read->active) {
                (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
            }

            if (c->write->active) {
                (void) ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
            }
        }
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    // The socket stays open: it is libcurl's.
    ngx_free_connection(c);
    c->fd = static_cast<ngx_socket_t>(-1);
}

// Level-triggered: libcurl need not read until there is nothing left.
void want(ngx_event_t *ev, ngx_int_t kind, bool wanted)
{
    if (wanted && !ev->active) {
        (void) ngx_add_event(ev, kind, NGX_LEVEL_EVENT);

    } else if (!wanted && ev->active) {
        (void) ngx_del_event(ev, kind, 0);
    }
}

int Transport::watch(CURL *, curl_socket_t fd, int what, void *self,
    void *connection) noexcept
{
    auto t = static_cast<Transport *>(self);
    auto c = static_cast<ngx_connection_t *>(connection);

    if (what == CURL_POLL_REMOVE) {
        if (c) {
            unwatch(c);
            curl_multi_assign(t->multi_, fd, nullptr);
        }

        return 0;
    }

    if (c == nullptr) {
        c = ngx_get_connection(fd, t->log_);

        if (c == nullptr) {
            // Nobody watches: the call ends at its deadline.
            return 0;
        }

        c->data = t;
        c->log = t->log_;
        c->read->log = t->log_;
        c->write->log = t->log_;
        c->read->handler = socket_event;
        c->write->handler = socket_event;
        curl_multi_assign(t->multi_, fd, c);
    }

    want(c->read, NGX_READ_EVENT, what & CURL_POLL_IN);
    want(c->write, NGX_WRITE_EVENT, what & CURL_POLL_OUT);
    return 0;
}

int Transport::set_timer(CURLM *, long ms, void *self) noexcept
{
    auto t = static_cast<Transport *>(self);

    // ngx_add_timer leaves a timer that is set where it is when the new time
    // is close to it.
    if (t->timer_.timer_set) {
        ngx_del_timer(&t->timer_);
    }

    if (ms >= 0) {
        ngx_add_timer(&t->timer_, static_cast<ngx_msec_t>(ms));
    }

    return 0;
}

void Transport::socket_event(ngx_event_t *ev) noexcept
{
    auto c = static_cast<ngx_connection_t *>(ev->data);

    static_cast<Transport *>(c->data)->act(c->fd,
        ev->write ? CURL_CSELECT_OUT : CURL_CSELECT_IN);
}

void Transport::timer_event(ngx_event_t *ev) noexcept
{
    static_cast<Transport *>(static_cast<EventOwner *>(ev->data)->self)
        ->act(CURL_SOCKET_TIMEOUT, 0);
}

void Transport::act(curl_socket_t fd, int action)
{
    int running;

    (void) curl_multi_socket_action(multi_, fd, action, &running);
    finish_done();
}

void Transport::finish_done()
{
    int left;

    while (CURLMsg *message = curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }

        CURLcode code = message->data.result;
        char *exchange = nullptr;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
        reinterpret_cast<Exchange *>(exchange)->done(code);
    }
}

Transport::Transport(ngx_log_t *log, size_t max_connections)
    : multi_(nullptr), log_(log)
{
    init_event(timer_, timer_owner_, this, timer_event, log);

    // A worker that shuts down waits for calls (their deadlines), not for
    // libcurl's housekeeping.
    timer_.cancelable = 1;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        throw std::bad_alloc();
    }

    multi_ = curl_multi_init();

    if (multi_ == nullptr) {
        curl_global_cleanup();
        throw std::bad_alloc();
    }

    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS,
        static_cast<long>(max_connections));
}

Transport::~Transport()
{
    curl_multi_cleanup(multi_);
    curl_global_cleanup();

    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }
}

// ---- one call ----

Exchange::~Exchange()
{
    detach();

    if (easy) {
        curl_easy_cleanup(easy);
    }

    curl_slist_free_all(headers);
    curl_slist_free_all(resolve);
    l402::wipe(request_body.data(), request_body.size());
}

void Exchange::detach()
{
    if (deadline.timer_set) {
        ngx_del_timer(&deadline);
    }

    if (running) {
        running = false;
        curl_multi_remove_handle(transport.multi_, easy);
    }
}

size_t Exchange::take_body(char *data, size_t size, size_t count,
    void *self) noexcept
{
    auto e = static_cast<Exchange *>(self);
    size_t n = size * count;

    if (e->body.size() + n > e->max_body) {
        e->too_large = true;
        return 0;
    }

    try {
        e->body.append(data, n);

    } catch (...) {
        return 0;
    }

    return n;
}

void add(curl_slist *&list, const std::string &line)
{
    curl_slist *longer = curl_slist_append(list, line.c_str());

    if (longer == nullptr) {
        throw std::bad_alloc();
    }

    list = longer;
}

void Exchange::prepare(const l402::Endpoint &endpoint,
    const l402::HttpCall &call)
{
    easy = curl_easy_init();

    if (easy == nullptr) {
        throw std::bad_alloc();
    }

    auto set = [this](CURLoption option, auto value) {
        if (curl_easy_setopt(easy, option, value) == CURLE_OUT_OF_MEMORY) {
            throw std::bad_alloc();
        }
    };

    max_body = call.max_answer;
    url = endpoint.url.join(call.path);
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PRIVATE, reinterpret_cast<char *>(this));
    set(CURLOPT_ERRORBUFFER, error);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_USERAGENT, "ngx_http_l402");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_WRITEFUNCTION, &Exchange::take_body);
    set(CURLOPT_WRITEDATA, this);

#if LIBCURL_VERSION_NUM >= 0x075500
    set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    set(CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif

#if LIBCURL_VERSION_NUM >= 0x075700
    // A look-up in libcurl's thread is not joined when its call is given up.
    set(CURLOPT_QUICK_EXIT, 1L);
#endif

    if (!endpoint.url.unix_socket.empty()) {
        set(CURLOPT_UNIX_SOCKET_PATH, endpoint.url.unix_socket.c_str());

    } else if (!endpoint.addresses.empty()) {
        std::string line = endpoint.url.host + ":"
            + std::to_string(endpoint.url.port) + ":";

        for (size_t i = 0; i < endpoint.addresses.size(); i++) {
            line += (i ? "," : "") + endpoint.addresses[i];
        }

        add(resolve, line);
        set(CURLOPT_RESOLVE, resolve);
    }

    set(CURLOPT_SSL_VERIFYPEER, endpoint.verify ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, endpoint.verify ? 2L : 0L);

    if (!endpoint.ca_pem.empty()) {
        curl_blob blob;

        blob.data = const_cast<char *>(endpoint.ca_pem.data());
        blob.len = endpoint.ca_pem.size();
        blob.flags = CURL_BLOB_NOCOPY;
        set(CURLOPT_CAINFO_BLOB, &blob);
    }

    if (!call.content_type.empty()) {
        request_body = call.body;
        add(headers, "Content-Type: " + call.content_type);
        set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request_body.size()));
        set(CURLOPT_POSTFIELDS, request_body.c_str());
        // libcurl asks first ("100 continue") where a body is large.
        add(headers, "Expect:");
    }

    set(CURLOPT_CUSTOMREQUEST, call.method.c_str());

    for (const auto &header : call.headers) {
        std::string line = header.first + ": " + header.second;

        add(headers, line);
        l402::wipe(line.data(), line.size());
    }

    set(CURLOPT_HTTPHEADER, headers);
}

void Exchange::start(uint64_t timeout)
{
    init_event(deadline, deadline_owner, this, timed_out, transport.log_);
    ngx_add_timer(&deadline, static_cast<ngx_msec_t>(timeout));

    if (curl_multi_add_handle(transport.multi_, easy) != CURLM_OK) {
        throw std::bad_alloc();
    }

    running = true;
}

// The waiter may destroy this object: nothing may be touched after it is told.
void Exchange::done(CURLcode code)
{
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    detach();

    if (too_large) {
        char words[64];

        snprintf(words, sizeof(words), "answered with more than %zu kB",
            max_body / 1024);
        waiter.http_failed(words);

    } else if (code == CURLE_OUT_OF_MEMORY) {
        // libcurl's word for a long header field, too.
        waiter.http_failed("answered with a header field of more than 100 kB, "
                           "or memory is short");

    } else if (code != CURLE_OK) {
        // libcurl's text names hosts and causes, and quotes no header, but the
        // name in a peer's certificate, whatever that is.
        for (char *p = error; *p; p++) {
            *p = static_cast<unsigned char>(*p) < ' ' || *p == 0x7f ? '?' : *p;
        }

        waiter.http_failed(error[0] ? error : curl_easy_strerror(code));

    } else {
        l402::HttpAnswer answer;

        answer.status = status;
        answer.body = body;
        waiter.http_answered(answer);
    }
}

void Exchange::timed_out(ngx_event_t *ev) noexcept
{
    auto e = static_cast<Exchange *>(
        static_cast<EventOwner *>(ev->data)->self);

    e->detach();
    e->waiter.http_failed("timed out");
}

std::unique_ptr<l402::HttpExchange> Transport::send(
    const l402::Endpoint &endpoint, const l402::HttpCall &call,
    uint64_t timeout, l402::HttpWaiter &waiter)
{
    auto exchange = std::make_unique<Exchange>(*this, waiter);

    exchange->prepare(endpoint, call);
    exchange->start(timeout);
    return exchange;
}

}  // namespace

l402::HttpTransport *ngx_http_l402_create_transport(ngx_cycle_t *cycle,
    size_t max_connections)
{
    return new Transport(cycle->log, max_connections);
}
