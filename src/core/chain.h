// Signing, and whose signature it is.
#pragma once

#include "l402/keyring.h"

namespace l402 {

// The key that a macaroon was minted with; keys.size() where it is none of
// them, or the macaroon was changed.
size_t signing_key(const Keyring &keys, const Macaroon &macaroon,
    const Identifier &identifier) noexcept;

// A macaroon with the token id as it is; `key` has to be the one that it names.
std::string mint_with_id(const Keyring &keys, size_t key,
    const Hash &payment_hash, const Hash &token_id,
    const std::vector<std::string> &caveats);

}  // namespace l402
