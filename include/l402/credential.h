// What a client sends: the header fields that may carry an L402 credential.
//
//   Authorization: L402 <macaroon>[,<macaroon>...]:<preimage>
//   Macaroon: <hex>            the preimage is the last `preimage=` caveat
//   Grpc-Metadata-Macaroon: <hex>
//
// Source: lightninglabs/L402 protocol-specification; docs/wire-format.md has
// what deployed clients really send.
#pragma once

#include "l402/macaroon.h"

namespace l402 {

inline constexpr size_t max_macaroons = 8;          // in one credential
inline constexpr size_t max_credential_size = 16384;  // bytes of text

enum class CredentialField : uint8_t {
    none,
    authorization,
    macaroon,
    grpc_metadata_macaroon,
};

// Is this Authorization value ours (scheme L402 or LSAT, any case)?
bool is_l402_scheme(std::string_view authorization) noexcept;

// The same, and where it is, leaves what stands behind the scheme.
bool take_l402_scheme(std::string_view &authorization) noexcept;

// Is this Macaroon or Grpc-Metadata-Macaroon value (hex) one of L402, and not
// of an application behind the gate?
bool is_l402_macaroon(std::string_view hex) noexcept;

// An Authorization value taken apart, not yet decoded. Points into the value.
struct Credential {
    Slice  macaroons[max_macaroons];  // base64
    size_t macaroon_count;
    Slice  preimage;                  // 64 hex digits, not yet checked
};

// False: malformed (no macaroon or no preimage can be read out of it), or of
// another scheme.
bool parse_credential(std::string_view authorization, Credential &out) noexcept;

// The same for what stands behind the scheme.
bool parse_credential_text(std::string_view text, Credential &out) noexcept;

}  // namespace l402
