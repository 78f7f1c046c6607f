// Tokens that look paid, for a load:
//
//   bench_mint <key file> <service> <count> [--forged]
//
// A line each: <macaroon, base64>:<preimage, hex>. A forged one is whole but
// for the last bit of its signature.

#include "tokens.h"

#include <cstdio>

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: bench_mint <key file> <service> <count> "
            "[--forged]\n");
        return 2;
    }

    l402::Keyring keys;
    bool forged = argc > 4 && std::string_view(argv[4]) == "--forged";
    auto caveats = bench::usual_caveats(argv[2]);

    bench::read_keys(argv[1], keys);

    for (long i = 0; i < atol(argv[3]); i++) {
        bench::Token token = bench::make_token(keys, uint64_t(i), caveats);

        if (forged) {
            token.macaroon.back() ^= 1;
        }

        puts(bench::credential(token).c_str());
    }
}
