// The memory that workers share: l402_zone, or a small zone of our own where
// there is none. A directory in it leads to blocks, each of which is named by
// a key and used under the zone's lock. nginx's master gives that lock back
// where a worker was killed with it.

#include "ngx_http_l402_zone.h"

#include <algorithm>

#include <sodium.h>

using Key = ngx_http_l402_zone_key_t;

namespace {

enum Kind : ngx_uint_t { BREAKER, STOCK, FREE };

struct Item {
    Key         key;
    ngx_uint_t  kind;
    void       *block;
};

struct Directory {
    ngx_uint_t  count;
    Item        items[1];
};

struct Root {
    l402::RecentHashes  *recent;
    Directory           *directory;
    ngx_http_l402_zone_counts_t counts;
};

// What a configuration wants to find in its zone.
struct Wanted {
    Key     key;
    Kind    kind;
    size_t  size;          // bytes
    size_t  count;         // of a stock
    size_t  invoice_size;
    void   *block;
};

// Names that no configuration is likely to write.
ngx_str_t own_name = ngx_string("l402 invoice services");
ngx_str_t counts_name = ngx_string("l402 counts");

// Of a zone that nobody has named, where something is counted or revoked:
// always the same, so that a reload keeps it.
constexpr size_t default_size = 16 * 1024 * 1024;  // bytes

ngx_slab_pool_t *pool_of(ngx_shm_zone_t *zone)
{
    return reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);
}

// A sixteenth of the zone.
size_t free_size(size_t zone)
{
    return std::max<size_t>(zone / 16, 32768) / ngx_pagesize * ngx_pagesize;
}

// There is one for all that is counted.
constexpr Key free_key{};

// In a zone of that size.
std::vector<Wanted> list_wanted(const ngx_http_l402_main_conf_t *mcf,
    size_t zone)
{
    auto services = static_cast<ngx_http_l402_service_t **>(
        mcf->services.elts);
    auto stocks = static_cast<ngx_http_l402_stock_t **>(mcf->stocks.elts);
    std::vector<Wanted> list;

    for (ngx_uint_t i = 0; i < mcf->services.nelts; i++) {
        for (size_t j = 0; j < services[i]->service.endpoints.size(); j++) {
            list.push_back({ngx_http_l402_breaker_key(services[i], j), BREAKER,
                sizeof(l402::Breaker), 0, 0, nullptr});
        }
    }

    for (ngx_uint_t i = 0; i < mcf->stocks.nelts; i++) {
        size_t count = stocks[i]->service->service.pool;
        size_t invoice_size = ngx_http_l402_invoice_size(stocks[i]);

        list.push_back({stocks[i]->key, STOCK,
            l402::Stock::size_of(count, invoice_size), count, invoice_size,
            nullptr});
    }

    if (mcf->free) {
        list.push_back({free_key, FREE, free_size(zone), 0, 0, nullptr});
    }

    return list;
}

size_t directory_size(size_t count)
{
    return sizeof(Directory) + count * sizeof(Item);
}

size_t pages(size_t bytes)
{
    return (bytes + ngx_pagesize - 1) / ngx_pagesize;
}

// What nginx needs for itself in a zone, and what blocks of less than a page
// leave unused, included.
size_t needed_size(const std::vector<Wanted> &list)
{
    size_t small = 0, n = 3;

    for (const Wanted &wanted : list) {
        if (wanted.kind == BREAKER) {
            small += 2 * wanted.size;

        } else {
            n += pages(wanted.size);
        }
    }

    n += pages(small) + pages(directory_size(list.size())) + 1
         + pages(sizeof(l402::RecentHashes));

    size_t bytes = n * (ngx_pagesize + sizeof(ngx_slab_page_t));

    return std::max<size_t>(pages(bytes), 8) * ngx_pagesize;
}

// The least zone that has room for them, and for so many bytes more.
size_t least_zone(const ngx_http_l402_main_conf_t *mcf, size_t more)
{
    size_t zone = 0, needed;

    while ((needed = pages(needed_size(list_wanted(mcf, zone)) + more)
                     * ngx_pagesize) > zone)
    {
        zone = needed;
    }

    return zone;
}

// The block of the old directory that is what is wanted, taken out of it.
void *take_same(Directory *old, const Wanted &wanted)
{
    for (ngx_uint_t i = 0; old && i < old->count; i++) {
        Item &item = old->items[i];

        if (item.block == nullptr || item.kind != wanted.kind
            || item.key != wanted.key)
        {
            continue;
        }

        auto stock = static_cast<l402::Stock *>(item.block);

        if (item.kind == STOCK
            && (stock->count() != wanted.count
                || stock->invoice_size() < wanted.invoice_size))
        {
            continue;
        }

        return std::exchange(item.block, nullptr);
    }

    return nullptr;
}

