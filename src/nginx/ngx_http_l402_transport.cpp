// libcurl's multi-socket interface: which sockets it wants to be watched, and
// when it wants to be called again.

#include "ngx_http_l402_transport.h"

#include <dlfcn.h>

#ifndef CURL_IGNORE_DEPRECATION
#define CURL_IGNORE_DEPRECATION(statements) statements
#endif

using Transport = ngx_http_l402_transport_t;

namespace {

// libcurl 7.88 closes a socket that is not connected yet before it says that it
// is not to be watched any more. The kernel has forgotten it then.
bool is_closed(curl_socket_t fd)
{
    return fcntl(fd, F_GETFD) == -1;
}

void unwatch(ngx_connection_t *c)
{
    if (is_closed(c->fd)) {
        c->read->active = 0;
        c->write->active = 0;

    } else if (c->read->active || c->write->active) {
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

// Null for a handle of libcurl's own.
ngx_http_l402_exchange_t *exchange_of(CURL *easy)
{
    char *exchange = nullptr;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &exchange);
    return reinterpret_cast<ngx_http_l402_exchange_t *>(exchange);
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

// nginx unloads modules as a worker ends, and libcurl with this one, while a
// look-up that was given up may still be in its code.
void keep_libcurl()
{
    Dl_info info;

    if (dladdr(reinterpret_cast<void *>(curl_easy_init), &info)) {
        (void) dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    }
}

// Without CURLOPT_QUICK_EXIT a call that is given up waits for its look-up.
bool looks_up_in_threads()
{
#if LIBCURL_VERSION_NUM >= 0x075700
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

    return info->version_num >= 0x075700
           && (info->features & CURL_VERSION_ASYNCHDNS);
#else
    return false;
#endif
}

}  // namespace

int Transport::watch(CURL *easy, curl_socket_t fd, int what, void *self,
    void *connection) noexcept
{
    auto t = static_cast<Transport *>(self);
    auto c = static_cast<ngx_connection_t *>(connection);

    if (auto exchange = exchange_of(easy)) {
        exchange->look_at(fd);
    }

    if (what == CURL_POLL_REMOVE) {
        if (c) {
            t->watched_.erase(fd);
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

        bool kept = ngx_http_l402_guard(t->log_, false, [&] {
            t->watched_[fd] = c;
            return true;
        });

        if (!kept) {
            unwatch(c);
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
    auto owner = static_cast<ngx_http_l402_event_owner_t *>(ev->data);

    static_cast<Transport *>(owner->self)->act(CURL_SOCKET_TIMEOUT, 0);
}

void Transport::act(curl_socket_t fd, int action) noexcept
{
    int running;

    (void) curl_multi_socket_action(multi_, fd, action, &running);
    finish_done();
}

void Transport::act_on_all() noexcept
{
    int running;

    CURL_IGNORE_DEPRECATION((void) curl_multi_socket_all(multi_, &running);)
    finish_done();
}

void Transport::finish_done() noexcept
{
    int left;

    while (CURLMsg *message = curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }

        CURLcode code = message->data.result;

        exchange_of(message->easy_handle)->done(code);
    }
}

Transport::ngx_http_l402_transport_t(ngx_cycle_t *cycle,
    size_t max_connections)
    : log_(cycle->log)
{
    ngx_http_l402_init_event(timer_, timer_owner_, this, timer_event, log_);

    // A worker that shuts down waits for calls (their deadlines), not for
    // libcurl's housekeeping.
    timer_.cancelable = 1;

    find_resolver(cycle);

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        throw std::bad_alloc();
    }

    multi_ = curl_multi_init();

    if (multi_ == nullptr) {
        curl_global_cleanup();
        throw std::bad_alloc();
    }

    has_threads_ = looks_up_in_threads();

    if (has_threads_) {
        keep_libcurl();
    }

    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS,
        static_cast<long>(max_connections));
}

Transport::~ngx_http_l402_transport_t()
{
    curl_multi_cleanup(multi_);
    curl_global_cleanup();

    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }
}

// The one of http {}, where the services stand. Without a `resolver` nginx
// makes one that has no server.
void Transport::find_resolver(ngx_cycle_t *cycle)
{
    auto ctx = reinterpret_cast<ngx_http_conf_ctx_t *>(
        ngx_get_conf(cycle->conf_ctx, ngx_http_module));
    auto clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ctx->loc_conf[ngx_http_core_module.ctx_index]);

    if (clcf->resolver == nullptr || clcf->resolver->connections.nelts == 0) {
        return;
    }

    resolver_ = clcf->resolver;
    resolver_timeout_ = clcf->resolver_timeout;
}

std::unique_ptr<l402::HttpExchange> Transport::send(
    const l402::Endpoint &endpoint, const l402::HttpCall &call,
    uint64_t timeout, l402::HttpWaiter &waiter)
{
    auto exchange = std::make_unique<ngx_http_l402_exchange_t>(*this, endpoint,
        waiter);

    exchange->prepare(call, timeout);
    exchange->start(timeout);
    return exchange;
}

l402::HttpTransport *ngx_http_l402_create_transport(ngx_cycle_t *cycle,
    size_t max_connections)
{
    return new Transport(cycle, max_connections);
}
