// The memory that workers share: l402_zone, or a small zone of our own where
// there is none. A directory in it leads to blocks, each of which is named by
// a key and used under the zone's lock. nginx's master gives that lock back
// where a worker was killed with it.

#include "ngx_http_l402_zone.h"

#include "l402/journal.h"
#include "l402/ledger_file.h"

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
    // In the zone, or a mapping of the file that workers have from the master.
    void                *ledger;   // null: none
    size_t               ledger_bytes;
    ngx_str_t            file;     // empty: in the zone
    void                *journal;  // null: none
    size_t               journal_bytes;
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

// A name that no configuration is likely to write.
ngx_str_t own_name = ngx_string("l402 invoice services");

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

// Three quarters of what invoices and breakers leave: the rest is for those of
// later configurations. 0: too little.
size_t ledger_size(size_t zone, size_t needed)
{
    size_t bytes = (zone - needed) / 4 * 3 / ngx_pagesize * ngx_pagesize;

    return bytes < l402::Ledger::min_bytes ? 0 : bytes;
}

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
    Root *root)
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
            root->ledger = file->block();
            root->ledger_bytes = file->bytes();
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

bool create_ledger(ngx_shm_zone_t *zone, const ngx_http_l402_main_conf_t *mcf,
    Root *root)
{
    ngx_slab_pool_t *pool = pool_of(zone);

    if (mcf->ledger_bytes == 0) {
        return true;
    }

    // A later configuration may count in Redis.
    root->journal_bytes = journal_size(mcf->ledger_bytes);
    root->journal = ngx_slab_alloc(pool, root->journal_bytes);

    if (root->journal == nullptr) {
        return false;
    }

    l402::Journal::format(root->journal, root->journal_bytes);

    if (mcf->zone_file.len) {
        root->file.data = static_cast<u_char *>(
            ngx_slab_alloc(pool, mcf->zone_file.len));

        if (root->file.data == nullptr) {
            return false;
        }

        root->file.len = mcf->zone_file.len;
        ngx_memcpy(root->file.data, mcf->zone_file.data, mcf->zone_file.len);
        return open_file(zone, mcf, root);
    }

    // Not zeroed: its pages are touched as it fills.
    root->ledger = ngx_slab_alloc(pool, mcf->ledger_bytes);
    root->ledger_bytes = mcf->ledger_bytes;

    if (root->ledger == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
            "l402: no room in the zone \"%V\" for %uz bytes of counts",
            &zone->shm.name, mcf->ledger_bytes);
        return false;
    }

    l402::Ledger::format(root->ledger, root->ledger_bytes);
    return true;
}

ngx_int_t init_zone(ngx_shm_zone_t *zone, void *data)
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
        return create_ledger(zone, mcf, root);
    });

    if (!made) {
        return NGX_ERROR;
    }

    // Full is no error here: who asks for room says so.
    pool->log_nomem = 0;
    zone->data = root;
    return NGX_OK;
}

// The zone of that name before this reload, or null.
ngx_shm_zone_t *find_old(ngx_conf_t *cf, const ngx_str_t &name)
{
    for (ngx_list_part_t *part = &cf->cycle->old_cycle->shared_memory.part;
         part; part = part->next)
    {
        auto zones = static_cast<ngx_shm_zone_t *>(part->elts);

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (zones[i].tag == &ngx_http_l402_module
                && ngx_http_l402_view(zones[i].shm.name)
                       == ngx_http_l402_view(name))
            {
                return &zones[i];
            }
        }
    }

    return nullptr;
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

bool starts_with(std::string_view text, std::string_view name)
{
    return text.substr(0, name.size()) == name;
}

char *set_zone_parameter(ngx_conf_t *cf, ngx_http_l402_main_conf_t *mcf,
    ngx_str_t value)
{
    constexpr std::string_view file = "file=", damaged = "damaged=";
    std::string_view text = ngx_http_l402_view(value);

    if (starts_with(text, file) && text.size() > file.size()) {
        mcf->zone_file = {value.len - file.size(), value.data + file.size()};

        return ngx_conf_full_name(cf->cycle, &mcf->zone_file, 0) == NGX_OK
                   ? NGX_CONF_OK : static_cast<char *>(NGX_CONF_ERROR);
    }

    if (text == "damaged=refuse" || text == "damaged=salvage") {
        mcf->salvage = text == "damaged=salvage";
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
        "invalid parameter \"%V\" in \"l402_zone\", it must be \"file=path\"%s",
        &value, starts_with(text, damaged)
                    ? ", \"damaged=refuse\" or \"damaged=salvage\"" 
                    : " or \"damaged=refuse|salvage\"");
    return static_cast<char *>(NGX_CONF_ERROR);
}

