// Where Redis is.
#pragma once

#include "l402/types.h"

#include <vector>

namespace l402 {

struct RedisHost {
    std::string name;           // without brackets
    bool        is_address = false;
    uint16_t    port = 0;
};

struct RedisUrl {
    bool                   tls = false;
    std::vector<RedisHost> hosts;    // the server, or Sentinels; none: a socket
    std::string            unix_socket;
    std::string            master;   // as Sentinel names it; empty: none
    uint64_t               database = 0;
};

// redis://host[:port][/db], rediss:// for TLS, unix:/path[?db=n],
// sentinel://host[:port],host[:port].../name[/db], sentinels:// for TLS to the
// Sentinels and the server. On failure sets `error` to what is wrong and what
// would be right; it quotes nothing of what may be a password.
bool parse_redis_url(std::string_view text, RedisUrl &out, std::string &error);

}  // namespace l402
