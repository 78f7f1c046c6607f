#include "l402/verify.h"

#include "l402/encoding.h"

#include <cstring>

namespace l402 {

namespace {

// The chain, with one master key.
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

bool signature_is_good(const Keyring &keys, const Macaroon &macaroon,
    const Identifier &identifier) noexcept
{
    size_t first = keys.hinted_key(identifier.token_id);

    if (keys.size() && signature_is_good(keys, first, macaroon)) {
        return true;
    }

    for (size_t i = 0; i < keys.size(); i++) {
        if (i != first && signature_is_good(keys, i, macaroon)) {
            return true;
        }
    }

    return false;
}

// The location is not signed: any but ours (or none) has been tampered with.
bool location_is_good(const Macaroon &macaroon) noexcept
{
    return macaroon.location.size == 0
           || macaroon.location.view() == macaroon_location;
}

Result decide(const Keyring &keys, const Facts &facts, VerifiedMemory *memory,
    std::string_view bytes, const Macaroon &macaroon,
    const uint8_t preimage[32], Verdict &out) noexcept
{
    Identifier identifier;

    if (!parse_identifier(macaroon.identifier.view(), identifier)
        || !location_is_good(macaroon))
    {
        return Result::bad_signature;
    }

    std::memcpy(out.payment_hash, identifier.payment_hash, 32);
    std::memcpy(out.token_id, identifier.token_id, 32);

    if (memory == nullptr
        || !memory->knows(&keys, bytes, macaroon.signature, preimage))
    {
        uint8_t hash[32];

        if (!signature_is_good(keys, macaroon, identifier)) {
            return Result::bad_signature;
        }

        // Only what we minted may name a token in variables and logs.
        out.has_token = true;

        sha256(preimage, 32, hash);

        if (!equal_constant_time(hash, identifier.payment_hash, 32)) {
            return Result::bad_preimage;
        }

        if (memory) {
            memory->remember(&keys, bytes, macaroon.signature, preimage);
        }
    }

    out.has_token = true;

    return check_caveats(macaroon, facts, preimage, out);
}

// How far a refused credential came: of several, the one that came furthest
// tells its reason.
unsigned progress(Result result) noexcept
{
    switch (result) {
    case Result::ok:
        return 4;
    case Result::malformed:
    case Result::absent:
        return 0;
    case Result::bad_signature:
        return 1;
    case Result::bad_preimage:
        return 2;
    default:
        return 3;
    }
}

// Not initialised: decoding writes what is read.
struct Decoded {
    uint8_t  bytes[max_macaroon_size + 4];
    Macaroon macaroon;
};

Result try_base64(const Keyring &keys, const Facts &facts,
    VerifiedMemory *memory, std::string_view text, const uint8_t preimage[32],
    Verdict &out) noexcept
{
    Decoded decoded;

    if (base64_decoded_max(text.size()) > sizeof(decoded.bytes)) {
        return Result::malformed;
    }

    ptrdiff_t size = base64_decode(text, decoded.bytes);

    if (size < 0) {
        return Result::malformed;
    }

    std::string_view bytes(reinterpret_cast<char *>(decoded.bytes),
        static_cast<size_t>(size));

    if (!parse_macaroon(bytes, decoded.macaroon)) {
        return Result::malformed;
    }

    return decide(keys, facts, memory, bytes, decoded.macaroon, preimage, out);
}

void verify_authorization(const Keyring &keys, const Facts &facts,
    VerifiedMemory *memory, Verdict &out) noexcept
{
    Credential credential;
    uint8_t preimage[32];

    out.result = Result::malformed;
    out.field = CredentialField::authorization;

    if (!parse_credential(facts.authorization, credential)
        || !hex_decode(credential.preimage.view(), preimage))
    {
        return;
    }

    for (size_t i = 0; i < credential.macaroon_count; i++) {
        Verdict one{};

        one.field = CredentialField::authorization;
        one.result = try_base64(keys, facts, memory,
            credential.macaroons[i].view(), preimage, one);

        if (progress(one.result) > progress(out.result)) {
            out = one;
        }

        if (out.result == Result::ok) {
            break;
        }
    }
}

bool last_preimage(const Macaroon &macaroon, uint8_t out[32]) noexcept
{
    static constexpr std::string_view condition = "preimage=";

    for (size_t i = macaroon.caveat_count; i > 0; i--) {
        std::string_view caveat = macaroon.caveats[i - 1].view();

        if (caveat.substr(0, condition.size()) == condition) {
            caveat.remove_prefix(condition.size());
            return caveat.size() == 64 && hex_decode(caveat, out);
        }
    }

    return false;
}

void verify_hex(const Keyring &keys, const Facts &facts,
    VerifiedMemory *memory, std::string_view text, CredentialField field,
    Verdict &out) noexcept
{
    Decoded decoded;
    uint8_t preimage[32];
    Identifier identifier;

    out.result = Result::malformed;
    out.field = field;

    if (text.size() > 2 * max_macaroon_size
        || !hex_decode(text, decoded.bytes))
    {
        return;
    }

    std::string_view bytes(reinterpret_cast<char *>(decoded.bytes),
        text.size() / 2);

    if (!parse_macaroon(bytes, decoded.macaroon)) {
        return;
    }

    // An application behind the gate may have macaroons of its own.
    if (!parse_identifier(decoded.macaroon.identifier.view(), identifier)) {
        out.result = Result::absent;
        out.field = CredentialField::none;
        return;
    }

    if (!last_preimage(decoded.macaroon, preimage)) {
        return;
    }

    out.result = decide(keys, facts, memory, bytes, decoded.macaroon, preimage,
        out);
}

}  // namespace

void verify(const Keyring &keys, const Facts &facts, VerifiedMemory *memory,
    Verdict &out) noexcept
{
    out = Verdict{};
    out.result = Result::absent;

    if (is_l402_scheme(facts.authorization)) {
        verify_authorization(keys, facts, memory, out);
    }

    auto also = [&](std::string_view text, CredentialField field) {
        if (text.empty() || out.result == Result::ok) {
            return;
        }

        Verdict one{};

        verify_hex(keys, facts, memory, text, field, one);

        if (one.result == Result::ok || out.result == Result::absent) {
            out = one;
        }
    };

    also(facts.macaroon, CredentialField::macaroon);
    also(facts.grpc_metadata_macaroon,
        CredentialField::grpc_metadata_macaroon);
}

}  // namespace l402
