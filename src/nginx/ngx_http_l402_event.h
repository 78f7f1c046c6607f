// Events that belong to no connection: timers of our own.
#pragma once

#include "ngx_http_l402.h"

// nginx's debug log reads a descriptor out of what an event belongs to.
struct ngx_http_l402_event_owner_t {
    void         *self;
    void         *unused[2];
    ngx_socket_t  fd;
};

inline void ngx_http_l402_init_event(ngx_event_t &event,
    ngx_http_l402_event_owner_t &owner, void *self,
    ngx_event_handler_pt handler, ngx_log_t *log)
{
    ngx_memzero(&event, sizeof(event));
    owner = {self, {nullptr, nullptr}, static_cast<ngx_socket_t>(-1)};
    event.data = &owner;
    event.handler = handler;
    event.log = log;
}
