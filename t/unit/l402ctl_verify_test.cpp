// l402ctl verify: the module's word for a request that is described.

#include "unit.h"

#include "command.h"

using namespace unit;
using nlohmann::json;

namespace {

void a_refusal_is_told_by_word_and_exit_code(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);
    std::string others = folder.write("others", key_2);
    json        token = mint(keys, {"--valid-until", "1700000000"});
    std::string credential = token["authorization"];
    std::string macaroon = token["macaroon"];

    auto check = [](const Answer &answer, const std::string &word) {
        assert_text(answer.out, word + "\n");
        assert_exit(answer, 1);
    };

    check(verify(keys, credential), "expired");
    check(verify(keys, credential, {"--now", "1700000000"}), "expired");
    assert_exit(verify(keys, credential, {"--now", "1699999999"}), 0);
    check(verify(others, credential), "bad_signature");
    check(verify(keys, "L402 " + macaroon + ":" + std::string(64, '0')),
        "bad_preimage");
    check(verify(keys, "L402 " + macaroon), "malformed");
    check(verify(keys, "Basic dXNlcjpwYXNz"), "absent");
    check(verify(keys, ""), "absent");

    Answer elsewhere = l402ctl({"verify", "--key-file", keys, "--service",
        "maps"}, credential);
    check(elsewhere, "wrong_service");
    Answer higher = l402ctl({"verify", "--key-file", keys, "--service",
        "weather:3", "--now", "1"}, credential);
    check(higher, "insufficient");
}

void hex_headers_are_verified_as_header_lines(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);
    json        token = mint(keys);
    std::string bytes = attenuate(
        from_base64(token["macaroon"].get<std::string>()),
        "preimage=" + token["preimage"].get<std::string>());

    for (const char *name : {"Macaroon", "macaroon",
             "Grpc-Metadata-Macaroon"}) {
        assert_exit(verify(keys, std::string(name) + ": " + to_hex(bytes)), 0);
    }
}

// A token with one more caveat, a request, and the module's word for it.
struct Case {
    const char              *caveat;
    std::vector<std::string> request;
    const char              *word;
};

void a_request_is_described_by_options(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);

    const Case cases[] = {
        {"x=1", {}, "ok"},
        {"x=1", {"--refuse-unknown-caveats"}, "caveat_refused"},
        {"weather_capabilities=read", {}, "ok"},
        {"weather_capabilities=read", {"--capability", "read"}, "ok"},
        {"weather_capabilities=read", {"--capability", "list"},
            "insufficient"},
        {"weather_capabilities=", {"--capability", "read"}, "insufficient"},
        {"x=y", {"--capability", "read"}, "ok"},
        {"size=5", {"--constraint", "size=5"}, "ok"},
        {"size=5", {"--constraint", "size=6"}, "caveat_refused"},
        {"size=5", {"--constraint", "a=9", "--constraint", "size=6"},
            "caveat_refused"},
        {"size=5", {"--constraint", "a=9"}, "ok"},
        {"size=5", {"--constraint", "size=4", "--refuse-unknown-caveats"},
            "ok"},
        {"client_address=192.0.2.0/24", {"--address", "192.0.2.9"}, "ok"},
        {"client_address=192.0.2.0/24", {"--address", "192.0.3.9"},
            "caveat_refused"},
        {"client_address=2001:db8::/32", {"--address", "2001:db8::9"}, "ok"},
        {"client_address=unix:", {"--address", "unix:"}, "ok"},
        {"client_address=unix:", {"--address", "192.0.2.9"},
            "caveat_refused"},
        {"request_host=a.example", {"--host", "A.example"}, "ok"},
        {"request_host=a.example", {"--host", "b.example"},
            "caveat_refused"},
        {"request_path=/a%20b/*", {"--path", "/a b/c"}, "ok"},
        {"request_path=/a%20b/*", {"--path", "/a%20b/c"}, "caveat_refused"},
        {"request_method=GET", {"--method", "GET"}, "ok"},
        {"request_method=GET", {"--method", "head"}, "ok"},
        {"request_method=GET", {"--method", "POST"}, "caveat_refused"},
    };

    for (const Case &c : cases) {
        json   token = mint(keys, {"--caveat", c.caveat});
        Answer answer = verify(keys, token["authorization"], c.request);

        if (answer.out != std::string(c.word) + "\n") {
            fail_msg("%s, %s: %s instead of %s", c.caveat,
                json(c.request).dump().c_str(), answer.out.c_str(), c.word);
        }
        assert_exit(answer, std::string(c.word) == "ok" ? 0 : 1);
    }
}

