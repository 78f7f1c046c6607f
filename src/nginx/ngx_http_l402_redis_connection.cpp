// Bytes to and from one Redis server or Sentinel.

#include "ngx_http_l402_redis_connection.h"

#include "ngx_http_l402_redis_tls.h"

#include <netinet/tcp.h>

using Connection = ngx_http_l402_redis_connection_t;

namespace {

constexpr size_t read_size = 16 * 1024;
// In one turn of the event loop; then others have theirs.
constexpr size_t most_read = 256 * 1024;

template <typename Function>
void guarded(ngx_log_t *log, Function function) noexcept
{
    ngx_http_l402_guard<bool>(log, false, [&] {
        function();
        return true;
    });
}

template <typename Owner>
Owner *owner_of(ngx_event_t *ev)
{
    return static_cast<Owner *>(
        static_cast<ngx_http_l402_event_owner_t *>(ev->data)->self);
}

void delete_posted(ngx_event_t &event)
{
    if (event.posted) {
        ngx_delete_posted_event(&event);
    }
}

void set_option(ngx_connection_t *c, int name, int value)
{
    // Where the system does not have it, a deadline finds out later.
    (void) setsockopt(c->fd, IPPROTO_TCP, name, &value, sizeof(value));
}

// A peer that has gone without a word is noticed within seconds.
void watch_peer(ngx_connection_t *c)
{
#if (NGX_HAVE_KEEPALIVE_TUNABLE)
    set_option(c, TCP_KEEPIDLE, 2);
    set_option(c, TCP_KEEPINTVL, 1);
    set_option(c, TCP_KEEPCNT, 3);
#endif
#ifdef TCP_USER_TIMEOUT
    set_option(c, TCP_USER_TIMEOUT, 5000);
#endif
}

}  // namespace

Connection::ngx_http_l402_redis_connection_t(ngx_log_t *log,
    const ngx_http_l402_redis_t &conf, Owner &owner, bool idle)
    : log_(log), conf_(conf), owner_(owner), idle_(idle)
{
    ngx_http_l402_init_event(flush_, flush_owner_, this, flush_event, log);
    ngx_http_l402_init_event(failed_, failed_owner_, this, failed_event, log);
}

Connection::~ngx_http_l402_redis_connection_t()
{
    close();
}

void Connection::open(const ngx_http_l402_redis_peer_t &peer)
{
    close();
    peer_ = peer;
    log_.clear();
    reader_ = std::make_unique<l402::RedisReader>();

    if (!peer_.unix_socket.empty() || !peer_.address.empty()) {
        connect();
        return;
    }

    auto ctx = reinterpret_cast<ngx_http_conf_ctx_t *>(
        ngx_get_conf(ngx_cycle->conf_ctx, ngx_http_module));
    auto clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ctx->loc_conf[ngx_http_core_module.ctx_index]);

    if (clcf->resolver == nullptr || clcf->resolver->connections.nelts == 0) {
        fail("has a name that could not be found when the configuration was "
             "read, and http {} has no \"resolver\"");
        return;
    }

    lookup_.start(clcf->resolver, peer_.name, conf_.timeout);
}

void Connection::found(const std::vector<std::string> &addresses,
    const char *error) noexcept
{
    guarded(ngx_cycle->log, [&] {
        if (addresses.empty()) {
            fail(std::string("cannot be found by the resolver: ")
                 + (error ? error : "it has no address"));
            return;
        }

        // Another one each time: some may not be reached.
        static ngx_uint_t turn;

        peer_.address = addresses[turn++ % addresses.size()];
        connect();
    });
}

void Connection::connect()
{
    ngx_peer_connection_t pc;
    ngx_http_l402_redis_address_t address;
    std::string shown = peer_.shown();
    ngx_str_t name = ngx_http_l402_str(shown);

    ngx_memzero(&pc, sizeof(pc));
    pc.sockaddr = &address.any;
    pc.socklen = peer_.find(address);
    pc.name = &name;
    pc.get = ngx_event_get_peer;
    pc.log = log_.log();
    pc.log_error = NGX_ERROR_ERR;
    pc.so_keepalive = peer_.unix_socket.empty();

    if (pc.socklen == 0) {
        fail("has an address that is none");
        return;
    }

    ngx_int_t rc = ngx_event_connect_peer(&pc);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        fail(log_.text());
        return;
    }

    c_ = pc.connection;
    c_->data = this;
    c_->idle = idle_;
    c_->pool = ngx_create_pool(256, ngx_cycle->log);
    c_->read->handler = connecting_event;
    c_->write->handler = connecting_event;

    if (c_->pool == nullptr) {
        throw std::bad_alloc();
    }

    if (peer_.unix_socket.empty()) {
        (void) ngx_tcp_nodelay(c_);
        watch_peer(c_);
    }

    if (rc == NGX_OK) {
        // Not from within open().
        ngx_post_event(c_->write, &ngx_posted_events);
    }
}

// nginx wants it closed: the worker ends, or has waited for long enough.
bool Connection::is_closing(ngx_connection_t *c)
{
    if (!c->close) {
        return false;
    }

    fail("this worker is shutting down");
    return true;
}

