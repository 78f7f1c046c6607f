// The rival that the ledger's file was measured against: the same counts in
// LMDB, a transaction for each change, without a sync to the disk. Built where
// liblmdb-dev is installed; nothing else uses it.
//
//   bench_ledger_lmdb [entries] [folder]

#include "measure.h"

#include <cstdlib>
#include <cstring>
#include <lmdb.h>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

constexpr size_t lookups = 1000000;
constexpr size_t rounds = 200000;

struct Key {
    uint64_t words[4];
};

// As in the ledger: minted, spent and held, and when it expires.
struct Counted {
    uint64_t minted[2], spent[2], held[2];
    int64_t  expires;
};

void must(int rc, const char *what)
{
    if (rc != MDB_SUCCESS) {
        fprintf(stderr, "bench_ledger_lmdb: %s: %s\n", what, mdb_strerror(rc));
        exit(1);
    }
}

std::vector<Key> random_keys(size_t count, uint64_t seed)
{
    std::mt19937_64 words(seed);
    std::vector<Key> list(count);

    for (Key &key : list) {
        for (uint64_t &word : key.words) {
            word = words();
        }
    }

    return list;
}

void say(const char *what, double figure, const char *unit)
{
    printf("{\"figure\":\"lmdb, %s\",\"value\":%.1f,\"unit\":\"%s\"}\n", what,
        figure, unit);
    fflush(stdout);
}

template <typename Function>
double each(size_t count, Function function)
{
    uint64_t start = bench::cpu_time();

    for (size_t i = 0; i < count; i++) {
        function(i);
    }

    return double(bench::cpu_time() - start) / double(count);
}

struct Store {
    MDB_env *env;
    MDB_dbi  payments, revocations;

    explicit Store(const std::string &path)
    {
        MDB_txn *txn;

        must(mdb_env_create(&env), "create");
        must(mdb_env_set_mapsize(env, size_t(2) << 30), "size");
        must(mdb_env_set_maxdbs(env, 2), "tables");
        must(mdb_env_open(env, path.c_str(),
                 MDB_NOSUBDIR | MDB_NOSYNC | MDB_WRITEMAP, 0600), "open");
        must(mdb_txn_begin(env, nullptr, 0, &txn), "begin");
        must(mdb_dbi_open(txn, "payments", MDB_CREATE, &payments), "open");
        must(mdb_dbi_open(txn, "revocations", MDB_CREATE, &revocations),
            "open");
        must(mdb_txn_commit(txn), "commit");
    }

    ~Store() { mdb_env_close(env); }

    // Holds or settles one use.
    void change(const Key &key, int held, int spent)
    {
        MDB_val name = {sizeof(key), const_cast<Key *>(&key)}, found;
        Counted counted = {};
        MDB_txn *txn;

        must(mdb_txn_begin(env, nullptr, 0, &txn), "begin");

        if (mdb_get(txn, payments, &name, &found) == MDB_SUCCESS) {
            memcpy(&counted, found.mv_data, sizeof(counted));
        }

        counted.held[0] += uint64_t(int64_t(held));
        counted.spent[0] += uint64_t(spent);

        MDB_val value = {sizeof(counted), &counted};

        must(mdb_put(txn, payments, &name, &value, 0), "put");
        must(mdb_txn_commit(txn), "commit");
    }

    void use(const Key &key)
    {
        change(key, 1, 0);
        change(key, -1, 1);
    }

    void revoke(const std::vector<Key> &keys)
    {
        int64_t until = 0;
        MDB_txn *txn;

        must(mdb_txn_begin(env, nullptr, 0, &txn), "begin");

        for (const Key &key : keys) {
            MDB_val name = {sizeof(key), const_cast<Key *>(&key)};
            MDB_val value = {sizeof(until), &until};

            must(mdb_put(txn, revocations, &name, &value, 0), "put");
        }

        must(mdb_txn_commit(txn), "commit");
    }
};

// Two look-ups in one transaction, which is kept and renewed.
struct Reader {
    const Store &store;
    MDB_txn     *txn;

    explicit Reader(const Store &s) : store(s)
    {
        must(mdb_txn_begin(store.env, nullptr, MDB_RDONLY, &txn), "begin");
        mdb_txn_reset(txn);
    }

    ~Reader() { mdb_txn_abort(txn); }

    bool is_revoked(const Key &token, const Key &payment)
    {
        MDB_val a = {sizeof(Key), const_cast<Key *>(&token)};
        MDB_val b = {sizeof(Key), const_cast<Key *>(&payment)};
        MDB_val found;

        must(mdb_txn_renew(txn), "renew");

        bool is = mdb_get(txn, store.revocations, &a, &found) == MDB_SUCCESS
                  || mdb_get(txn, store.revocations, &b, &found)
                         == MDB_SUCCESS;

        mdb_txn_reset(txn);
        return is;
    }
};

}  // namespace

int main(int argc, char **argv)
{
    size_t entries = argc > 1 ? size_t(atol(argv[1])) : 1000000;
    std::string path = std::string(argc > 2 ? argv[2] : "/tmp")
                       + "/bench_ledger_lmdb." + std::to_string(getpid());
    std::vector<Key> payments = random_keys(entries, 1);
    std::vector<Key> revoked = random_keys(entries, 2);
    std::vector<Key> others = random_keys(entries, 3);

    {
        Store store(path);
        size_t found = 0;

        store.revoke(revoked);
        {
            Reader reader(store);

            say("is_revoked, missed", each(lookups, [&](size_t i) {
                found += reader.is_revoked(others[i % entries],
                    others[(i + entries / 2) % entries]);
            }), "ns");
            say("is_revoked, found", each(lookups, [&](size_t i) {
                found += reader.is_revoked(others[i % entries],
                    revoked[i % entries]);
            }), "ns");
        }

        if (found != lookups) {
            fprintf(stderr, "bench_ledger_lmdb: a look-up went wrong\n");
            return 1;
        }

        say("reserve and settle, the first time",
            each(std::min(entries, rounds), [&](size_t i) {
                store.use(payments[i]);
            }), "ns");
        say("reserve and settle, one payment", each(rounds, [&](size_t) {
            store.use(payments[0]);
        }), "ns");
        say("reserve and settle, all payments in turn",
            each(rounds, [&](size_t i) {
                store.use(payments[i * 7919 % std::min(entries, rounds)]);
            }), "ns");
    }

    unlink(path.c_str());
    unlink((path + "-lock").c_str());
}