bool is_wanted(const std::vector<Wanted> &list, const Item &item)
{
    return std::any_of(list.begin(), list.end(), [&](const Wanted &wanted) {
        return wanted.kind == item.kind && wanted.key == item.key;
    });
}

void drop(ngx_slab_pool_t *pool, Item &item)
{
    if (item.block) {
        ngx_slab_free_locked(pool, std::exchange(item.block, nullptr));
    }
}

void *create(ngx_slab_pool_t *pool, Directory *old, const Wanted &wanted)
{
    void *block = ngx_slab_calloc_locked(pool, wanted.size);

    if (block && wanted.kind == FREE) {
        uint8_t seed[16];

        randombytes_buf(seed, sizeof(seed));
        return l402::FreeQuota::create(block, wanted.size, seed);
    }

    if (block == nullptr || wanted.kind != STOCK) {
        return block;
    }

    auto stock = l402::Stock::create(block, wanted.count, wanted.invoice_size);

    // Of another size before: the invoices are as good as they were.
    for (ngx_uint_t i = 0; old && i < old->count; i++) {
        Item &item = old->items[i];

        if (item.block && item.kind == STOCK && item.key == wanted.key) {
            static_cast<l402::Stock *>(item.block)->move_to(*stock,
                ngx_time());
        }
    }

    return stock;
}

ngx_int_t add_own_zone(ngx_conf_t *cf, ngx_http_l402_main_conf_t *mcf,
    ngx_str_t &name, size_t size)
{
    mcf->zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_l402_module);

    if (mcf->zone == nullptr) {
        return NGX_ERROR;
    }

    mcf->zone->init = ngx_http_l402_init_zone;
    mcf->zone->data = mcf;
    return NGX_OK;
}

bool wants_counts(const ngx_http_l402_main_conf_t *mcf)
{
    auto locations = static_cast<ngx_http_l402_loc_conf_t **>(
        mcf->locations.elts);

    if (mcf->redis || mcf->free || mcf->admins.nelts) {
        return true;
    }

    return std::any_of(locations, locations + mcf->locations.nelts,
        [](const ngx_http_l402_loc_conf_t *lcf) {
            return lcf->count.uses || lcf->count.cost || lcf->revocation == 1;
        });
}

// Workers of the old configuration may find that theirs is gone, and then ask
// for each invoice.
void fill(ngx_cycle_t *cycle, ngx_http_l402_main_conf_t *mcf)
{
    std::vector<Wanted> list = list_wanted(mcf, mcf->zone->shm.size);
    auto root = static_cast<Root *>(mcf->zone->data);
    ngx_slab_pool_t *pool = pool_of(mcf->zone);
    bool complete = true;

    ngx_http_l402_zone_lock_t lock(mcf->zone);

    Directory *old = root->directory;
    auto directory = static_cast<Directory *>(
        ngx_slab_calloc_locked(pool, directory_size(list.size())));

    if (directory == nullptr) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
            "l402: no room in the zone \"%V\" to change its contents; there "
            "is no stock of invoices until nginx is restarted",
            &mcf->zone->shm.name);
        return;
    }

    root->directory = nullptr;

    for (Wanted &wanted : list) {
        wanted.block = take_same(old, wanted);

        if (wanted.block && wanted.kind == BREAKER) {
            static_cast<l402::Breaker *>(wanted.block)->try_anew();
        }
    }

    for (ngx_uint_t i = 0; old && i < old->count; i++) {
        if (!is_wanted(list, old->items[i])) {
            drop(pool, old->items[i]);
        }
    }

    for (Wanted &wanted : list) {
        if (wanted.block == nullptr) {
            wanted.block = create(pool, old, wanted);
            complete = complete && wanted.block;
        }

        directory->items[directory->count++] =
            {wanted.key, wanted.kind, wanted.block};
    }

    for (ngx_uint_t i = 0; old && i < old->count; i++) {
        drop(pool, old->items[i]);
    }

    if (old) {
        ngx_slab_free_locked(pool, old);
    }

    root->directory = directory;

    if (!complete) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
            "l402: no room in the zone \"%V\" for all that it shall hold "
            "beside what it held before the reload; stocks of invoices, or "
            "l402_free, are left out until nginx is restarted",
            &mcf->zone->shm.name);
    }
}

}  // namespace

ngx_int_t ngx_http_l402_init_zone(ngx_shm_zone_t *zone, void *data)
{
    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(zone->data);

    // Kept over a reload: what is in it is never made anew.
    if (data) {
        zone->data = data;
        return NGX_OK;
    }

    ngx_slab_pool_t *pool = pool_of(zone);
    auto root = static_cast<Root *>(ngx_slab_calloc(pool, sizeof(Root)));

    if (root) {
        root->recent = static_cast<l402::RecentHashes *>(
            ngx_slab_calloc(pool, sizeof(l402::RecentHashes)));
    }

    if (root == nullptr || root->recent == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
            "l402: no room in the zone \"%V\"", &zone->shm.name);
        return NGX_ERROR;
    }

    bool made = ngx_http_l402_guard(zone->shm.log, false, [&] {
        return ngx_http_l402_create_counts(zone, mcf, root->counts);
    });

    if (!made) {
        return NGX_ERROR;
    }

    // Full is no error here: who asks for room says so.
    pool->log_nomem = 0;
    zone->data = root;
    return NGX_OK;
}

