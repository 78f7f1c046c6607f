#include "l402/macaroon.h"

#include <cstring>

namespace l402 {

namespace {

// ---- V2: fields of type, length, bytes; sections end with type 0 ----

enum FieldType : uint8_t {
    field_end = 0,
    field_location = 1,
    field_identifier = 2,
    field_verifier = 4,
    field_signature = 6,
};

struct Reader {
    const uint8_t *p;
    const uint8_t *end;

    bool at(uint8_t type) const noexcept { return p < end && *p == type; }

    bool skip(uint8_t type) noexcept
    {
        if (!at(type)) {
            return false;
        }

        p++;
        return true;
    }

    // A length in its shortest form, so that one token has one encoding.
    bool varint(size_t &value) noexcept
    {
        value = 0;

        for (unsigned shift = 0; shift < 21 && p < end; shift += 7) {
            uint8_t byte = *p++;

            value |= static_cast<size_t>(byte & 0x7f) << shift;

            if (!(byte & 0x80)) {
                return byte != 0 || shift == 0;
            }
        }

        return false;
    }

    bool field(uint8_t type, Slice &out) noexcept
    {
        size_t size;

        if (!skip(type) || !varint(size)
            || size > static_cast<size_t>(end - p))
        {
            return false;
        }

        out = {reinterpret_cast<const char *>(p), size};
        p += size;
        return true;
    }
};

bool parse_v2(std::string_view bytes, Macaroon &out) noexcept
{
    Reader in{reinterpret_cast<const uint8_t *>(bytes.data()) + 1,
        reinterpret_cast<const uint8_t *>(bytes.data()) + bytes.size()};
    Slice ignored;

    if (in.at(field_location) && !in.field(field_location, out.location)) {
        return false;
    }

    if (!in.field(field_identifier, out.identifier) || !in.skip(field_end)) {
        return false;
    }

    while (!in.at(field_end)) {
        if (out.caveat_count == max_caveats) {
            return false;
        }

        if (in.at(field_location)) {
            if (!in.field(field_location, ignored)) {
                return false;
            }

            out.third_party = true;
        }

        if (!in.field(field_identifier, out.caveats[out.caveat_count++])) {
            return false;
        }

        if (in.at(field_verifier)) {
            if (!in.field(field_verifier, ignored)) {
                return false;
            }

            out.third_party = true;
        }

        if (!in.skip(field_end)) {
            return false;
        }
    }

    Slice signature;

    if (!in.skip(field_end) || !in.field(field_signature, signature)
        || signature.size != 32 || in.p != in.end)
    {
        return false;
    }

    out.signature = reinterpret_cast<const uint8_t *>(signature.data);
    return true;
}

// ---- V1: lines "LLLLkey value\n", LLLL the line's length in hex ----

struct Packet {
    std::string_view key;
    Slice            value;
};

// A writer's digits are lower case: one token, one encoding.
bool take_length(std::string_view text, size_t &size) noexcept
{
    if (text.size() < 4) {
        return false;
    }

    size = 0;

    for (char c : text.substr(0, 4)) {
        auto digit = static_cast<unsigned char>(c - '0');
        auto letter = static_cast<unsigned char>(c - 'a');

        if (digit > 9 && letter > 5) {
            return false;
        }

        size = size << 4 | (digit > 9 ? letter + 10u : digit);
    }

    return true;
}

bool next_packet(std::string_view &in, Packet &out) noexcept
{
    size_t size;

    if (!take_length(in, size) || size < 6 || size > in.size()
        || in[size - 1] != '\n')
    {
        return false;
    }

    std::string_view line = in.substr(4, size - 5);
    size_t space = line.find(' ');

    if (space == line.npos) {
        return false;
    }

    out.key = line.substr(0, space);
    line.remove_prefix(space + 1);
    out.value = {line.data(), line.size()};
    in.remove_prefix(size);
    return true;
}

bool parse_v1(std::string_view bytes, Macaroon &out) noexcept
{
    Packet packet;

    if (!next_packet(bytes, packet) || packet.key != "location") {
        return false;
    }

    out.location = packet.value;

    if (!next_packet(bytes, packet) || packet.key != "identifier") {
        return false;
    }

    out.identifier = packet.value;

    for ( ;; ) {
        if (!next_packet(bytes, packet)) {
            return false;
        }

        if (packet.key == "signature") {
            break;
        }

        if (packet.key == "cid") {
            if (out.caveat_count == max_caveats) {
                return false;
            }

            out.caveats[out.caveat_count++] = packet.value;

        } else if ((packet.key == "vid" || packet.key == "cl")
                   && out.caveat_count > 0)
        {
            out.third_party = true;

        } else {
            return false;
        }
    }

    if (packet.value.size != 32 || !bytes.empty()) {
        return false;
    }

    out.signature = reinterpret_cast<const uint8_t *>(packet.value.data);
    return true;
}

// HMAC("macaroons-key-generator", ...), prepared once: the key is no secret.
HmacKey make_generator() noexcept
{
    static constexpr std::string_view name = "macaroons-key-generator";
    HmacKey key;

    hmac_prepare(name.data(), name.size(), key);
    return key;
}

void append_field(std::string &out, uint8_t type, std::string_view value)
{
    out += static_cast<char>(type);

    size_t size = value.size();

    for ( /* void */ ; size >= 0x80; size >>= 7) {
        out += static_cast<char>(size | 0x80);
    }

    out += static_cast<char>(size);
    out += value;
}

size_t field_size(size_t size) noexcept
{
    size_t head = 2;

    for (size_t rest = size; rest >= 0x80; rest >>= 7) {
        head++;
    }

    return head + size;
}

}  // namespace

bool parse_macaroon(std::string_view bytes, Macaroon &out) noexcept
{
    if (bytes.empty() || bytes.size() > max_macaroon_size) {
        return false;
    }

    out.location = {nullptr, 0};
    out.identifier = {nullptr, 0};
    out.signature = nullptr;
    out.caveat_count = 0;
    out.third_party = false;

    return bytes[0] == 2 ? parse_v2(bytes, out) : parse_v1(bytes, out);
}

bool parse_identifier(std::string_view bytes, Identifier &out) noexcept
{
    if (bytes.size() != identifier_size || bytes[0] != 0 || bytes[1] != 0) {
        return false;
    }

    auto p = reinterpret_cast<const uint8_t *>(bytes.data());

    out.payment_hash = p + 2;
    out.token_id = p + 34;
    return true;
}

std::string make_identifier(const Hash &payment_hash, const Hash &token_id)
{
    std::string out(2, '\0');

    out.append(payment_hash.begin(), payment_hash.end());
    out.append(token_id.begin(), token_id.end());
    return out;
}

void first_signature(const uint8_t root_key[32], std::string_view identifier,
    uint8_t out[32]) noexcept
{
    static const HmacKey generator = make_generator();
    uint8_t key[32];

    hmac(generator, root_key, 32, key);
    hmac(key, identifier.data(), identifier.size(), out);
}

void extend_signature(uint8_t signature[32], std::string_view caveat) noexcept
{
    hmac(signature, caveat.data(), caveat.size(), signature);
}

size_t encoded_size(size_t identifier_size,
    const std::vector<std::string> &caveats, std::string_view location) noexcept
{
    size_t size = 1 + field_size(identifier_size) + 1 + 1 + field_size(32);

    if (!location.empty()) {
        size += field_size(location.size());
    }

    for (const std::string &caveat : caveats) {
        size += field_size(caveat.size()) + 1;
    }

    return size;
}

std::string encode_macaroon(std::string_view identifier,
    const std::vector<std::string> &caveats, const uint8_t signature[32],
    std::string_view location)
{
    std::string out;

    out.reserve(encoded_size(identifier.size(), caveats, location));
    out += '\x02';

    if (!location.empty()) {
        append_field(out, field_location, location);
    }

    append_field(out, field_identifier, identifier);
    out += '\0';

    for (const std::string &caveat : caveats) {
        append_field(out, field_identifier, caveat);
        out += '\0';
    }

    out += '\0';
    append_field(out, field_signature,
        {reinterpret_cast<const char *>(signature), 32});
    return out;
}

}  // namespace l402
