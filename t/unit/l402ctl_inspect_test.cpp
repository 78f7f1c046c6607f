// l402ctl inspect: a stranger's token, made readable.

#include "unit.h"

#include "command.h"

using namespace unit;
using nlohmann::json;

namespace {

void inspect_reads_every_form(void **)
{
    Keys        keys;
    Token       token(keys);
    std::string base64 = token.base64(), url = base64;
    std::string preimage = l402::to_hex(token.preimage);

    for (char &c : url) {
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    }

    l402::Challenge challenge;
    challenge.token = base64;
    challenge.invoice = "lnbcrt100n1p0";

    const std::string forms[] = {
        base64, url, base64.substr(0, base64.find('=')), to_hex(token.bytes),
        l402::base64_encode(to_v1(token.bytes)),
        "L402 " + base64 + ":" + preimage,
        "LSAT " + base64 + ":" + preimage, base64 + ":" + preimage,
        "Authorization: L402 " + base64 + ":" + preimage,
        "Macaroon: " + to_hex(token.bytes),
        "Grpc-Metadata-Macaroon: " + to_hex(token.bytes),
        l402::www_authenticate(challenge, false),
        "www-authenticate: " + l402::www_authenticate(challenge, true) + "\r\n",
        "WWW-Authenticate: L402 version=\"0\", token=\"" + base64 + "\"",
    };

    for (const std::string &form : forms) {
        Answer answer = l402ctl({"inspect", "-"}, form + "\n");

        assert_exit(answer, 0);
        for (const std::string &part : {l402::to_hex(token.payment_hash),
                 l402::to_hex(token.token_id).substr(0, 56),
                 std::string("services=weather:0"),
                 std::string("weather_valid_until=1700003600"),
                 std::string("2023-11-14 23:13:20 UTC")}) {
            assert_contains(answer.out, part);
        }

        answer = l402ctl({"inspect", "--json", form});
        assert_exit(answer, 0);

        json out = json::parse(answer.out);
        assert_true(out["version"] == 0);
        assert_true(out["payment_hash"] == l402::to_hex(token.payment_hash));
        assert_true(out["caveats"].size() == 2);
        assert_true(out["third_party"] == false);
    }
}

void inspect_says_whether_the_preimage_fits(void **)
{
    Keys  keys;
    Token token(keys);

    json good = json::parse(
        l402ctl({"inspect", "--json", token.credential()}).out);
    assert_true(good["preimage_fits"] == true);

    token.preimage.fill(0);
    json bad = json::parse(
        l402ctl({"inspect", "--json", token.credential()}).out);
    assert_true(bad["preimage_fits"] == false);
}

void inspect_shows_each_of_several_tokens(void **)
{
    Keys        keys;
    Token       a(keys, {"services=a:0"}), b(keys, {"services=b:0"});
    std::string both = "L402 " + a.base64() + "," + b.base64() + ":"
        + l402::to_hex(a.preimage);
    Answer      answer = l402ctl({"inspect"}, both);

    assert_exit(answer, 0);
    assert_contains(answer.out, "services=a:0");
    assert_contains(answer.out, "services=b:0");
}

// A token comes from a stranger, and terminals obey control characters.
void inspect_writes_no_control_characters(void **)
{
    Keys  keys;
    Token token(keys, {std::string("x=\x1b]0;y\x07\x9b\n\0z", 11)});

    for (const char *option : {"--json", ""}) {
        std::vector<std::string> words{"inspect", token.base64()};
        if (*option) {
            words.emplace_back(option);
        }

        Answer answer = l402ctl(words);
        assert_exit(answer, 0);
        for (unsigned char c : answer.out) {
            assert_true(c == '\n' || (c >= 0x20 && c < 0x7f));
        }
        assert_contains(answer.out, "x1b]0;y");
    }
}

void inspect_shows_foreign_macaroons_for_what_they_are(void **)
{
    auto vectors = json::parse(read_file(L402_VECTORS "/macaroons.json"));

    for (const json &t : vectors["tokens"]) {
        Answer answer = l402ctl({"inspect", "--json",
            t["token_base64"].get<std::string>()});

        assert_exit(answer, 0);
        json out = json::parse(answer.out);
        assert_true(out["signature"] == t["signature_hex"]);
        assert_true(out["caveats"] == t["caveats"]);
        assert_true(out["third_party"] == t["third_party"]);
        assert_int_equal(out.contains("identifier"),
            !t.contains("token_id_hex"));
    }
}

void inspect_refuses_what_is_no_token(void **)
{
    for (const char *bad : {"", "hello", "L402", "L402 x:y", "AAAA",
             "WWW-Authenticate: Basic realm=\"x\"", "macaroon=\"",
             "WWW-Authenticate: L402 error=\"malformed\"", "00"}) {
        Answer answer = l402ctl({"inspect", "-"}, bad);

        assert_exit(answer, 1);
        assert_true(answer.out.empty());
        assert_false(answer.err.empty());
    }
}

// Of a caveat, what stands in parentheses behind it.
std::string words_for(const std::vector<std::string> &caveats)
{
    Keys   keys;
    Token  token(keys, caveats);
    Answer text = l402ctl({"inspect", token.base64()});
    json   words = json::parse(
          l402ctl({"inspect", "--json", token.base64()}).out)["words"];

    assert_int_equal(words.size(), caveats.size());
    for (size_t i = 0; i < caveats.size(); i++) {
        assert_contains(text.out, "caveat        " + caveats[i] + "  ("
            + words[i].get<std::string>() + ")\n");
    }
    return words.back();
}

void every_condition_is_put_in_words(void **)
{
    const std::pair<const char *, const char *> cases[] = {
        {"services=weather:2,maps:0",
            "opens weather up to tier 2, maps up to tier 0"},
        {"services=", "opens nothing: the list is empty"},
        {"weather_valid_until=1700003600",
            "weather: until 2023-11-14 23:13:20 UTC"},
        {"valid_until=1700003600", "until 2023-11-14 23:13:20 UTC"},
        {"weather_capabilities=read,list", "weather: only read, list"},
        {"weather_capabilities=", "weather: nothing: the list is empty"},
        {"weather_uses=5", "weather: until the payment has had 5 requests"},
        {"weather_balance=5", "weather: until 5 msat of the payment are spent"},
        {"upload_max_bytes=5",
            "at most 5, where a location asks for upload_max_bytes"},
        {"client_address=192.0.2.0/24,unix:",
            "only from 192.0.2.0/24, a unix socket"},
        {"request_host=a.example,b.example", "only at a.example, b.example"},
        {"request_path=/a%20b,/c/*,/%", "only for /a b, what begins with /c/,"
                                        " /%; REFUSED"},
        {"request_path=/a%0Ab,/c%21", "only for /a\\x0ab, /c!"},
        {"request_method=GET,POST", "only GET, HEAD, POST"},
        {"request_method=", "nothing: the list is empty"},
        {"who=me", "unknown here: skipped, or refused where"
                   " l402_unknown_caveats says so"},
        {"no condition", "no condition: skipped, or refused where"
                         " l402_unknown_caveats says so"},
    };

    for (const auto &[caveat, wanted] : cases) {
        std::string words = words_for({"services=weather:2,maps:0", caveat});

        assert_text(words.substr(0, std::string_view(wanted).size()), wanted);
    }

    std::string preimage(64, 'a');
    assert_text(words_for({"preimage=" + preimage}),
        "only with this preimage");
}

void a_caveat_that_every_gate_refuses_is_marked(void **)
{
    for (const char *bad : {"services=weather:3", "services=", "services=x",
             "weather_valid_until=2", "weather_valid_until=x",
             "weather_capabilities=a b", "request_path=a", "preimage=1"}) {
        std::string words = words_for({"services=weather:2",
            "weather_valid_until=1", bad});

        assert_int_equal(contains(words, "REFUSED"),
            std::string_view(bad) != "services=");
    }
    assert_contains(words_for({"services=weather:2", "services=weather:3"}),
        "REFUSED, allows more than the caveat before it");
    assert_contains(words_for({"services=weather:2", "valid_until=1h"}),
        "REFUSED, the value has to be unix seconds");
    assert_false(contains(words_for({"services=weather:2"}), "REFUSED"));
}

void inspect_tells_which_key_is_named(void **)
{
    Folder      folder;
    std::string both = folder.write("both",
        std::string(key_1) + "\n" + key_2 + "\n");
    std::string one = folder.write("one", key_1);
    std::string token = mint(both, {"--key", "2"})["macaroon"];

    auto look = [&](const std::string &keys) {
        return l402ctl({"inspect", "--key-file", keys, token}).out;
    };

    assert_contains(look(both), "names number 2 of the key file");
    assert_contains(look(one), "names none of the key file");
    assert_true(json::parse(l402ctl({"inspect", "--json", "--key-file", both,
                    token}).out)["key"] == 2);
    assert_true(json::parse(l402ctl({"inspect", "--json", "--key-file", one,
                    token}).out)["key"].is_null());
    assert_false(json::parse(
        l402ctl({"inspect", "--json", token}).out).contains("key"));
    assert_says(l402ctl({"inspect", "--key-file", folder.path + "/no", token}),
        2, folder.path + "/no");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(inspect_reads_every_form),
        cmocka_unit_test(inspect_says_whether_the_preimage_fits),
        cmocka_unit_test(inspect_shows_each_of_several_tokens),
        cmocka_unit_test(inspect_writes_no_control_characters),
        cmocka_unit_test(inspect_shows_foreign_macaroons_for_what_they_are),
        cmocka_unit_test(inspect_refuses_what_is_no_token),
        cmocka_unit_test(every_condition_is_put_in_words),
        cmocka_unit_test(a_caveat_that_every_gate_refuses_is_marked),
        cmocka_unit_test(inspect_tells_which_key_is_named),
    };

    return cmocka_run_group_tests_name("l402ctl_inspect", tests, nullptr,
        nullptr);
}
