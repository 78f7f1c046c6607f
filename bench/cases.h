// Verifications by name, and what is done with them:
//
//   list             a line of JSON a case: what it is, its compressions
//   compare <rounds> CPU time of rounds that take turns, a line of JSON each;
//                    with `floor`, of the case's compressions by themselves too
//   count            heap allocations of one verification, without a memory of
//                    earlier requests, entering it and found in it
//   once <i> <n>     n of case number i in accept(), for callgrind
//   floor <n>        n compressions in compress(), for callgrind
//
// No case but in `count` has a memory.
#pragma once

#include "allocations.h"
#include "compressions.h"
#include "measure.h"

#include <sodium.h>

#include <stdexcept>
#include <vector>

namespace bench {

struct Case {
    std::string            name;
    std::string            what;
    const l402::Keyring   *keys = nullptr;
    l402::Facts            facts;  // whose fields point into `text`
    std::string            text;
    l402::CredentialField  field = l402::CredentialField::authorization;
    l402::Result           result = l402::Result::ok;
    size_t                 compressions = 0;
    std::string            beside;  // the case to compare with; none: `floor`
    double                 at_most = 0;  // 0: told
};

class Cases {
public:
    explicit Cases(std::vector<Case> cases) : cases_(std::move(cases))
    {
        for (Case &c : cases_) {
            set_field(c, c.text);
        }
    }

    int run(int argc, char **argv)
    {
        std::string_view mode = argc > 1 ? argv[1] : "";

        if (mode == "list") {
            list();

        } else if (mode == "compare" && argc > 2) {
            compare(atol(argv[2]));

        } else if (mode == "count") {
            count();

        } else if (mode == "once" && argc > 3) {
            repeat(cases_.at(size_t(atol(argv[2]))), atol(argv[3]));

        } else if (mode == "floor" && argc > 2) {
            compress(ctx_, block_, size_t(atol(argv[2])));

        } else {
            fprintf(stderr, "usage: list|compare <rounds>|count|"
                "once <case's number> <number>|floor <number>\n");
            return 2;
        }

        return 0;
    }

private:
    static constexpr size_t max_text = 32768;

    static void set_field(Case &c, std::string_view text)
    {
        switch (c.field) {
        case l402::CredentialField::macaroon:
            c.facts.macaroon = text;
            break;
        case l402::CredentialField::grpc_metadata_macaroon:
            c.facts.grpc_metadata_macaroon = text;
            break;
        default:
            c.facts.authorization = text;
        }
    }

    void once(const Case &c, l402::VerifiedMemory *memory)
    {
        accept(*c.keys, c.facts, memory, verdict_);

        if (verdict_.result != c.result) {
            throw std::runtime_error(c.name + ": "
                + l402::describe(verdict_.result).word);
        }
    }

    // From one place for all: memchr() and the like depend on where a text is.
    void repeat(Case c, long number)
    {
        static char place[max_text] __attribute__((aligned(64)));

        if (c.text.size() > sizeof(place)) {
            throw std::runtime_error(c.name + ": too long");
        }

        set_field(c, {place, c.text.copy(place, sizeof(place))});

        // What is made ready once a process is ready.
        l402::verify(*c.keys, c.facts, nullptr, verdict_);

        while (number-- > 0) {
            once(c, nullptr);
        }
    }

    void list()
    {
        for (const Case &c : cases_) {
            printf("{\"case\":\"%s\",\"what\":\"%s\",\"compressions\":%zu,"
                "\"beside\":\"%s\",\"at_most\":%g}\n", c.name.c_str(),
                c.what.c_str(), c.compressions, c.beside.c_str(), c.at_most);
        }
    }

    // The first round is for warming up; every other one goes backwards.
    void compare(long rounds)
    {
        for (long round = 0; round <= rounds; round++) {
            for (size_t i = 0; i < cases_.size(); i++) {
                compare_one(
                    cases_[round % 2 ? i : cases_.size() - 1 - i], round);
            }
        }
    }

    void compare_one(const Case &c, long round)
    {
        // About a millisecond.
        size_t count = 1 + 25000 / (c.compressions + 2);

        auto floor = [&] {
            if (c.beside.empty()) {
                measure(c.name + "/floor", count, round > 0, [&] {
                    compress(ctx_, block_, c.compressions);
                });
            }
        };

        if (round % 2) {
            floor();
        }

        measure(c.name, count, round > 0, [&] { once(c, nullptr); });

        if (round % 2 == 0) {
            floor();
        }
    }

    void count()
    {
        l402::VerifiedMemory memory(1 << 20);

        for (const Case &c : cases_) {
            printf("{\"case\":\"%s\",\"without\":%zu,", c.name.c_str(),
                allocated(c, nullptr));
            printf("\"entering\":%zu,", allocated(c, &memory));
            printf("\"remembered\":%zu}\n", allocated(c, &memory));
        }
    }

    size_t allocated(const Case &c, l402::VerifiedMemory *memory)
    {
        size_t before = allocations;

        once(c, memory);
        return allocations - before;
    }

    std::vector<Case> cases_;
    l402::Verdict     verdict_{};
    SHA256_CTX        ctx_{};
    uint8_t           block_[64] = {1};
};

template <typename Make>
int run_cases(Make make, int argc, char **argv)
{
    if (sodium_init() < 0) {
        return 1;
    }

    try {
        return Cases(make()).run(argc, argv);

    } catch (const std::exception &e) {
        fprintf(stderr, "%s: %s\n", argv[0], e.what());
        return 1;
    }
}

}  // namespace bench
