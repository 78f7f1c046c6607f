// l402ctl attenuate: copies that open less, without a key.

#include "unit.h"

#include "command.h"

#include <algorithm>
#include <ctime>

using namespace unit;
using nlohmann::json;

namespace {

// Two services, of which weather expires, has capabilities and a limit.
const std::vector<std::string> minted = {"services=weather:2,maps:1",
    "weather_valid_until=1700003600", "weather_capabilities=read,list",
    "upload_max_bytes=1000"};

Answer attenuate(const std::string &token, std::vector<std::string> words)
{
    words.insert(words.begin(), "attenuate");
    return l402ctl(words, token + "\n");
}

// What is added to a token, as the caveats behind the minted ones.
std::vector<std::string> added(const std::vector<std::string> &words,
    const std::vector<std::string> &caveats = minted)
{
    Keys   keys;
    Token  token(keys, caveats);
    Answer answer = attenuate(token.base64(), words);

    assert_exit(answer, 0);
    answer.out.pop_back();

    std::vector<std::string> all = caveats_of(answer.out);

    assert_true(std::equal(caveats.begin(), caveats.end(), all.begin()));
    all.erase(all.begin(), all.begin() + ptrdiff_t(caveats.size()));
    return all;
}

void assert_added(const std::vector<std::string> &words,
    const std::vector<std::string> &wanted,
    const std::vector<std::string> &caveats = minted)
{
    assert_text(json(added(words, caveats)).dump(), json(wanted).dump());
}

void options_become_caveats(void **)
{
    assert_added({"--services", "weather:1"}, {"services=weather:1"});
    assert_added({"--services", "maps,weather"}, {"services=maps:1,weather:2"});
    assert_added({"--services", ""}, {"services="});
    assert_added({"--valid-until", "1700000001", "--service", "weather"},
        {"weather_valid_until=1700000001"});
    assert_added({"--capabilities", "list", "--service", "weather"},
        {"weather_capabilities=list"});
    assert_added({"--capabilities", "", "--service", "weather"},
        {"weather_capabilities="});
    assert_added({"--address", "192.0.2.7,2001:db8::/48,unix:"},
        {"client_address=192.0.2.7,2001:db8::/48,unix:"});
    assert_added({"--host", "A.Example,[::1]"},
        {"request_host=a.example,%5B%3A%3A1%5D"});
    assert_added({"--path", "/a b/*,/c:0,/100%,/*x"},
        {"request_path=/a%20b/*,/c%3A0,/100%25,/%2Ax"});
    assert_added({"--path", "/*"}, {"request_path=/*"});
    assert_added({"--method", "get,Post"}, {"request_method=GET,POST"});
    assert_added({"--method", "head"}, {"request_method=HEAD"});
    assert_added({"--caveat", "upload_max_bytes=999"},
        {"upload_max_bytes=999"});
    assert_added({"--caveat", "b=[1,2]", "--caveat", "a=", "--caveat", "{}"},
        {"b=[1,2]", "a=", "{}"});
}

void caveats_stand_in_the_documented_order(void **)
{
    assert_added({"--caveat", "b=1", "--method", "GET", "--path", "/", "--host",
                     "a", "--address", "192.0.2.7", "--capabilities", "read",
                     "--valid-until", "5", "--services", "weather", "--caveat",
                     "a=1"},
        {"services=weather:2", "weather_valid_until=5",
            "weather_capabilities=read", "client_address=192.0.2.7",
            "request_host=a", "request_path=/", "request_method=GET", "b=1",
            "a=1"});
}

void a_time_is_for_each_service_and_capabilities_for_the_only_one(void **)
{
    assert_added({"--valid-until", "5"},
        {"weather_valid_until=5", "maps_valid_until=5"});
    assert_added({"--valid-until", "5", "--services", "maps"},
        {"services=maps:1", "maps_valid_until=5"});
    assert_added({"--capabilities", "a"}, {"weather_capabilities=a"},
        {"services=weather:0"});

    Keys keys;
    assert_says(attenuate(Token(keys, minted).base64(),
                    {"--capabilities", "read"}),
        2, "--service");
    assert_says(attenuate(Token(keys, {"services="}).base64(),
                    {"--valid-until", "5"}),
        1, "opens no service");
    assert_says(attenuate(Token(keys, {"x=y"}).base64(),
                    {"--capabilities", "read"}),
        1, "opens no service");
}

void valid_for_counts_from_now(void **)
{
    int64_t time = int64_t(std::time(nullptr));

    for (const auto &[text, seconds] :
        std::vector<std::pair<std::string, int64_t>>{
            {"1m", 60}, {"90", 90}, {"1h30m", 5400}}) {
        std::string caveat = added({"--valid-for", text},
            {"services=w:0"}).at(0);
        int64_t     until = std::stoll(caveat.substr(caveat.find('=') + 1));

        assert_text(caveat.substr(0, 14), "w_valid_until=");
        assert_true(until >= time + seconds && until <= time + seconds + 60);
    }
}

// Each with what is said about it.
void what_widens_is_refused_by_name(void **)
{
    struct {
        std::vector<std::string> words;
        const char              *caveat;
        const char              *stands;
    } cases[] = {
        {{"--services", "weather:3"}, "services=weather:3",
            "\"services=weather:2,maps:1\" (opens weather up to tier 2, maps"
            " up to tier 1)"},
        {{"--services", "weather,tides"}, "services=weather:2,tides:0",
            "\"services=weather:2,maps:1\""},
        {{"--valid-until", "1700003601", "--service", "weather"},
            "weather_valid_until=1700003601",
            "\"weather_valid_until=1700003600\" (weather: until 2023-11-14"
            " 23:13:20 UTC)"},
        {{"--valid-for", "1m"}, "weather_valid_until=",
            "\"weather_valid_until=1700003600\""},
        {{"--capabilities", "read,write", "--service", "weather"},
            "weather_capabilities=read,write",
            "\"weather_capabilities=read,list\" (weather: only read, list)"},
        {{"--caveat", "upload_max_bytes=1001"}, "upload_max_bytes=1001",
            "\"upload_max_bytes=1000\""},
        {{"--path", "/a/*", "--caveat", "request_path=/b"}, "request_path=/b",
            "\"request_path=/a/*\" (only for what begins with /a/)"},
        {{"--path", "/a", "--caveat", "request_path=/a*"}, "request_path=/a*",
            "\"request_path=/a\""},
        {{"--method", "HEAD", "--caveat", "request_method=GET"},
            "request_method=GET", "\"request_method=HEAD\""},
        {{"--address", "192.0.2.0/24", "--caveat",
             "client_address=192.0.2.0/23"}, "client_address=192.0.2.0/23",
            "\"client_address=192.0.2.0/24\""},
        {{"--host", "a", "--caveat", "request_host=b"}, "request_host=b",
            "\"request_host=a\""},
    };
    Keys  keys;
    Token token(keys, minted);

    for (const auto &c : cases) {
        Answer answer = attenuate(token.credential(), c.words);

        assert_says(answer, 1, std::string("l402ctl: \"") + c.caveat);
        assert_contains(answer.err, "would widen the token; the token has ");
        assert_contains(answer.err, c.stands);
    }

    assert_says(attenuate(Token(keys, {"x=y"}).base64(),
                    {"--caveat", "services=weather:0"}),
        1, "would widen the token; the token opens no service");
}

void what_cannot_be_read_is_refused_by_name(void **)
{
    struct {
        std::vector<std::string> words;
        const char              *caveat;
        const char              *right;
    } cases[] = {
        {{"--services", "weather:256"}, "services=weather:256",
            "services as name:tier"},
        {{"--services", "weather,"}, "services=weather:2,:0",
            "services as name:tier"},
        {{"--capabilities", "a b", "--service", "weather"},
            "weather_capabilities=a b", "a comma list of names"},
        {{"--address", "192.0.2.0/33"}, "client_address=192.0.2.0/33",
            "addresses or networks"},
        {{"--address", "localhost"}, "client_address=localhost",
            "addresses or networks"},
        {{"--caveat", "weather_valid_until=1h"}, "weather_valid_until=1h",
            "unix seconds"},
        {{"--caveat", "valid_until=-1"}, "valid_until=-1", "unix seconds"},
        {{"--caveat", "upload_max_bytes=1e3"}, "upload_max_bytes=1e3",
            "a whole number"},
        {{"--caveat", "preimage=00"}, "preimage=00", "64 hex digits"},
        {{"--caveat", "request_path=a"}, "request_path=a", "%XX"},
        {{"--caveat", "request_path=/a b"}, "request_path=/a b", "%XX"},
        {{"--caveat", "request_host=A"}, "request_host=A", "%XX"},
        {{"--caveat", "request_method=get"}, "request_method=get", "%XX"},
    };
    Keys  keys;
    Token token(keys, minted);

    for (const auto &c : cases) {
        Answer answer = attenuate(token.credential(), c.words);

        assert_says(answer, 1, std::string("l402ctl: \"") + c.caveat
            + "\" is refused by every gate: the value has to be ");
        assert_contains(answer.err, c.right);
    }
    assert_contains(attenuate(token.base64(),
                        {"--caveat", "weather_valid_until=x"}).err,
        "; the token has \"weather_valid_until=1700003600\"");
}

void what_is_unknown_is_added_with_a_note(void **)
{
    Keys  keys;
    Token token(keys, minted);

    for (const char *caveat : {"who=me", "x", "other_capabilities=a",
             "tides_valid_until=x"}) {
        Answer answer = attenuate(token.base64(), {"--caveat", caveat});

        assert_exit(answer, 0);
        assert_contains(answer.err, std::string("l402ctl: note: \"") + caveat
            + "\" is added");
        answer.out.pop_back();
        assert_text(caveats_of(answer.out).back(), caveat);
    }

    assert_true(attenuate(token.base64(), {"--method", "GET"}).err.empty());
}

// Whatever was read, the same comes out.
void the_copy_has_the_shape_of_what_was_read(void **)
{
    Keys        keys;
    Token       token(keys, minted);
    std::string t = token.base64(), p = l402::to_hex(token.preimage);
    std::string hex = to_hex(token.bytes);
    std::string copy_bytes = unit::attenuate(token.bytes, "x=1");
    std::string copy = l402::base64_encode(copy_bytes);
    std::string url = t;

    std::replace(url.begin(), url.end(), '+', '-');
    std::replace(url.begin(), url.end(), '/', '_');

    const std::pair<std::string, std::string> cases[] = {
        {t, copy}, {url, copy}, {t.substr(0, t.find('=')), copy},
        {l402::base64_encode(to_v1(token.bytes)), copy}, {hex, copy},
        {to_hex(to_v1(token.bytes)), copy},
        {t + ":" + p, copy + ":" + p},
        {"L402 " + t + ":" + p, "L402 " + copy + ":" + p},
        {"lsat " + t + ":" + p, "L402 " + copy + ":" + p},
        {"L402 L402 " + t + ":" + p, "L402 " + copy + ":" + p},
        {"L402 " + t + ", " + t + ":" + p,
            "L402 " + copy + "," + copy + ":" + p},
        {"authorization: L402 " + t + ":" + p,
            "Authorization: L402 " + copy + ":" + p},
        {"MACAROON: " + hex, "Macaroon: " + to_hex(copy_bytes)},
        {"grpc-metadata-macaroon:" + hex,
            "Grpc-Metadata-Macaroon: " + to_hex(copy_bytes)},
    };

    for (const auto &[text, wanted] : cases) {
        for (const Answer &answer : {attenuate(text, {"--caveat", "x=1"}),
                 l402ctl({"attenuate", "--caveat", "x=1", text})}) {
            assert_exit(answer, 0);
            assert_text(answer.out, wanted + "\n");
        }
    }
}

void a_copy_keeps_another_location_and_none(void **)
{
    Keys           keys;
    Token          token(keys, minted);
    l402::Macaroon m;

    for (const char *location : {"https://example.org", ""}) {
        assert_true(l402::parse_macaroon(token.bytes, m));
        std::string bytes = l402::encode_macaroon(m.identifier.view(), minted,
            m.signature, location);
        Answer      answer = attenuate(l402::base64_encode(bytes),
                 {"--caveat", "x=1"});

        assert_exit(answer, 0);
        answer.out.pop_back();
        std::string copy = from_base64(answer.out);
        assert_true(l402::parse_macaroon(copy, m));
        assert_text(m.location.view(), location);
    }
}

void messages_say_which_of_several_macaroons(void **)
{
    Keys        keys;
    Token       a(keys, {"services=a:1"}), b(keys, {"services=b:0"});
    std::string both = "L402 " + a.base64() + "," + b.base64() + ":"
        + l402::to_hex(a.preimage);

    assert_says(attenuate(both, {"--services", "a"}), 1,
        "l402ctl: macaroon 2: \"services=a:0\" is refused");

    Answer answer = attenuate(both, {"--valid-until", "5"});
    assert_exit(answer, 0);
    assert_true(answer.err.empty());

    size_t comma = answer.out.find(','), colon = answer.out.find(':');
    assert_caveats(answer.out.substr(5, comma - 5),
        {"services=a:1", "a_valid_until=5"});
    assert_caveats(answer.out.substr(comma + 1, colon - comma - 1),
        {"services=b:0", "b_valid_until=5"});
}

void json_has_the_copy_and_what_was_added(void **)
{
    Keys   keys;
    Token  token(keys, {"services=weather:0", "a\n=b"});
    Answer answer = attenuate(token.credential(), {"--json", "--method",
        "GET"});

    assert_exit(answer, 0);
    json out = json::parse(answer.out);
    assert_true(out["added"] == json({"request_method=GET"}));
    assert_true(out["caveats"] == json({"services=weather:0", "a\\x0a=b",
        "request_method=GET"}));
    assert_true(out["payment_hash"] == l402::to_hex(token.payment_hash));
    assert_true(out["preimage"] == l402::to_hex(token.preimage));
    assert_true(out["authorization"] == "L402 "
        + out["macaroon"].get<std::string>() + ":"
        + l402::to_hex(token.preimage));
    assert_true(json::parse(
        l402ctl({"inspect", "--json", out["macaroon"].get<std::string>()})
            .out)["token_id"] == out["token_id"]);

    json bare = json::parse(attenuate(token.base64(), {"--json", "--method",
        "GET"}).out);
    assert_true(bare["macaroon"] == out["macaroon"]);
    assert_false(bare.contains("preimage"));
    assert_false(bare.contains("authorization"));
}

void what_is_no_token_is_refused(void **)
{
    Keys        keys;
    Token       token(keys, minted);
    std::string t = token.base64();

    for (const std::string &bad : std::vector<std::string>{"", "hello", "L402",
             "L402 " + t, t + ":", t + ":00", t + ":" + std::string(64, 'g'),
             "x:" + std::string(64, '0'), "Authorization: Basic dTpw",
             "Macaroon: " + t + "!", "Macaroon: " + token.credential(), "00"}) {
        assert_says(attenuate(bad, {"--caveat", "x=1"}), 1,
            "no macaroon can be read out of it");
    }
    assert_says(attenuate("L402 macaroon=\"" + t + "\", invoice=\"lnbc1\"",
                    {"--caveat", "x=1"}),
        1, "a challenge, not yet paid for");

    // Before the signature, a caveat that has a verifier id (4) and so is for
    // a third party.
    std::string third = token.bytes;
    third.insert(third.size() - 35, std::string("\x02\x01x\x04\x01v\0", 7));
    assert_says(attenuate(l402::base64_encode(third), {"--caveat", "x=1"}), 1,
        "a caveat for a third party");

    uint8_t signature[32] = {};
    assert_says(attenuate(l402::base64_encode(
                        l402::encode_macaroon("lnd", {}, signature)),
                    {"--caveat", "x=1"}),
        1, "not an L402 token");
}

void wrong_options_are_usage(void **)
{
    Keys  keys;
    Token token(keys, minted);

    struct {
        std::vector<std::string> words;
        const char              *part;
    } cases[] = {
        {{}, "nothing to add"},
        {{"--json"}, "nothing to add"},
        {{"--service", "weather"}, "nothing to add"},
        {{"--service", "weather:1", "--valid-until", "5"}, "--service"},
        {{"--service", "a b", "--valid-until", "5"}, "--service"},
        {{"--valid-for", "soon"}, "--valid-for"},
        {{"--valid-until", "soon"}, "--valid-until"},
        {{"--valid-until", ""}, "--valid-until"},
        {{"--path", "a"}, "--path"},
        {{"--path", ",/a"}, "--path"},
        {{"--host", "a,"}, "--host"},
        {{"--method", "GET,,POST"}, "--method"},
        {{"--caveat", ""}, "a caveat is not empty"},
        {{"--caveat", std::string(9000, 'x')}, "in 8192 bytes"},
    };

    for (const auto &c : cases) {
        Answer answer = attenuate(token.base64(), c.words);

        assert_exit(answer, 2);
        assert_true(answer.out.empty());
        assert_contains(answer.err, c.part);
    }
    assert_exit(attenuate(token.base64(), {"--valid-for", "1m",
                    "--valid-until", "5"}), 2);
}

void a_token_takes_128_caveats_and_no_more(void **)
{
    Keys                     keys;
    std::vector<std::string> caveats{"services=weather:0"}, words;

    for (int i = 0; i < 127; i++) {
        words.insert(words.end(), {"--caveat", "x"});
    }

    Token token(keys, caveats);
    assert_exit(attenuate(token.base64(), words), 0);

    words.insert(words.end(), {"--caveat", "x"});
    Answer answer = attenuate(token.base64(), words);
    assert_exit(answer, 2);
    assert_contains(answer.err, "at most 128 caveats");
}

// The word that a location has for a copy.
void a_copy_opens_what_it_says_and_no_more(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);
    json        token = mint(keys, {"--capabilities", "read,list"});
    Answer      copy = attenuate(token["authorization"],
             {"--services", "weather:1", "--valid-for", "5m", "--capabilities",
             "read", "--address", "192.0.2.0/24", "--host", "a.example",
             "--path", "/a b/*", "--method", "GET"});

