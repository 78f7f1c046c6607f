// One call: what libcurl is told of it, and where it goes.

#include "ngx_http_l402_transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>

using Exchange = ngx_http_l402_exchange_t;

namespace {

constexpr ngx_msec_t push_interval = 100;
constexpr uint64_t least_silence = 5000;  // ms

void add(curl_slist *&list, const std::string &line)
{
    curl_slist *longer = curl_slist_append(list, line.c_str());

    if (longer == nullptr) {
        throw std::bad_alloc();
    }

    list = longer;
}

// RFC 6761: never a question to a name server.
bool is_localhost(std::string_view host)
{
    constexpr std::string_view name = "localhost";
    constexpr std::string_view below = ".localhost";

    return host == name
           || (host.size() > below.size()
               && host.substr(host.size() - below.size()) == below);
}

std::string in_url(const std::string &host)
{
    return host.find(':') == host.npos ? host : "[" + host + "]";
}

}  // namespace

Exchange::ngx_http_l402_exchange_t(ngx_http_l402_transport_t &transport,
    const l402::Endpoint &endpoint, l402::HttpWaiter &waiter)
    : transport_(transport),
      endpoint_(endpoint),
      waiter_(waiter),
      has_proxy_(!endpoint.proxy.host.empty()),
      host_(has_proxy_ ? endpoint.proxy.host : endpoint.url.host),
      port_(has_proxy_ ? endpoint.proxy.port : endpoint.url.port),
      known_(has_proxy_ ? endpoint.proxy_addresses : endpoint.addresses)
{
}

Exchange::~ngx_http_l402_exchange_t()
{
    detach();

    if (easy_) {
        curl_easy_cleanup(easy_);
    }

    curl_slist_free_all(headers_);
    curl_slist_free_all(resolve_);
    l402::wipe(request_body_.data(), request_body_.size());
}

void Exchange::detach()
{
    lookup_.cancel();

    if (deadline_.timer_set) {
        ngx_del_timer(&deadline_);
    }

    if (push_.timer_set) {
        ngx_del_timer(&push_);
    }

    if (running_) {
        running_ = false;
        curl_multi_remove_handle(transport_.multi(), easy_);
    }
}

// ---- what libcurl is told ----

// Options that this libcurl does not know are left out.
template <typename Value>
void Exchange::set(CURLoption option, Value value)
{
    if (curl_easy_setopt(easy_, option, value) == CURLE_OUT_OF_MEMORY) {
        throw std::bad_alloc();
    }
}

void Exchange::prepare(const l402::HttpCall &call, uint64_t timeout)
{
    easy_ = curl_easy_init();

    if (easy_ == nullptr) {
        throw std::bad_alloc();
    }

    max_body_ = call.max_answer;
    url_ = endpoint_.url.join(call.path);
    set(CURLOPT_URL, url_.c_str());
    set(CURLOPT_PRIVATE, reinterpret_cast<char *>(this));
    set(CURLOPT_ERRORBUFFER, error_);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_USERAGENT, "ngx_http_l402");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_HEADERFUNCTION, &Exchange::take_head);
    set(CURLOPT_HEADERDATA, this);
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

    // A peer that is gone without a word would keep the calls of a connection
    // that they share until the kernel gives up, a quarter of an hour later.
    // Longer calls may come to share it with this one.
    silence_ = static_cast<unsigned int>(std::max(timeout, least_silence));
    set(CURLOPT_OPENSOCKETFUNCTION, &Exchange::open_socket);
    set(CURLOPT_OPENSOCKETDATA, this);
    set(CURLOPT_TCP_KEEPALIVE, 1L);

    if (!endpoint_.url.unix_socket.empty()) {
        set(CURLOPT_UNIX_SOCKET_PATH, endpoint_.url.unix_socket.c_str());
    }

    set_proxy();
    set_tls();
    set(CURLOPT_CUSTOMREQUEST, call.method.c_str());
    set_body(call);

    for (const auto &header : call.headers) {
        std::string line = header.first + ": " + header.second;

        add(headers_, line);
        l402::wipe(line.data(), line.size());
    }

    set(CURLOPT_HTTPHEADER, headers_);
}

// What the environment says of proxies is not asked.
void Exchange::set_proxy()
{
    const l402::ProxyUrl &proxy = endpoint_.proxy;

    set(CURLOPT_NOPROXY, "");

    if (!has_proxy_) {
        set(CURLOPT_PROXY, "");
        return;
    }

    std::string url = "socks5h://" + in_url(proxy.host) + ":"
                      + std::to_string(proxy.port);

    set(CURLOPT_PROXY, url.c_str());

    // libcurl's GSS-API would block.
    set(CURLOPT_SOCKS5_AUTH, static_cast<long>(CURLAUTH_BASIC));

    if (!proxy.user.empty()) {
        set(CURLOPT_PROXYUSERNAME, proxy.user.c_str());
        set(CURLOPT_PROXYPASSWORD, proxy.password.c_str());
    }
}

