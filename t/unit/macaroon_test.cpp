// Macaroons: published vectors, both formats, and everything that is none.

#include "unit.h"

using namespace unit;
using nlohmann::json;

namespace {

const json &vectors()
{
    static const json v = json::parse(
        read_file(L402_VECTORS "/macaroons.json"));
    return v;
}

bool parses(std::string_view bytes)
{
    static l402::Macaroon m;
    return l402::parse_macaroon(bytes, m);
}

// The chain as libraries have it, from a root key of any length.
std::string chain(std::string_view root_key, std::string_view identifier,
    const std::vector<std::string> &caveats)
{
    constexpr std::string_view generator = "macaroons-key-generator";
    l402::HmacKey              prepared;
    uint8_t                    s[32];

    l402::hmac_prepare(generator.data(), generator.size(), prepared);
    l402::hmac(prepared, root_key.data(), root_key.size(), s);
    l402::hmac(s, identifier.data(), identifier.size(), s);
    for (const std::string &caveat : caveats) {
        l402::extend_signature(s, caveat);
    }
    return l402::to_hex(s, 32);
}

void the_vectors_parse_into_their_parts(void **)
{
    assert_true(vectors()["tokens"].size() >= 8);

    for (const json &t : vectors()["tokens"]) {
        l402::Macaroon m;
        std::string    bytes = from_base64(
            t["token_base64"].get<std::string>());

        print_message("# %s\n", t["name"].get<std::string>().c_str());
        assert_true(l402::parse_macaroon(bytes, m));
        assert_text(m.location.view(), t["location"].get<std::string>());
        assert_text(to_hex(m.identifier.view()),
            t["identifier_hex"].get<std::string>());
        assert_text(l402::to_hex(m.signature, 32),
            t["signature_hex"].get<std::string>());
        assert_int_equal(m.third_party, t["third_party"].get<bool>());
        assert_int_equal(m.caveat_count, t["caveats"].size());
        for (size_t i = 0; i < m.caveat_count; i++) {
            assert_text(m.caveats[i].view(),
                t["caveats"][i].get<std::string>());
        }
    }
}

void the_vectors_are_written_byte_for_byte(void **)
{
    for (const json &t : vectors()["tokens"]) {
        if (t["third_party"]) {
            continue;  // none is ever written
        }

        std::string signature = from_hex(
            t["signature_hex"].get<std::string>());

        assert_text(l402::base64_encode(l402::encode_macaroon(
                        from_hex(t["identifier_hex"].get<std::string>()),
                        t["caveats"].get<std::vector<std::string>>(),
                        reinterpret_cast<const uint8_t *>(signature.data()),
                        t["location"].get<std::string>())),
            t["token_base64"].get<std::string>());
    }
}

void the_vectors_signatures_come_out(void **)
{
    size_t checked = 0;

    for (const json &t : vectors()["tokens"]) {
        std::string key = from_hex(t["root_key_hex"].get<std::string>());
        std::string identifier = from_hex(
            t["identifier_hex"].get<std::string>());
        auto caveats = t["caveats"].get<std::vector<std::string>>();

        if (t["third_party"]) {
            continue;
        }
        assert_text(chain(key, identifier, caveats),
            t["signature_hex"].get<std::string>());

        if (key.size() == 32) {
            uint8_t s[32];

            l402::first_signature(
                reinterpret_cast<const uint8_t *>(key.data()), identifier, s);
            for (const std::string &caveat : caveats) {
                l402::extend_signature(s, caveat);
            }
            assert_text(l402::to_hex(s, 32),
                t["signature_hex"].get<std::string>());
            checked++;
        }
    }
    assert_true(checked >= 4);

    for (const json &t : vectors()["signatures"]) {
        assert_text(chain(t["root_key"].get<std::string>(),
                        t["identifier"].get<std::string>(),
                        t["caveats"].get<std::vector<std::string>>()),
            t["signature_hex"].get<std::string>());
    }
}

void the_vectors_identifiers_come_apart(void **)
{
    size_t checked = 0;

    for (const json &t : vectors()["tokens"]) {
        std::string bytes = from_hex(t["identifier_hex"].get<std::string>());
        l402::Identifier identifier;
        bool             l402_token = t.contains("token_id_hex");

        assert_int_equal(l402::parse_identifier(bytes, identifier),
            l402_token);
        if (l402_token) {
            Hash hash, id;

            assert_text(l402::to_hex(identifier.payment_hash, 32),
                t["payment_hash_hex"].get<std::string>());
            assert_text(l402::to_hex(identifier.token_id, 32),
                t["token_id_hex"].get<std::string>());

            std::copy_n(identifier.payment_hash, 32, hash.begin());
            std::copy_n(identifier.token_id, 32, id.begin());
            assert_true(l402::make_identifier(hash, id) == bytes);
            checked++;
        }
    }
    assert_true(checked >= 4);
}

void identifiers_of_other_sizes_and_versions_are_none(void **)
{
    l402::Identifier out;
    std::string      good(66, '\0');

    assert_true(l402::parse_identifier(good, out));
    for (size_t size = 0; size <= 200; size++) {
        assert_int_equal(
            l402::parse_identifier(std::string(size, '\0'), out), size == 66);
    }
    for (size_t bit = 0; bit < 16; bit++) {
        std::string other = good;
        other[bit / 8] = char(1 << bit % 8);
        assert_false(l402::parse_identifier(other, out));
    }
}

std::vector<std::string> random_caveats(Random &random)
{
    std::vector<std::string> caveats(random.below(9));

    for (std::string &caveat : caveats) {
        caveat = random.bytes(random.below(3) ? random.below(80)
                                              : random.below(400));
    }
    return caveats;
}

void what_is_written_is_read_in_both_formats(void **)
{
    Random random;

    for (size_t round = 0; round < 500; round++) {
        std::string identifier = random.bytes(1 + random.below(150));
        std::string location = round % 3 ? "lsat"
                                         : random.bytes(random.below(150));
        auto        caveats = random_caveats(random);
        Hash        signature = random.hash();
        std::string v2 = l402::encode_macaroon(identifier, caveats,
            signature.data(), location);

        assert_int_equal(v2.size(),
            l402::encoded_size(identifier.size(), caveats, location));

        for (const std::string &bytes : {v2, to_v1(v2)}) {
            assert_reads(bytes, location, identifier, caveats, signature);
        }
    }
}

void no_truncation_and_no_trailing_byte_parses(void **)
{
    Keys  keys;
    Token token(keys, {"services=weather:0", "a=b", "preimage=00"});

    for (const std::string &bytes : {token.bytes, to_v1(token.bytes)}) {
        assert_true(parses(bytes));
        for (size_t size = 0; size < bytes.size(); size++) {
            assert_false(parses(std::string_view(bytes).substr(0, size)));
        }
        for (int last = 0; last < 256; last++) {
            assert_false(parses(bytes + char(last)));
        }
        assert_false(parses(bytes + bytes));
    }
}

// No memory outside of the bytes is read whatever they are: a heap copy of
// exactly their size lets ASan see it.
void garbage_is_refused_without_harm(void **)
{
    Random      random;
    Keys        keys;
    Token       token(keys);
    std::string v1 = to_v1(token.bytes);

    for (size_t round = 0; round < 20000; round++) {
        std::string bytes = round % 2 ? token.bytes : v1;

        for (size_t n = 1 + random.below(4); n > 0; n--) {
            size_t at = random.below(bytes.size());

            switch (random.below(3)) {
            case 0:
                bytes[at] = char(random.next());
                break;
            case 1:
                bytes.erase(at, random.below(8));
                break;
            default:
                bytes.insert(at, random.bytes(random.below(8)));
            }
            if (bytes.empty()) {
                bytes = "x";
            }
        }

        std::vector<char> exact(bytes.begin(), bytes.end());
        l402::Macaroon    m;

        if (l402::parse_macaroon({exact.data(), exact.size()}, m)) {
            const char *end = exact.data() + exact.size();

            for (size_t i = 0; i < m.caveat_count; i++) {
                assert_true(m.caveats[i].data >= exact.data());
                assert_true(m.caveats[i].data + m.caveats[i].size <= end);
            }
            assert_true((const char *) m.signature + 32 <= end);
        }
    }
}

std::string with_caveats(const std::vector<std::string> &caveats)
{
    Hash signature{};
    return l402::encode_macaroon(std::string(66, '\0'), caveats,
        signature.data());
}

void the_limits_hold_on_both_sides(void **)
{
    std::vector<std::string> most(l402::max_caveats, "a=b");

    assert_true(parses(with_caveats(most)));
    assert_true(parses(to_v1(with_caveats(most))));
    most.push_back("a=b");
    assert_false(parses(with_caveats(most)));

    size_t empty = with_caveats({""}).size();
    // Two bytes for the length of so long a caveat, where "" had one.
    size_t room = l402::max_macaroon_size - empty - 1;

    assert_int_equal(with_caveats({std::string(room, 'x')}).size(),
        l402::max_macaroon_size);
    assert_true(parses(with_caveats({std::string(room, 'x')})));
    assert_false(parses(with_caveats({std::string(room + 1, 'x')})));
}

std::string good_v2(const std::string &location, const std::string &caveats)
{
    return "\x02" + location + from_hex("0242") + std::string(66, 'i')
        + from_hex("00") + caveats + from_hex("000620")
        + std::string(32, 's');
}

void an_absent_and_an_empty_location_are_the_same(void **)
{
    assert_true(parses(good_v2("", "")));
    assert_true(parses(good_v2(from_hex("0100"), "")));
    assert_true(parses(good_v2(from_hex("01046c736174"), "")));
}

void lengths_are_read_with_care(void **)
{
    const char *bad_locations[] = {
        "01",                      // no length
        "01ff",                    // a length that does not end
        "01ffffffffffffffffffff",  // nor here
        "01ffffffffffffffffff01",  // 2^64 - 1
        "01ffffffff0f",            // 2^32 - 1
        "017f",                    // longer than what is there
        "02036c7361",              // a second identifier
        "03046c736174",            // no such field
    };

    for (const char *location : bad_locations) {
        std::string bytes = good_v2(from_hex(location), "");
        bytes.resize(std::min(bytes.size(), size_t(60)));
        assert_false(parses(bytes));
    }
}

// A length written longer than it must be would make a second text of one
// token.
void a_length_has_one_form(void **)
{
    assert_true(parses(good_v2(from_hex("01046c736174"), "")));
    assert_false(parses(good_v2(from_hex("0184006c736174"), "")));
    assert_false(parses(good_v2(from_hex("018480006c736174"), "")));
    assert_false(parses(good_v2(from_hex("018000"), "")));
}

void sections_out_of_order_are_refused(void **)
{
    std::string caveat = from_hex("02036133") + "b" + from_hex("00");

    assert_true(parses(good_v2("", caveat)));
    assert_false(parses(good_v2("", from_hex("00"))));
    assert_false(parses(good_v2("", from_hex("020361"))));
    assert_false(parses(good_v2("", from_hex("0303613362") + "\0")));
    assert_false(parses(good_v2("", from_hex("0400"))));
    assert_false(parses(good_v2("", from_hex("0620"))));
}

void third_party_caveats_are_seen(void **)
{
    l402::Macaroon m;
    std::string    verifier = from_hex("0101780201790403766964") + '\0';

    assert_true(l402::parse_macaroon(good_v2("", verifier), m));
    assert_true(m.third_party);
    assert_int_equal(m.caveat_count, 1);
}

void short_and_long_signatures_are_refused(void **)
{
    std::string head = "\x02" + from_hex("0242") + std::string(66, 'i')
        + from_hex("0000");

    assert_true(parses(head + from_hex("0620") + std::string(32, 's')));
    assert_false(parses(head + from_hex("061f") + std::string(31, 's')));
    assert_false(parses(head + from_hex("0621") + std::string(33, 's')));
    assert_false(parses(head + from_hex("0600")));
    assert_false(parses(head));
}

void v1_packets_are_read_with_care(void **)
{
    const std::string location = "0012location lsat\n";
    const std::string identifier = "0052identifier " + std::string(66, 'i')
        + "\n";
    const std::string signature = "002fsignature " + std::string(32, 's')
        + "\n";
    const std::string head = location + identifier;

    assert_true(parses(head + signature));
    assert_true(parses(head + "000acid x\n" + signature));

    const std::string bad[] = {
        location + signature,
        identifier + signature,
        identifier + location + signature,
        head + signature + signature,
        head + "0000" + signature,              // no line
        head + "0005\n" + signature,            // an empty one
        head + "ffffcid x\n" + signature,       // longer than what is there
        head + "0009cid x\n" + signature,       // ends a byte early
        head + "000bcid x\n" + signature,       // ends a byte late
        head + "000Acid x\n" + signature,       // not as a writer has it
        head + "0x0acid x\n" + signature,
        head + "000acidxy\n" + signature,       // no space
        head + "000afoo x\n" + signature,       // no such key
        head + "000acid xy" + signature,        // no line break
        head + "002esignature " + std::string(31, 's') + "\n",
        head + "0030signature " + std::string(33, 's') + "\n",
    };

    for (const std::string &bytes : bad) {
        if (parses(bytes)) {
            fail_msg("was read: %s", bytes.c_str());
        }
    }
}

void json_and_text_are_no_macaroons(void **)
{
    assert_false(parses("{\"v\":2,\"i\":\"x\",\"s\":\"y\"}"));
    assert_false(parses("hello"));
    assert_false(parses(std::string(100, '0')));
    assert_false(parses(std::string(100, '\0')));
    assert_false(parses(std::string("\x02")));
    assert_false(parses(""));
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_parse_into_their_parts),
        cmocka_unit_test(the_vectors_are_written_byte_for_byte),
        cmocka_unit_test(the_vectors_signatures_come_out),
        cmocka_unit_test(the_vectors_identifiers_come_apart),
        cmocka_unit_test(identifiers_of_other_sizes_and_versions_are_none),
        cmocka_unit_test(what_is_written_is_read_in_both_formats),
        cmocka_unit_test(no_truncation_and_no_trailing_byte_parses),
        cmocka_unit_test(garbage_is_refused_without_harm),
        cmocka_unit_test(the_limits_hold_on_both_sides),
        cmocka_unit_test(an_absent_and_an_empty_location_are_the_same),
        cmocka_unit_test(lengths_are_read_with_care),
        cmocka_unit_test(a_length_has_one_form),
        cmocka_unit_test(sections_out_of_order_are_refused),
        cmocka_unit_test(third_party_caveats_are_seen),
        cmocka_unit_test(short_and_long_signatures_are_refused),
        cmocka_unit_test(v1_packets_are_read_with_care),
        cmocka_unit_test(json_and_text_are_no_macaroons),
    };

    return cmocka_run_group_tests_name("macaroon", tests, nullptr, nullptr);
}
