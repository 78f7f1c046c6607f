// A request that waits for an answer of somebody else's.

#include "ngx_http_l402.h"

ngx_int_t ngx_http_l402_park(ngx_http_request_t *r, const char *action)
{
    if (!r->discard_body) {
        // So that a client that leaves is noticed.
        if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
            return NGX_ERROR;
        }

        r->read_event_handler = ngx_http_test_reading;
    }

    // A write event would run the phases again.
    r->write_event_handler = ngx_http_request_empty_handler;
    r->connection->log->action = const_cast<char *>(action);
    return NGX_OK;
}

void ngx_http_l402_unpark(ngx_http_request_t *r)
{
    ngx_connection_t *c = r->connection;

    // Its client has left, and a post_action is under way in its place.
    if (r->post_action) {
        return;
    }

    c->log->action = nullptr;

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);

    } else {
        r->read_event_handler = ngx_http_block_reading;
        r->write_event_handler = ngx_http_core_run_phases;
        ngx_http_core_run_phases(r);
    }

    ngx_http_run_posted_requests(c);
}
