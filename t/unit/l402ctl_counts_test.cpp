// l402ctl: tokens that are counted, from minting to a narrowed copy.

#include "unit.h"

#include "command.h"

using namespace unit;
using nlohmann::json;

namespace {

void what_is_granted_is_minted_and_closed(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);
    json        token = mint(keys, {"--balance", "10sat", "--uses", "5",
               "--valid-until", "1700000000"});

    assert_caveats(token["macaroon"], {"services=weather:2",
        "weather_valid_until=1700000000", "weather_uses=5",
        "weather_balance=10000"});
    assert_true(token["uses"] == 5);
    assert_true(token["balance_msat"] == 10000);

    token = mint(keys, {"--uses", "5", "--no-expiry"});
    assert_caveats(token["macaroon"], {"services=weather:2", "weather_uses=5",
        "services=weather:02"});
    assert_false(token.contains("balance_msat"));

    token = mint(keys, {"--no-expiry"});
    assert_caveats(token["macaroon"], {"services=weather:2",
        "services=weather:02"});
    assert_false(token.contains("uses"));

    token = mint(keys, {"--no-expiry", "--caveat", "weather_uses=5"});
    assert_text(verify(keys, token["authorization"], {"--needs-uses"}).out,
        "insufficient\n");
}

void a_count_that_is_none_is_not_minted(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);

    const std::pair<const char *, const char *> bad[] = {
        {"--uses", ""}, {"--uses", "0"}, {"--uses", "+1"}, {"--uses", "1e3"},
        {"--uses", "5x"}, {"--uses", "1000000000000000000"},
        {"--balance", ""}, {"--balance", "0"}, {"--balance", "5"},
        {"--balance", "0sat"}, {"--balance", "1.5sat"},
        {"--balance", "1000000000000000sat"},
    };

    for (const auto &[option, value] : bad) {
        assert_says(l402ctl({"mint", "--key-file", keys, "--service", "w",
                        option, value}), 2, option);
    }
    assert_true(mint(keys, {"--uses", "999999999999999999", "--balance",
                    "999999999999999sat"})["balance_msat"]
        == 999999999999999000);
}

void a_location_that_counts_needs_what_was_minted(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);
    std::string uses = mint(keys, {"--uses", "5"})["authorization"];
    std::string balance = mint(keys, {"--balance", "7msat"})["authorization"];
    std::string appended = l402ctl({"attenuate", "--uses", "5", "--balance",
        "7msat", mint(keys)["authorization"]}).out;

    auto word = [&](const std::string &credential, const char *option) {
        Answer answer = verify(keys, credential, {option});

        assert_exit(answer, answer.out == "ok\n" ? 0 : 1);
        return answer.out;
    };

    assert_text(word(uses, "--needs-uses"), "ok\n");
    assert_text(word(balance, "--needs-balance"), "ok\n");
    assert_text(word(uses, "--needs-balance"), "insufficient\n");
    assert_text(word(balance, "--needs-uses"), "insufficient\n");
    assert_text(word(appended, "--needs-uses"), "insufficient\n");
    assert_text(word(appended, "--needs-balance"), "insufficient\n");
}

void verify_says_what_the_gate_counts(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);
    json        token = mint(keys, {"--uses", "5", "--balance", "1sat"});
    std::string copy = l402ctl({"attenuate", "--uses", "3",
        token["authorization"]}).out;
    Answer      answer = verify(keys, copy);

    assert_text(answer.out, "ok\n");
    assert_text(answer.err,
        "l402ctl: note: until the payment has had 3 requests, which the gate"
        " counts\n"
        "l402ctl: note: until 1000 msat of the payment are spent, which the"
        " gate counts\n");
    assert_text(verify(keys, mint(keys)["authorization"]).err, "");

    json verdict = json::parse(verify(keys, copy, {"--json"}).out);
    assert_true(verdict["uses"] == 3);
    assert_true(verdict["minted_uses"] == 5);
    assert_true(verdict["balance_msat"] == 1000);
    assert_true(verdict["minted_balance_msat"] == 1000);

    verdict = json::parse(verify(keys, mint(keys)["authorization"],
        {"--json"}).out);
    assert_false(verdict.contains("uses"));
    assert_false(verdict.contains("minted_balance_msat"));
}

