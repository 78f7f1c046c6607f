// What Redis says to a script of count_scripts.h.
#pragma once

#include "l402/ledger.h"

#include <vector>

struct redisReply;

namespace l402 {

struct CountReply {
    enum Kind {
        answered,
        refused,  // an error that has changed nothing
        none,     // nobody knows what has been changed
    };

    // With `replicated` the second reply is that of WAIT.
    CountReply(const redisReply *const *replies, size_t count,
        bool replicated) noexcept;

    Kind             kind = none;
    int64_t          code = 0;
    Amount           left{no_limit, no_limit};
    bool             is_acknowledged = false;  // as far as that is asked for
    bool             is_about_server = true;   // not about this key
    std::string_view error;  // without a full stop

private:
    void read_error(std::string_view text) noexcept;
};

bool is_no_script(const redisReply *const *replies, size_t count) noexcept;

// A command in Redis's protocol.
std::string count_command(const std::vector<std::string> &words);

}  // namespace l402
