// nginx's headers wrapped once, the objects of the configuration, and what
// everything here is written with.
#pragma once

extern "C" {
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

extern ngx_module_t ngx_http_l402_module;
extern ngx_module_t ngx_http_l402_filter_module;
}

#include "l402/challenge.h"
#include "l402/free_quota.h"
#include "l402/invoice_client.h"
#include "l402/ledger.h"
#include "l402/settled_memory.h"
#include "l402/settlement_client.h"
#include "l402/verify.h"

#include <new>
#include <string_view>
#include <utility>

namespace l402 {
class CountClient;
class Journal;
}  // namespace l402

// nginx has no name for it.
inline constexpr ngx_uint_t ngx_http_l402_payment_required = 402;

inline std::string_view ngx_http_l402_view(const ngx_str_t &s)
{
    return {reinterpret_cast<const char *>(s.data), s.len};
}

// For text that outlives the request or cycle it is used in.
inline ngx_str_t ngx_http_l402_str(std::string_view s)
{
    return {s.size(),
        reinterpret_cast<u_char *>(const_cast<char *>(s.data()))};
}

// Where a directive stands, for errors that are found after it was read.
struct ngx_http_l402_place_t {
    ngx_str_t   file;
    ngx_uint_t  line;
};

// What a client causes could fill the log: one line a second. `logged` is when
// the last one was written.
inline bool ngx_http_l402_may_log(time_t &logged)
{
    if (logged == ngx_time()) {
        return false;
    }

    logged = ngx_time();
    return true;
}

// A C++ object in a pool, destroyed with it.
template <typename T, typename... Args>
T *ngx_http_l402_pool_new(ngx_pool_t *pool, Args &&...args)
{
    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(pool, sizeof(T));

    if (cln == nullptr) {
        return nullptr;
    }

    T *object = new (cln->data) T(std::forward<Args>(args)...);

    cln->handler = [](void *data) { static_cast<T *>(data)->~T(); };
    return object;
}

// Every callback that nginx or libcurl calls goes through here: whatever is
// thrown below becomes the closed answer.
template <typename Value, typename Function>
Value ngx_http_l402_guard(ngx_log_t *log, Value closed, Function function)
    noexcept
{
    try {
        return function();

    } catch (const std::bad_alloc &) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "l402: out of memory");

    } catch (const std::exception &e) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "l402: unexpected error: %s",
            e.what());

    } catch (...) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "l402: unexpected error");
    }

    return closed;
}

// ngx_conf_log_error at a line that was read earlier.
template <typename... Args>
void ngx_http_l402_log_at(ngx_conf_t *cf, ngx_uint_t level,
    const ngx_http_l402_place_t &at, const char *format, Args... args)
{
    if (cf->conf_file == nullptr || at.file.data == nullptr) {
        ngx_conf_log_error(level, cf, 0, format, args...);
        return;
    }

    ngx_conf_file_t *now = cf->conf_file;
    ngx_conf_file_t then = *now;

    then.file.name = at.file;
    then.line = at.line;
    cf->conf_file = &then;
    ngx_conf_log_error(level, cf, 0, format, args...);
    cf->conf_file = now;
}

// Error lines about a service. A failing node would fill the log with one a
// request: the same within a second is counted and not written.
class ngx_http_l402_complaints_t {
public:
    explicit ngx_http_l402_complaints_t(const char *what) : what_(what) {}

    void log(ngx_log_t *log, const ngx_str_t &service, std::string_view error);

private:
    const char   *what_;
    std::string   last_;
    time_t        last_time_ = 0;
    ngx_uint_t    repeats_ = 0;
};

// An l402_invoice_service block.
struct ngx_http_l402_service_t {
    l402::InvoiceService  service;
    ngx_str_t             name;
    ngx_http_l402_place_t place;

    // For messages: the urls without what may be a password.
    std::vector<std::string> shown_urls;

    // In a worker: null until init_process.
    std::unique_ptr<l402::ServiceState>  state;
    std::unique_ptr<l402::InvoiceClient> client;

    ngx_http_l402_complaints_t no_invoice{"no invoice from"};

    // As above, of questions whether an invoice is settled. Null where the
    // protocol has none.
    std::unique_ptr<l402::SettlementClient> settlement;
    ngx_http_l402_complaints_t unconfirmed{"no settlement known from"};
};

// Whose invoices a service's tokens commit to: all of them have to be asked.
struct ngx_http_l402_seller_t {
    ngx_str_t    service;
    ngx_array_t  invoice_services;  // of ngx_http_l402_service_t *
};

struct ngx_http_l402_stock_t;

struct ngx_http_l402_keys_t {
    ngx_str_t      path;
    l402::Keyring  ring;
};

// An amount, known now or once a request is there.
struct ngx_http_l402_price_t {
    ngx_http_complex_value_t  *value;  // null: not set
    ngx_http_l402_place_t      place;
    ngx_uint_t                 is_static;
    uint64_t                   amount;  // msat, where it is static
};

struct ngx_http_l402_constraint_t {
    ngx_str_t                  condition;
    ngx_http_complex_value_t   value;
    int64_t                    grant;  // -1: a challenge mints none
    ngx_http_l402_place_t      place;
};

