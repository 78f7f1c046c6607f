// One accepting verification, by itself:
//
//   bench_verify compare <rounds>   CPU time of rounds, a line of JSON each:
//                                   verify (without memory), remembered,
//                                   sha256 (23 compressions by OpenSSL alone)
//   bench_verify once|remembered <n>  n of them in accept(), for callgrind
//
// Three caveats of up to 55 bytes; what is remembered is as the module mints
// it, which a memory's entry holds.

#include "compressions.h"
#include "measure.h"
#include "tokens.h"

#include <sodium.h>

namespace {

using namespace bench;

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

void compare(Bench &bench, long rounds)
{
    SHA256_CTX ctx;
    uint8_t block[64] = {1};

    SHA256_Init(&ctx);

    for (long i = 0; i <= rounds; i++) {
        measure("sha256", round_size, i > 0, [&] {
            compress(ctx, block, compressions);
        });
        measure("verify", round_size, i > 0, [&] { bench.once(nullptr); });
        measure("remembered", round_size, i > 0, [&] {
            bench.once(&bench.memory);
        });
    }
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

    } else if (mode == "once" || mode == "remembered") {
        for (long i = 0; i < number; i++) {
            bench.once(mode == "once" ? nullptr : &bench.memory);
        }

    } else {
        fprintf(stderr, "usage: bench_verify compare|once|remembered "
            "[number]\n");
        return 2;
    }
}
