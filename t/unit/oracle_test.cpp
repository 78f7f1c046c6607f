// libmacaroons as an oracle: what we mint it verifies, and what it mints or
// attenuates we verify. It speaks V1; oracle_pymacaroons.py has V2.

#include "unit.h"

#ifndef L402_HAVE_LIBMACAROONS

namespace {

void libmacaroons_is_installed(void **)
{
    fail_msg("install the Debian package libmacaroons-dev");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {cmocka_unit_test(libmacaroons_is_installed)};
    return cmocka_run_group_tests_name("oracle", tests, nullptr, nullptr);
}

#else

#include "chains.h"

#include <macaroons.h>

#include <memory>

using namespace unit;
using l402::Result;

namespace {

constexpr size_t rounds = 400;

struct Destroy {
    void operator()(macaroon *m) const { macaroon_destroy(m); }
    void operator()(macaroon_verifier *v) const
    {
        macaroon_verifier_destroy(v);
    }
};

using Theirs = std::unique_ptr<macaroon, Destroy>;

const unsigned char *bytes_of(std::string_view text)
{
    return reinterpret_cast<const unsigned char *>(text.data());
}

Theirs create(std::string_view key, std::string_view identifier)
{
    macaroon_returncode err = MACAROON_SUCCESS;
    Theirs              m(macaroon_create(bytes_of("lsat"), 4, bytes_of(key),
                     key.size(), bytes_of(identifier), identifier.size(),
                     &err));

    assert_non_null(m.get());
    return m;
}

void add_caveat(Theirs &m, std::string_view caveat)
{
    macaroon_returncode err = MACAROON_SUCCESS;

    m.reset(macaroon_add_first_party_caveat(m.get(), bytes_of(caveat),
        caveat.size(), &err));
    assert_non_null(m.get());
}

std::string serialize(const Theirs &m)
{
    macaroon_returncode err = MACAROON_SUCCESS;
    std::string         text(macaroon_serialize_size_hint(m.get()), '\0');

    assert_int_equal(
        macaroon_serialize(m.get(), &text[0], text.size(), &err), 0);
    text.resize(text.find('\0'));
    return text;
}

Theirs deserialize(std::string_view bytes)
{
    macaroon_returncode err = MACAROON_SUCCESS;
    std::string         text = l402::base64_encode(bytes);

    for (char &c : text) {
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    }

    Theirs m(macaroon_deserialize(text.c_str(), &err));
    assert_non_null(m.get());
    return m;
}

std::string signature(const Theirs &m)
{
    const unsigned char *p;
    size_t               size;

    macaroon_signature(m.get(), &p, &size);
    return to_hex(view(p, size));
}

int accept_any(void *seen, const unsigned char *, size_t)
{
    ++*static_cast<size_t *>(seen);
    return 0;
}

bool they_verify(const Theirs &m, std::string_view key, size_t &caveats)
{
    macaroon_returncode err = MACAROON_SUCCESS;
    std::unique_ptr<macaroon_verifier, Destroy> v(macaroon_verifier_create());

    caveats = 0;
    assert_int_equal(macaroon_verifier_satisfy_general(v.get(), accept_any,
                         &caveats, &err), 0);
    return macaroon_verify(v.get(), m.get(), bytes_of(key), key.size(),
        nullptr, 0, &err) == 0;
}

std::vector<std::string> random_caveats(Random &random)
{
    std::vector<std::string> caveats{"services=weather:"
        + std::to_string(random.below(256))};

    if (random.below(2)) {
        caveats.push_back("weather_valid_until="
            + std::to_string(now + 1 + int64_t(random.below(100000))));
    }
    for (size_t n = random.below(6); n > 0; n--) {
        // No '=': an unknown condition, whatever the bytes are.
        std::string caveat = random.bytes(1 + random.below(200));
        for (char &c : caveat) {
            c = c == '=' ? '-' : c;
        }
        caveats.push_back(caveat);
    }
    return caveats;
}

Keys &keys()
{
    static Keys *k = new Keys(std::string(key_1) + "\n" + key_2);
    return *k;
}

std::string root_key(std::string_view identifier, size_t key)
{
    uint8_t root[32];

    keys().root_key(key, identifier, root);
    return std::string(view(root, 32));
}

struct Payment {
    Hash preimage, hash, token_id;

