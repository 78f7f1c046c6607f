#include "chain.h"

namespace l402 {

namespace {

bool signature_is_good(const Keyring &keys, size_t key,
    const Macaroon &macaroon) noexcept
{
    uint8_t root[32], signature[32];

    keys.root_key(key, macaroon.identifier.view(), root);
    first_signature(root, macaroon.identifier.view(), signature);

    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        extend_signature(signature, macaroon.caveats[i].view());
    }

    return equal_constant_time(signature, macaroon.signature, 32);
}

}  // namespace

size_t signing_key(const Keyring &keys, const Macaroon &macaroon,
    const Identifier &identifier) noexcept
{
    size_t hinted = keys.hinted_key(identifier.token_id);

    if (hinted != keys.size()) {
        return signature_is_good(keys, hinted, macaroon) ? hinted
                                                         : keys.size();
    }

    for (size_t key = 0; key < keys.size(); key++) {
        if (signature_is_good(keys, key, macaroon)) {
            return key;
        }
    }

    return keys.size();
}

std::string mint_with_id(const Keyring &keys, size_t key,
    const Hash &payment_hash, const Hash &token_id,
    const std::vector<std::string> &caveats)
{
    std::string identifier = make_identifier(payment_hash, token_id);

    uint8_t root[32], signature[32];
    keys.root_key(key, identifier, root);
    first_signature(root, identifier, signature);
    wipe(root, sizeof(root));

    for (const std::string &caveat : caveats) {
        extend_signature(signature, caveat);
    }

    return encode_macaroon(identifier, caveats, signature);
}

}  // namespace l402
