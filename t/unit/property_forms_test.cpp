// Over random tokens: encoding and decoding are inverse, and no form of a
// token decides otherwise than another.

#include "chains.h"
#include "naive_verify.h"
#include "verifying.h"

#include "l402/attenuate.h"

using namespace unit;

namespace {

constexpr size_t rounds = 20000;

Caveats random_bytes_chain(Random &random)
{
    Caveats out;
    size_t  left = 7600;

    for (size_t n = random.below(random.below(20) ? 6 : 129); n > 0; n--) {
        std::string caveat = random.below(2) ? random_caveat(random)
                                             : random.bytes(random.below(300));

        if (caveat.size() + 4 < left) {
            left -= caveat.size() + 4;
            out.push_back(caveat);
        }
    }
    return out;
}

// ---- macaroons ----

void what_is_written_is_read(void **)
{
    Random random;

    for (size_t n = 0; n < rounds; n++) {
        Caveats     caveats = random_bytes_chain(random);
        std::string identifier = random.bytes(random.below(4)
                ? l402::identifier_size : 1 + random.below(100));
        std::string location = random.below(3) ? "lsat"
                                               : random.bytes(random.below(9));
        Hash        signature = random.hash();
        std::string v2 = l402::encode_macaroon(identifier, caveats,
            signature.data(), location);
        std::string v1 = to_v1(v2);

        assert_reads(v2, location, identifier, caveats, signature);
        if (v1.size() <= l402::max_macaroon_size) {
            assert_reads(v1, location, identifier, caveats, signature);
        }

        // And once more by a reader that shares nothing with ours.
        auto token = naive::read_token(v2);
        assert_true(token && token->caveats == caveats
            && token->identifier == identifier && token->location == location
            && token->signature
                == std::string(view(signature.data(), 32)));
    }
}

// Whatever a changed token is read as, it is written as it was read.
void what_is_read_is_written(void **)
{
    Random random;
    size_t read = 0;

    for (size_t n = 0; n < rounds; n++) {
        Hash        signature = random.hash();
        std::string bytes = l402::encode_macaroon(random.bytes(66),
            random_bytes_chain(random), signature.data());
        l402::Macaroon m;
        Caveats        caveats;

        for (size_t i = random.below(3); i > 0; i--) {
            bytes = mangled(random, bytes);
        }
        if (!l402::parse_macaroon(bytes, m) || m.third_party
            || bytes.substr(0, 3) == std::string("\2\1\0", 3))
        {
            continue;  // an empty location is not written
        }
        for (size_t i = 0; i < m.caveat_count; i++) {
            caveats.emplace_back(m.caveats[i].view());
        }
        if (bytes[0] == 2) {
            assert_true(l402::encode_macaroon(m.identifier.view(), caveats,
                            m.signature, m.location.view()) == bytes);
            read++;
        }
    }
    assert_true(read > rounds / 4);
}

void identifiers_and_texts_are_inverse(void **)
{
    Random random;

    for (size_t n = 0; n < rounds; n++) {
        Hash        hash = random.hash(), id = random.hash();
        std::string bytes = l402::make_identifier(hash, id);
        l402::Identifier read;

        assert_true(l402::parse_identifier(bytes, read));
        assert_memory_equal(read.payment_hash, hash.data(), 32);
        assert_memory_equal(read.token_id, id.data(), 32);

        std::string any = random.bytes(random.below(200));
        assert_true(from_hex(to_hex(any)) == any);
        assert_true(from_base64(l402::base64_encode(any)) == any);
        assert_true(naive::from_base64(l402::base64_encode(any)) == any);
    }
}

void what_is_appended_stands_there_and_is_signed(void **)
{
    Random               random;
    const std::string    master(32, '\x11');
    const naive::Masters masters{{master}};
    Keys                 keys;

    for (size_t n = 0; n < rounds / 4; n++) {
        Token          token(keys, minted_chain(random));
        Caveats        more{random_caveat(random), random_caveat(random)};
        l402::Macaroon m;

        if (!l402::parse_macaroon(token.bytes, m)) {
            continue;  // of a caveat that was too long
        }

        Caveats all = caveats_of(token.bytes);
        all.insert(all.end(), more.begin(), more.end());

        std::string longer;
        try {
            longer = l402::attenuate(m, more);
        } catch (const std::length_error &) {
            continue;
        }

        auto read = naive::read_token(longer);
        assert_true(read && read->caveats == all);
        assert_true(masters.signed_by_us(*read));
    }
}

// ---- one token in all forms ----

std::string url_safe(std::string text)
{
    for (char &c : text) {
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    return text;
}

std::string without_padding(const std::string &text)
{
    return text.substr(0, text.find('='));
}

void assert_same(const Verdict &a, const Verdict &b, const Case &c,
    const char *form)
{
    if (a.result != b.result || a.has_token != b.has_token
        || (a.has_token
            && (std::memcmp(a.token_id, b.token_id, 32) != 0
                || std::memcmp(a.payment_hash, b.payment_hash, 32) != 0))
        || (a.result == Result::ok
            && (a.tier != b.tier || a.expires != b.expires
                || a.minted_expires != b.minted_expires
                || a.uses != b.uses || a.minted_uses != b.minted_uses
                || a.balance_msat != b.balance_msat
                || a.minted_balance_msat != b.minted_balance_msat)))
    {
        fail_msg("%s decides %s, V2 in base64 %s: %s", form,
            l402::describe(b.result).word, l402::describe(a.result).word,
            c.text().c_str());
    }
}

void every_form_of_a_token_decides_alike(void **)
{
    Random               random;
    Keys                 keys(std::string(key_1) + "\n" + key_2);
    l402::VerifiedMemory memory(1 << 18);
    const naive::Masters masters{{std::string(32, '\x11'),
        std::string(32, '\x22')}};
    size_t seen[l402::result_count] = {};

    for (size_t n = 0; n < rounds / 4; n++) {
        Case c;

        c.minted = minted_chain(random);
        for (size_t more = random.below(3); more > 0; more--) {
            c.appended.push_back(random_caveat(random));
        }
        c.request = random_request(random);

        // The hex forms carry the preimage so, and need it last.
        Token token(keys, c.all(), random.below(2));
        bool  wrong = random.below(10) == 0;
        token.preimage[31] ^= wrong;
        c.appended.push_back("preimage=" + l402::to_hex(token.preimage));
        token.bytes = attenuate(token.bytes, c.appended.back());
        if (random.below(10) == 0) {
            // The last byte of the signature is the last byte in V2, and in V1
            // but for the line's end.
            token.bytes.back() = char(token.bytes.back() ^ 1);
        }

        std::string v1 = to_v1(token.bytes);
        if (v1.size() > l402::max_macaroon_size) {
            continue;
        }

        struct Form {
            const char *name;
            std::string value;
            std::string_view Facts::*field;
        };
        std::vector<Form> forms;
        std::string       tail = ":" + l402::to_hex(token.preimage);

        for (const auto &[version, bytes] :
            {std::pair("V2", token.bytes), std::pair("V1", v1)})
        {
            std::string text = l402::base64_encode(bytes);

            forms.push_back({version, text, nullptr});
            forms.push_back({"URL-safe", url_safe(text), nullptr});
            forms.push_back({"unpadded", without_padding(text), nullptr});
            forms.push_back({"URL-safe, unpadded",
                without_padding(url_safe(text)), nullptr});
            forms.push_back({"Macaroon", to_hex(bytes), &Facts::macaroon});
            forms.push_back({"Grpc-Metadata-Macaroon", to_hex(bytes),
                &Facts::grpc_metadata_macaroon});
        }

        Verdict first;
        for (Form &form : forms) {
            Facts facts = c.request.facts();

            if (form.field == nullptr) {
                form.value = "L402 " + form.value + tail;
                form.field = &Facts::authorization;
            }
            facts.*form.field = form.value;

            Verdict verdict, with, again;
            l402::verify(keys, facts, nullptr, verdict);
            l402::verify(keys, facts, &memory, with);
            l402::verify(keys, facts, &memory, again);
            if (&form == &forms[0]) {
                first = verdict;
                assert_int_equal(int(verdict.result),
                    int(naive::verify(masters, facts)[0].result));
            }
            assert_same(first, verdict, c, form.name);
            assert_same(first, with, c, form.name);
            assert_same(first, again, c, form.name);
        }
        seen[size_t(first.result)]++;
    }
    for (Result result : {Result::ok, Result::bad_signature,
             Result::bad_preimage, Result::wrong_service, Result::expired,
             Result::insufficient, Result::caveat_refused}) {
        assert_true(seen[size_t(result)] > rounds / 400);
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_read_is_written),
        cmocka_unit_test(identifiers_and_texts_are_inverse),
        cmocka_unit_test(what_is_appended_stands_there_and_is_signed),
        cmocka_unit_test(every_form_of_a_token_decides_alike),
    };

    return cmocka_run_group_tests_name("property_forms", tests, nullptr,
        nullptr);
}