ngx_http_l402_zone_counts_t *ngx_http_l402_zone_counts(
    const ngx_shm_zone_t *zone)
{
    auto root = zone ? static_cast<Root *>(zone->data) : nullptr;

    return root ? &root->counts : nullptr;
}

ngx_int_t ngx_http_l402_prepare_zone(ngx_conf_t *cf,
    ngx_http_l402_main_conf_t *mcf)
{
    if (mcf->zone == nullptr && wants_counts(mcf)
        && add_own_zone(cf, mcf, counts_name, default_size) != NGX_OK)
    {
        return NGX_ERROR;
    }

    size_t zone = mcf->zone ? mcf->zone->shm.size : 0;
    std::vector<Wanted> list = list_wanted(mcf, zone);
    size_t needed = needed_size(list);

    if (mcf->zone && mcf->zone->shm.size > needed) {
        mcf->ledger_bytes = ngx_http_l402_ledger_size(mcf->zone->shm.size,
            needed);
    }

    if (mcf->zone_file.len && mcf->ledger_bytes == 0) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, mcf->zone_place,
            "\"l402_zone\" \"%V\" is too small for a file of counts: it has "
            "to be at least %uzk", &mcf->zone->shm.name,
            ngx_http_l402_least_zone(mcf) / 1024);
        return NGX_ERROR;
    }

    if (list.empty()) {
        return NGX_OK;
    }

    if (mcf->zone_place.line == 0 && mcf->stocks.nelts) {
        auto stock = static_cast<ngx_http_l402_stock_t **>(
            mcf->stocks.elts)[0];

        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, stock->service->place,
            "\"pool\" in l402_invoice_service \"%V\" needs shared memory, add "
            "\"l402_zone l402:%uzk\" or more", &stock->service->name,
            needed / 1024);
        return NGX_ERROR;
    }

    if (mcf->zone == nullptr) {
        return add_own_zone(cf, mcf, own_name, needed);
    }

    if (mcf->zone->shm.size < needed) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, mcf->zone_place,
            "\"l402_zone\" \"%V\" is too small: its invoice services and "
            "their \"pool\"s%s need at least %uzk", &mcf->zone->shm.name,
            mcf->free ? ", and \"l402_free\"," : "",
            least_zone(mcf, 0) / 1024);
        return NGX_ERROR;
    }

    return NGX_OK;
}

size_t ngx_http_l402_least_zone(const ngx_http_l402_main_conf_t *mcf)
{
    return least_zone(mcf,
        l402::Ledger::min_bytes / 3 * 4 + 2 * ngx_pagesize);
}

void ngx_http_l402_fill_zone(ngx_cycle_t *cycle,
    ngx_http_l402_main_conf_t *mcf)
{
    if (mcf->zone && mcf->zone->data) {
        fill(cycle, mcf);
    }
}

ngx_http_l402_zone_lock_t::ngx_http_l402_zone_lock_t(ngx_shm_zone_t *zone)
    : zone_(zone)
{
    ngx_shmtx_lock(&pool_of(zone_)->mutex);
}

ngx_http_l402_zone_lock_t::~ngx_http_l402_zone_lock_t()
{
    ngx_shmtx_unlock(&pool_of(zone_)->mutex);
}

l402::RecentHashes *ngx_http_l402_zone_lock_t::recent() const
{
    return static_cast<Root *>(zone_->data)->recent;
}

l402::Breaker *ngx_http_l402_zone_lock_t::breaker(const Key &key) const
{
    return static_cast<l402::Breaker *>(find(BREAKER, key));
}

l402::Stock *ngx_http_l402_zone_lock_t::stock(const Key &key) const
{
    return static_cast<l402::Stock *>(find(STOCK, key));
}

l402::FreeQuota *ngx_http_l402_zone_lock_t::free_quota() const
{
    return static_cast<l402::FreeQuota *>(find(FREE, free_key));
}

void *ngx_http_l402_zone_lock_t::find(ngx_uint_t kind, const Key &key) const
{
    const Directory *directory = static_cast<Root *>(zone_->data)->directory;

    for (ngx_uint_t i = 0; directory && i < directory->count; i++) {
        if (directory->items[i].kind == kind && directory->items[i].key == key)
        {
            return directory->items[i].block;
        }
    }

    return nullptr;
}