// What is counted of a payment, by the directives l402_uses, l402_metered and
// l402_refund.
struct ngx_http_l402_count_conf_t {
    ngx_uint_t                 uses;     // of one payment; 0: off
    ngx_flag_t                 metered;
    ngx_http_complex_value_t  *cost;     // of a request; null: not metered
    ngx_uint_t                 cost_is_static;
    uint64_t                   static_cost;  // msat
    ngx_uint_t                 has_hold;  // the cost comes with the answer
    uint64_t                   hold;      // msat
    ngx_array_t               *refund;    // of ngx_uint_t: statuses
    // Other locations of the service count what this one does not.
    ngx_uint_t                 closes_grants;

    // Worker's own: when it was last complained about.
    time_t                     bad_cost_logged;
    time_t                     full_logged;
    time_t                     nearly_full_logged;

    ngx_http_l402_place_t      uses_place;
    ngx_http_l402_place_t      metered_place;
};

// An l402_free directive: all that inherits it shares one quota.
struct ngx_http_l402_free_t {
    l402::FreeRule             rule;
    ngx_http_complex_value_t  *key;    // null: the client's address
    ngx_str_t                  scope;  // as long as it stands where it does
    ngx_uint_t                 is_used;  // something is protected there
    ngx_uint_t                 sells;    // and not for nothing
    ngx_http_l402_place_t      place;
};

enum ngx_http_l402_bind_e : ngx_uint_t {
    NGX_HTTP_L402_BIND_ADDRESS = 2,
    NGX_HTTP_L402_BIND_HOST    = 4,
    NGX_HTTP_L402_BIND_PATH    = 8,
    NGX_HTTP_L402_BIND_METHOD  = 16,
};

struct ngx_http_l402_loc_conf_t {
    // First what every paid request asks for: two lines of the cache.
    ngx_flag_t                 enable;
    ngx_flag_t                 pass_credential;
    ngx_flag_t                 cors;
    ngx_flag_t                 refuse_unknown_caveats;
    ngx_http_l402_keys_t      *keys;
    ngx_uint_t                 tier;
    ngx_str_t                  service;  // empty where enable is 0
    // Where data is null: not set; where only len is 0: "off".
    ngx_str_t                  capability;
    ngx_array_t               *constraints;  // ngx_http_l402_constraint_t
    ngx_flag_t                 settled;
    ngx_flag_t                 revocation;
    time_t                     max_stale;  // seconds; 0: however old
    ngx_http_l402_count_conf_t count;

    ngx_str_t                  capabilities;
    ngx_uint_t                 bind;  // ngx_http_l402_bind_e; 1 and 0 tie none
    time_t                     valid_for;  // seconds, 0: for ever
    ngx_uint_t                 invalid_status;
    ngx_flag_t                 lsat;

    ngx_http_l402_price_t      price;
    ngx_http_l402_price_t      upgrade_price;
    ngx_http_l402_free_t      *free;  // null: none
    ngx_http_complex_value_t  *memo;
    ngx_str_t                  invoice_from;
    ngx_http_l402_service_t   *invoice_service;
    ngx_http_l402_stock_t     *stock;          // null: none
    ngx_http_l402_stock_t     *upgrade_stock;

    // Worker's own: when a value of a request was last complained about.
    time_t                     bad_price_logged;
    time_t                     bad_constraint_logged;

    // For messages of nginx -t.
    ngx_str_t                  location;  // its name
    ngx_uint_t                 limit_except;
    ngx_uint_t                 in_use;    // requests end here
    ngx_http_l402_place_t      place;     // of `l402`
    ngx_http_l402_place_t      capability_place;
    ngx_http_l402_place_t      invoice_from_place;
    ngx_http_l402_place_t      settled_place;
    ngx_http_l402_place_t      revocation_place;

    ngx_uint_t                 admin;     // l402_admin answers here
    ngx_http_l402_place_t      admin_place;
};

// A location with l402_admin.
struct ngx_http_l402_admin_t {
    ngx_http_l402_place_t      place;
    ngx_http_core_loc_conf_t  *core;
    ngx_http_core_srv_conf_t  *server;
};

struct ngx_http_l402_main_conf_t {
    ngx_array_t          services;   // of ngx_http_l402_service_t *
    ngx_array_t          keys;       // of ngx_http_l402_keys_t *
    ngx_array_t          locations;  // of ngx_http_l402_loc_conf_t *, protected
    ngx_array_t          stocks;     // of ngx_http_l402_stock_t *
    ngx_array_t          frees;      // of ngx_http_l402_free_t *
    ngx_http_l402_free_t *free;      // one that needs memory; null: none does
    ngx_array_t          admins;     // of ngx_http_l402_admin_t

    ngx_shm_zone_t      *zone;       // l402_zone, or a small one of our own
    ngx_http_l402_place_t zone_place;
    ngx_str_t            zone_file;  // empty: none
    ngx_flag_t           salvage;    // what is whole of a damaged file
    size_t               ledger_bytes;  // of the zone; 0: no room for one
    ngx_array_t          sellers;    // of ngx_http_l402_seller_t
    ngx_shm_zone_t      *settled_zone;  // null: no location asks

    struct ngx_http_l402_redis_t *redis;  // null: no l402_redis

    // Variables that may have been read before the credential was taken off.
    ngx_int_t            credential_variables[3];
    // A variable without a readable name: its value is a request's context.
    ngx_int_t            ctx_variable;

    // Where the access phase ends in the phase engine. Set in init_process.
    ngx_int_t            access_end;

    // A worker's: made in init_process.
    l402::HttpTransport  *transport;
    l402::VerifiedMemory *memory;
    l402::Ledger          ledger;    // none where there is no l402_zone
    // Null where Redis does not count.
    l402::Journal        *journal;
    l402::CountClient    *counts;
};
