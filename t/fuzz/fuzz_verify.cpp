// The whole call: tokens are minted and signed as the input says, so that it
// gets past the signature, put into header fields in any form or spoilt, and
// decided with and without a memory; the verdict must be that of a slow check
// which shares no code with src/.
//
// Beyond the lines of script.h:
//   c caveat    C caveat in hex    z n (a caveat of n bytes)
//   K key 0, 1, or 2 (not ours)    i (no hint)
//   f forms     w (a wrong preimage)   L location   v (a third party's caveat)
//   x n (flip a byte)   + (the next macaroon)
//   R A|M|G field (the value as it is)
#include "script.h"

#include "../unit/naive_verify.h"
#include "../unit/properties.h"

#include "l402/challenge.h"

#include "require.h"

using namespace l402;

extern "C" int __sanitizer_install_malloc_and_free_hooks(
    void (*malloc_hook)(const volatile void *, size_t),
    void (*free_hook)(const volatile void *));

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
    size_t max, unsigned seed)
{
    return fuzz::mutate(data, size, max, seed);
}

namespace {

// libFuzzer has a thread of its own.
thread_local size_t allocations = 0;

void count_allocation(const volatile void *, size_t)
{
    allocations++;
}

void count_nothing(const volatile void *) {}

struct Gate {
    naive::Masters masters{{std::string(32, '\x11'), std::string(32, '\x22')}};
    Keyring        keys;
    VerifiedMemory memory{1 << 16};

    Gate()
    {
        std::string error;

        require(keys.parse(std::string(64, '1') + "\n" + std::string(64, '2'),
            error));
        __sanitizer_install_malloc_and_free_hooks(count_allocation,
            count_nothing);
    }
};

struct Spec {
    std::vector<std::string> caveats;
    std::string              forms, location = "lsat";
    int                      key = 0;
    bool                     has_hint = true, wrong_preimage = false,
                             third_party = false;
    int64_t                  flip = -1;

    bool is(char form) const { return forms.find(form) != forms.npos; }
};

std::string field(int type, const std::string &value)
{
    std::string out(1, char(type));
    size_t      size = value.size();

    for ( /* void */ ; size >= 0x80; size >>= 7) {
        out += char(size | 0x80);
    }
    return out + char(size) + value;
}

std::string packet(const std::string &key, const std::string &value)
{
    char digits[5];

    std::snprintf(digits, sizeof(digits), "%04x",
        unsigned(4 + key.size() + 1 + value.size() + 1) & 0xffff);
    return digits + key + " " + value + "\n";
}

std::string encode(const Spec &spec, const std::string &identifier,
    const std::string &signature)
{
    std::string out;

    if (spec.is('1')) {
        out = packet("location", spec.location)
            + packet("identifier", identifier);
        for (const std::string &caveat : spec.caveats) {
            out += packet("cid", caveat);
        }
        if (spec.third_party && !spec.caveats.empty()) {
            out += packet("vid", "v") + packet("cl", "l");
        }
        return out + packet("signature", signature);
    }
    out = "\2";
    if (!spec.location.empty() || spec.is('e')) {
        out += field(1, spec.location);
    }
    out += field(2, identifier) + '\0';
    for (const std::string &caveat : spec.caveats) {
        bool last = &caveat == &spec.caveats.back();

        out += field(2, caveat)
            + (spec.third_party && last ? field(4, "v") : "") + '\0';
    }
    return out + '\0' + field(6, signature);
}

std::string preimage_of(const Spec &spec)
{
    std::string out(unit::chain_preimage().begin(),
        unit::chain_preimage().end());

    out[31] = char(out[31] ^ spec.wrong_preimage);
    return out;
}

std::string token_of(const Gate &gate, const Spec &spec)
{
    const std::string foreign(32, '\x33');
    const std::string &master = spec.key < 2
        ? gate.masters.keys[size_t(spec.key)] : foreign;
    Spec        paid;
    std::string identifier = std::string(2, '\0')
        + naive::sha256(preimage_of(paid)) + std::string(28, 'i')
        + (spec.has_hint ? naive::Masters::hint(master) : "none");
    std::string bytes = encode(spec, identifier,
        naive::Masters::sign(master, identifier, spec.caveats));

    if (spec.flip >= 0) {
        char &byte = bytes[size_t(spec.flip) % bytes.size()];
        byte = char(byte ^ (1 << spec.flip % 7));
    }
    return bytes;
}

std::string base64_of(const Spec &spec, const std::string &bytes)
{
    std::string text = base64_encode(bytes);

    if (spec.is('u')) {
        std::replace(text.begin(), text.end(), '+', '-');
        std::replace(text.begin(), text.end(), '/', '_');
    }
    while (spec.is('b') && text.back() == '=') {
        text.pop_back();
    }
    return text;
}

// ---- an input ----

struct Input {
    unit::Request     request;
    std::vector<Spec> specs{1};
    std::string       fields[3];
    std::string       raw[3];
    bool              is_raw[3] = {};

