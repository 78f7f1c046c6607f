// What becomes of a call: the answer, or the line that says why there is none.

#include "ngx_http_l402_transport.h"

#include <cstdarg>

using Exchange = ngx_http_l402_exchange_t;

namespace {

constexpr size_t max_head = 64 * 1024;

// A certificate's names, for instance, are what its owner wrote.
void make_printable(u_char *text)
{
    for ( /* void */ ; *text; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

}  // namespace

size_t Exchange::take_head(char *, size_t size, size_t count,
    void *self) noexcept
{
    auto e = static_cast<Exchange *>(self);

    e->head_size_ += size * count;

    if (e->head_size_ > max_head) {
        e->too_large_ = true;
        return 0;
    }

    return size * count;
}

size_t Exchange::take_body(char *data, size_t size, size_t count,
    void *self) noexcept
{
    auto e = static_cast<Exchange *>(self);
    size_t n = size * count;

    if (e->body_.size() + n > e->max_body_) {
        e->too_large_ = true;
        return 0;
    }

    try {
        e->body_.append(data, n);

    } catch (...) {
        return 0;
    }

    return n;
}

void Exchange::say(const char *format, ...) noexcept
{
    va_list args;

    va_start(args, format);
    *ngx_vslprintf(line_, line_ + sizeof(line_) - 1, format, args) = '\0';
    va_end(args);
    make_printable(line_);
}

// `reason` is what stands behind the host.
void Exchange::fail_later(const char *format, const char *reason) noexcept
{
    say(format, host_.c_str(), reason);
    failed_ = true;

    // ngx_add_timer leaves one that is set where it is when the new time is
    // close to it.
    if (deadline_.timer_set) {
        ngx_del_timer(&deadline_);
    }

    ngx_add_timer(&deadline_, 0);
}

// libcurl does not tell a connection from one that has TLS or SOCKS behind it,
// and where it finds before the deadline does that time is over, it says so
// when the socket is closed.
void Exchange::look_at(curl_socket_t fd) noexcept
{
    sockaddr_storage peer;
    socklen_t size = sizeof(peer);

    if (getpeername(fd, reinterpret_cast<sockaddr *>(&peer), &size) == 0) {
        connected_ = true;
    }
}

void Exchange::say_how_far() noexcept
{
    curl_off_t found = 0, asked = 0;

    curl_easy_getinfo(easy_, CURLINFO_NAMELOOKUP_TIME_T, &found);
    curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &asked);

    if (!running_ || (!found && is_looked_up_)) {
        say("timed out looking up \"%s\"", host_.c_str());

    } else if (head_size_) {
        say("timed out in the middle of the answer");

    } else if (asked) {
        say("timed out waiting for the answer");

    } else if (!endpoint_.url.unix_socket.empty()) {
        say("timed out connecting to the socket");

    } else if (has_proxy_) {
        say_with(connected_ ? "timed out behind the proxy"
                            : "timed out connecting to the proxy",
            host_, port_);

    } else {
        say_with(endpoint_.url.https && connected_
                     ? "timed out in the TLS handshake with"
                     : "timed out connecting to",
            host_, port_);
    }
}

void Exchange::say_with(const char *text, const std::string &host,
    uint16_t port) noexcept
{
    bool brackets = host.find(':') != host.npos;

    say("%s %s%s%s:%ui", text, brackets ? "[" : "", host.c_str(),
        brackets ? "]" : "", static_cast<ngx_uint_t>(port));
}

void Exchange::say_error(CURLcode code) noexcept
{
    // libcurl's text names hosts and causes, and quotes no header.
    const char *text = error_[0] ? error_ : curl_easy_strerror(code);
    bool names = code == CURLE_PEER_FAILED_VERIFICATION
                 && ngx_strstr(text, "subject name");

    say("%s%s", text,
        names ? ": the host of the url has to be one that the certificate names"
              : "");
}

// The waiter may destroy this object: nothing may be touched after it is told.
void Exchange::done(CURLcode code) noexcept
{
    long status = 0;

    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);

    if (too_large_) {
        say("answered with more than %uz kB",
            (head_size_ > max_head ? max_head : max_body_) / 1024);

    } else if (code == CURLE_OUT_OF_MEMORY) {
        // libcurl's word for a long header field, too.
        say("answered with a header field of more than 100 kB, or memory is "
            "short");

    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        say_how_far();

    } else if (code != CURLE_OK) {
        say_error(code);
    }

    detach();

    if (line_[0]) {
        waiter_.http_failed(reinterpret_cast<char *>(line_));
        return;
    }

    l402::HttpAnswer answer;

    answer.status = status;
    answer.body = body_;
    waiter_.http_answered(answer);
}

void Exchange::timed_out(ngx_event_t *ev) noexcept
{
    auto e = static_cast<Exchange *>(
        static_cast<ngx_http_l402_event_owner_t *>(ev->data)->self);

    if (!e->failed_) {
        e->say_how_far();
    }

    e->detach();
    e->waiter_.http_failed(reinterpret_cast<char *>(e->line_));
}