// What attenuate makes of a token with these caveats.
std::vector<std::string> attenuated(std::vector<std::string> words,
    const std::vector<std::string> &caveats)
{
    Keys  keys;
    Token token(keys, caveats);

    words.insert(words.begin(), "attenuate");

    Answer answer = l402ctl(words, token.base64());

    assert_exit(answer, 0);
    answer.out.pop_back();

    std::vector<std::string> all = caveats_of(answer.out);

    all.erase(all.begin(), all.begin() + ptrdiff_t(caveats.size()));
    return all;
}

void a_copy_has_a_share_of_the_count(void **)
{
    const std::vector<std::string> counted{"services=weather:2,maps:1",
        "weather_uses=5", "weather_balance=9000"};

    assert_text(json(attenuated({"--service", "weather", "--balance", "8sat",
                         "--uses", "3", "--valid-until", "5",
                         "--capabilities", "read"}, counted)).dump(),
        json({"weather_valid_until=5", "weather_uses=3",
            "weather_balance=8000", "weather_capabilities=read"}).dump());
    assert_text(json(attenuated({"--uses", "0"}, counted)).dump(),
        json({"weather_uses=0", "maps_uses=0"}).dump());
    // The services that close the grants are no second one.
    assert_text(json(attenuated({"--uses", "3", "--capabilities", "a"},
                         {"services=weather:2", "weather_uses=5",
                             "services=weather:02"})).dump(),
        json({"weather_uses=3", "weather_capabilities=a"}).dump());
}

void a_count_that_widens_is_refused_by_name(void **)
{
    Keys  keys;
    Token token(keys, {"services=weather:2", "weather_uses=5",
        "weather_balance=9000"});

    auto attenuate = [&](std::vector<std::string> words) {
        words.insert(words.begin(), "attenuate");
        return l402ctl(words, token.base64());
    };

    Answer answer = attenuate({"--uses", "6"});
    assert_says(answer, 1, "\"weather_uses=6\"");
    assert_contains(answer.err, "would widen the token; the token has"
        " \"weather_uses=5\" (weather: until the payment has had 5 requests)");
    answer = attenuate({"--balance", "10sat"});
    assert_says(answer, 1, "\"weather_balance=10000\"");
    assert_contains(answer.err,
        "(weather: until 9000 msat of the payment are spent)");
    assert_says(attenuate({"--caveat", "weather_balance=1sat"}), 1,
        "msat, a whole number");
    assert_says(attenuate({"--caveat", "weather_uses=x"}), 1,
        "a whole number");
    assert_says(attenuate({"--uses", "x"}), 2, "--uses");
    assert_says(attenuate({"--balance", "9000"}), 2, "--balance");
}

void inspect_says_where_the_grants_end(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);
    std::string token = mint(keys, {"--uses", "5"})["macaroon"];

    assert_contains(l402ctl({"inspect", token}).out,
        "services=weather:02  (opens weather up to tier 02; what stands behind"
        " this grants nothing)\n");
    assert_contains(l402ctl({"inspect", token}).out,
        "weather_uses=5  (weather: until the payment has had 5 requests)\n");

    Token other(Keys(), {"services=weather:02", "services=weather:2"});
    assert_false(contains(l402ctl({"inspect", other.base64()}).out,
        "grants nothing"));
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_is_granted_is_minted_and_closed),
        cmocka_unit_test(a_count_that_is_none_is_not_minted),
        cmocka_unit_test(a_location_that_counts_needs_what_was_minted),
        cmocka_unit_test(verify_says_what_the_gate_counts),
        cmocka_unit_test(a_copy_has_a_share_of_the_count),
        cmocka_unit_test(a_count_that_widens_is_refused_by_name),
        cmocka_unit_test(inspect_says_where_the_grants_end),
    };

    return cmocka_run_group_tests_name("l402ctl_counts", tests, nullptr,
        nullptr);
}
