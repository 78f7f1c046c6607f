// The master keys of a location: the first mints, all verify.
//
//   root_key = HMAC-SHA256(master, "l402 root key v0" || identifier)
//
// so that a challenge stores nothing and every host that has the file
// verifies every token.
#pragma once

#include "l402/macaroon.h"

namespace l402 {

inline constexpr size_t max_keys = 16;

class Keyring {
public:
    Keyring() = default;
    ~Keyring();
    Keyring(const Keyring &) = delete;
    Keyring &operator=(const Keyring &) = delete;

    // One key a line: 64 hex digits, then optionally white space and a
    // comment; empty lines and lines that begin with '#' are passed over.
    // On failure `error` says what is wrong with which line and what would be
    // right, and never holds a key's digits.
    bool parse(std::string_view text, std::string &error);

    size_t size() const noexcept { return count_; }

    // The root key that master key number `key` gives an identifier.
    void root_key(size_t key, std::string_view identifier,
        uint8_t out[32]) const noexcept;

    // Token ids end in four bytes that name the key they were minted with.
    // Verification tries that key and no other, so that a forgery costs one
    // chain as a good token does. Ids from elsewhere (all 32 bytes random)
    // verify too, at the cost of a try a key.
    static constexpr size_t hint_size = 4;

    void stamp(size_t key, Hash &token_id) const noexcept;
    // size(): no key is named
    size_t hinted_key(const uint8_t token_id[32]) const noexcept;

private:
    struct Key {
        HmacKey mac;
        uint8_t hint[hint_size];
    };

    void add(const uint8_t master[32]) noexcept;

    Key    keys_[max_keys];
    size_t count_ = 0;
};

}  // namespace l402
