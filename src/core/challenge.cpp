#include "l402/challenge.h"

#include "caveats.h"
#include "chain.h"
#include "network.h"
#include "plain.h"
#include "request_value.h"

#include <algorithm>
#include <stdexcept>

namespace l402 {

namespace {

// A quote or a line break here would let an invoice service write header
// fields of its own. Callers have checked both values; this is the last look.
const std::string &plain(const std::string &value)
{
    if (!is_plain(value)) {
        throw std::invalid_argument("a challenge holds an unsafe byte");
    }

    return value;
}

// Could a holder append what would look minted? Not behind a balance, which
// is the last of what is bought, and not behind anything else that was minted.
bool is_open(const Terms &terms)
{
    return terms.balance_msat == 0 && !terms.has_capabilities
           && terms.constraints.empty() && !terms.bind_address
           && !terms.bind_host && !terms.bind_path && !terms.bind_method;
}

std::string count_text(uint64_t count)
{
    return std::to_string(std::min(count, uint64_t(max_number)));
}

}  // namespace

std::vector<std::string> minted_caveats(const Terms &terms)
{
    std::vector<std::string> caveats;
    std::string service(terms.service);

    auto add = [&](std::string_view condition, std::string_view value) {
        std::string caveat(condition);

        caveat += '=';
        caveat += value;
        caveats.push_back(std::move(caveat));
    };

    std::string services = service + ":"
                           + std::to_string(unsigned(terms.tier));

    add("services", services);

    if (terms.valid_until != 0) {
        add(service + "_valid_until", std::to_string(terms.valid_until));
    }

    if (terms.uses != 0) {
        add(service + "_uses", count_text(terms.uses));
    }

    if (terms.balance_msat != 0) {
        add(service + "_balance", count_text(terms.balance_msat));
    }

    if (terms.closes_grants && is_open(terms)) {
        add("services", closing_services(services));
    }

    if (terms.has_capabilities) {
        add(service + "_capabilities", terms.capabilities);
    }

    for (const Terms::Constraint &constraint : terms.constraints) {
        add(constraint.condition, std::to_string(constraint.grant));
    }

    if (terms.bind_address) {
        add("client_address", address_text(terms.client_address));
    }

    if (terms.bind_host) {
        add("request_host", host_item(terms.host));
    }

    if (terms.bind_path) {
        add("request_path", path_item(terms.path));
    }

    if (terms.bind_method) {
        add("request_method", method_item(terms.method));
    }

    return caveats;
}

size_t minted_size(const Terms &terms)
{
    return encoded_size(identifier_size, minted_caveats(terms));
}

std::string mint(const Keyring &keys, size_t key, const Hash &payment_hash,
    Hash token_id, const std::vector<std::string> &caveats)
{
    keys.stamp(key, token_id);

    return mint_with_id(keys, key, payment_hash, token_id, caveats);
}

std::string www_authenticate(const Challenge &challenge, bool lsat)
{
    const std::string &token = plain(challenge.token);
    const std::string &invoice = plain(challenge.invoice);

    std::string value;

    auto add_pair = [&](const char *scheme) {
        value += scheme;
        value += " macaroon=\"";
        value += token;
        value += "\", invoice=\"";
        value += invoice;
        value += '"';
    };

    value.reserve(128 + 3 * token.size() + 2 * invoice.size());
    add_pair("L402");
    value += ", version=\"0\", token=\"";
    value += token;
    value += '"';

    if (lsat) {
        add_pair(", LSAT");
    }

    return value;
}

std::string www_authenticate_error(Result reason)
{
    return std::string("L402 error=\"") + describe(reason).word + "\"";
}

}  // namespace l402
