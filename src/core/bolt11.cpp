#include "l402/bolt11.h"

#include "core/bech32.h"
#include "l402/sha256.h"
#include "l402/utf8.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include <utility>
#include <vector>

namespace l402 {

namespace {

constexpr size_t max_text = 8192;       // bytes; a QR code holds 7089
constexpr size_t timestamp_words = 7;
constexpr size_t signature_words = 104;
constexpr size_t hash_words = 52;
constexpr size_t key_words = 53;
constexpr int64_t default_expiry = 3600;

struct NetworkName {
    Network     network;
    const char *name;
    const char *prefix;  // of BIP-173, after "ln"
};

constexpr NetworkName networks[] = {
    {Network::mainnet, "mainnet", "bc"},
    {Network::testnet, "testnet", "tb"},
    {Network::signet, "signet", "tbs"},
    {Network::regtest, "regtest", "bcrt"},
};

std::string to_bytes(Words words)
{
    std::string out;

    append_bytes(words, false, out);
    return out;
}

const uint8_t *as_bytes(const std::string &text) noexcept
{
    return reinterpret_cast<const uint8_t *>(text.data());
}

// False where the number has more than 35 bits.
bool to_number(Words words, int64_t &out) noexcept
{
    while (words.size && *words.data == 0) {
        words.take(1);
    }

    if (words.size > 7) {
        return false;
    }

    out = 0;

    for (size_t i = 0; i < words.size; i++) {
        out = out << 5 | words.data[i];
    }

    return true;
}

void to_hash(Words words, Hash &out)
{
    std::string bytes = to_bytes(words);

    for (size_t i = 0; i < out.size(); i++) {
        out[i] = as_bytes(bytes)[i];
    }
}

// ---- the human-readable part: ln, network, amount ----

bool parse_amount_of(std::string_view text, Bolt11 &out, const char *&error)
{
    out.has_amount = !text.empty();
    out.amount_msat = 0;

    if (!out.has_amount) {
        return true;
    }

    // msat in one unit: bitcoin, milli, micro, nano. Pico is a tenth.
    constexpr uint64_t msat_per_bitcoin = 100000000000;
    uint64_t factor = msat_per_bitcoin;
    bool pico = false;

    switch (text.back()) {
    case 'm': factor /= 1000; break;
    case 'u': factor /= 1000000; break;
    case 'n': factor /= 1000000000; break;
    case 'p': factor = 1; pico = true; break;
    }

    if (factor != msat_per_bitcoin) {
        text.remove_suffix(1);
    }

    if (text.empty() || text.front() == '0') {
        error = "its amount is not a positive number without leading zeros";
        return false;
    }

    if (pico && text.back() != '0') {
        error = "its amount has a fraction of a millisatoshi";
        return false;
    }

    if (pico) {
        text.remove_suffix(1);
    }

    uint64_t amount = 0;

    for (char c : text) {
        if (c < '0' || c > '9') {
            error = "its amount is not a number, or has an unknown multiplier";
            return false;
        }

        if (amount > max_amount_msat / 10) {
            error = "its amount is more than 21 million BTC";
            return false;
        }

        amount = amount * 10 + static_cast<uint64_t>(c - '0');
    }

    if (amount > max_amount_msat / factor) {
        error = "its amount is more than 21 million BTC";
        return false;
    }

    out.amount_msat = amount * factor;
    return true;
}

bool parse_prefix(std::string_view prefix, Bolt11 &out, const char *&error)
{
    if (prefix.substr(0, 2) == "ln") {
        prefix.remove_prefix(2);

        // "bc" begins "bcrt": what follows the name must be a digit.
        for (const NetworkName &entry : networks) {
            std::string_view name = entry.prefix;

            if (prefix.substr(0, name.size()) != name) {
                continue;
            }

            std::string_view amount = prefix.substr(name.size());

            if (amount.empty() || (amount[0] >= '0' && amount[0] <= '9')) {
                out.network = entry.network;
                return parse_amount_of(amount, out, error);
            }
        }
    }

    error = "it is not for a network known here";
    return false;
}

// ---- tagged fields ----

enum FieldType : uint8_t {
    field_payment_hash = 1,       // p
    field_features = 5,           // 9
    field_expiry = 6,             // x
    field_description = 13,       // d
    field_payment_secret = 16,    // s
    field_payee = 19,             // n
    field_description_hash = 23,  // h
};

// The features of BOLT 9 that stand in invoices: a payer knows them.
constexpr unsigned payment_secret_bit = 14;
constexpr unsigned basic_mpp_bit = 16;
constexpr unsigned known_features[] = {
    8,                   // var_onion_optin
    payment_secret_bit,
    basic_mpp_bit,
    24,                  // option_route_blinding
    36,                  // option_attribution_data
    48,                  // option_payment_metadata
};

bool has_feature(Words words, size_t bit) noexcept
{
    size_t at = bit / 5;

    return at < words.size
        && (words.data[words.size - 1 - at] >> bit % 5 & 1);
}

bool check_features(Words words, const char *&error)
{
    for (size_t bit = 0; bit < words.size * 5; bit += 2) {
        bool known = false;

        for (unsigned feature : known_features) {
            known |= bit == feature;
        }

        if (!known && has_feature(words, bit)) {
            error = "it demands a feature that is not known here";
            return false;
        }
    }

    auto offers = [&](unsigned bit) {
        return has_feature(words, bit) || has_feature(words, bit + 1);
    };

    if (offers(basic_mpp_bit) && !offers(payment_secret_bit)) {
        error = "it offers basic_mpp without payment_secret";
        return false;
    }

    return true;
}

struct Fields {
    unsigned payment_hashes = 0;
    unsigned payment_secrets = 0;
    unsigned descriptions = 0;
    bool     has_expiry = false;
    Words    features{nullptr, 0};
    Words    payee{nullptr, 0};
};

// Only the first of a type counts, as the specification has it.
bool read_field(unsigned type, Words data, Fields &fields, Bolt11 &out,
    const char *&error)
{
    switch (type) {

    case field_payment_hash:
        if (data.size == hash_words && fields.payment_hashes++ == 0) {
            to_hash(data, out.payment_hash);
        }

        return true;

    case field_payment_secret:
        fields.payment_secrets += data.size == hash_words;
        return true;

    case field_description_hash:
        if (data.size == hash_words && !out.has_description_hash) {
            out.has_description_hash = true;
            to_hash(data, out.description_hash);
        }

        return true;

    case field_description:
        if (fields.descriptions++ == 0) {
            out.description = to_bytes(data);

            if (!is_utf8(out.description)) {
                error = "its description is not UTF-8";
                return false;
            }
        }

        return true;

    case field_expiry:
        if (!fields.has_expiry) {
            fields.has_expiry = true;

            if (!to_number(data, out.expiry)) {
                error = "its expiry is out of range";
                return false;
            }
        }

        return true;

    case field_features:
        if (fields.features.size == 0) {
            fields.features = data;
        }

        return true;

    case field_payee:
        if (data.size == key_words && fields.payee.size == 0) {
            fields.payee = data;
        }

        return true;

    default:
        return true;
    }
}

bool read_fields(Words words, Fields &fields, Bolt11 &out, const char *&error)
{
    while (words.size) {
        if (words.size < 3) {
            error = "it ends within a field";
            return false;
        }

        Words head = words.take(3);
        size_t size = static_cast<size_t>(head.data[1]) << 5 | head.data[2];

        if (size > words.size) {
            error = "it ends within a field";
            return false;
        }

        if (!read_field(head.data[0], words.take(size), fields, out, error)) {
            return false;
        }
    }

    return true;
}

bool check_fields(const Fields &fields, const Bolt11 &out, const char *&error)
{
    // The specification lets a payer take the first of several; a client's
    // wallet may take another, and its payment would open nothing here.
    if (fields.payment_hashes != 1) {
        error = fields.payment_hashes ? "it has several payment hashes"
                                      : "it has no payment hash";
        return false;
    }

    if (fields.payment_secrets == 0) {
        error = "it has no payment secret";
        return false;
    }

    if ((fields.descriptions != 0) == out.has_description_hash) {
        error = out.has_description_hash
                    ? "it has both a description and a description's hash"
                    : "it has neither a description nor a description's hash";
        return false;
    }

    return check_features(fields.features, error);
}

// ---- signature ----

// Verification needs no tables and no state: nothing to set up.
const secp256k1_context *verifier() noexcept
{
    return secp256k1_context_static;
}

bool is_signed_by(const std::string &point, const std::string &signature,
    const uint8_t *digest, const char *&error)
{
    const secp256k1_context *context = verifier();
    secp256k1_ecdsa_signature parsed;
    secp256k1_pubkey key;

    if (!secp256k1_ec_pubkey_parse(context, &key, as_bytes(point),
            point.size()))
    {
        error = "its payee is not a public key";
        return false;
    }

    // Refuses a high S, too.
    if (!secp256k1_ecdsa_signature_parse_compact(context, &parsed,
            as_bytes(signature))
        || !secp256k1_ecdsa_verify(context, &parsed, digest, &key))
    {
        error = "its signature is not the payee's";
        return false;
    }

    return true;
}

// Whoever signs, the key that comes out is the payee's: all that can be found
// out is that one comes out. It does wherever S is not zero and R is the x of
// a point (a key that comes out as infinity takes a nonce chosen for it, and
// nobody can pay to it). To compute the key takes ten times as long, and this
// is done for each challenge.
bool has_signer(const std::string &signature, const uint8_t *digest)
{
    constexpr size_t half = 32;
    const secp256k1_context *context = verifier();
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey key;
    int recovery_id = as_bytes(signature)[2 * half];

    // A recovery id out of range would abort the process in there.
    if (recovery_id > 3
        || !secp256k1_ecdsa_recoverable_signature_parse_compact(context,
               &parsed, as_bytes(signature), recovery_id))
    {
        return false;
    }

    if (recovery_id > 1) {
        // R is more than it says: once in 2^128 signatures.
        return secp256k1_ecdsa_recover(context, &key, &parsed, digest);
    }

    std::string point = '\x02' + signature.substr(0, half);

    return signature.find_first_not_of('\0', half) < 2 * half
        && secp256k1_ec_pubkey_parse(context, &key, as_bytes(point),
               point.size());
}

bool check_signature(const std::string &prefix, Words signed_words,
    Words signature_field, Words payee, const char *&error)
{
    std::string message = prefix, signature = to_bytes(signature_field);
    uint8_t digest[32];

    append_bytes(signed_words, true, message);
    sha256(message, digest);

    if (payee.size) {
        return is_signed_by(to_bytes(payee), signature, digest, error);
    }

    if (!has_signer(signature, digest)) {
        error = "its signature is wrong";
        return false;
    }

    return true;
}

}  // namespace

bool parse_network(std::string_view name, Network &out) noexcept
{
    for (const NetworkName &entry : networks) {
        if (name == entry.name) {
            out = entry.network;
            return true;
        }
    }

    return false;
}

const char *network_name(Network network) noexcept
{
    for (const NetworkName &entry : networks) {
        if (network == entry.network) {
            return entry.name;
        }
    }

    return "unknown";
}

bool decode_bolt11(std::string_view text, Bolt11 &out, const char *&error)
{
    if (text.size() > max_text) {
        error = "it is longer than 8192 characters";
        return false;
    }

    std::string prefix;
    std::vector<uint8_t> data;
    Bolt11 invoice{};

    if (!decode_bech32(text, prefix, data, error)
        || !parse_prefix(prefix, invoice, error))
    {
        return false;
    }

    if (data.size() < timestamp_words + signature_words) {
        error = "it is too short";
        return false;
    }

    Words words{data.data(), data.size()};
    Words signed_words = words.take(data.size() - signature_words);
    Words fields_words = signed_words;
    Fields fields;

    invoice.expiry = default_expiry;

    // 35 bits always fit.
    (void) to_number(fields_words.take(timestamp_words), invoice.timestamp);

    if (!read_fields(fields_words, fields, invoice, error)
        || !check_signature(prefix, signed_words, words, fields.payee, error)
        || !check_fields(fields, invoice, error))
    {
        return false;
    }

    out = std::move(invoice);
    return true;
}

}  // namespace l402
