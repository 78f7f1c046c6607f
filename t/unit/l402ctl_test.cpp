// l402ctl from the outside: words in, words and exit codes out.

#include "unit.h"

#include "command.h"

#include <cstring>
#include <ctime>

using namespace unit;
using nlohmann::json;

namespace {

json mint(const std::string &keys, std::vector<std::string> words = {})
{
    words.insert(words.begin(), {"mint", "--json", "--key-file", keys,
                                    "--service", "weather:2"});

    Answer answer = l402ctl(words);
    assert_exit(answer, 0);
    return json::parse(answer.out);
}

Answer verify(const std::string &keys, const std::string &credential,
    std::vector<std::string> words = {})
{
    words.insert(words.begin(), {"verify", "--key-file", keys, "--service",
                                    "weather"});
    return l402ctl(words, credential);
}

// ---- keygen ----

void keygen_writes_a_line_for_a_key_file(void **)
{
    Answer        one = l402ctl({"keygen", "--comment", "web, 2026"});
    Answer        two = l402ctl({"keygen"});
    l402::Keyring keys;
    std::string   error;

    assert_exit(one, 0);
    assert_exit(two, 0);
    assert_int_equal(one.out.size(), 64 + strlen(" web, 2026\n"));
    assert_int_equal(two.out.size(), 65);
    assert_true(one.out.substr(0, 64) != two.out.substr(0, 64));
    assert_true(keys.parse(one.out + two.out, error));
    assert_int_equal(keys.size(), 2);
}

void a_comment_cannot_begin_a_line_of_its_own(void **)
{
    Answer answer = l402ctl({"keygen", "--comment", "x\ny"});

    assert_exit(answer, 2);
    assert_true(answer.out.empty());
}

// ---- mint and verify ----

void a_minted_credential_verifies(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);
    Answer      minted = l402ctl({"mint", "--key-file", keys, "--service",
             "weather:2"});

    assert_exit(minted, 0);
    assert_true(minted.out.compare(0, 5, "L402 ") == 0);

    Answer verified = verify(keys, minted.out);
    assert_exit(verified, 0);
    assert_text(verified.out, "ok\n");

    assert_exit(verify(keys, "Authorization: " + minted.out), 0);
    assert_exit(l402ctl({"verify", "--key-file", keys, "--service",
                    "weather:2", minted.out}), 0);
}

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

void json_has_the_parts(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);
    json        token = mint(keys, {"--valid-until", "1700000000"});
    uint8_t     hash[32];

    l402::sha256(from_hex(token["preimage"].get<std::string>()), hash);
    assert_text(token["payment_hash"].get<std::string>(),
        l402::to_hex(hash, 32));
    assert_text(token["authorization"].get<std::string>(),
        "L402 " + token["macaroon"].get<std::string>() + ":"
            + token["preimage"].get<std::string>());

    json verdict = json::parse(verify(keys, token["authorization"],
        {"--json", "--now", "1"}).out);
    assert_true(verdict["result"] == "ok");
    assert_true(verdict["tier"] == 2);
    assert_true(verdict["expires"] == 1700000000);
    assert_true(verdict["payment_hash"] == token["payment_hash"]);
    assert_true(verdict["token_id"] == token["token_id"]);
}

void without_a_preimage_the_macaroon_alone_is_printed(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);
    std::string preimage(64, '7');
    uint8_t     hash[32];

    l402::sha256(from_hex(preimage), hash);

    std::string hex = l402::to_hex(hash, 32);
    Answer      answer = l402ctl({"mint", "--key-file", keys, "--service",
             "weather", "--payment-hash", hex});
    json        token = mint(keys, {"--payment-hash", hex});

    assert_exit(answer, 0);
    assert_false(contains(answer.out, ":"));
    answer.out.pop_back();
    assert_exit(verify(keys, "L402 " + answer.out + ":" + preimage), 0);

    assert_false(token.contains("preimage"));
    assert_false(token.contains("authorization"));
    assert_true(token["payment_hash"] == hex);
}

