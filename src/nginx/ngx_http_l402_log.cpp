// Lines of the log that could come too often.

#include "ngx_http_l402.h"

// A failing node would fill the log with one line a request: the same error
// within a second is counted.
void ngx_http_l402_log_failure(ngx_log_t *log,
    ngx_http_l402_service_t *service, std::string_view error)
{
    bool same = service->last_error == error
                && service->last_error_time == ngx_time();

    if (same) {
        service->repeats++;
        return;
    }

    ngx_str_t text = ngx_http_l402_str(error);

    if (service->repeats) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
            "l402: no invoice from \"%V\": %V (the one before %ui times more)",
            &service->name, &text, service->repeats);

    } else {
        ngx_log_error(NGX_LOG_ERR, log, 0,
            "l402: no invoice from \"%V\": %V", &service->name, &text);
    }

    service->repeats = 0;
    service->last_error_time = ngx_time();

    try {
        service->last_error = error;

    } catch (...) {
        service->last_error.clear();
    }
}