void Exchange::set_tls()
{
    set(CURLOPT_SSL_VERIFYPEER, endpoint_.verify ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, endpoint_.verify ? 2L : 0L);

    if (!endpoint_.ca_pem.empty()) {
        curl_blob blob;

        blob.data = const_cast<char *>(endpoint_.ca_pem.data());
        blob.len = endpoint_.ca_pem.size();
        blob.flags = CURL_BLOB_NOCOPY;
        set(CURLOPT_CAINFO_BLOB, &blob);
    }

    if (endpoint_.url.https) {
        // Calls wait for a connection that is being made, which may turn out
        // to carry them all.
        set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
        set(CURLOPT_PIPEWAIT, 1L);

    } else {
        set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    }
}

void Exchange::set_body(const l402::HttpCall &call)
{
    if (call.content_type.empty()) {
        return;
    }

    request_body_ = call.body;
    add(headers_, "Content-Type: " + call.content_type);
    set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request_body_.size()));
    set(CURLOPT_POSTFIELDS, request_body_.c_str());
    // libcurl asks first ("100 continue") where a body is large.
    add(headers_, "Expect:");
}

curl_socket_t Exchange::open_socket(void *self, curlsocktype,
    curl_sockaddr *address) noexcept
{
    auto e = static_cast<Exchange *>(self);
    curl_socket_t fd = socket(address->family,
        address->socktype | SOCK_CLOEXEC, address->protocol);

    if (fd == -1) {
        return CURL_SOCKET_BAD;
    }

    // A unix socket has no such option, and needs none.
    (void) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &e->silence_,
        sizeof(e->silence_));

    e->socket_ = fd;
    return fd;
}

// ---- addresses ----

void Exchange::start(uint64_t timeout)
{
    bool is_address = has_proxy_ ? endpoint_.proxy.host_is_address
                                 : endpoint_.url.host_is_address;
    auto ms = static_cast<ngx_msec_t>(timeout);

    ngx_http_l402_init_event(deadline_, deadline_owner_, this, timed_out,
        transport_.log());
    ngx_add_timer(&deadline_, ms);

    if (is_address || !endpoint_.url.unix_socket.empty()) {
        send_to({});
        return;
    }

    if (l402::is_onion(host_)) {
        fail_later("\"%s\" is an onion service, which needs a \"proxy\" to be "
            "reached", "");
        return;
    }

    if (transport_.resolver() && !is_localhost(host_)) {
        // A name server that is silent leaves time for what was known before.
        if (!known_.empty()) {
            ms /= 2;
        }

        ms = ngx_min(ms, transport_.resolver_timeout());
        lookup_.start(transport_.resolver(), host_, ms);
        return;
    }

    if (known_.empty() && !transport_.has_threads() && !is_localhost(host_)) {
        fail_later("\"%s\" could not be found when the configuration was read, "
            "and there is no \"resolver\"", "");
        return;
    }

    // Where none is known, libcurl looks for it in a thread of its own.
    is_looked_up_ = known_.empty();
    send_to(known_);
}

// The resolver may be going through others that wait for the same name: nobody
// may be told from here.
void Exchange::found(const std::vector<std::string> &addresses,
    const char *error) noexcept
{
    bool started = ngx_http_l402_guard(transport_.log(), false, [&] {
        if (!addresses.empty() || !known_.empty()) {
            send_to(addresses.empty() ? known_ : addresses);
            return true;
        }

        fail_later("\"%s\" could not be resolved: %s", error);
        return true;
    });

    if (!started) {
        fail_later("\"%s\": out of memory", "");
    }
}

void Exchange::send_to(const std::vector<std::string> &addresses)
{
    if (!addresses.empty()) {
        std::string line = host_ + ":" + std::to_string(port_) + ":";

        for (size_t i = 0; i < addresses.size(); i++) {
            line += (i ? "," : "") + addresses[i];
        }

#if LIBCURL_VERSION_NUM >= 0x074b00
        // "+": libcurl forgets them in time, since the names of callbacks are
        // many; not before the call has begun, though.
        line.insert(0, "+");
        set(CURLOPT_DNS_CACHE_TIMEOUT,
            static_cast<long>(silence_ / 1000 + 60));
#endif

        add(resolve_, line);
        set(CURLOPT_RESOLVE, resolve_);
    }

    // Of several addresses the first one may not take all of the time.
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(ngx_max(1,
        static_cast<ngx_msec_int_t>(deadline_.timer.key - ngx_current_msec))));

    if (curl_multi_add_handle(transport_.multi(), easy_) != CURLM_OK) {
        throw std::bad_alloc();
    }

    running_ = true;

    if (addresses.size() > 1) {
        ngx_http_l402_init_event(push_, push_owner_, this, push,
            transport_.log());
        push_.cancelable = 1;
        ngx_add_timer(&push_, push_interval);
    }
}

// libcurl 7.88 closes the socket of an address that is silent, and then neither
// goes on to the next one nor asks to be called for it.
void Exchange::push(ngx_event_t *ev) noexcept
{
    auto e = static_cast<Exchange *>(
        static_cast<ngx_http_l402_event_owner_t *>(ev->data)->self);
    curl_off_t asked = 0;

    curl_easy_getinfo(e->easy_, CURLINFO_PRETRANSFER_TIME_T, &asked);

    if (asked) {
        return;
    }

    ngx_add_timer(ev, push_interval);

    if (e->socket_ != -1 && !e->transport_.is_watched(e->socket_)) {
        // This object may be gone behind it.
        e->transport_.act_on_all();
    }
}