void expiry_is_an_hour_unless_told_otherwise(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);
    int64_t     time = int64_t(std::time(nullptr));

    auto expires_in = [&](std::vector<std::string> words) {
        json token = mint(keys, words);
        return token["expires"].get<int64_t>() - time;
    };
    auto about = [](int64_t got, int64_t wanted) {
        assert_true(got >= wanted && got <= wanted + 60);
    };

    about(expires_in({}), 3600);
    about(expires_in({"--valid-for", "90"}), 90);
    about(expires_in({"--valid-for", "1d12h"}), 129600);
    about(expires_in({"--valid-for", "2w"}), 1209600);
    assert_false(mint(keys, {"--no-expiry"}).contains("expires"));

    for (const char *bad : {"", "0", "-1h", "1x", "h", "1.5h", "1h ", "1e3",
             "99999999999999999999", "9999999999w"}) {
        Answer answer = l402ctl({"mint", "--key-file", keys, "--service", "w",
            "--valid-for", bad});
        assert_exit(answer, 2);
        assert_contains(answer.err, "--valid-for");
    }
    for (const char *bad : {"-1", "1e9", "x", "1000000000000",
             "18446744073709551616"}) {
        assert_exit(l402ctl({"mint", "--key-file", keys, "--service", "w",
                        std::string("--valid-until=") + bad}), 2);
    }
    assert_exit(l402ctl({"mint", "--key-file", keys, "--service", "w",
                    "--valid-for", "1h", "--no-expiry"}), 2);

    // What is long past stays so, and is not taken for "for ever".
    json past = mint(keys, {"--valid-until", "0"});
    assert_text(verify(keys, past["authorization"]).out, "expired\n");
}

void caveats_key_and_token_id_are_as_given(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys",
        std::string(key_1) + " new\n" + key_2 + " old\n");
    std::string old = folder.write("old", key_2);
    json        token = mint(keys, {"--key", "2", "--caveat", "a=b", "--caveat",
               "c", "--token-id", std::string(64, 'c'), "--no-expiry"});
    l402::Macaroon m;
    std::string bytes = from_base64(token["macaroon"].get<std::string>());

    assert_true(l402::parse_macaroon(bytes, m));
    assert_int_equal(m.caveat_count, 3);
    assert_text(m.caveats[1].view(), "a=b");
    assert_text(m.caveats[2].view(), "c");
    assert_text(token["token_id"].get<std::string>().substr(0, 60),
        std::string(60, 'c'));
    assert_exit(verify(old, token["authorization"]), 0);
    assert_exit(verify(keys, token["authorization"]), 0);
    assert_text(verify(keys, token["authorization"],
                    {"--refuse-unknown-caveats"}).out, "caveat_refused\n");

    for (const char *bad : {"0", "3", "x"}) {
        assert_exit(l402ctl({"mint", "--key-file", keys, "--service", "w",
                        "--key", bad}), 2);
    }
    assert_exit(l402ctl({"mint", "--key-file", keys, "--service", "w",
                    "--caveat", std::string(9000, 'x')}), 2);
}

void services_are_named_as_in_a_configuration(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);

    for (const char *bad : {"", "on", "off", "a b", "a:256", "a:-1", "a:",
             "a:x", ":1", "a,b", "\xc3\xa9"}) {
        for (const char *command : {"mint", "verify"}) {
            Answer answer = l402ctl({command, "--key-file", keys, "--service",
                bad});
            assert_exit(answer, 2);
            assert_contains(answer.err, "--service");
        }
    }
    assert_exit(l402ctl({"mint", "--key-file", keys, "--service",
                    std::string(65, 'a')}), 2);
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

// ---- key files ----

void a_key_file_open_to_others_is_refused(void **)
{
    Folder folder;

    for (mode_t mode : {0644, 0604, 0666, 0602}) {
        std::string keys = folder.write("keys", key_1, mode);

        for (const char *command : {"mint", "verify"}) {
            Answer answer = l402ctl({command, "--key-file", keys, "--service",
                "w"});

            assert_exit(answer, 2);
            assert_contains(answer.err, keys);
            assert_contains(answer.err, "chmod 600");
            assert_true(answer.out.empty());
        }
    }
    for (mode_t mode : {0600, 0400, 0640}) {
        std::string keys = folder.write("keys", key_1, mode);
        assert_exit(l402ctl({"mint", "--key-file", keys, "--service", "w"}),
            0);
    }
}

