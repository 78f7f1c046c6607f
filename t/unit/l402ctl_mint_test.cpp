// l402ctl mint: tokens that the module lets in.

#include "unit.h"

#include "command.h"

#include <ctime>

using namespace unit;
using nlohmann::json;

namespace {

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
    assert_int_equal(m.caveat_count, 4);
    assert_text(m.caveats[1].view(), "services=weather:02");
    assert_text(m.caveats[2].view(), "a=b");
    assert_text(m.caveats[3].view(), "c");
    assert_text(token["token_id"].get<std::string>().substr(0, 56),
        std::string(56, 'c'));
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

void terms_become_caveats_in_the_minted_order(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);
    json        token = mint(keys, {"--caveat", "x=1", "--bind-method", "post",
               "--bind-path", "/a b,c*", "--bind-host", "Example.ORG",
               "--bind-address", "192.0.2.7", "--constraint", "size=5",
               "--constraint", "count=0", "--capabilities", "read,list",
               "--valid-until", "1700000000", "--caveat", "[y]", "--caveat",
               "{}"});

    assert_caveats(token["macaroon"], {"services=weather:2",
        "weather_valid_until=1700000000", "weather_capabilities=read,list",
        "size=5", "count=0", "client_address=192.0.2.7",
        "request_host=example.org", "request_path=/a%20b%2Cc%2A",
        "request_method=POST", "x=1", "[y]", "{}"});
}

void what_is_bound_may_be_a_socket_and_head_is_get(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);

    assert_caveats(mint(keys, {"--no-expiry", "--bind-address", "unix:",
                            "--bind-method", "HEAD", "--capabilities", ""})
                       ["macaroon"],
        {"services=weather:2", "weather_capabilities=", "client_address=unix:",
            "request_method=GET"});
    assert_caveats(mint(keys, {"--no-expiry", "--bind-address",
                            "2001:DB8::1"})["macaroon"],
        {"services=weather:2", "client_address=2001:db8::1"});
}

void terms_that_no_gate_reads_are_not_minted(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);

    const std::vector<std::string> bad[] = {
        {"--capabilities", "a b"}, {"--capabilities", "a,"},
        {"--capabilities", std::string(65, 'a')}, {"--constraint", "x"},
        {"--constraint", "x="}, {"--constraint", "x=1e3"},
        {"--constraint", "x=-1"}, {"--constraint", "=1"},
        {"--constraint", "a b=1"}, {"--constraint", "services=1"},
        {"--constraint", "weather_valid_until=1"},
        {"--constraint", "weather_uses=1"}, {"--constraint", "request_path=1"},
        {"--constraint", "x=9999999999999999999"},
        {"--bind-address", "192.0.2.0/24"}, {"--bind-address", ""},
        {"--bind-address", "localhost"}, {"--bind-host", ""},
        {"--bind-path", ""}, {"--bind-path", "a"}, {"--bind-method", ""},
        {"--token-id", "ff"}, {"--payment-hash", std::string(64, 'x')},
    };

    for (const std::vector<std::string> &option : bad) {
        std::vector<std::string> words{"mint", "--key-file", keys, "--service",
            "weather"};

        words.insert(words.end(), option.begin(), option.end());
        assert_says(l402ctl(words), 2, option[0]);
    }
}

// Of a token id the last four bytes are the key's.
void a_token_id_names_its_key(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys",
        std::string(key_1) + "\n" + key_2 + "\n");
    std::string wanted(64, 'c'), ids[2];

    for (int key = 0; key < 2; key++) {
        ids[key] = mint(keys, {"--token-id", wanted, "--key",
                                  std::to_string(key + 1)})["token_id"];
        assert_text(ids[key].substr(0, 56), wanted.substr(0, 56));
        assert_string_not_equal(ids[key].substr(56).c_str(), "cccccccc");
    }
    assert_string_not_equal(ids[0].c_str(), ids[1].c_str());
    assert_contains(l402ctl({"mint", "--help"}).out, "the last eight");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_minted_credential_verifies),
        cmocka_unit_test(json_has_the_parts),
        cmocka_unit_test(without_a_preimage_the_macaroon_alone_is_printed),
        cmocka_unit_test(expiry_is_an_hour_unless_told_otherwise),
        cmocka_unit_test(caveats_key_and_token_id_are_as_given),
        cmocka_unit_test(terms_become_caveats_in_the_minted_order),
        cmocka_unit_test(what_is_bound_may_be_a_socket_and_head_is_get),
        cmocka_unit_test(terms_that_no_gate_reads_are_not_minted),
        cmocka_unit_test(a_token_id_names_its_key),
    };

    return cmocka_run_group_tests_name("l402ctl_mint", tests, nullptr,
        nullptr);
}