// What a reload would have to move under the hands of workers.
char *check_same(ngx_conf_t *cf, const ngx_http_l402_main_conf_t *mcf,
    const ngx_str_t &name, size_t size)
{
    ngx_shm_zone_t *old = find_old(cf, name);
    auto root = old ? static_cast<Root *>(old->data) : nullptr;

    if (old && old->shm.size != size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "the size of \"l402_zone\" \"%V\" cannot change from %uz to %uz "
            "bytes by a reload, which would lose what it holds: restart nginx",
            &name, old->shm.size, size);
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    if (root && ngx_http_l402_view(root->file)
                    != ngx_http_l402_view(mcf->zone_file))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "the file of \"l402_zone\" \"%V\" cannot change from \"%V\" to "
            "\"%V\" by a reload: restart nginx", &name, &root->file,
            &mcf->zone_file);
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    return NGX_CONF_OK;
}

}  // namespace

char *ngx_http_l402_set_zone(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    auto mcf = static_cast<ngx_http_l402_main_conf_t *>(conf);
    auto value = static_cast<ngx_str_t *>(cf->args->elts);
    auto failed = static_cast<char *>(NGX_CONF_ERROR);
    std::string_view text = ngx_http_l402_view(value[1]);
    size_t colon = text.find(':');
    ngx_str_t name = {0, nullptr}, size_text = {0, nullptr};
    ssize_t size = NGX_ERROR;

    if (colon != text.npos && colon > 0) {
        name = {colon, value[1].data};
        size_text = {text.size() - colon - 1, value[1].data + colon + 1};
        size = ngx_parse_size(&size_text);
    }

    if (size == NGX_ERROR || size < static_cast<ssize_t>(8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid value \"%V\" in \"l402_zone\", it must be a name and a "
            "size of at least %uzk such as \"l402:1m\"", &value[1],
            8 * ngx_pagesize / 1024);
        return failed;
    }

    if (mcf->zone) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "\"l402_zone\" \"%V\" is duplicate, there can be one zone", &name);
        return failed;
    }

    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        if (set_zone_parameter(cf, mcf, value[i]) != NGX_CONF_OK) {
            return failed;
        }
    }

    if (check_same(cf, mcf, name, static_cast<size_t>(size)) != NGX_CONF_OK) {
        return failed;
    }

    mcf->zone = ngx_shared_memory_add(cf, &name, static_cast<size_t>(size),
        &ngx_http_l402_module);

    if (mcf->zone == nullptr) {
        return failed;
    }

    mcf->zone->init = init_zone;
    mcf->zone->data = mcf;
    ngx_http_l402_set_place(cf, &mcf->zone_place);
    return NGX_CONF_OK;
}

ngx_int_t ngx_http_l402_prepare_zone(ngx_conf_t *cf,
    ngx_http_l402_main_conf_t *mcf)
{
    size_t zone = mcf->zone ? mcf->zone->shm.size : 0;
    std::vector<Wanted> list = list_wanted(mcf, zone);
    size_t needed = needed_size(list);

    if (mcf->zone && mcf->zone->shm.size > needed) {
        mcf->ledger_bytes = ledger_size(mcf->zone->shm.size, needed);
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

    if (mcf->zone == nullptr && mcf->stocks.nelts) {
        auto stock = static_cast<ngx_http_l402_stock_t **>(
            mcf->stocks.elts)[0];

        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, stock->service->place,
            "\"pool\" in l402_invoice_service \"%V\" needs shared memory, add "
            "\"l402_zone l402:%uzk\" or more", &stock->service->name,
            needed / 1024);
        return NGX_ERROR;
    }

    if (mcf->zone == nullptr && mcf->free) {
        ngx_http_l402_log_at(cf, NGX_LOG_EMERG, mcf->free->place,
            "\"l402_free\" needs shared memory, add \"l402_zone l402:%uzk\" "
            "or more to http {}", needed / 1024);
        return NGX_ERROR;
    }

    if (mcf->zone == nullptr) {
        mcf->zone = ngx_shared_memory_add(cf, &own_name, needed,
            &ngx_http_l402_module);

        if (mcf->zone == nullptr) {
            return NGX_ERROR;
        }

        mcf->zone->init = init_zone;
        mcf->zone->data = mcf;
        return NGX_OK;
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

l402::Ledger ngx_http_l402_ledger(const ngx_http_l402_main_conf_t *mcf)
{
    auto root = mcf->zone ? static_cast<Root *>(mcf->zone->data) : nullptr;

    return root && root->ledger
               ? l402::Ledger(root->ledger, root->ledger_bytes)
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
    auto root = mcf->zone ? static_cast<Root *>(mcf->zone->data) : nullptr;

    bytes = root ? root->journal_bytes : 0;
    return root ? root->journal : nullptr;
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
