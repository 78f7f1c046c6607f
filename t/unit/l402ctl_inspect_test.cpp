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
        "LSAT " + base64 + ":" + preimage,
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
                 l402::to_hex(token.token_id).substr(0, 60),
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
    };

    return cmocka_run_group_tests_name("l402ctl_inspect", tests, nullptr,
        nullptr);
}
