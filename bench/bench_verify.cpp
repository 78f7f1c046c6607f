// One accepting verification, by itself:
//
//   bench_verify compare <rounds>   CPU time of rounds, a line of JSON each:
//                                   verify (without memory), remembered,
//                                   sha256 (23 compressions by OpenSSL alone)
//   bench_verify count              heap allocations of one verification
//   bench_verify once|remembered <n>  n of them in accept(), for callgrind
//
// Three caveats of up to 55 bytes; what is remembered is as the module mints it,
// which a memory's entry holds.

#define OPENSSL_SUPPRESS_DEPRECATED

#include "l402/verify.h"
#include "tokens.h"

#include <openssl/sha.h>
#include <sodium.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
}

namespace {

size_t allocations;

}  // namespace

// operator new ends here too.
extern "C" void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

extern "C" void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

extern "C" void *realloc(void *p, size_t size)
{
    allocations++;
    return __libc_realloc(p, size);
}

// What callgrind collects.
extern "C" __attribute__((noinline)) void accept(const l402::Keyring &keys,
    const l402::Facts &facts, l402::VerifiedMemory *memory,
    l402::Verdict &verdict)
{
    l402::verify(keys, facts, memory, verdict);
    __asm__ volatile("");
}

namespace {

constexpr size_t compressions = 23;
constexpr size_t round_size = 2000;

struct Bench {
    l402::Keyring        keys;
    l402::VerifiedMemory memory{1 << 20};
    std::string          long_field, usual_field;
    l402::Facts          facts;
    l402::Verdict        verdict{};

    Bench()
    {
        std::string error;

        keys.parse(std::string(64, '7') + "\n", error);
        long_field = "L402 " + bench::credential(
            bench::make_token(keys, 1, bench::long_caveats("bench")));
        usual_field = "L402 " + bench::credential(
            bench::make_token(keys, 2, bench::usual_caveats("bench")));
        facts.service = "bench";
        facts.now = 1700000000;
    }

    void once(l402::VerifiedMemory *use)
    {
        facts.authorization = use ? usual_field : long_field;
        accept(keys, facts, use, verdict);

        if (verdict.result != l402::Result::ok) {
            fprintf(stderr, "bench_verify: the token was refused: %s\n",
                l402::describe(verdict.result).word);
            exit(1);
        }
    }
};

uint64_t cpu_time()
{
    timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return uint64_t(t.tv_sec) * 1000000000 + uint64_t(t.tv_nsec);
}

template <typename Function>
void measure(const char *name, bool print, Function function)
{
    uint64_t start = cpu_time();

    for (size_t i = 0; i < round_size; i++) {
        function();
    }

    uint64_t spent = cpu_time() - start;

    if (print) {
        printf("{\"side\":\"%s\",\"requests\":%zu,\"cpu_ns\":%llu}\n", name,
            round_size, static_cast<unsigned long long>(spent));
    }
}

void compare(Bench &bench, long rounds)
{
    SHA256_CTX ctx;
    uint8_t block[64] = {1};

    SHA256_Init(&ctx);

    for (long i = 0; i <= rounds; i++) {
        measure("sha256", i > 0, [&] {
            for (size_t n = 0; n < compressions; n++) {
                SHA256_Transform(&ctx, block);
            }
        });
        measure("verify", i > 0, [&] { bench.once(nullptr); });
        measure("remembered", i > 0, [&] { bench.once(&bench.memory); });
    }
}

size_t count(Bench &bench, l402::VerifiedMemory *use)
{
    size_t before = allocations;

    bench.once(use);
    return allocations - before;
}

}  // namespace

int main(int argc, char **argv)
{
    std::string_view mode = argc > 1 ? argv[1] : "";
    long number = argc > 2 ? atol(argv[2]) : 1;

    if (sodium_init() < 0) {
        return 1;
    }

    Bench bench;

    if (mode == "compare") {
        compare(bench, number);

    } else if (mode == "count") {
        size_t without = count(bench, nullptr);
        size_t entering = count(bench, &bench.memory);
        size_t remembered = count(bench, &bench.memory);

        printf("{\"without\":%zu,\"entering\":%zu,\"remembered\":%zu}\n",
            without, entering, remembered);

    } else if (mode == "once" || mode == "remembered") {
        for (long i = 0; i < number; i++) {
            bench.once(mode == "once" ? nullptr : &bench.memory);
        }

    } else {
        fprintf(stderr, "usage: bench_verify compare|count|once|remembered "
            "[number]\n");
        return 2;
    }
}