    explicit Payment(Random &random)
        : preimage(random.hash()), token_id(random.hash())
    {
        l402::sha256(preimage.data(), 32, hash.data());
    }
};

Result we_verify(std::string_view base64, const Payment &payment)
{
    std::string   credential = "L402 " + std::string(base64) + ":"
        + l402::to_hex(payment.preimage);
    l402::Facts   facts;
    l402::Verdict verdict;

    facts.authorization = credential;
    facts.service = "weather";
    facts.now = now;
    l402::verify(keys(), facts, nullptr, verdict);
    return verdict.result;
}

void what_we_mint_they_verify(void **)
{
    Random random;

    for (size_t round = 0; round < rounds; round++) {
        Payment        payment(random);
        size_t         key = random.below(2), seen;
        auto           caveats = random_caveats(random);
        std::string    ours = l402::mint(keys(), key, payment.hash,
               payment.token_id, caveats);
        l402::Macaroon m;

        assert_true(l402::parse_macaroon(ours, m));

        std::string root = root_key(m.identifier.view(), key);
        Theirs      theirs = deserialize(to_v1(ours));

        assert_true(they_verify(theirs, root, seen));
        assert_int_equal(seen, caveats.size());
        root[random.below(32)] ^= 1;
        assert_false(they_verify(theirs, root, seen));
    }
}

void what_they_mint_we_verify(void **)
{
    Random random;

    for (size_t round = 0; round < rounds; round++) {
        Payment     payment(random);
        size_t      key = random.below(2);
        std::string identifier = l402::make_identifier(payment.hash,
            payment.token_id);
        Theirs theirs = create(root_key(identifier, key), identifier);

        for (const std::string &caveat : random_caveats(random)) {
            add_caveat(theirs, caveat);
        }

        std::string text = serialize(theirs);
        assert_int_equal(int(we_verify(text, payment)), int(Result::ok));

        std::string bytes = from_base64(text);
        size_t      bit = random.below(8 * bytes.size());
        bytes[bit / 8] = char(bytes[bit / 8] ^ (1 << bit % 8));
        assert_true(we_verify(l402::base64_encode(bytes), payment)
            != Result::ok);
    }
}

void both_chains_come_to_the_same_signature(void **)
{
    Random random;

    for (size_t round = 0; round < rounds; round++) {
        std::string key = random.bytes(32);
        std::string identifier = random.bytes(1 + random.below(200));
        Theirs      theirs = create(key, identifier);
        uint8_t     s[32];

        l402::first_signature(bytes_of(key), identifier, s);
        assert_text(signature(theirs), l402::to_hex(s, 32));

        for (const std::string &caveat : random_caveats(random)) {
            add_caveat(theirs, caveat);
            l402::extend_signature(s, caveat);
            assert_text(signature(theirs), l402::to_hex(s, 32));
        }
    }
}

void what_they_attenuate_we_verify(void **)
{
    Random random;

    for (size_t round = 0; round < rounds; round++) {
        Payment     payment(random);
        std::string ours = l402::mint(keys(), 0, payment.hash,
            payment.token_id, {"services=weather:1"});
        Theirs theirs = deserialize(to_v1(ours));

        add_caveat(theirs, "preimage=" + l402::to_hex(payment.preimage));
        assert_int_equal(int(we_verify(serialize(theirs), payment)),
            int(Result::ok));
        add_caveat(theirs, "services=weather:0");
        assert_int_equal(int(we_verify(serialize(theirs), payment)),
            int(Result::ok));
        add_caveat(theirs, "services=weather:1");
        assert_int_equal(int(we_verify(serialize(theirs), payment)),
            int(Result::caveat_refused));
    }
}

// Caveats of all kinds and any bytes; and the same token in V2 is ours to the
// bit, which their V1 carries.
void what_they_append_we_judge_by_the_table(void **)
{
    Random random;
    size_t good = 0;

    for (size_t round = 0; round < 4 * rounds; round++) {
        Payment     payment(random);
        Request     request = random_request(random);
        Caveats     caveats = minted_chain(random);
        std::string ours = l402::mint(keys(), random.below(2), payment.hash,
            payment.token_id, caveats);

        if (ours.size() > 6000) {
            continue;
        }

        Theirs theirs = deserialize(to_v1(ours));

        for (size_t n = random.below(4); n > 0; n--) {
            std::string caveat = random.below(3)
                ? random_caveat(random) : random.bytes(random.below(2000));

            if (to_v1(ours).size() + caveat.size() > 8000) {
                break;
            }
            add_caveat(theirs, caveat);
            ours = attenuate(ours, caveat);
            caveats.push_back(caveat);
        }

        std::string text = serialize(theirs);
        std::string credential = "L402 " + text + ":"
            + l402::to_hex(payment.preimage);
        Facts   facts = request.facts();
        Verdict verdict;

        assert_true(from_base64(text) == to_v1(ours));
        facts.authorization = credential;
        l402::verify(keys(), facts, nullptr, verdict);
        assert_int_equal(int(verdict.result),
            int(naive::decide(caveats, request.facts(),
                std::string(view(payment.preimage.data(), 32))).result));
        good += verdict.result == Result::ok;
    }
    assert_true(good > rounds / 8);
}

void their_third_party_caveats_we_refuse(void **)
{
    Random random;

    for (size_t round = 0; round < 50; round++) {
        Payment     payment(random);
        std::string identifier = l402::make_identifier(payment.hash,
            payment.token_id);
        std::string third = random.bytes(32);
        Theirs      theirs = create(root_key(identifier, 0), identifier);
        macaroon_returncode err = MACAROON_SUCCESS;

        add_caveat(theirs, "services=weather:0");
        assert_int_equal(int(we_verify(serialize(theirs), payment)),
            int(Result::ok));
        theirs.reset(macaroon_add_third_party_caveat(theirs.get(),
            bytes_of("elsewhere"), 9, bytes_of(third), third.size(),
            bytes_of("identifier"), 10, &err));
        assert_non_null(theirs.get());
        assert_true(we_verify(serialize(theirs), payment) != Result::ok);
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_we_mint_they_verify),
        cmocka_unit_test(what_they_mint_we_verify),
        cmocka_unit_test(both_chains_come_to_the_same_signature),
        cmocka_unit_test(what_they_attenuate_we_verify),
        cmocka_unit_test(what_they_append_we_judge_by_the_table),
        cmocka_unit_test(their_third_party_caveats_we_refuse),
    };

    return cmocka_run_group_tests_name("oracle", tests, nullptr, nullptr);
}

#endif