    explicit Input(const fuzz::Lines &lines)
    {
        for (const std::string &line : lines) {
            if (!fuzz::read_fact(request, line) && !line.empty()) {
                read(line[0], line.substr(1));
            }
        }
        fuzz::drop_reserved(request);
    }

    void read(char what, const std::string &rest)
    {
        Spec &spec = specs.back();

        switch (what) {
        case 'c':
            spec.caveats.push_back(rest);
            break;
        case 'C':
            spec.caveats.push_back(naive::from_hex(rest).value_or(rest));
            break;
        case 'z':
            spec.caveats.emplace_back(
                uint64_t(fuzz::number_of(rest)) % 9000, 'z');
            break;
        case 'f':
            spec.forms += rest;
            break;
        case 'K':
            spec.key = int(uint64_t(fuzz::number_of(rest)) % 3);
            break;
        case 'i':
            spec.has_hint = false;
            break;
        case 'w':
            spec.wrong_preimage = true;
            break;
        case 'L':
            spec.location = rest;
            break;
        case 'v':
            spec.third_party = true;
            break;
        case 'x':
            spec.flip = std::abs(fuzz::number_of(rest) % 100000);
            break;
        case '+':
            if (specs.size() < 10) {
                specs.emplace_back();
            }
            break;
        case 'R': {
            size_t which = std::string("AMG").find(rest.empty() ? ' '
                                                                : rest[0]);
            if (which != std::string::npos) {
                raw[which] = rest.substr(1);
                is_raw[which] = true;
            }
            break;
        }
        }
    }

    void write_fields(const Gate &gate)
    {
        const Spec *last = nullptr;
        std::string list;

        for (const Spec &spec : specs) {
            std::string bytes = token_of(gate, spec);

            if (spec.is('m') || spec.is('g')) {
                fields[spec.is('m') ? 1 : 2] = unit::hex_of(bytes);
                continue;
            }
            list += (last ? spec.is('s') ? ", " : "," : "")
                + base64_of(spec, bytes);
            last = &spec;
        }
        if (last) {
            std::string hex = unit::hex_of(preimage_of(*last));

            if (last->is('U')) {
                std::transform(hex.begin(), hex.end(), hex.begin(), toupper);
            }
            fields[0] = std::string(last->is('l') ? "lsat " : "L402 ")
                + (last->is('d') ? "L402 " : "") + list + ":" + hex;
        }
        for (size_t i = 0; i < 3; i++) {
            if (is_raw[i]) {
                fields[i] = raw[i];
            }
        }
    }
};

void require_same(const Verdict &a, const Verdict &b)
{
    require(a.result == b.result && a.field == b.field);
    require(a.has_token == b.has_token && a.macaroon == b.macaroon);
    require(a.tier == b.tier && a.expires == b.expires);
    require(a.minted_expires == b.minted_expires);
    require(a.has_uses == b.has_uses && a.uses == b.uses);
    require(a.minted_uses == b.minted_uses);
    require(a.has_balance == b.has_balance && a.balance_msat == b.balance_msat);
    require(a.minted_balance_msat == b.minted_balance_msat);
    require(std::memcmp(a.payment_hash, b.payment_hash, 32) == 0);
    require(std::memcmp(a.token_id, b.token_id, 32) == 0);
}

void require_slow_verdict(const Gate &gate, const Facts &facts,
    const Verdict &verdict)
{
    auto answers = naive::verify(gate.masters, facts);
    auto good = std::find_if(answers.begin(), answers.end(),
        [](const naive::Answer &a) { return a.result == Result::ok; });

    if (verdict.result == Result::ok) {
        require(good != answers.end());
        require(verdict.tier == good->tier);
        require(verdict.expires == good->expires);
        require(verdict.tier >= facts.tier && verdict.has_token);
        require(verdict.minted_expires == 0
            || verdict.minted_expires >= verdict.expires);
        require(unit::is_as_minted(verdict, *good));
        require(verdict.has_uses ? verdict.minted_uses == 0
                                       || verdict.minted_uses >= verdict.uses
                                 : verdict.minted_uses == 0);

        PresentedMacaroon presented;
        require(presented_macaroon(facts, verdict, presented));
        return;
    }

    require(verdict.result != Result::free && good == answers.end());
    if (answers.size() == 1) {
        require(verdict.result == answers[0].result);
    }
    require((verdict.result == Result::absent)
        == (verdict.field == CredentialField::none));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Gate gate;
    Input       input(fuzz::lines_of(data, size));

    input.write_fields(gate);

    Facts   facts = input.request.facts();
    Verdict without, with, again;

    facts.authorization = input.fields[0];
    facts.macaroon = input.fields[1];
    facts.grpc_metadata_macaroon = input.fields[2];

    size_t before = allocations;
    verify(gate.keys, facts, nullptr, without);
    verify(gate.keys, facts, &gate.memory, with);
    verify(gate.keys, facts, &gate.memory, again);
    // Nor where it refuses.
    require(allocations == before);

    require_same(without, with);
    require_same(without, again);
    require_slow_verdict(gate, facts, without);
    return 0;
}
