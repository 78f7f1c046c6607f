// BOLT 11 invoices, read only: what an invoice service answered is decoded
// and checked before a client sees it.
//
// Source: lightning/bolts 11-payment-encoding.md.
#pragma once

#include "l402/types.h"

namespace l402 {

enum class Network : uint8_t { mainnet, testnet, signet, regtest };

// "mainnet", ...; false if it is none of them.
bool parse_network(std::string_view name, Network &out) noexcept;
const char *network_name(Network network) noexcept;

struct Bolt11 {
    Network  network;
    bool     has_amount;
    uint64_t amount_msat;
    int64_t  timestamp;         // unix seconds
    int64_t  expiry;            // seconds; 3600 where the invoice says none
    Hash     payment_hash;
    Hash     description_hash;  // all zero where it has none
    bool     has_description_hash;
    std::string description;    // UTF-8 as the invoice has it

    int64_t expires_at() const noexcept { return timestamp + expiry; }
};

// Checks the bech32 checksum, the fields that BOLT 11 makes compulsory, the
// feature bits and the signature (against the `n` field, or that there is a
// key that it recovers to).
// On failure returns false and sets `error` to a static text.
bool decode_bolt11(std::string_view text, Bolt11 &out, const char *&error);

}  // namespace l402
