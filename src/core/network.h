// client_address: addresses and networks in CIDR notation.
#pragma once

#include "l402/types.h"

namespace l402 {

// "192.0.2.7", "192.0.2.0/24", "2001:db8::/48", or "unix:" for the clients of
// a unix socket, who have no address.
bool is_network(std::string_view text) noexcept;

// Both are networks.
bool network_within(std::string_view outer, std::string_view inner) noexcept;

// `address` is 4 or 16 bytes, or nothing for a unix socket.
bool network_holds(std::string_view network, std::string_view address) noexcept;

// What is_network() reads.
std::string address_text(std::string_view address);

}  // namespace l402
