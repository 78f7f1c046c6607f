// A ledger's file with so many revocations of nobody's:
//
//   bench_revoke <file> <count>

#include "l402/ledger_file.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>

using namespace l402;

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench_revoke <file> <count>\n");
        return 2;
    }

    size_t count = size_t(atol(argv[2]));
    std::vector<std::string> notes;
    std::string error;
    auto file = LedgerFile::open(argv[1], Ledger::bytes_for(count),
        LedgerFile::Damaged::refuse, time(nullptr), notes, error);

    if (file == nullptr) {
        fprintf(stderr, "bench_revoke: %s\n", error.c_str());
        return 1;
    }

    Ledger ledger(file->block(), file->bytes());
    std::mt19937_64 random(1);

    for (size_t i = 0; i < count; i++) {
        Revocation revocation;

        revocation.subject = i % 2 ? Subject::token : Subject::payment;

        for (uint8_t &byte : revocation.id) {
            byte = uint8_t(random());
        }

        if (ledger.revoke(revocation) != Ledger::Change::made) {
            fprintf(stderr, "bench_revoke: no room\n");
            return 1;
        }
    }

    ledger.detach();
    file->end();
}
