#include "l402/challenge.h"

#include <stdexcept>

namespace l402 {

namespace {

// A quote or a line break here would let an invoice service write header
// fields of its own. Callers have checked both values; this is the last look.
const std::string &plain(const std::string &value)
{
    for (unsigned char c : value) {
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\') {
            throw std::invalid_argument("a challenge holds an unsafe byte");
        }
    }
    return value;
}

}  // namespace

std::vector<std::string> minted_caveats(const Terms &terms)
{
    std::vector<std::string> caveats;
    std::string service(terms.service);

    caveats.push_back("services=" + service + ":"
        + std::to_string(unsigned(terms.tier)));

    if (terms.valid_until != 0) {
        caveats.push_back(service + "_valid_until="
            + std::to_string(terms.valid_until));
    }

    return caveats;
}

std::string mint(const Keyring &keys, size_t key, const Hash &payment_hash,
    Hash token_id, const std::vector<std::string> &caveats)
{
    keys.stamp(key, token_id);

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

std::string www_authenticate(const Challenge &challenge, bool lsat)
{
    const std::string &token = plain(challenge.token);
    const std::string &invoice = plain(challenge.invoice);

    std::string pair = "macaroon=\"" + token + "\", invoice=\"" + invoice
        + "\"";
    std::string value = "L402 " + pair + ", version=\"0\", token=\"" + token
        + "\"";

    if (lsat) {
        value += ", LSAT " + pair;
    }

    return value;
}

std::string www_authenticate_error(Result reason)
{
    return std::string("L402 error=\"") + describe(reason).word + "\"";
}

}  // namespace l402