    assert_exit(copy, 0);

    auto word = [&](const std::string &option, const std::string &value) {
        std::vector<std::string> words{"--capability", "read", "--address",
            "192.0.2.1", "--host", "a.example", "--path", "/a b/c", "--method",
            "GET", "--now", std::to_string(std::time(nullptr))};
        auto at = std::find(words.begin(), words.end(), option);

        if (at != words.end()) {
            at[1] = value;
        }
        std::string out = verify(keys, copy.out, words).out;
        assert_true(!out.empty());
        return out.substr(0, out.size() - 1);
    };

    assert_text(word("", ""), "ok");
    assert_text(word("--method", "HEAD"), "ok");
    assert_text(word("--capability", "list"), "insufficient");
    assert_text(word("--address", "192.0.3.1"), "caveat_refused");
    assert_text(word("--host", "b.example"), "caveat_refused");
    assert_text(word("--path", "/a"), "caveat_refused");
    assert_text(word("--method", "POST"), "caveat_refused");
    assert_text(word("--now",
                    std::to_string(std::time(nullptr) + 301)), "expired");
    assert_text(l402ctl({"verify", "--key-file", keys, "--service",
                    "weather:2", "--address", "192.0.2.1", "--host",
                    "a.example", "--path", "/a b/c", "--method", "GET"},
                    copy.out).out, "insufficient\n");
}

