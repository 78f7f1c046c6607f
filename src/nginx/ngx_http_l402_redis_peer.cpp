// Where a connection leads, and what nginx has to say of it.

#include "ngx_http_l402_redis_connection.h"

socklen_t ngx_http_l402_redis_peer_t::find(
    ngx_http_l402_redis_address_t &out) const
{
    ngx_memzero(&out, sizeof(out));

    if (!unix_socket.empty()) {
        out.local.sun_family = AF_UNIX;
        ngx_cpystrn(reinterpret_cast<u_char *>(out.local.sun_path),
            reinterpret_cast<u_char *>(
                const_cast<char *>(unix_socket.c_str())),
            sizeof(out.local.sun_path));
        return sizeof(out.local);
    }

    if (inet_pton(AF_INET, address.c_str(), &out.v4.sin_addr) == 1) {
        out.v4.sin_family = AF_INET;
        out.v4.sin_port = htons(port);
        return sizeof(out.v4);
    }

    if (inet_pton(AF_INET6, address.c_str(), &out.v6.sin6_addr) == 1) {
        out.v6.sin6_family = AF_INET6;
        out.v6.sin6_port = htons(port);
        return sizeof(out.v6);
    }

    return 0;
}

ngx_http_l402_redis_log_t::ngx_http_l402_redis_log_t(ngx_log_t *log)
{
    log_ = *log;
    log_.log_level = NGX_LOG_INFO;
    log_.connection = 0;
    log_.handler = nullptr;
    log_.next = nullptr;
    log_.action = nullptr;
    log_.writer = write;
    log_.wdata = this;
}

// "<time> [error] 1#1: *1 connect() failed (111: Connection refused)"
void ngx_http_l402_redis_log_t::write(ngx_log_t *log, ngx_uint_t,
    u_char *line, size_t size) noexcept
{
    ngx_http_l402_guard<bool>(ngx_cycle->log, false, [&] {
        std::string_view text(reinterpret_cast<char *>(line), size);
        size_t at = text.find('#');

        at = at == text.npos ? at : text.find(": ", at);
        text.remove_prefix(at == text.npos ? 0 : at + 2);

        while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
            text.remove_suffix(1);
        }

        static_cast<ngx_http_l402_redis_log_t *>(log->wdata)->text_ = text;
        return true;
    });
}

std::string ngx_http_l402_redis_peer_t::shown() const
{
    if (!unix_socket.empty()) {
        return "unix:" + unix_socket;
    }

    bool brackets = name.find(':') != name.npos;

    return (brackets ? "[" + name + "]" : name) + ":" + std::to_string(port);
}