void no_message_shows_a_key(void **)
{
    Folder            folder;
    const std::string digits = "0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcde";

    for (const std::string &bad : {digits, digits + "g", digits + "01"}) {
        std::string keys = folder.write("keys", bad);
        Answer      answer = l402ctl({"mint", "--key-file", keys, "--service",
                 "w"});

        assert_exit(answer, 2);
        assert_contains(answer.err, "line 1");
        assert_false(contains(answer.out + answer.err, "abcdef"));
    }

    std::string keys = folder.write("keys", digits + "f");
    for (const Answer &answer : {
             l402ctl({"mint", "--key-file", keys, "--service", "w"}),
             verify(keys, "L402 x"), verify(keys, "x", {"--json"})}) {
        assert_false(contains(answer.out + answer.err, "89abcdef0123"));
    }
}

void missing_and_empty_key_files_are_named(void **)
{
    Folder folder;

    Answer missing = l402ctl({"mint", "--key-file", folder.path + "/no",
        "--service", "w"});
    assert_exit(missing, 2);
    assert_contains(missing.err, folder.path + "/no");

    for (const std::string &file : {folder.write("empty", ""), folder.path,
             folder.write("long", std::string(100000, '#'))}) {
        Answer answer = l402ctl({"mint", "--key-file", file, "--service",
            "w"});
        assert_exit(answer, 2);
        assert_contains(answer.err, file);
    }
}

// ---- usage ----

void help_documents_the_exit_codes_and_exits_0(void **)
{
    Answer help = l402ctl({"--help"});

    assert_exit(help, 0);
    assert_contains(help.out, "Exit codes: 0");
    assert_contains(help.out, "Examples:");
    for (const char *command : {"keygen", "mint", "inspect", "verify"}) {
        assert_contains(help.out, command);
        Answer of_command = l402ctl({command, "--help"});
        assert_exit(of_command, 0);
        assert_contains(of_command.out, std::string("l402ctl ") + command);
    }
}

void wrong_usage_exits_2_and_says_so(void **)
{
    for (const std::vector<std::string> &words :
        std::vector<std::vector<std::string>>{{}, {"foo"}, {"mint"},
            {"verify"}, {"keygen", "--no-such-option"}, {"keygen", "extra"},
            {"mint", "--key-file", "x"}, {"inspect", "a", "b"}}) {
        Answer answer = l402ctl(words);

        assert_exit(answer, 2);
        assert_false(answer.err.empty());
        assert_true(answer.out.empty());
    }
}

void a_full_disk_is_not_success(void **)
{
    Answer answer = run({"/bin/sh", "-c", "exec \"$0\" keygen >/dev/full",
        ctl_path()});

    assert_exit(answer, 2);
    assert_false(answer.err.empty());
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(keygen_writes_a_line_for_a_key_file),
        cmocka_unit_test(a_comment_cannot_begin_a_line_of_its_own),
        cmocka_unit_test(a_minted_credential_verifies),
        cmocka_unit_test(a_refusal_is_told_by_word_and_exit_code),
        cmocka_unit_test(json_has_the_parts),
        cmocka_unit_test(without_a_preimage_the_macaroon_alone_is_printed),
        cmocka_unit_test(expiry_is_an_hour_unless_told_otherwise),
        cmocka_unit_test(caveats_key_and_token_id_are_as_given),
        cmocka_unit_test(services_are_named_as_in_a_configuration),
        cmocka_unit_test(hex_headers_are_verified_as_header_lines),
        cmocka_unit_test(a_key_file_open_to_others_is_refused),
        cmocka_unit_test(no_message_shows_a_key),
        cmocka_unit_test(missing_and_empty_key_files_are_named),
        cmocka_unit_test(help_documents_the_exit_codes_and_exits_0),
        cmocka_unit_test(wrong_usage_exits_2_and_says_so),
        cmocka_unit_test(a_full_disk_is_not_success),
    };

    return cmocka_run_group_tests_name("l402ctl", tests, nullptr, nullptr);
}