// pymacaroons: what l402ctl appends has the bytes and the signature that
// anybody's library gives it.
void others_agree_on_the_chain(void **)
{
    Folder folder;
    Answer answer = run({"/usr/bin/python3",
        L402_TESTDATA "/l402ctl_attenuate.py", ctl_path(), folder.path});

    print_message("%s", answer.out.c_str());
    if (answer.status != 0) {
        fail_msg("%s", answer.err.c_str());
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(options_become_caveats),
        cmocka_unit_test(caveats_stand_in_the_documented_order),
        cmocka_unit_test(
            a_time_is_for_each_service_and_capabilities_for_the_only_one),
        cmocka_unit_test(valid_for_counts_from_now),
        cmocka_unit_test(what_widens_is_refused_by_name),
        cmocka_unit_test(what_cannot_be_read_is_refused_by_name),
        cmocka_unit_test(what_is_unknown_is_added_with_a_note),
        cmocka_unit_test(the_copy_has_the_shape_of_what_was_read),
        cmocka_unit_test(a_copy_keeps_another_location_and_none),
        cmocka_unit_test(messages_say_which_of_several_macaroons),
        cmocka_unit_test(json_has_the_copy_and_what_was_added),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(wrong_options_are_usage),
        cmocka_unit_test(a_token_takes_128_caveats_and_no_more),
        cmocka_unit_test(a_copy_opens_what_it_says_and_no_more),
        cmocka_unit_test(others_agree_on_the_chain),
    };

    return cmocka_run_group_tests_name("l402ctl_attenuate", tests, nullptr,
        nullptr);
}