std::string Connection::socket_error()
{
    int err = 0;
    socklen_t len = sizeof(err);

    if (getsockopt(c_->fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err == 0) {
        return {};
    }

    (void) ngx_connection_error(c_, err,
        const_cast<char *>("connect() failed"));
    return log_.text();
}

void Connection::connecting_event(ngx_event_t *ev) noexcept
{
    auto c = static_cast<ngx_connection_t *>(ev->data);
    auto connection = static_cast<Connection *>(c->data);

    guarded(ngx_cycle->log, [&] {
        if (!connection->is_closing(c)) {
            connection->connected();
        }
    });
}

void Connection::connected()
{
    std::string error = socket_error();

    if (!error.empty()) {
        fail(error);
        return;
    }

    if (conf_.url.tls) {
        start_tls();

    } else {
        say_opened();
    }
}

void Connection::say_opened()
{
    c_->read->handler = read_event;
    c_->write->handler = write_event;
    opened_ = true;

    if (ngx_handle_read_event(c_->read, 0) != NGX_OK
        || ngx_handle_write_event(c_->write, 0) != NGX_OK)
    {
        fail("cannot be watched");
        return;
    }

    owner_.opened();

    // It may have said something already, for instance that it is full.
    if (c_ && c_->read->ready) {
        ngx_post_event(c_->read, &ngx_posted_events);
    }
}

#if (NGX_SSL)

void Connection::start_tls()
{
    std::string why = ngx_http_l402_redis_start_tls(c_, conf_, peer_.name);

    if (!why.empty()) {
        fail(why);
        return;
    }

    ngx_int_t rc = ngx_ssl_handshake(c_);

    if (rc == NGX_AGAIN) {
        c_->ssl->handler = tls_event;
        return;
    }

    check_tls();
}

void Connection::tls_event(ngx_connection_t *c) noexcept
{
    auto connection = static_cast<Connection *>(c->data);

    guarded(ngx_cycle->log, [&] {
        if (!connection->is_closing(c)) {
            connection->check_tls();
        }
    });
}

// A handshake that succeeded is not yet a verified peer.
void Connection::check_tls()
{
    std::string why = ngx_http_l402_redis_check_tls(c_, conf_);

    if (why.empty()) {
        say_opened();
        return;
    }

    fail(c_->ssl->handshaked || log_.text().empty()
             ? why : why + " (" + log_.text() + ")");
}

#else

void Connection::start_tls() { fail("nginx is built without TLS"); }
void Connection::check_tls() { }

#endif

void Connection::write(std::string_view bytes)
{
    if (!opened_) {
        return;
    }

    out_ += bytes;

    if (!flush_.posted) {
        ngx_post_event(&flush_, &ngx_posted_events);
    }
}

void Connection::flush_event(ngx_event_t *ev) noexcept
{
    auto connection = owner_of<Connection>(ev);

    guarded(ngx_cycle->log, [&] { connection->flush(); });
}

void Connection::write_event(ngx_event_t *ev) noexcept
{
    auto c = static_cast<ngx_connection_t *>(ev->data);
    auto connection = static_cast<Connection *>(c->data);

    guarded(ngx_cycle->log, [&] { connection->flush(); });
}

void Connection::flush()
{
    size_t sent = 0;

    if (c_ == nullptr) {
        return;
    }

    while (sent < out_.size() && c_->write->ready) {
        ssize_t n = c_->send(c_,
            reinterpret_cast<u_char *>(out_.data()) + sent,
            out_.size() - sent);

        if (n == NGX_AGAIN || n == 0) {
            break;
        }

        if (n < 0) {
            fail(log_.text());
            return;
        }

        sent += static_cast<size_t>(n);
    }

    out_.erase(0, sent);

    if (ngx_handle_write_event(c_->write, 0) != NGX_OK) {
        fail("cannot be watched");
    }
}

void Connection::read_event(ngx_event_t *ev) noexcept
{
    auto c = static_cast<ngx_connection_t *>(ev->data);
    auto connection = static_cast<Connection *>(c->data);

    guarded(ngx_cycle->log, [&] {
        if (!connection->is_closing(c)) {
            connection->read();
        }
    });
}

void Connection::read()
{
    u_char buffer[read_size];
    size_t total = 0;

    while (total < most_read) {
        ssize_t n = c_->recv(c_, buffer, sizeof(buffer));

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(c_->read, 0) != NGX_OK) {
                fail("cannot be watched");
            }

            return;
        }

        if (n == 0 || n == NGX_ERROR) {
            fail(n == 0 ? "has closed the connection" : log_.text());
            return;
        }

        if (!take(reinterpret_cast<char *>(buffer), static_cast<size_t>(n))) {
            return;
        }

        total += static_cast<size_t>(n);
    }

    ngx_post_event(c_->read, &ngx_posted_next_events);
}

// False: this connection is closed by now.
bool Connection::take(const char *data, size_t size)
{
    // Who is told of a reply may close, and open again.
    l402::RedisReader *reader = reader_.get();
    ngx_connection_t *c = c_;

    reader->feed({data, size});

    while (l402::RedisReplyPtr reply = reader->next()) {
        owner_.replied(std::move(reply));

        if (c_ != c || reader_.get() != reader) {
            return false;
        }
    }

    if (reader->error()) {
        fail(reader->error());
        return false;
    }

    return true;
}

void Connection::close() noexcept
{
    lookup_.cancel();
    delete_posted(flush_);
    delete_posted(failed_);
    opened_ = false;
    out_.clear();

    if (c_ == nullptr) {
        return;
    }

    ngx_connection_t *c = std::exchange(c_, nullptr);
    ngx_pool_t *pool = c->pool;

#if (NGX_SSL)
    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        (void) ngx_ssl_shutdown(c);
    }
#endif

    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }
}

// The owner is told once nothing of ours is on the stack.
void Connection::fail(std::string why) noexcept
{
    close();
    why_ = std::move(why);
    ngx_post_event(&failed_, &ngx_posted_events);
}

void Connection::failed_event(ngx_event_t *ev) noexcept
{
    auto connection = owner_of<Connection>(ev);

    connection->owner_.failed(connection->why_);
}
