// Tokens that look paid, for a load:
//
//   bench_mint <key file> <service> <count> [--forged] [--minted] [--uses]
//
// A line each: <macaroon, base64>:<preimage, hex>. A forged one is whole but
// for the last bit of its signature. Three caveats, or with --minted the two
// that the module itself mints, or with --uses these and more uses than any
// load has.

#include "tokens.h"

#include <cstdio>

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: bench_mint <key file> <service> <count> "
            "[--forged] [--minted] [--uses]\n");
        return 2;
    }

    l402::Keyring keys;
    auto caveats = bench::usual_caveats(argv[2]);
    bool forged = false;

    for (int i = 4; i < argc; i++) {
        std::string_view option = argv[i];

        if (option == "--forged") {
            forged = true;

        } else if (option == "--minted") {
            caveats.pop_back();

        } else if (option == "--uses") {
            caveats.back() = std::string(argv[2]) + "_uses=1000000000000";

        } else {
            fprintf(stderr, "bench_mint: unknown option %s\n", argv[i]);
            return 2;
        }
    }

    bench::read_keys(argv[1], keys);

    for (long i = 0; i < atol(argv[3]); i++) {
        bench::Token token = bench::make_token(keys, uint64_t(i), caveats);

        if (forged) {
            token.macaroon.back() ^= 1;
        }

        puts(bench::credential(token).c_str());
    }
}
