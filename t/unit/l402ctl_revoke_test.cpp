// l402ctl revoke, unrevoke, revocations and payment, over l402_admin.

#include "unit.h"

#include "command.h"
#include "fake_admin.h"

#include <algorithm>

#include <time.h>

using namespace unit;
using nlohmann::json;
using Words = std::vector<std::string>;

namespace {

const std::string id = "00112233445566778899aabbccddeeff"
                       "00112233445566778899aabbccddeeff";

FakeAdmin::Handler always(const Answered &answer)
{
    return [answer](const Asked &) { return answer; };
}

Answer ctl(const std::string &command, const FakeAdmin &server,
    const Words &words, std::string_view input = "")
{
    Words all{command, "--admin", server.url};

    all.insert(all.end(), words.begin(), words.end());
    return l402ctl(all, input);
}

std::string asked_last(FakeAdmin &server)
{
    auto asked = server.asked();

    return asked.empty() ? "nothing"
                         : asked.back().method + " " + asked.back().path;
}

// ---- what is revoked ----

void revoke_tells_the_location(void **)
{
    FakeAdmin server(always({201}));
    Answer    answer = ctl("revoke", server, {"token", id});

    assert_exit(answer, 0);
    assert_text(answer.out, "token " + id + " is revoked\n");
    assert_text(asked_last(server), "PUT /l402/revocations/token/" + id);
    assert_true(json::parse(server.asked()[0].body)
        == json({{"until", nullptr}}));
    assert_contains(server.asked()[0].head, "application/json");

    answer = ctl("revoke", server, {"payment", id});
    assert_exit(answer, 0);
    assert_text(asked_last(server), "PUT /l402/revocations/payment/" + id);

    FakeAdmin stood(always({200}));
    answer = ctl("revoke", stood, {"token", id});
    assert_exit(answer, 0);
    assert_text(answer.out, "token " + id + " was revoked before, and is\n");
}

void a_whole_token_stands_for_its_id(void **)
{
    Keys             keys;
    Token            token(keys);
    FakeAdmin        server(always({201}));
    l402::Macaroon   macaroon;
    l402::Identifier identifier;

    assert_true(l402::parse_macaroon(token.bytes, macaroon));
    assert_true(l402::parse_identifier(macaroon.identifier.view(),
        identifier));

    std::string wanted = "PUT /l402/revocations/token/"
        + l402::to_hex(identifier.token_id, 32);

    for (const std::string &form : {token.base64(), token.credential(),
             to_hex(token.bytes), "Authorization: " + token.credential(),
             token.base64() + ":" + l402::to_hex(token.preimage)}) {
        assert_exit(ctl("revoke", server, {form}), 0);
        assert_text(asked_last(server), wanted);
        assert_exit(ctl("revoke", server, {}, form + "\n"), 0);
        assert_text(asked_last(server), wanted);
        assert_exit(ctl("revoke", server, {"-"}, form), 0);
        assert_text(asked_last(server), wanted);
    }

    std::string both = "L402 " + token.base64() + "," + token.base64() + ":"
        + l402::to_hex(token.preimage);
    size_t      before = server.asked().size();

    assert_says(ctl("revoke", server, {both}), 2, "several tokens");
    for (const char *bad : {"", "x", "L402 x:y", "AAAA"}) {
        assert_says(ctl("revoke", server, {"-"}, bad), 2, "no macaroon");
    }
    assert_int_equal(server.asked().size(), before);
}

void wrong_words_ask_nobody(void **)
{
    FakeAdmin server(always({201}));

    for (const char *command : {"revoke", "unrevoke"}) {
        for (const Words &words : {Words{"token", "x"}, {"payment", id + "0"},
                 {"token", ""}, {"hash", id}, {id, "token"},
                 {"token", id, "x"}, {id}, {"token"}}) {
            Answer answer = ctl(command, server, words);

            assert_exit(answer, 2);
            assert_true(answer.out.empty());
            assert_false(answer.err.empty());
        }
    }
    for (const char *bad : {"x", "", "1", "token"}) {
        assert_exit(ctl("payment", server, {bad}), 2);
    }
    assert_exit(ctl("payment", server, {}), 2);
    assert_int_equal(server.asked().size(), 0);
}

void until_is_a_time_or_so_long_from_now(void **)
{
    FakeAdmin server(always({201}));
    auto      until = [&](const std::string &text) {
        Answer answer = ctl("revoke", server, {"--until", text, "token", id});

        assert_exit(answer, 0);
        assert_contains(answer.out, " is revoked until 2");
        return json::parse(server.asked().back().body)["until"]
            .get<int64_t>();
    };

    assert_int_equal(until("4102444800"), 4102444800);
    for (const auto &[text, seconds] : {std::pair("1h", 3600),
             std::pair("30d", 30 * 86400), std::pair("1d12h", 36 * 3600)}) {
        int64_t left = until(text) - time(nullptr);

        assert_true(left > seconds - 60 && left <= seconds);
    }

    size_t before = server.asked().size();

    assert_says(ctl("revoke", server, {"--until", "1700000000", "token", id}),
        2, "is past");
    for (const char *bad : {"", "x", "1y", "-1", "1h30x", "soon"}) {
        assert_says(ctl("revoke", server, {"--until", bad, "token", id}), 2,
            "--until");
    }
    assert_int_equal(server.asked().size(), before);
}

void unrevoke_says_what_was_not_there(void **)
{
    FakeAdmin server{AdminState()};

    assert_says(ctl("unrevoke", server, {"token", id}), 1,
        "token " + id + " is not revoked");
    assert_exit(ctl("revoke", server, {"token", id}), 0);

    Answer answer = ctl("unrevoke", server, {"token", id});
    assert_exit(answer, 0);
    assert_text(answer.out, "token " + id + " is no longer revoked\n");
    assert_text(asked_last(server), "DELETE /l402/revocations/token/" + id);
}

// ---- the list ----

void revocations_follows_the_pages(void **)
{
    AdminState state;

    state.page_size = 7;
    for (int i = 0; i < 30; i++) {
        char hex[65];

        snprintf(hex, sizeof(hex), "%064x", i);
        state.revoked[std::string(i % 2 ? "token/" : "payment/") + hex] =
            i % 3 ? "{\"until\":4102444800}" : "";
    }

    FakeAdmin server(state);
    Answer    text = ctl("revocations", server, {});
    Answer    lines = ctl("revocations", server, {"--json"});

    assert_exit(text, 0);
    assert_exit(lines, 0);
    assert_int_equal(server.asked().size(), 10);
    assert_int_equal(std::count(text.out.begin(), text.out.end(), '\n'), 30);

    for (const auto &[what, body] : state.revoked) {
        bool        is_token = what[0] == 't';
        std::string hex = what.substr(what.find('/') + 1);
        json        wanted = {{is_token ? "token_id" : "payment_hash", hex},
            {"until", nullptr}};

        if (!body.empty()) {
            wanted["until"] = 4102444800;
        }

        assert_contains(text.out, (is_token ? "token " : "payment ") + hex
            + (body.empty() ? "  for good\n"
                            : "  until 2100-01-01 00:00:00 UTC\n"));
        assert_contains(lines.out, wanted.dump() + "\n");
    }

    FakeAdmin none{AdminState()};
    text = ctl("revocations", none, {});
    assert_exit(text, 0);
    assert_text(text.out, "");
}

void payment_prints_uses_and_balance(void **)
{
    FakeAdmin server{AdminState()};
    Answer    answer = ctl("payment", server, {id});

    assert_exit(answer, 0);
    assert_text(answer.out,
        "uses          3 of 10, 1 held\n"
        "spent         20000 msat of 50000, 5000 held\n"
        "balance       25000 msat\n"
        "expires       2023-11-14 22:13:20 UTC\n");
    assert_text(asked_last(server), "GET /l402/payments/" + id);

    answer = ctl("payment", server, {"--json", id});
    assert_exit(answer, 0);
    assert_true(json::parse(answer.out)["uses_left"] == 6);

    FakeAdmin plain(always({200, R"({"uses":3,"uses_held":0,"uses_limit":null,
        "balance_msat":null,"credited_msat":null,"spent_msat":0,"held_msat":0,
        "expires":null,"revoked":true})"}));
    answer = ctl("payment", plain, {id});
    assert_exit(answer, 0);
    assert_text(answer.out,
        "uses          3\n"
        "spent         0 msat\n"
        "expires       never\n"
        "revoked       yes\n");

    FakeAdmin unknown(always(problem(404, "unknown_payment")));
    assert_says(ctl("payment", unknown, {id}), 1, "nothing was counted");
}

// ---- what goes wrong ----

void what_the_server_says_is_told(void **)
{
    struct Case {
        Answered    answer;
        int         status;
        const char *part;
    };

    for (const Case &c : std::vector<Case>{
             {problem(507, "zone_full"), 1, "507: Because of zone_full"},
             {problem(400, "bad_body"), 1, "400: Because of bad_body"},
             {problem(503, "redis_unavailable"), 2, "503: Because of redis"},
             {problem(500, "error"), 2, "500: Because of error"},
             {{401, "<html>", "text/html"}, 1, "401: you are not let in"},
             {{403, "<html>", "text/html"}, 1, "403: you are not let in"},
             {{404, "<html>", "text/html"}, 2, "no location with l402_admin"},
             {{405, "", "text/html"}, 2, "no location with l402_admin"},
             {{302, "", "text/html"}, 2, "no location with l402_admin"},
             {{502, "<html>", "text/html"}, 2, "no location with l402_admin"},
             {{404, "{\"reason\":1}"}, 2, "no location with l402_admin"},
             {{404, "[1]"}, 2, "no location with l402_admin"},
         })
    {
        FakeAdmin server(always(c.answer));

        assert_says(ctl("revoke", server, {"token", id}), c.status, c.part);
        assert_says(ctl("unrevoke", server, {"token", id}), c.status, c.part);
        assert_says(ctl("revocations", server, {}), c.status, c.part);
        assert_says(ctl("payment", server, {id}), c.status, c.part);
    }

    for (const char *body : {"", "x", "[]", "{}", "{\"revocations\":1}",
             "{\"revocations\":[{}],\"next\":null}",
             "{\"revocations\":[{\"token_id\":\"x\",\"until\":null}],"
             "\"next\":null}",
             "{\"revocations\":[],\"next\":[]}"}) {
        FakeAdmin server(always({200, body}));

        assert_exit(ctl("revocations", server, {}), 2);
    }

    FakeAdmin garbage(always({200, "x"}));
    assert_says(ctl("payment", garbage, {id}), 2, "nothing about a payment");
}

// A server's words come from a stranger, and terminals obey them.
void no_control_character_is_printed(void **)
{
    for (const char *title : {"\\u001b]0;x\\u0007", "a\\nb"}) {
        FakeAdmin server(always({400, std::string("{\"reason\":\"x\",")
                + "\"title\":\"" + title + "\"}"}));

        assert_says(ctl("revoke", server, {"token", id}), 1, "\\x");
    }
}

void one_that_cannot_be_reached_is_named(void **)
{
    std::string url;

    {
        FakeAdmin gone(always({200}));
        url = gone.url;
    }

    assert_says(l402ctl({"revocations", "--admin", url}), 2, url);
    assert_says(l402ctl({"revocations", "--admin",
                    "http://unix:/nowhere/socket:/l402/"}),
        2, "http://unix:/nowhere/socket:/l402/");
    for (const char *bad : {"", "x", "ftp://x/", "http://a:b@127.0.0.1/",
             "127.0.0.1:80"}) {
        assert_says(l402ctl({"revocations", "--admin", bad}), 2, "--admin");
    }
}

void one_place_is_named(void **)
{
    for (const char *command : {"revoke", "unrevoke", "revocations"}) {
        Words words{command};
        Words both{command, "--admin", "http://127.0.0.1:1/", "--redis",
            "redis://127.0.0.1:1"};

        if (command != std::string("revocations")) {
            for (Words *w : {&words, &both}) {
                w->insert(w->end(), {"token", id});
            }
        }
        assert_says(l402ctl(words), 2, "name one of --admin and --redis");
        assert_says(l402ctl(both), 2, "name one of --admin and --redis");
    }

    for (const char *option : {"--username", "--password-file", "--prefix"}) {
        assert_says(l402ctl({"revocations", "--admin", "http://127.0.0.1:1/",
                        option, "x"}),
            2, std::string(option) + " goes with --redis");
    }
    for (const char *option : {"--user-file", "--ca-file"}) {
        assert_says(l402ctl({"revocations", "--redis", "redis://127.0.0.1:1",
                        option, "x"}),
            2, std::string(option) + " goes with --admin");
    }
}

// ---- how it is reached ----

void a_unix_socket_is_reached(void **)
{
    Folder    folder;
    FakeAdmin server(AdminState(), folder.path + "/s");

    assert_exit(ctl("revoke", server, {"token", id}), 0);
    assert_text(asked_last(server), "PUT /l402/revocations/token/" + id);
}

void a_user_comes_from_a_file(void **)
{
    Folder      folder;
    std::string file = folder.write("user", "me:secret\nsecond line\n");
    FakeAdmin   server{AdminState()};
    auto        with = [&](const std::string &path) {
        return ctl("revocations", server, {"--user-file", path});
    };

    assert_exit(with(file), 0);
    assert_contains(server.asked().back().head,
        "Authorization: Basic bWU6c2VjcmV0\r\n");
    assert_exit(ctl("revocations", server, {}), 0);
    assert_false(contains(server.asked().back().head, "Authorization"));

    for (mode_t mode : {0644, 0604, 0602}) {
        Answer answer = with(folder.write("open", "me:secret\n", mode));

        assert_says(answer, 2, "chmod 600");
        assert_false(contains(answer.err, "secret"));
    }
    assert_says(with(folder.path + "/no"), 2, folder.path + "/no");
    assert_says(with(folder.write("empty", "\n")), 2, "empty");
}

void the_environments_proxy_is_left_out(void **)
{
    FakeAdmin server{AdminState()};
    Answer    answer = run({"/usr/bin/env", "http_proxy=http://127.0.0.1:1",
        ctl_path(), "revocations", "--admin", server.url});

    assert_exit(answer, 0);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(revoke_tells_the_location),
        cmocka_unit_test(a_whole_token_stands_for_its_id),
        cmocka_unit_test(wrong_words_ask_nobody),
        cmocka_unit_test(until_is_a_time_or_so_long_from_now),
        cmocka_unit_test(unrevoke_says_what_was_not_there),
        cmocka_unit_test(revocations_follows_the_pages),
        cmocka_unit_test(payment_prints_uses_and_balance),
        cmocka_unit_test(what_the_server_says_is_told),
        cmocka_unit_test(no_control_character_is_printed),
        cmocka_unit_test(one_that_cannot_be_reached_is_named),
        cmocka_unit_test(one_place_is_named),
        cmocka_unit_test(a_unix_socket_is_reached),
        cmocka_unit_test(a_user_comes_from_a_file),
        cmocka_unit_test(the_environments_proxy_is_left_out),
    };

    return cmocka_run_group_tests_name("l402ctl_revoke", tests, nullptr,
        nullptr);
}
