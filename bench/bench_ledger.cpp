// What counting and revocation cost, as JSON lines:
//
//   bench_ledger [entries] [folder]
//
// Times are of the processor, in nanoseconds each, but for what is said to be
// of the clock. A file is made in the folder (/tmp) and removed.

#include "l402/ledger_file.h"

#include "measure.h"

#include <cstdlib>
#include <cstring>
#include <random>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace l402;

namespace {

constexpr size_t   lookups = 2000000;
constexpr size_t   rounds = 1000000;
constexpr uint64_t many = uint64_t(1) << 60;

std::mt19937_64 random_words(1);

void say(const char *what, double figure, const char *unit)
{
    printf("{\"figure\":\"%s\",\"value\":%.1f,\"unit\":\"%s\"}\n", what,
        figure, unit);
    fflush(stdout);
}

uint64_t clock_time()
{
    timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return uint64_t(t.tv_sec) * 1000000000 + uint64_t(t.tv_nsec);
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

std::vector<Hash> random_hashes(size_t count)
{
    std::vector<Hash> list(count);

    for (Hash &hash : list) {
        for (size_t i = 0; i < 4; i++) {
            uint64_t word = random_words();

            memcpy(hash.data() + 8 * i, &word, sizeof(word));
        }
    }

    return list;
}

Allowance use_of_many()
{
    Allowance allowance;

    allowance.limit.uses = many;
    return allowance;
}

bool use(Ledger &ledger, const Hash &hash)
{
    static const Allowance allowance = use_of_many();
    Reservation reservation;
    Amount left;

    return ledger.reserve(hash.data(), allowance, {1, 0}, reservation, &left)
               == Ledger::Reserve::held
           && ledger.settle(reservation, {1, 0}, allowance, &left);
}

void die(const std::string &text)
{
    fprintf(stderr, "bench_ledger: %s\n", text.c_str());
    exit(1);
}

void measure_lookups(const Ledger &ledger, const std::vector<Hash> &revoked,
    const char *what)
{
    std::vector<Hash> others = random_hashes(std::max<size_t>(revoked.size(),
        100000));
    size_t found = 0, n = others.size();
    std::string name = what;

    say((name + ", missed").c_str(), each(lookups, [&](size_t i) {
        found += ledger.is_revoked(others[i % n].data(),
            others[(i + n / 2) % n].data());
    }), "ns");

    if (found) {
        die("one was found that is not revoked");
    }

    if (revoked.empty()) {
        return;
    }

    n = revoked.size();
    say((name + ", found").c_str(), each(lookups, [&](size_t i) {
        found += ledger.is_revoked(others[i % others.size()].data(),
            revoked[i % n].data());
    }), "ns");

    if (found != lookups) {
        die("one was not found that is revoked");
    }
}

void measure_uses(Ledger &ledger, const std::vector<Hash> &payments)
{
    bool good = true;

    say("reserve and settle, one payment", each(rounds, [&](size_t) {
        good &= use(ledger, payments[0]);
    }), "ns");
    say("reserve and settle, all payments in turn", each(rounds,
        [&](size_t i) {
            good &= use(ledger, payments[i * 7919 % payments.size()]);
        }), "ns");

    if (!good) {
        die("a use was refused");
    }
}

// Two processes at a time: rounds a second of the clock.
void measure_two(void *memory, size_t bytes, const std::vector<Hash> &payments,
    bool same, const char *what)
{
    uint64_t start = clock_time();

    for (int i = 0; i < 2; i++) {
        if (fork() == 0) {
            Ledger ledger(memory, bytes);
            bool good = true;

            for (size_t n = 0; n < rounds; n++) {
                good &= use(ledger, payments[same ? 0
                    : (n * 7919 + size_t(i)) % payments.size()]);
            }

            ledger.detach();
            _exit(good ? 0 : 1);
        }
    }

    for (int i = 0; i < 2; i++) {
        int status;

        wait(&status);

        if (status) {
            die("a use was refused");
        }
    }

    say(what, 2.0 * double(rounds) * 1e9 / double(clock_time() - start),
        "a second");
}

}  // namespace

int main(int argc, char **argv)
{
    size_t entries = argc > 1 ? size_t(atol(argv[1])) : 1000000;
    std::string path = std::string(argc > 2 ? argv[2] : "/tmp")
                       + "/bench_ledger." + std::to_string(getpid());
    size_t bytes = Ledger::bytes_for(entries);
    std::vector<Hash> payments = random_hashes(entries);
    std::vector<Hash> revoked = random_hashes(entries);
    std::vector<std::string> notes;
    std::string error;

    auto file = LedgerFile::open(path, bytes, LedgerFile::Damaged::refuse, 1,
        notes, error);

    if (!file) {
        die(error);
    }

    Ledger ledger(file->block(), file->bytes());

    say("bytes a payment and a revocation, all told",
        double(bytes) / double(ledger.max_payments()), "bytes");
    measure_lookups(ledger, {}, "is_revoked among none");

    say("revoke", each(entries, [&](size_t i) {
        ledger.revoke({Subject::payment, revoked[i], 0});
    }), "ns");
    measure_lookups(ledger, revoked, "is_revoked among all entries");

    say("reserve and settle, the first time", each(entries, [&](size_t i) {
        if (!use(ledger, payments[i])) {
            die("a use was refused");
        }
    }), "ns");
    measure_uses(ledger, payments);
    say("sweep, an entry of either", each(entries / 1000, [&](size_t) {
        ledger.sweep(1, 1000);
    }) / 1000, "ns");
    ledger.detach();

    measure_two(file->block(), bytes, payments, true,
        "reserve and settle, two processes, one payment");
    measure_two(file->block(), bytes, payments, false,
        "reserve and settle, two processes, all payments");

    // All is there again.
    file.reset();

    uint64_t start = clock_time();

    file = LedgerFile::open(path, bytes, LedgerFile::Damaged::refuse, 2, notes,
        error);
    say("opening the full file, of the clock",
        double(clock_time() - start) / 1e6, "ms");

    if (!file) {
        die(error);
    }

    if (Ledger(file->block(), bytes).revocation_count() != entries) {
        die("a revocation is missing");
    }

    file.reset();
    unlink(path.c_str());
}