void what_is_not_described_is_absent(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);

    for (const char *caveat : {"client_address=192.0.2.0/24",
             "client_address=0.0.0.0/0,::/0", "request_host=a.example",
             "request_path=/*", "request_method=GET"}) {
        json token = mint(keys, {"--caveat", caveat});

        assert_text(verify(keys, token["authorization"]).out,
            "caveat_refused\n");
    }

    json local = mint(keys, {"--caveat", "client_address=unix:"});
    assert_text(verify(keys, local["authorization"]).out, "ok\n");
}

// As a gRPC client sends it to an application with a login of its own.
void fields_are_found_among_others(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);
    json        token = mint(keys);
    std::string authorization = token["authorization"];
    std::string hex = to_hex(attenuate(
        from_base64(token["macaroon"].get<std::string>()),
        "preimage=" + token["preimage"].get<std::string>()));

    for (const std::string &request : {
             "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: " + authorization
                 + "\r\nAccept: */*\r\n\r\n",
             "Authorization: Basic dTpw\nMacaroon: " + hex,
             "Grpc-Metadata-Macaroon: " + hex + "  \r\nAuthorization: Basic x",
             "authorization:" + authorization}) {
        assert_text(verify(keys, request).out, "ok\n");
    }
    for (const std::string &request : {
             "GET / HTTP/1.1\r\nX-Authorization: " + authorization,
             "Host: a\n" + authorization}) {
        assert_text(verify(keys, request).out, "absent\n");
    }
}

void json_tells_what_the_token_opens(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys",
        std::string(key_2) + "\n" + key_1 + "\n");
    json        token = mint(keys, {"--key", "2", "--capabilities", "a,b",
               "--valid-until", "1700000000"});
    std::string credential = token["authorization"];

    auto verdict = [&](std::vector<std::string> words) {
        words.push_back("--json");
        return json::parse(verify(keys, credential, words).out);
    };

    json good = verdict({"--now", "1"});
    assert_true(good["result"] == "ok");
    assert_true(good["key"] == 2);
    assert_true(good["tier"] == 2);
    assert_true(good["expires"] == 1700000000);
    assert_true(good["capabilities"] == json({"a", "b"}));
    assert_true(good["caveats"] == json({"services=weather:2",
        "weather_valid_until=1700000000", "weather_capabilities=a,b"}));
    assert_true(good["payment_hash"] == token["payment_hash"]);
    assert_true(good["token_id"] == token["token_id"]);

    json low = verdict({"--now", "1", "--capability", "c"});
    assert_true(low["result"] == "insufficient");
    assert_true(low["tier"] == 2);
    assert_true(low["capabilities"] == json({"a", "b"}));

    json late = verdict({});
    assert_true(late["result"] == "expired");
    assert_true(late["expires"] == 1700000000);

    json forged = json::parse(verify(folder.write("other",
        std::string(64, '3')), credential, {"--json"}).out);
    assert_true(forged["result"] == "bad_signature");
    assert_true(forged["title"] == "The credential was not issued here");
    assert_false(forged.contains("token_id"));
    assert_false(forged.contains("caveats"));
}

void a_description_that_cannot_be_is_refused(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);

    const std::vector<std::string> bad[] = {
        {"--capability", ""}, {"--capability", "a,b"}, {"--constraint", "x"},
        {"--constraint", "x=y"}, {"--constraint", "services=1"},
        {"--constraint", "weather_capabilities=1"}, {"--address", "a"},
        {"--address", ""}, {"--address", "192.0.2.0/24"}, {"--host", ""},
        {"--path", ""}, {"--path", "a"}, {"--method", ""}, {"--now", "x"},
        {"--now", ""},
    };

    for (const std::vector<std::string> &option : bad) {
        assert_says(verify(keys, "", option), 2, option[0]);
    }

    std::vector<std::string> many;
    for (int i = 0; i < 17; i++) {
        many.insert(many.end(), {"--constraint", "x" + std::to_string(i)
            + "=1"});
    }
    assert_says(verify(keys, "", many), 2, "at most 16");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_is_told_by_word_and_exit_code),
        cmocka_unit_test(hex_headers_are_verified_as_header_lines),
        cmocka_unit_test(a_request_is_described_by_options),
        cmocka_unit_test(what_is_not_described_is_absent),
        cmocka_unit_test(fields_are_found_among_others),
        cmocka_unit_test(json_tells_what_the_token_opens),
        cmocka_unit_test(a_description_that_cannot_be_is_refused),
    };

    return cmocka_run_group_tests_name("l402ctl_verify", tests, nullptr,
        nullptr);
}
