// What workers share: the zone and its blocks, what is known of a service, and
// stocks of ready invoices.
#pragma once

#include "ngx_http_l402.h"

#include "l402/free_quota.h"
#include "l402/recent_hashes.h"
#include "l402/stock.h"

// What names a block of the zone: a digest of all that makes it what it is.
using ngx_http_l402_zone_key_t = std::array<uint8_t, 16>;

// Keeps a stock full, in the background.
class ngx_http_l402_refill_t {
public:
    virtual ~ngx_http_l402_refill_t() = default;
    // Something was taken.
    virtual void wake() = 0;
};

// Ready invoices for one service, memo, price and expiry; several locations
// may sell out of it.
struct ngx_http_l402_stock_t {
    ngx_http_l402_service_t  *service;
    l402::InvoiceRequest      request;
    ngx_http_l402_zone_key_t  key;

    // In a worker: null until init_process.
    std::unique_ptr<ngx_http_l402_refill_t> refill;
};

// ngx_http_l402_conf_zone.cpp
char *ngx_http_l402_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

// What is counted and revoked: in the zone, or a mapping of the file that
// workers have from the master.
struct ngx_http_l402_zone_counts_t {
    void       *ledger;   // null: none
    size_t      ledger_bytes;
    ngx_str_t   file;     // empty: in the zone
    void       *journal;  // null: none
    size_t      journal_bytes;
};

// ngx_http_l402_zone.cpp: the memory that workers share
ngx_int_t ngx_http_l402_init_zone(ngx_shm_zone_t *zone, void *data);
// Of a zone that has been initialised. Null: no zone.
ngx_http_l402_zone_counts_t *ngx_http_l402_zone_counts(
    const ngx_shm_zone_t *zone);
// Once the configuration is read: is there room?
ngx_int_t ngx_http_l402_prepare_zone(ngx_conf_t *cf,
    ngx_http_l402_main_conf_t *mcf);
// In the master, once nothing can go back to the old configuration.
void ngx_http_l402_fill_zone(ngx_cycle_t *cycle,
    ngx_http_l402_main_conf_t *mcf);

// The least size of an l402_zone that has room for a ledger.
size_t ngx_http_l402_least_zone(const ngx_http_l402_main_conf_t *mcf);
// ngx_http_l402_zone_counts.cpp
// Bytes of a zone that are for the ledger; 0: too few.
size_t ngx_http_l402_ledger_size(size_t zone, size_t needed);
// False once an error has been logged.
bool ngx_http_l402_create_counts(ngx_shm_zone_t *zone,
    const ngx_http_l402_main_conf_t *mcf, ngx_http_l402_zone_counts_t &counts);
// This process's view; none where there is no l402_zone.
l402::Ledger ngx_http_l402_ledger(const ngx_http_l402_main_conf_t *mcf);
// What is out in Redis; null where there is no ledger.
void *ngx_http_l402_journal(const ngx_http_l402_main_conf_t *mcf,
    size_t &bytes);
// In the master, at its end.
void ngx_http_l402_end_zone();

// Blocks may go at a reload: found anew each time, and used under the lock.
// Everything is null where there was no room.
class ngx_http_l402_zone_lock_t {
public:
    explicit ngx_http_l402_zone_lock_t(ngx_shm_zone_t *zone);
    ~ngx_http_l402_zone_lock_t();

    ngx_http_l402_zone_lock_t(const ngx_http_l402_zone_lock_t &) = delete;
    void operator=(const ngx_http_l402_zone_lock_t &) = delete;

    l402::RecentHashes *recent() const;
    l402::Breaker *breaker(const ngx_http_l402_zone_key_t &key) const;
    l402::Stock *stock(const ngx_http_l402_zone_key_t &key) const;
    l402::FreeQuota *free_quota() const;

private:
    void *find(ngx_uint_t kind, const ngx_http_l402_zone_key_t &key) const;

    ngx_shm_zone_t *zone_;
};

// ngx_http_l402_state.cpp
std::unique_ptr<l402::ServiceState> ngx_http_l402_create_state(
    ngx_log_t *log, ngx_shm_zone_t *zone, ngx_http_l402_service_t *service);
ngx_http_l402_zone_key_t ngx_http_l402_breaker_key(
    const ngx_http_l402_service_t *service, size_t endpoint);

// ngx_http_l402_stock.cpp
ngx_int_t ngx_http_l402_list_stocks(ngx_conf_t *cf,
    ngx_http_l402_main_conf_t *mcf);
size_t ngx_http_l402_invoice_size(const ngx_http_l402_stock_t *stock);
bool ngx_http_l402_take_ready(ngx_http_request_t *r,
    ngx_http_l402_main_conf_t *mcf, ngx_http_l402_stock_t *stock,
    int64_t latest, l402::Invoice &out);

// ngx_http_l402_refill.cpp
std::unique_ptr<ngx_http_l402_refill_t> ngx_http_l402_create_refill(
    ngx_cycle_t *cycle, ngx_shm_zone_t *zone, ngx_http_l402_stock_t *stock);
