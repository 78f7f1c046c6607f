// The part of the zone that has what is counted and what is revoked, and the
// file that it may lie in.

#include "ngx_http_l402_zone.h"

#include "l402/journal.h"
#include "l402/ledger_file.h"

namespace {

// Out of the quarter that the ledger leaves.
size_t journal_size(size_t ledger)
{
    return ngx_min(ledger / 16, size_t(1024 * 1024)) / ngx_pagesize
           * ngx_pagesize;
}

// The master's, which opened it: stays mapped for as long as there is a process
// that may use it.
l402::LedgerFile *ledger_file;

bool open_file(ngx_shm_zone_t *zone, const ngx_http_l402_main_conf_t *mcf,
    ngx_http_l402_zone_counts_t &counts)
{
    std::string path(ngx_http_l402_view(mcf->zone_file)), error;
    std::vector<std::string> notes;
    auto damaged = mcf->salvage ? l402::LedgerFile::Damaged::salvage
                                : l402::LedgerFile::Damaged::refuse;
    bool good;

    if (ngx_test_config) {
        good = l402::LedgerFile::check(path, mcf->ledger_bytes, damaged,
            notes, error);

    } else {
        auto file = l402::LedgerFile::open(path, mcf->ledger_bytes, damaged,
            ngx_time(), notes, error);

        good = file != nullptr;

        if (file) {
            counts.ledger = file->block();
            counts.ledger_bytes = file->bytes();
            ledger_file = file.release();
        }
    }

    for (const std::string &note : notes) {
        ngx_log_error(NGX_LOG_WARN, zone->shm.log, 0, "l402: %s",
            note.c_str());
    }

    if (!good) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
            "l402_zone \"%V\": %s", &zone->shm.name, error.c_str());
    }

    return good;
}

}  // namespace

// Three quarters of what invoices and breakers leave: the rest is for those of
// later configurations. 0: too little.
size_t ngx_http_l402_ledger_size(size_t zone, size_t needed)
{
    size_t bytes = (zone - needed) / 4 * 3 / ngx_pagesize * ngx_pagesize;

    return bytes < l402::Ledger::min_bytes ? 0 : bytes;
}

bool ngx_http_l402_create_counts(ngx_shm_zone_t *zone,
    const ngx_http_l402_main_conf_t *mcf, ngx_http_l402_zone_counts_t &counts)
{
    ngx_slab_pool_t *pool = reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);

    if (mcf->ledger_bytes == 0) {
        return true;
    }

    // A later configuration may count in Redis.
    counts.journal_bytes = journal_size(mcf->ledger_bytes);
    counts.journal = ngx_slab_alloc(pool, counts.journal_bytes);

    if (counts.journal == nullptr) {
        return false;
    }

    l402::Journal::format(counts.journal, counts.journal_bytes);

    if (mcf->zone_file.len) {
        counts.file.data = static_cast<u_char *>(
            ngx_slab_alloc(pool, mcf->zone_file.len));

        if (counts.file.data == nullptr) {
            return false;
        }

        counts.file.len = mcf->zone_file.len;
        ngx_memcpy(counts.file.data, mcf->zone_file.data, mcf->zone_file.len);
        return open_file(zone, mcf, counts);
    }

    // Not zeroed: its pages are touched as it fills.
    counts.ledger = ngx_slab_alloc(pool, mcf->ledger_bytes);
    counts.ledger_bytes = mcf->ledger_bytes;

    if (counts.ledger == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
            "l402: no room in the zone \"%V\" for %uz bytes of counts",
            &zone->shm.name, mcf->ledger_bytes);
        return false;
    }

    l402::Ledger::format(counts.ledger, counts.ledger_bytes);
    return true;
}

l402::Ledger ngx_http_l402_ledger(const ngx_http_l402_main_conf_t *mcf)
{
    auto counts = ngx_http_l402_zone_counts(mcf->zone);

    return counts && counts->ledger
               ? l402::Ledger(counts->ledger, counts->ledger_bytes)
               : l402::Ledger();
}

void ngx_http_l402_end_zone()
{
    if (ledger_file) {
        ledger_file->end();
    }
}

void *ngx_http_l402_journal(const ngx_http_l402_main_conf_t *mcf,
    size_t &bytes)
{
    auto counts = ngx_http_l402_zone_counts(mcf->zone);

    bytes = counts ? counts->journal_bytes : 0;
    return counts ? counts->journal : nullptr;
}
