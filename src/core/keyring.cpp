#include "l402/keyring.h"

#include "l402/encoding.h"

#include <sodium.h>

#include <cstring>

namespace l402 {

namespace {

constexpr std::string_view root_key_label = "l402 root key v0";
constexpr std::string_view hint_label = "l402 key hint v0";

bool is_blank(char c) noexcept
{
    return c == ' ' || c == '\t' || c == '\r';
}

}  // namespace

Keyring::~Keyring()
{
    wipe(keys_, sizeof(keys_));
}

void Keyring::add(const uint8_t master[32]) noexcept
{
    Key &key = keys_[count_];
    uint8_t hint[32];

    hmac_prepare(master, 32, key.mac);
    hmac(key.mac, hint_label.data(), hint_label.size(), hint);
    std::memcpy(key.hint, hint, sizeof(key.hint));
    count_++;
}

bool Keyring::parse(std::string_view text, std::string &error)
{
    size_t line_number = 0;

    auto fail = [&](const char *what) {
        error = "line " + std::to_string(line_number) + " " + what
            + "; a key is 64 hex digits, as \"l402ctl keygen\" writes them";
        return false;
    };

    while (!text.empty()) {
        size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);

        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        line_number++;

        while (!line.empty() && is_blank(line.front())) {
            line.remove_prefix(1);
        }

        if (line.empty() || line.front() == '#') {
            continue;
        }

        size_t size = 0;

        while (size < line.size() && !is_blank(line[size])) {
            size++;
        }

        uint8_t master[32];

        if (size < 64) {
            return fail("is too short");
        }

        if (size > 64) {
            return fail("is too long");
        }

        if (!hex_decode(line.substr(0, 64), master)) {
            wipe(master, sizeof(master));
            return fail("is not hex");
        }

        if (count_ == max_keys) {
            wipe(master, sizeof(master));
            error = "more than " + std::to_string(max_keys) + " keys";
            return false;
        }

        add(master);
        wipe(master, sizeof(master));
    }

    if (count_ == 0) {
        error = "no key in it; one a line, 64 hex digits, as "
                "\"l402ctl keygen\" writes them";
        return false;
    }

    return true;
}

void Keyring::root_key(size_t key, std::string_view identifier,
    uint8_t out[32]) const noexcept
{
    uint8_t message[root_key_label.size() + identifier_size];

    // Callers have checked: other identifiers are none of ours. A key that
    // nobody can guess keeps a mistake closed.
    if (identifier.size() != identifier_size) {
        randombytes_buf(out, 32);
        return;
    }

    std::memcpy(message, root_key_label.data(), root_key_label.size());
    std::memcpy(message + root_key_label.size(), identifier.data(),
        identifier.size());
    hmac(keys_[key].mac, message, sizeof(message), out);
}

void Keyring::stamp(size_t key, Hash &token_id) const noexcept
{
    std::memcpy(token_id.data() + token_id.size() - hint_size, keys_[key].hint,
        hint_size);
}

size_t Keyring::hinted_key(const uint8_t token_id[32]) const noexcept
{
    for (size_t i = 0; i < count_; i++) {
        if (std::memcmp(keys_[i].hint, token_id + 32 - hint_size, hint_size)
            == 0)
        {
            return i;
        }
    }

    return count_;
}

}  // namespace l402
