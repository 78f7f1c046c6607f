// l402_admin without nginx: paths, bodies and documents.

#include "l402/admin.h"

#include "unit.h"

#include <set>

using namespace unit;
using l402::AdminError;
using l402::AdminPage;
using l402::AdminTarget;
using l402::Subject;
using nlohmann::json;
using Kind = l402::AdminTarget::Kind;

namespace {

const std::string id = "00112233445566778899aabbccddeeff"
                       "00112233445566778899AABBCCDDEEFF";

AdminTarget target_of(const std::string &path)
{
    AdminTarget target;
    AdminError  error;

    if (!l402::parse_admin_path(path, target, error)) {
        fail_msg("%s: %s", path.c_str(), l402::describe(error).word);
    }
    return target;
}

std::string path_error(const std::string &path)
{
    AdminTarget target;
    AdminError  error;

    if (l402::parse_admin_path(path, target, error)) {
        fail_msg("\"%s\" is taken", path.c_str());
    }
    return l402::describe(error).word;
}

// ---- paths ----

void a_path_names_what_is_asked_for(void **)
{
    // The location may be "/l402/" or "/l402".
    for (const char *before : {"", "/"}) {
        for (const char *behind : {"", "/"}) {
            auto at = [&](const std::string &path) {
                return target_of(before + path + behind);
            };

            assert_true(at("revocations").kind == Kind::revocations);

            AdminTarget token = at("revocations/token/" + id);
            AdminTarget payment = at("revocations/payment/" + id);
            AdminTarget counted = at("payments/" + id);

            assert_true(token.kind == Kind::revocation);
            assert_true(token.subject == Subject::token);
            assert_true(payment.kind == Kind::revocation);
            assert_true(payment.subject == Subject::payment);
            assert_true(counted.kind == Kind::payment);

            for (const AdminTarget &t : {token, payment, counted}) {
                assert_memory_equal(t.id.data(), from_hex(id).data(), 32);
            }
        }
    }
}

void another_path_is_unknown(void **)
{
    for (const char *path : {"", "/", "//", "revocation", "revocationsx",
             "//revocations", "revocations//", "Revocations", "payments",
             "payments/", "revocations/token", "revocations/token/",
             "revocations/tokens/x", "revocations/payments/x",
             "x/revocations"}) {
        assert_text(path_error(path), "unknown_path");
    }
}

void an_id_is_64_hex_digits(void **)
{
    for (const std::string &bad : {std::string("1"), id.substr(1), id + "0",
             id + "00", "g" + id.substr(1), " " + id.substr(1), id + "//",
             id + "/x", std::string(64, '\0')}) {
        for (const char *before :
            {"revocations/token/", "revocations/payment/", "payments/"})
        {
            assert_text(path_error(before + bad), "bad_id");
        }
    }
}

void each_path_has_its_methods(void **)
{
    assert_text(target_of("revocations").methods(), "GET, HEAD");
    assert_text(target_of("payments/" + id).methods(), "GET, HEAD");
    assert_text(target_of("revocations/token/" + id).methods(),
        "PUT, DELETE");
}

// ---- queries ----

void a_query_says_which_page(void **)
{
    struct Case {
        const char *query;
        size_t      limit;
        uint64_t    position;
    };

    for (const Case &c : std::initializer_list<Case>{
             {"", 1000, 0},
             {"limit=1", 1, 0},
             {"limit=10000", 10000, 0},
             {"after=7", 1000, 7},
             {"limit=2&after=0", 2, 0},
             {"after=9223372036854775807&limit=3", 3, INT64_MAX},
             {"&limit=2&&", 2, 0},
         })
    {
        AdminPage page;

        assert_true(l402::parse_admin_query(c.query, page));
        assert_int_equal(page.limit, c.limit);
        assert_true(page.position == c.position);
    }
}

void another_query_is_refused(void **)
{
    for (const char *query : {"limit=0", "limit=10001", "limit=", "limit",
             "limit=-1", "limit=1x", "limit=%31", "after=", "after=x",
             "after=9223372036854775808", "after=-1", "Limit=1", "x=1",
             "limit=1&next=2", "limit=18446744073709551617"}) {
        AdminPage page;

        if (l402::parse_admin_query(query, page)) {
            fail_msg("\"%s\" is taken", query);
        }
    }
}

// ---- bodies ----

void a_body_says_until_when(void **)
{
    const std::pair<const char *, int64_t> cases[] = {
        {"", 0},
        {" \r\n\t", 0},
        {"{}", 0},
        {"{\"until\":null}", 0},
        {" { \"until\" : 1700000001 }\n", 1700000001},
        {"{\"until\":999999999999}", 999999999999},
    };

    for (const auto &[body, wanted] : cases) {
        int64_t    until = -1;
        AdminError error;

        if (!l402::parse_admin_body(body, now, until, error)) {
            fail_msg("%s: %s", body, l402::describe(error).word);
        }
        assert_int_equal(until, wanted);
    }
}

std::string body_error(const std::string &body)
{
    int64_t    until;
    AdminError error;

    if (l402::parse_admin_body(body, now, until, error)) {
        fail_msg("\"%s\" is taken", body.c_str());
    }
    return l402::describe(error).word;
}

void another_body_is_refused(void **)
{
    for (const char *body : {"x", "1", "[]", "null", "\"until\"", "{", "{]",
             "{\"until\"}", "{\"until\":\"1800000000\"}", "{\"until\":1e10}",
             "{\"until\":1800000000.0}", "{\"until\":true}",
             "{\"until\":[1800000000]}", "{\"Until\":1800000000}",
             "{\"until\":1800000000,\"x\":1}", "{\"until\":1800000000}}",
             "{\"until\":1000000000000}", "{\"until\":9223372036854775808}",
             "{\"until\":18446744073709551615}",
             "{\"until\":99999999999999999999}", "\xff", "until=1800000000"}) {
        assert_text(body_error(body), "bad_body");
    }
    assert_text(body_error(std::string(4096, '[')), "bad_body");
    assert_text(body_error(std::string(1, '\0')), "bad_body");
}

void a_time_that_is_past_is_refused(void **)
{
    for (const char *time : {"0", "-1", "1", "1699999999", "1700000000",
             "-9223372036854775808"}) {
        assert_text(body_error(std::string("{\"until\":") + time + "}"),
            "until_past");
    }
}

// ---- documents ----

l402::Revocation revocation(Subject subject, uint8_t byte, int64_t until)
{
    l402::Revocation r;

    r.subject = subject;
    r.id.fill(byte);
    r.until = until;
    return r;
}

void a_list_is_what_the_contract_says(void **)
{
    std::vector<l402::Revocation> list = {
        revocation(Subject::token, 0xab, 0),
        revocation(Subject::payment, 0x01, 1700000000),
    };
    l402::RedisHealth health{true, 3}, never{false, -1};
    std::string       ab, one;

    for (size_t i = 0; i < 32; i++) {
        ab += "ab";
        one += "01";
    }

    json out = json::parse(l402::revocations_json(list, 0, nullptr));

    assert_true(out == json({{"revocations",
                           {{{"token_id", ab}, {"until", nullptr}},
                               {{"payment_hash", one},
                                   {"until", 1700000000}}}},
                    {"next", nullptr}, {"redis", nullptr}}));

    out = json::parse(l402::revocations_json({}, 1000, &health));
    assert_true(out["revocations"] == json::array());
    assert_true(out["next"] == "1000");
    assert_true(out["redis"] == json({{"connected", true},
                                    {"age_seconds", 3}}));

    out = json::parse(l402::revocations_json({}, 0, &never));
    assert_true(out["redis"] == json({{"connected", false},
                                    {"age_seconds", nullptr}}));
}

void a_next_page_is_what_after_takes(void **)
{
    for (uint64_t next : {uint64_t(1), uint64_t(4294967295)}) {
        json      out = json::parse(l402::revocations_json({}, next, nullptr));
        AdminPage page;

        assert_true(l402::parse_admin_query(
            "after=" + out["next"].get<std::string>(), page));
        assert_true(page.position == next);
    }
}

void a_payment_is_told_in_full(void **)
{
    l402::Payment payment;

    payment.hash.fill(0xcd);
    payment.minted = {10, 50000};
    payment.spent = {3, 20000};
    payment.held = {1, 5000};
    payment.expires = 1700000000;

    json out = json::parse(l402::payment_json(payment, true));

    assert_true(out["payment_hash"] == l402::to_hex(payment.hash));
    assert_true(out["uses"] == 3);
    assert_true(out["uses_held"] == 1);
    assert_true(out["uses_limit"] == 10);
    assert_true(out["uses_left"] == 6);
    assert_true(out["balance_msat"] == 25000);
    assert_true(out["credited_msat"] == 50000);
    assert_true(out["spent_msat"] == 20000);
    assert_true(out["held_msat"] == 5000);
    assert_true(out["expires"] == 1700000000);
    assert_true(out["revoked"] == true);
    assert_int_equal(out.size(), 11);
}

void what_was_not_bought_is_null(void **)
{
    l402::Payment payment;

    payment.spent = {2, 0};

    json out = json::parse(l402::payment_json(payment, false));

    for (const char *name : {"uses_limit", "uses_left", "balance_msat",
             "credited_msat", "expires"}) {
        assert_true(out[name].is_null());
    }
    assert_true(out["uses"] == 2);
    assert_true(out["spent_msat"] == 0);
    assert_true(out["revoked"] == false);
}

void nothing_is_left_below_nothing(void **)
{
    for (l402::Amount held : {l402::Amount{0, 0}, l402::Amount{9, 9},
             l402::Amount{UINT64_MAX, UINT64_MAX}}) {
        l402::Payment payment;

        payment.minted = {10, 10};
        payment.spent = held.uses == 9 ? l402::Amount{2, 2}
                                       : l402::Amount{11, 11};
        payment.held = held;

        json out = json::parse(l402::payment_json(payment, false));
        assert_true(out["uses_left"] == 0);
        assert_true(out["balance_msat"] == 0);
    }

    l402::Payment payment;

    payment.minted = {UINT64_MAX, UINT64_MAX};
    payment.spent = {1, 1};
    payment.held = {1, 1};

    json out = json::parse(l402::payment_json(payment, false));
    assert_true(out["uses_left"] == UINT64_MAX - 2);
}

void every_error_is_a_problem_document(void **)
{
    std::set<std::string> words;

    for (size_t i = 0; i < l402::admin_error_count; i++) {
        auto        error = static_cast<AdminError>(i);
        const auto &info = l402::describe(error);
        json        out = json::parse(l402::admin_problem_json(error));

        assert_int_equal(out.size(), 4);
        assert_true(out["status"] == info.status);
        assert_true(out["reason"] == info.word);
        assert_true(out["title"] == info.title);
        assert_true(out["type"].get<std::string>().find(
                        "https://www.rfc-editor.org/rfc/") == 0);
        assert_true(info.status >= 400 && info.status < 600);
        words.insert(info.word);
    }

    assert_int_equal(words.size(), l402::admin_error_count);
    assert_text(l402::describe(static_cast<AdminError>(200)).word, "error");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_path_names_what_is_asked_for),
        cmocka_unit_test(another_path_is_unknown),
        cmocka_unit_test(an_id_is_64_hex_digits),
        cmocka_unit_test(each_path_has_its_methods),
        cmocka_unit_test(a_query_says_which_page),
        cmocka_unit_test(another_query_is_refused),
        cmocka_unit_test(a_body_says_until_when),
        cmocka_unit_test(another_body_is_refused),
        cmocka_unit_test(a_time_that_is_past_is_refused),
        cmocka_unit_test(a_list_is_what_the_contract_says),
        cmocka_unit_test(a_next_page_is_what_after_takes),
        cmocka_unit_test(a_payment_is_told_in_full),
        cmocka_unit_test(what_was_not_bought_is_null),
        cmocka_unit_test(nothing_is_left_below_nothing),
        cmocka_unit_test(every_error_is_a_problem_document),
    };

    return cmocka_run_group_tests_name("admin", tests, nullptr, nullptr);
}
