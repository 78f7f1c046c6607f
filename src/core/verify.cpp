#include "l402/verify.h"

#include "chain.h"

#include "l402/encoding.h"

#include <cstring>

namespace l402 {

namespace {

// The location is not signed: any but ours (or none) has been tampered with.
bool location_is_good(const Macaroon &macaroon) noexcept
{
    return macaroon.location.size == 0
           || macaroon.location.view() == macaroon_location;
}

[[gnu::hot]]
void name_token(const uint8_t payment_hash[32], const uint8_t token_id[32],
    Verdict &out) noexcept
{
    out.has_token = true;
    std::memcpy(out.payment_hash, payment_hash, 32);
    std::memcpy(out.token_id, token_id, 32);
}

// One macaroon with its preimage, as they were sent.
struct Presented {
    std::string_view text;
    const void      *owner;  // of what is remembered about it
};

[[gnu::hot]] bool decide_known(const Presented &presented, const Facts &facts,
    VerifiedMemory *memory, Verdict &out) noexcept
{
    KnownCredential known;

    if (memory == nullptr
        || !memory->find(presented.owner, presented.text, known))
    {
        return false;
    }

    name_token(known.payment_hash, known.token_id, out);
    out.result = check_caveats(known.caveats, known.caveat_count, facts,
        known.preimage, out);
    return true;
}

Result decide(const Keyring &keys, const Facts &facts, VerifiedMemory *memory,
    const Presented &presented, const Macaroon &macaroon,
    const uint8_t preimage[32], Verdict &out) noexcept
{
    Identifier identifier;
    uint8_t hash[32];

    if (!parse_identifier(macaroon.identifier.view(), identifier)
        || !location_is_good(macaroon)
        || signing_key(keys, macaroon, identifier) == keys.size())
    {
        return Result::bad_signature;
    }

    // Only what we minted may name a token in variables and logs.
    name_token(identifier.payment_hash, identifier.token_id, out);

    sha256(preimage, 32, hash);

    if (!equal_constant_time(hash, identifier.payment_hash, 32)) {
        return Result::bad_preimage;
    }

    // Whose verifier id the chain above does not sign.
    if (macaroon.third_party) {
        return Result::caveat_refused;
    }

    if (memory) {
        memory->remember(presented.owner, presented.text, macaroon, identifier,
            preimage);
    }

    return check_caveats(macaroon.caveats, macaroon.caveat_count, facts,
        preimage, out);
}

// How far a refused credential came: of several, the one that came furthest
// tells its reason.
unsigned progress(const Verdict &verdict, const Facts &facts) noexcept
{
    switch (verdict.result) {
    case Result::ok:
        return 5;
    case Result::malformed:
    case Result::absent:
        return 0;
    case Result::bad_signature:
        return 1;
    case Result::bad_preimage:
        return 2;
    case Result::insufficient:
        // An upgrade may help with a tier, and with nothing else.
        return verdict.tier < facts.tier ? 4 : 3;
    default:
        return 3;
    }
}

// Not initialised: decoding writes what is read.
bool decode_base64(std::string_view text, PresentedMacaroon &out) noexcept
{
    if (base64_decoded_max(text.size()) > sizeof(out.bytes)) {
        return false;
    }

    ptrdiff_t size = base64_decode(text, out.bytes);

    return size >= 0
           && parse_macaroon({reinterpret_cast<char *>(out.bytes),
                  static_cast<size_t>(size)}, out.macaroon);
}

bool decode_hex(std::string_view text, PresentedMacaroon &out) noexcept
{
    return text.size() <= 2 * max_macaroon_size
           && hex_decode(text, out.bytes)
           && parse_macaroon({reinterpret_cast<char *>(out.bytes),
                  text.size() / 2}, out.macaroon);
}

Result try_base64(const Keyring &keys, const Facts &facts,
    VerifiedMemory *memory, const Presented &presented, std::string_view text,
    const uint8_t preimage[32], Verdict &out) noexcept
{
    PresentedMacaroon decoded;

    if (!decode_base64(text, decoded)) {
        return Result::malformed;
    }

    return decide(keys, facts, memory, presented, decoded.macaroon, preimage,
        out);
}

void try_all(const Keyring &keys, const Facts &facts, VerifiedMemory *memory,
    const Credential &credential, const Presented &presented,
    Verdict &out) noexcept
{
    uint8_t preimage[32];

    if (!hex_decode(credential.preimage.view(), preimage)) {
        return;
    }

    for (size_t i = 0; i < credential.macaroon_count; i++) {
        Verdict one{};

        one.field = CredentialField::authorization;
        one.macaroon = static_cast<uint8_t>(i);
        one.result = try_base64(keys, facts, memory, presented,
            credential.macaroons[i].view(), preimage, one);

        if (progress(one, facts) > progress(out, facts)) {
            out = one;
        }

        if (out.result == Result::ok) {
            break;
        }
    }
}

// `text` is what stands behind the scheme.
[[gnu::hot]] void verify_authorization(const Keyring &keys, const Facts &facts,
    VerifiedMemory *memory, std::string_view text, Verdict &out) noexcept
{
    Presented presented{text, &keys};

    out.result = Result::malformed;
    out.field = CredentialField::authorization;

    if (decide_known(presented, facts, memory, out)) {
        return;
    }

    Credential credential;

    if (parse_credential_text(text, credential)) {
        // What is remembered is one macaroon; of several the good one decides.
        try_all(keys, facts, credential.macaroon_count == 1 ? memory : nullptr,
            credential, presented, out);
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
    PresentedMacaroon decoded;
    uint8_t preimage[32];
    Identifier identifier;
    // Another owner than Authorization's: the forms do not stand in for each
    // other.
    Presented presented{text, reinterpret_cast<const char *>(&keys) + 1};

    out.result = Result::malformed;
    out.field = field;

    if (decide_known(presented, facts, memory, out)) {
        return;
    }

    if (!decode_hex(text, decoded)) {
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

    out.result = decide(keys, facts, memory, presented, decoded.macaroon,
        preimage, out);
}

}  // namespace

// Marked hot, with all that a good and known credential passes through: the
// linker lays it side by side, and between two requests the kernel has taken
// the instruction cache.
[[gnu::hot]]
void verify(const Keyring &keys, const Facts &facts, VerifiedMemory *memory,
    Verdict &out) noexcept
{
    out = Verdict{};
    out.result = Result::absent;

    std::string_view text = facts.authorization;

    if (take_l402_scheme(text)) {
        verify_authorization(keys, facts, memory, text, out);
    }

    if (facts.macaroon.empty() && facts.grpc_metadata_macaroon.empty()) {
        return;
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

bool presented_macaroon(const Facts &facts, const Verdict &verdict,
    PresentedMacaroon &out) noexcept
{
    Credential credential;
    std::string_view text = facts.authorization;

    switch (verdict.field) {
    case CredentialField::authorization:
        return take_l402_scheme(text)
               && parse_credential_text(text, credential)
               && verdict.macaroon < credential.macaroon_count
               && decode_base64(credential.macaroons[verdict.macaroon].view(),
                      out);
    case CredentialField::macaroon:
        return decode_hex(facts.macaroon, out);
    case CredentialField::grpc_metadata_macaroon:
        return decode_hex(facts.grpc_metadata_macaroon, out);
    case CredentialField::none:
        break;
    }

    return false;
}

}  // namespace l402
