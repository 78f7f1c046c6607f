// Lines of the log that could come too often.

#include "ngx_http_l402.h"

void ngx_http_l402_complaints_t::log(ngx_log_t *log, const ngx_str_t &service,
    std::string_view error)
{
    if (last_ == error && last_time_ == ngx_time()) {
        repeats_++;
        return;
    }

    ngx_str_t text = ngx_http_l402_str(error);

    if (repeats_) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
            "l402: %s \"%V\": %V (the one before %ui times more)", what_,
            &service, &text, repeats_);

    } else {
        ngx_log_error(NGX_LOG_ERR, log, 0, "l402: %s \"%V\": %V", what_,
            &service, &text);
    }

    repeats_ = 0;
    last_time_ = ngx_time();

    try {
        last_ = error;

    } catch (...) {
        last_.clear();
    }
}
