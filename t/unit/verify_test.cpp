// The one decision. Each test is a way in that must be open or, mostly, shut.

#include <cstring>

#include "allocations.h"
#include "unit.h"

using namespace unit;
using l402::CredentialField;
using l402::Facts;
using l402::Result;
using l402::Verdict;

namespace {

Facts facts_for(std::string_view authorization)
{
    Facts facts;

    facts.authorization = authorization;
    facts.service = "weather";
    facts.now = now;
    return facts;
}

// With and without a memory, and a second time when the memory may know it:
// the verdict must be the same.
Verdict verify(const l402::Keyring &keys, const Facts &facts)
{
    static l402::VerifiedMemory *memory = new l402::VerifiedMemory(1 << 20);
    Verdict                      without, with, again;

    l402::verify(keys, facts, nullptr, without);

    // Tests use one address for one keyring after another.
    delete memory;
    memory = new l402::VerifiedMemory(1 << 16);
    l402::verify(keys, facts, memory, with);
    l402::verify(keys, facts, memory, again);

    for (const Verdict *other : {&with, &again}) {
        assert_int_equal(int(without.result), int(other->result));
        assert_int_equal(int(without.field), int(other->field));
        assert_int_equal(without.has_token, other->has_token);
        if (without.has_token) {
            assert_memory_equal(without.payment_hash, other->payment_hash, 32);
            assert_memory_equal(without.token_id, other->token_id, 32);
        }
        if (without.result == Result::ok) {
            assert_int_equal(without.tier, other->tier);
            assert_int_equal(without.expires, other->expires);
        }
    }
    return without;
}

Result result_of(const l402::Keyring &keys, const std::string &authorization)
{
    return verify(keys, facts_for(authorization)).result;
}

void assert_result(const l402::Keyring &keys, const Facts &facts,
    Result wanted)
{
    Verdict v = verify(keys, facts);

    if (v.result != wanted) {
        fail_msg("%s instead of %s for %.*s", l402::describe(v.result).word,
            l402::describe(wanted).word,
            int(std::min(facts.authorization.size(), size_t(300))),
            facts.authorization.data());
    }
}

void assert_result(const l402::Keyring &keys, const std::string &authorization,
    Result wanted)
{
    assert_result(keys, facts_for(authorization), wanted);
}

// A token that we minted with these caveats.
void assert_caveats(const std::vector<std::string> &caveats, Result wanted,
    uint8_t tier = 0)
{
    static Keys keys;
    Token       token(keys, caveats);
    std::string credential = token.credential();
    Facts       facts = facts_for(credential);
    Verdict     v;

    facts.tier = tier;
    v = verify(keys, facts);
    if (v.result != wanted) {
        std::string list;
        for (const std::string &caveat : caveats) {
            list += " " + caveat;
        }
        fail_msg("%s instead of %s for:%s", l402::describe(v.result).word,
            l402::describe(wanted).word, list.c_str());
    }
}

// ---- a good one ----

void a_minted_token_with_its_preimage_is_let_in(void **)
{
    Keys    keys;
    Token   token(keys, {"services=weather:3", "weather_valid_until=1700003600"});
    std::string credential = token.credential();
    Verdict v = verify(keys, facts_for(credential));

    assert_int_equal(int(v.result), int(Result::ok));
    assert_int_equal(int(v.field), int(CredentialField::authorization));
    assert_int_equal(v.tier, 3);
    assert_int_equal(v.expires, 1700003600);
    assert_true(v.has_token);
    assert_memory_equal(v.payment_hash, token.payment_hash.data(), 32);
    assert_memory_equal(v.token_id, token.token_id.data(), 30);
}

void no_credential_is_absent(void **)
{
    Keys keys;

    for (const char *value : {"", "Basic dXNlcjpwYXNz", "Bearer abc",
             "Digest username=\"x\""}) {
        Verdict v = verify(keys, facts_for(value));

        assert_int_equal(int(v.result), int(Result::absent));
        assert_int_equal(int(v.field), int(CredentialField::none));
        assert_false(v.has_token);
    }
}

// The vectors' root keys are not derived from a master key, so nobody who
// has just the file can mint for us: they are forgeries here.
void a_token_of_another_issuer_is_refused(void **)
{
    Keys keys;
    auto vectors = nlohmann::json::parse(
        read_file(L402_VECTORS "/macaroons.json"));
    size_t tried = 0;

    for (const auto &t : vectors["tokens"]) {
        if (t.contains("preimage_hex")) {
            assert_result(keys, "L402 " + t["token_base64"].get<std::string>()
                    + ":" + t["preimage_hex"].get<std::string>(),
                Result::bad_signature);
            tried++;
        }
    }
    assert_true(tried > 0);
}

// ---- changed bytes ----

void no_bit_of_the_token_can_be_changed(void **)
{
    Keys  keys;
    Token token(keys, {"services=weather:0", "weather_valid_until=1700003600",
                          "preimage="
                              "000102030405060708090a0b0c0d0e0f"
                              "101112131415161718191a1b1c1d1e1f"});

    for (const std::string &bytes : {token.bytes, to_v1(token.bytes)}) {
        assert_result(keys, token.with(bytes), Result::ok);

        for (size_t bit = 0; bit < 8 * bytes.size(); bit++) {
            std::string other = bytes;

            other[bit / 8] = char(other[bit / 8] ^ (1 << bit % 8));
            if (result_of(keys, token.with(other)) == Result::ok) {
                fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
            }
        }
    }
}

// In the text as well: two texts for one token would be nothing to gain, but
// nothing that a proxy garbled should be taken for whole.
void no_bit_of_the_tokens_text_can_be_changed(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string good = token.credential();
    size_t      begin = strlen("L402 "), end = good.rfind(':');

    assert_result(keys, good, Result::ok);
    for (size_t bit = 8 * begin; bit < 8 * end; bit++) {
        std::string other = good;

        other[bit / 8] = char(other[bit / 8] ^ (1 << bit % 8));
        if (result_of(keys, other) == Result::ok) {
            fail_msg("%s", other.c_str());
        }
    }
}

void no_bit_of_the_preimage_can_be_changed(void **)
{
    Keys  keys;
    Token token(keys);

    for (size_t bit = 0; bit < 256; bit++) {
        Token other = token;

        other.preimage[bit / 8] ^= uint8_t(1 << bit % 8);
        assert_result(keys, other.credential(), Result::bad_preimage);
    }
}

void no_truncation_is_let_in(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string v1 = to_v1(token.bytes);
    std::string text = token.credential();

    for (const std::string &bytes : {token.bytes, v1}) {
        for (size_t size = 0; size < bytes.size(); size++) {
            assert_result(keys, token.with(bytes.substr(0, size)),
                Result::malformed);
            assert_true(result_of(keys, token.with(bytes.substr(size + 1)))
                != Result::ok);
        }
    }
    for (size_t size = 0; size < text.size(); size++) {
        assert_true(result_of(keys, text.substr(0, size)) != Result::ok);
    }
}

void no_trailing_byte_is_let_in(void **)
{
    Keys  keys;
    Token token(keys);

    for (int byte = 0; byte < 256; byte++) {
        assert_result(keys, token.with(token.bytes + char(byte)),
            Result::malformed);
    }
    for (const char *tail : {"0", "00", ":", ":00", ",", " x", "\x01", "\n",
             "="}) {
        assert_result(keys, token.credential() + tail, Result::malformed);
    }
    assert_result(keys, token.credential() + " ", Result::ok);
}

// Nobody has all caveats but the last: the chain runs forward only.
void no_caveat_can_be_taken_off_moved_or_changed(void **)
{
    Keys  keys;
    Token token(keys, {"services=weather:0", "weather_valid_until=1600000000"});
    l402::Macaroon m;

    assert_result(keys, token.credential(), Result::expired);
    assert_true(l402::parse_macaroon(token.bytes, m));

    const std::vector<std::string> others[] = {
        {"services=weather:0"},
        {"weather_valid_until=1600000000", "services=weather:0"},
        {"services=weather:0", "weather_valid_until=1900000000"},
        {"services=weather:0", "weather_valid_until=1600000000", "a=b"},
        {},
    };
    for (const auto &caveats : others) {
        assert_result(keys,
            token.with(l402::encode_macaroon(m.identifier.view(), caveats,
                m.signature)),
            Result::bad_signature);
    }
}

void the_location_is_ours_or_none(void **)
{
    Keys           keys;
    Token          token(keys);
    l402::Macaroon m;

    assert_true(l402::parse_macaroon(token.bytes, m));

    std::vector<std::string> caveats;
    for (size_t i = 0; i < m.caveat_count; i++) {
        caveats.emplace_back(m.caveats[i].view());
    }

    auto at = [&](std::string_view location) {
        return token.with(l402::encode_macaroon(m.identifier.view(), caveats,
            m.signature, location));
    };
    assert_result(keys, at("lsat"), Result::ok);
    assert_result(keys, at(""), Result::ok);
    assert_true(result_of(keys, at("LSAT")) != Result::ok);
    assert_true(result_of(keys, at("https://example.org")) != Result::ok);

    // An empty packet, which some libraries write.
    std::string bytes = token.bytes;
    bytes.replace(1, 6, from_hex("0100"));
    assert_result(keys, token.with(bytes), Result::ok);
}

// ---- other keys, other preimages ----

void another_payments_preimage_is_refused(void **)
{
    Keys   keys;
    Token  token(keys);
    Random random;

    for (int i = 0; i < 100; i++) {
        token.preimage = random.hash();
        assert_result(keys, token.credential(), Result::bad_preimage);
    }
    token.preimage = token.payment_hash;
    assert_result(keys, token.credential(), Result::bad_preimage);
    token.preimage.fill(0);
    assert_result(keys, token.credential(), Result::bad_preimage);
}

void every_key_of_the_file_verifies(void **)
{
    Keys both(std::string(key_1) + "\n" + key_2);
    Keys turned(std::string(key_2) + "\n" + key_1);
    Keys first(key_1), second(key_2);

    for (size_t key = 0; key < 2; key++) {
        Token token(both, {"services=weather:0"}, key);

        assert_result(both, token.credential(), Result::ok);
        assert_result(turned, token.credential(), Result::ok);
        assert_result(key == 0 ? first : second, token.credential(),
            Result::ok);
        assert_result(key == 0 ? second : first, token.credential(),
            Result::bad_signature);
    }
}

// A token id from elsewhere is all random: its hint names no key, or the
// wrong one.
void a_wrong_hint_costs_a_try_and_no_customer(void **)
{
    Keys keys(std::string(key_1) + "\n" + key_2);

    for (size_t key = 0; key < 2; key++) {
        for (size_t hint = 0; hint < 3; hint++) {
            Token   token(keys);
            uint8_t root[32], s[32];

            token.token_id.fill(0x99);
            if (hint < 2) {
                keys.stamp(hint, token.token_id);
            }

            std::string identifier = l402::make_identifier(
                token.payment_hash, token.token_id);
            keys.root_key(key, identifier, root);
            l402::first_signature(root, identifier, s);
            l402::extend_signature(s, "services=weather:0");
            assert_result(keys,
                token.with(l402::encode_macaroon(identifier,
                    {"services=weather:0"}, s)),
                Result::ok);
        }
    }
}

void an_unknown_identifier_version_is_refused(void **)
{
    Keys keys;

    for (size_t bit = 0; bit < 16; bit++) {
        Token       token(keys);
        std::string identifier = l402::make_identifier(token.payment_hash,
            token.token_id);
        uint8_t     root[32], s[32];

        identifier[bit / 8] = char(1 << bit % 8);
        keys.root_key(0, identifier, root);
        l402::first_signature(root, identifier, s);
        l402::extend_signature(s, "services=weather:0");
        assert_result(keys,
            token.with(l402::encode_macaroon(identifier,
                {"services=weather:0"}, s)),
            Result::bad_signature);
    }
}

// ---- service, tier, time ----

void a_token_opens_its_own_service_only(void **)
{
    assert_caveats({"services=weather:0"}, Result::ok);
    assert_caveats({"services=a:0,weather:0,b:0"}, Result::ok);
    assert_caveats({"services=maps:0"}, Result::wrong_service);
    assert_caveats({"services=weather2:0"}, Result::wrong_service);
    assert_caveats({"services=eather:0"}, Result::wrong_service);
    assert_caveats({"services=Weather:0"}, Result::wrong_service);
    assert_caveats({"services="}, Result::wrong_service);
    assert_caveats({"services=weather:0", "services="},
        Result::wrong_service);
    assert_caveats({"services=weather:0,a:0", "services=a:0"},
        Result::wrong_service);
}

void a_token_without_services_opens_nothing(void **)
{
    assert_caveats({}, Result::wrong_service);
    assert_caveats({"weather_valid_until=1700003600"}, Result::wrong_service);
    assert_caveats({"Services=weather:0"}, Result::wrong_service);
    assert_caveats({" services=weather:0"}, Result::wrong_service);
    assert_caveats({"services"}, Result::wrong_service);
}

void a_higher_tier_opens_a_lower_one(void **)
{
    assert_caveats({"services=weather:2"}, Result::ok, 0);
    assert_caveats({"services=weather:2"}, Result::ok, 2);
    assert_caveats({"services=weather:2"}, Result::insufficient, 3);
    assert_caveats({"services=weather:255"}, Result::ok, 255);
    assert_caveats({"services=weather:2", "services=weather:1"},
        Result::insufficient, 2);
    assert_caveats({"services=weather:2", "services=weather:1"}, Result::ok,
        1);
    // Named twice: the lower one counts.
    assert_caveats({"services=weather:0,weather:2"}, Result::insufficient, 1);
    assert_caveats({"services=weather:2,weather:0"}, Result::insufficient, 1);
}

void a_token_ends_at_its_second(void **)
{
    assert_caveats({"services=weather:0", "weather_valid_until=1700000001"},
        Result::ok);
    assert_caveats({"services=weather:0", "weather_valid_until=1700000000"},
        Result::expired);
    assert_caveats({"services=weather:0", "weather_valid_until=1699999999"},
        Result::expired);
    assert_caveats({"services=weather:0", "weather_valid_until=0"},
        Result::expired);
    assert_caveats({"services=weather:0", "valid_until=1700000001"},
        Result::ok);
    assert_caveats({"services=weather:0", "valid_until=1700000000"},
        Result::expired);
}

void the_earliest_end_counts(void **)
{
    Keys        keys;
    Token       token(keys, {"services=weather:0",
              "weather_valid_until=1700000900", "valid_until=1700000500",
              "weather_valid_until=1700000700"});
    std::string credential = token.credential();
    Facts       facts = facts_for(credential);

    assert_int_equal(verify(keys, facts).expires, 1700000500);
    facts.now = 1700000499;
    assert_result(keys, facts, Result::ok);
    facts.now = 1700000500;
    assert_result(keys, facts, Result::expired);
}

void a_token_without_an_end_has_none(void **)
{
    Keys        keys;
    Token       token(keys, {"services=weather:0"});
    std::string credential = token.credential();
    Facts       facts = facts_for(credential);

    facts.now = INT64_MAX;
    Verdict v = verify(keys, facts);
    assert_int_equal(int(v.result), int(Result::ok));
    assert_int_equal(v.expires, 0);
}

void the_end_of_another_service_is_not_ours(void **)
{
    assert_caveats({"services=weather:0", "maps_valid_until=1"}, Result::ok);
    assert_caveats({"services=weather:0", "maps_valid_until=x"}, Result::ok);
    assert_caveats({"services=weather:0", "weatherx_valid_until=1"},
        Result::ok);
}

// ---- attenuation ----

void what_a_holder_appends_may_only_narrow(void **)
{
    const std::pair<const char *, Result> cases[] = {
        {"services=weather:2,maps:1", Result::ok},
        {"services=maps:1,weather:2", Result::ok},
        {"services=weather:0", Result::ok},
        {"services=maps:1", Result::wrong_service},
        {"services=weather:3", Result::caveat_refused},      // raises
        {"services=weather:2,news:0", Result::caveat_refused},  // adds
        {"services=news:0", Result::caveat_refused},
        {"weather_valid_until=1700003600", Result::ok},
        {"weather_valid_until=1700000001", Result::ok},
        {"weather_valid_until=1700000000", Result::expired},
        {"weather_valid_until=1700003601", Result::caveat_refused},
        {"weather_valid_until=1900000000", Result::caveat_refused},
        {"valid_until=1900000000", Result::ok},  // the minted end stays
    };

    Keys  keys;
    Token token(keys, {"services=weather:2,maps:1",
                          "weather_valid_until=1700003600"});

    for (const auto &k : cases) {
        print_message("# %s\n", k.first);
        assert_result(keys, token.with(attenuate(token.bytes, k.first)),
            k.second);
    }
}

// Narrowed once and then wider again, though never wider than at first.
void what_was_narrowed_cannot_be_widened_again(void **)
{
    assert_caveats({"services=weather:2", "services=weather:1",
                       "services=weather:2"}, Result::caveat_refused);
    assert_caveats({"services=weather:0,maps:0", "services=maps:0",
                       "services=weather:0"}, Result::caveat_refused);
    assert_caveats({"services=weather:0", "services=",
                       "services=weather:0"}, Result::caveat_refused);
    assert_caveats({"services=weather:0", "weather_valid_until=1700000300",
                       "weather_valid_until=1700000200",
                       "weather_valid_until=1700000300"},
        Result::caveat_refused);
    assert_caveats({"services=weather:0", "valid_until=1700000200",
                       "valid_until=1700000300"}, Result::caveat_refused);
    assert_caveats({"services=weather:0", "weather_capabilities=read",
                       "weather_capabilities=read,write"},
        Result::caveat_refused);
}

void values_that_do_not_parse_are_refused(void **)
{
    for (const char *value : {"", " ", "+1900000000", "-1", " 1900000000",
             "1900000000 ", "1.9e9", "1e10", "0x7fffffff", "1900000000.0",
             "1_900_000_000", "1,900,000,000", "never", "1900000000\n",
             "99999999999999999999", "9223372036854775808",
             "18446744073709551616", "\xd9\xa1\xd9\xa2", "1900000000=",
             "=1900000000"}) {
        assert_caveats({"services=weather:0", std::string("weather_valid_until")
                               + "=" + value}, Result::caveat_refused);
        assert_caveats({"services=weather:0", std::string("valid_until=")
                               + value}, Result::caveat_refused);
    }
    assert_caveats({"services=weather:0",
                       std::string("weather_valid_until=1900000000\0", 31)},
        Result::caveat_refused);

    for (const char *value : {"weather", "weather:", ":0", "weather:256",
             "weather:-1", "weather:+1", "weather: 1", "weather:1 ",
             "weather:0:0", "weather:x", "weather:1e2", "weather:0,",
             ",weather:0", "weather:0,,maps:0", "weather:0, maps:0",
             " weather:0", "wea ther:0", "weather:0;maps:0", "weather:0x1",
             "weather:99999999999999999999", "wetter\xc3\xa9:0,weather:0"}) {
        assert_caveats({std::string("services=") + value},
            Result::caveat_refused);
    }
}

void capabilities_must_read_as_a_list(void **)
{
    assert_caveats({"services=weather:0", "weather_capabilities="},
        Result::ok);
    assert_caveats({"services=weather:0", "weather_capabilities=a,b",
                       "weather_capabilities=b"}, Result::ok);
    assert_caveats({"services=weather:0", "weather_capabilities=a,,b"},
        Result::caveat_refused);
    assert_caveats({"services=weather:0", "weather_capabilities=a b"},
        Result::caveat_refused);
}

// Nothing here counts yet, and an uncounted token would be one without end.
void a_counted_token_is_refused_where_nothing_counts(void **)
{
    assert_caveats({"services=weather:0", "weather_uses=5"},
        Result::caveat_refused);
    assert_caveats({"services=weather:0", "weather_balance=5000"},
        Result::caveat_refused);
    assert_caveats({"services=weather:0", "maps_uses=5"}, Result::ok);
}

void unknown_conditions_are_skipped_unless_told_otherwise(void **)
{
    for (const char *caveat : {"color=blue", "no condition at all", "", "=",
             "=x", "weather_color=blue", "weather_=1", "weather=1",
             "upload_max_bytes=10", "Valid_until=1", "\xff\xfe=\x01"}) {
        Keys        keys;
        Token       token(keys, {"services=weather:0", caveat});
        std::string credential = token.credential();
        Facts       facts = facts_for(credential);

        assert_result(keys, facts, Result::ok);
        facts.refuse_unknown_caveats = true;
        assert_result(keys, facts, Result::caveat_refused);
    }
}

void known_conditions_are_not_unknown(void **)
{
    Keys  keys;
    Token token(keys, {"services=weather:0", "weather_valid_until=1700003600",
                          "valid_until=1700003600", "weather_capabilities=",
                          "preimage="
                              "000102030405060708090a0b0c0d0e0f"
                              "101112131415161718191a1b1c1d1e1f"});
    std::string credential = token.credential();
    Facts       facts = facts_for(credential);

    facts.refuse_unknown_caveats = true;
    assert_result(keys, facts, Result::ok);
}

void a_preimage_caveat_must_be_the_preimage(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string hex = l402::to_hex(token.preimage);
    std::string upper = hex, other = hex;

    for (char &c : upper) {
        c = c >= 'a' && c <= 'f' ? char(c - 32) : c;
    }
    other[63] = other[63] == '0' ? '1' : '0';

    auto with = [&](const std::string &value) {
        return token.with(attenuate(token.bytes, "preimage=" + value));
    };
    assert_result(keys, with(hex), Result::ok);
    assert_result(keys, with(upper), Result::ok);
    assert_result(keys, with(other), Result::caveat_refused);
    assert_result(keys, with(""), Result::caveat_refused);
    assert_result(keys, with(hex.substr(1)), Result::caveat_refused);
    assert_result(keys, with(hex + "0"), Result::caveat_refused);

    std::string twice = attenuate(attenuate(token.bytes, "preimage=" + hex),
        "preimage=" + other);
    assert_result(keys, token.with(twice), Result::caveat_refused);
}

void third_party_caveats_are_refused(void **)
{
    // Verifier id and all, with a signature that a library would compute:
    // even were the chain extended by it, the token is not an L402.
    Keys           keys;
    Token          token(keys);
    l402::Macaroon m;
    uint8_t        s[32];

    assert_true(l402::parse_macaroon(token.bytes, m));
    std::copy_n(m.signature, 32, s);
    l402::extend_signature(s, "third");

    std::string bytes = token.bytes.substr(0, token.bytes.size() - 35);
    bytes += from_hex("02057468697264") + from_hex("0403766964") + '\0';
    bytes += from_hex("000620") + std::string(view(s, 32));
    assert_true(l402::parse_macaroon(bytes, m));
    assert_true(m.third_party);
    assert_result(keys, token.with(bytes), Result::caveat_refused);

    // By its name alone it is as good as any.
    assert_result(keys, token.with(attenuate(token.bytes, "third")),
        Result::ok);
}

// ---- forms of the header ----

void deployed_clients_forms_are_let_in(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string hex = l402::to_hex(token.preimage), upper = hex;
    std::string standard, url, bare;

    // Only some tokens have a character in which the alphabets differ.
    for (int i = 0; standard.find_first_of("+/") == standard.npos
         || standard.back() != '='; i++)
    {
        token = Token(keys, {"services=weather:0", "n=" + std::to_string(i)});
        standard = token.base64();
    }

    url = standard;
    for (char &c : url) {
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    bare = url.substr(0, url.find('='));
    for (char &c : upper) {
        c = c >= 'a' && c <= 'f' ? char(c - 32) : c;
    }

    const std::string good[] = {
        "L402 " + standard + ":" + hex,
        "L402 " + url + ":" + hex,
        "L402 " + bare + ":" + hex,
        "L402 " + standard.substr(0, standard.find('=')) + ":" + hex,
        "L402 " + standard + ":" + upper,
        "l402 " + standard + ":" + hex,
        "LSAT " + standard + ":" + hex,
        "lsat " + standard + ":" + hex,
        "L402 L402 " + standard + ":" + hex,
        "LSAT L402 " + standard + ":" + hex,
        "L402 " + l402::base64_encode(to_v1(token.bytes)) + ":" + hex,
    };
    for (const std::string &credential : good) {
        assert_result(keys, credential, Result::ok);
    }
}

void of_several_macaroons_one_must_be_good(void **)
{
    Keys        keys, others(key_2);
    Token       good(keys), forged(others), elsewhere(keys, {"services=a:0"});
    std::string g = good.base64(), f = forged.base64(),
                e = elsewhere.base64();
    std::string tail = ":" + l402::to_hex(good.preimage);

    for (const std::string &list : {g, g + "," + f, f + "," + g,
             f + "," + g + "," + e, f + "," + e + "," + g, "QUJD," + g,
             "!!," + g, g + "," + g}) {
        assert_result(keys, "L402 " + list + tail, Result::ok);
    }
    assert_true(result_of(keys, "L402 " + f + "," + e + tail) != Result::ok);
    assert_result(keys, "L402 QUJD,QUJD" + tail, Result::malformed);

    std::string crowd;
    for (size_t i = 0; i + 1 < l402::max_macaroons; i++) {
        crowd += f + ",";
    }
    assert_result(keys, "L402 " + crowd + g + tail, Result::ok);
    assert_result(keys, "L402 " + crowd + f + "," + g + tail,
        Result::malformed);
}

void malformed_credentials_are_told_apart(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string base64 = token.base64(), hex = l402::to_hex(token.preimage);

    for (const std::string &value : {std::string("L402"), std::string("L402 "),
             "L402 " + base64, "L402 " + base64 + ":", "L402 :" + hex,
             "L402 " + base64 + ":" + hex.substr(1),
             "L402 " + base64 + ":" + hex + "0",
             "L402 " + base64 + ":" + hex.substr(1) + "g",
             "L402 " + base64 + ":0x" + hex.substr(2),
             "L402 " + base64 + " " + hex, "L402 AAAA:" + hex,
             "L402 !!!!:" + hex, "L402 " + base64.substr(0, 40) + ":" + hex,
             "L402 token=\"" + base64 + "\", preimage=\"" + hex + "\"",
             "L402 macaroon=" + base64 + ":" + hex}) {
        Verdict v = verify(keys, facts_for(value));

        if (v.result != Result::malformed) {
            fail_msg("%s: %s", l402::describe(v.result).word, value.c_str());
        }
        assert_int_equal(int(v.field), int(CredentialField::authorization));
        assert_false(v.has_token);
    }
}

void hex_headers_carry_the_preimage_as_a_caveat(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string preimage = "preimage=" + l402::to_hex(token.preimage);
    std::string with = to_hex(attenuate(token.bytes, preimage));
    std::string v1 = to_hex(to_v1(attenuate(token.bytes, preimage)));
    std::string without = to_hex(token.bytes);
    std::string upper = with;

    for (char &c : upper) {
        c = c >= 'a' && c <= 'f' ? char(c - 32) : c;
    }

    for (int which = 0; which < 2; which++) {
        auto check = [&](std::string_view value, Result wanted) {
            Facts facts = facts_for("");

            (which ? facts.grpc_metadata_macaroon : facts.macaroon) = value;
            Verdict v = verify(keys, facts);
            if (v.result != wanted) {
                fail_msg("%s: %.*s", l402::describe(v.result).word,
                    int(value.size()), value.data());
            }
            if (wanted == Result::ok) {
                assert_int_equal(int(v.field),
                    int(which ? CredentialField::grpc_metadata_macaroon
                              : CredentialField::macaroon));
            }
        };

        check(with, Result::ok);
        check(upper, Result::ok);
        check(v1, Result::ok);
        check(without, Result::malformed);
        check(with.substr(2), Result::malformed);
        check(with + "0", Result::malformed);
        check(with + "00", Result::malformed);
        check("zz", Result::malformed);
        check(to_hex(attenuate(token.bytes, "preimage=00")),
            Result::malformed);
        check(to_hex(attenuate(token.bytes, "preimage="
            + std::string(64, '0'))), Result::bad_preimage);
        check(std::string(3 * l402::max_macaroon_size, '0'),
            Result::malformed);
    }
}

// The last one is the credential; an earlier one that differs is a caveat
// that it does not meet.
void the_last_preimage_caveat_is_the_credential(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string good = "preimage=" + l402::to_hex(token.preimage);
    std::string bad = "preimage=" + std::string(64, '0');
    std::string bad_then_good = to_hex(
        attenuate(attenuate(token.bytes, bad), good));
    std::string good_then_bad = to_hex(
        attenuate(attenuate(token.bytes, good), bad));
    Facts facts = facts_for("");

    facts.macaroon = bad_then_good;
    assert_result(keys, facts, Result::caveat_refused);
    facts.macaroon = good_then_bad;
    assert_result(keys, facts, Result::bad_preimage);
}

void any_good_header_is_enough(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string authorization = token.credential();
    std::string hex = to_hex(attenuate(token.bytes,
        "preimage=" + l402::to_hex(token.preimage)));

    for (const char *other : {"", "Basic dXNlcjpwYXNz", "Bearer x",
             "L402 broken"}) {
        Facts facts = facts_for(other);

        facts.macaroon = hex;
        Verdict v = verify(keys, facts);
        assert_int_equal(int(v.result), int(Result::ok));
        assert_int_equal(int(v.field), int(CredentialField::macaroon));
    }

    Facts facts = facts_for(authorization);
    facts.macaroon = "00";
    facts.grpc_metadata_macaroon = "zz";
    Verdict v = verify(keys, facts);
    assert_int_equal(int(v.result), int(Result::ok));
    assert_int_equal(int(v.field), int(CredentialField::authorization));
}

void the_first_header_that_is_there_gives_the_reason(void **)
{
    Keys        keys;
    Token       other(keys, {"services=maps:0"});
    std::string credential = other.credential();
    Facts       facts = facts_for(credential);

    facts.macaroon = "zz";
    Verdict v = verify(keys, facts);
    assert_int_equal(int(v.result), int(Result::wrong_service));
    assert_int_equal(int(v.field), int(CredentialField::authorization));
}

// A name in logs and variables must not be the forger's choice.
void a_forged_token_names_nobody(void **)
{
    Keys        keys, others(key_2);
    Token       forged(others);
    std::string credential = forged.credential();
    Verdict     v = verify(keys, facts_for(credential));

    assert_int_equal(int(v.result), int(Result::bad_signature));
    assert_false(v.has_token);
}

// ---- memory ----

void a_remembered_token_still_expires(void **)
{
    Keys                 keys;
    Token                token(keys, {"services=weather:0",
                             "weather_valid_until=1700000100"});
    std::string          credential = token.credential();
    l402::VerifiedMemory memory(1 << 20);
    Facts                facts = facts_for(credential);
    Verdict              v;

    for (int i = 0; i < 3; i++) {
        l402::verify(keys, facts, &memory, v);
        assert_int_equal(int(v.result), int(Result::ok));
    }
    facts.now = 1700000100;
    l402::verify(keys, facts, &memory, v);
    assert_int_equal(int(v.result), int(Result::expired));

    facts.now = now;
    facts.service = "maps";
    l402::verify(keys, facts, &memory, v);
    assert_int_equal(int(v.result), int(Result::wrong_service));

    facts.service = "weather";
    facts.tier = 1;
    l402::verify(keys, facts, &memory, v);
    assert_int_equal(int(v.result), int(Result::insufficient));
}

void a_remembered_token_is_good_with_its_own_preimage_only(void **)
{
    Keys                 keys;
    Token                token(keys);
    l402::VerifiedMemory memory(1 << 20);
    std::string          credential = token.credential();
    Verdict              v;

    l402::verify(keys, facts_for(credential), &memory, v);
    assert_int_equal(int(v.result), int(Result::ok));

    for (size_t bit = 0; bit < 256; bit++) {
        Token other = token;

        other.preimage[bit / 8] ^= uint8_t(1 << bit % 8);
        credential = other.credential();
        l402::verify(keys, facts_for(credential), &memory, v);
        assert_int_equal(int(v.result), int(Result::bad_preimage));
    }
    for (size_t bit = 0; bit < 8 * token.bytes.size(); bit++) {
        std::string bytes = token.bytes;

        bytes[bit / 8] = char(bytes[bit / 8] ^ (1 << bit % 8));
        credential = token.with(bytes);
        l402::verify(keys, facts_for(credential), &memory, v);
        assert_true(v.result != Result::ok);
    }
}

void a_refused_token_is_never_remembered(void **)
{
    Keys                 keys, others(key_2);
    Token                forged(others), unpaid(keys);
    l402::VerifiedMemory memory(1 << 20);
    Verdict              v;

    unpaid.preimage.fill(0x55);
    for (const std::string &credential : {forged.credential(),
             unpaid.credential()}) {
        for (int i = 0; i < 3; i++) {
            l402::verify(keys, facts_for(credential), &memory, v);
            assert_true(v.result != Result::ok);
        }
    }

    l402::Macaroon m;
    assert_true(l402::parse_macaroon(unpaid.bytes, m));
    assert_false(memory.knows(&keys, unpaid.bytes, m.signature,
        unpaid.preimage.data()));
}

void what_one_keyring_knows_another_does_not(void **)
{
    Keys                 keys, others(key_2);
    Token                token(keys);
    std::string          credential = token.credential();
    l402::VerifiedMemory memory(1 << 20);
    Verdict              v;

    l402::verify(keys, facts_for(credential), &memory, v);
    assert_int_equal(int(v.result), int(Result::ok));
    l402::verify(others, facts_for(credential), &memory, v);
    assert_int_equal(int(v.result), int(Result::bad_signature));
}

void random_tokens_fare_the_same_with_and_without_a_memory(void **)
{
    Random               random;
    Keys                 keys(std::string(key_1) + "\n" + key_2);
    l402::VerifiedMemory memory(1 << 16);
    const char          *caveats[] = {"services=weather:1", "services=maps:1",
        "services=weather:0", "weather_valid_until=1700000050",
        "weather_valid_until=1699999999", "valid_until=1700000060", "a=b",
        "weather_valid_until=x"};
    size_t               good = 0;

    for (int round = 0; round < 2000; round++) {
        std::vector<std::string> chosen{caveats[random.below(3)]};

        for (size_t n = random.below(4); n > 0; n--) {
            chosen.emplace_back(caveats[random.below(std::size(caveats))]);
        }

        Token token(keys, chosen, random.below(2));
        if (random.below(6) == 0) {
            token.preimage = random.hash();
        }
        if (random.below(6) == 0) {
            size_t at = random.below(token.bytes.size());
            token.bytes[at] = char(token.bytes[at] ^ 1);
        }

        std::string credential = token.credential();
        for (int64_t t : {now, now + 55, now, now + 100}) {
            Facts   facts = facts_for(credential);
            Verdict with, without;

            facts.now = t;
            l402::verify(keys, facts, &memory, with);
            l402::verify(keys, facts, nullptr, without);
            assert_int_equal(int(with.result), int(without.result));
            good += with.result == Result::ok;
        }
    }
    assert_true(good > 200);
}

// ---- cost ----

void the_accepting_path_takes_no_heap(void **)
{
    Keys        keys(std::string(key_1) + "\n" + key_2);
    Token       token(keys, {"services=weather:3",
              "weather_valid_until=1700003600", "a=b"}, 1);
    std::string credential = token.credential();
    std::string v1 = token.with(to_v1(token.bytes));
    std::string hex = to_hex(attenuate(token.bytes,
        "preimage=" + l402::to_hex(token.preimage)));
    l402::VerifiedMemory memory(1 << 20);
    Verdict              v;

    Facts all[3] = {facts_for(credential), facts_for(v1), facts_for("")};
    all[2].macaroon = hex;

    for (l402::VerifiedMemory *m : {(l402::VerifiedMemory *) nullptr,
             &memory, &memory}) {
        for (const Facts &facts : all) {
            size_t before = allocations();

            l402::verify(keys, facts, m, v);

            size_t after = allocations();
            assert_int_equal(int(v.result), int(Result::ok));
            assert_int_equal(after - before, 0);
        }
    }
}

// Else the test above would prove nothing.
void allocations_are_counted(void **)
{
    size_t before = allocations();
    void *volatile p = std::malloc(10);  // volatile: not optimised away

    std::free(p);
    assert_int_equal(allocations() - before, 1);

    p = new char[100];  // in libstdc++
    delete[] static_cast<char *>(p);
    assert_int_equal(allocations() - before, 2);

    p = strdup("x");  // in libc
    std::free(p);
    assert_int_equal(allocations() - before, 3);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_minted_token_with_its_preimage_is_let_in),
        cmocka_unit_test(no_credential_is_absent),
        cmocka_unit_test(a_token_of_another_issuer_is_refused),
        cmocka_unit_test(no_bit_of_the_token_can_be_changed),
        cmocka_unit_test(no_bit_of_the_tokens_text_can_be_changed),
        cmocka_unit_test(no_bit_of_the_preimage_can_be_changed),
        cmocka_unit_test(no_truncation_is_let_in),
        cmocka_unit_test(no_trailing_byte_is_let_in),
        cmocka_unit_test(no_caveat_can_be_taken_off_moved_or_changed),
        cmocka_unit_test(the_location_is_ours_or_none),
        cmocka_unit_test(another_payments_preimage_is_refused),
        cmocka_unit_test(every_key_of_the_file_verifies),
        cmocka_unit_test(a_wrong_hint_costs_a_try_and_no_customer),
        cmocka_unit_test(an_unknown_identifier_version_is_refused),
        cmocka_unit_test(a_token_opens_its_own_service_only),
        cmocka_unit_test(a_token_without_services_opens_nothing),
        cmocka_unit_test(a_higher_tier_opens_a_lower_one),
        cmocka_unit_test(a_token_ends_at_its_second),
        cmocka_unit_test(the_earliest_end_counts),
        cmocka_unit_test(a_token_without_an_end_has_none),
        cmocka_unit_test(the_end_of_another_service_is_not_ours),
        cmocka_unit_test(what_a_holder_appends_may_only_narrow),
        cmocka_unit_test(what_was_narrowed_cannot_be_widened_again),
        cmocka_unit_test(values_that_do_not_parse_are_refused),
        cmocka_unit_test(capabilities_must_read_as_a_list),
        cmocka_unit_test(a_counted_token_is_refused_where_nothing_counts),
        cmocka_unit_test(unknown_conditions_are_skipped_unless_told_otherwise),
        cmocka_unit_test(known_conditions_are_not_unknown),
        cmocka_unit_test(a_preimage_caveat_must_be_the_preimage),
        cmocka_unit_test(third_party_caveats_are_refused),
        cmocka_unit_test(deployed_clients_forms_are_let_in),
        cmocka_unit_test(of_several_macaroons_one_must_be_good),
        cmocka_unit_test(malformed_credentials_are_told_apart),
        cmocka_unit_test(hex_headers_carry_the_preimage_as_a_caveat),
        cmocka_unit_test(the_last_preimage_caveat_is_the_credential),
        cmocka_unit_test(any_good_header_is_enough),
        cmocka_unit_test(the_first_header_that_is_there_gives_the_reason),
        cmocka_unit_test(a_forged_token_names_nobody),
        cmocka_unit_test(a_remembered_token_still_expires),
        cmocka_unit_test(a_remembered_token_is_good_with_its_own_preimage_only),
        cmocka_unit_test(a_refused_token_is_never_remembered),
        cmocka_unit_test(what_one_keyring_knows_another_does_not),
        cmocka_unit_test(
            random_tokens_fare_the_same_with_and_without_a_memory),
        cmocka_unit_test(the_accepting_path_takes_no_heap),
        cmocka_unit_test(allocations_are_counted),
    };

    return cmocka_run_group_tests_name("verify", tests, nullptr, nullptr);
}
