// The bodies of a challenge and of a refusal.

#include "unit.h"

using namespace unit;
using l402::Result;
using nlohmann::ordered_json;

namespace {

l402::Challenge challenge()
{
    l402::Challenge c;

    c.token = "AgEEbHNhdA==";
    c.invoice = "lnbcrt100n1p0";
    c.payment_hash = std::string(64, 'a');
    c.price_msat = 10500;
    c.invoice_expires_at = 1700000600;
    c.token_expires_at = 1700003600;
    return c;
}

// ---- the table of results ----

void every_result_has_its_word_and_status(void **)
{
    const std::pair<const char *, unsigned> wanted[] = {{"ok", 0}, {"free", 0},
        {"absent", 402}, {"malformed", 401}, {"bad_signature", 402},
        {"bad_preimage", 402}, {"expired", 402}, {"wrong_service", 402},
        {"insufficient", 402}, {"caveat_refused", 402}, {"revoked", 402},
        {"used_up", 402}, {"unsettled", 402}, {"unconfirmed", 503},
        {"unavailable", 503}, {"bad_price", 500}, {"no_invoice", 503},
        {"too_long", 414}, {"error", 500}};

    assert_int_equal(std::size(wanted), l402::result_count);
    for (size_t i = 0; i < l402::result_count; i++) {
        const l402::ResultInfo &info = l402::describe(Result(i));

        assert_text(info.word, wanted[i].first);
        assert_int_equal(info.status, wanted[i].second);
        assert_true(info.title[0] != '\0');
    }
    assert_text(l402::describe(Result(200)).word, "error");
}

// ---- JSON ----

void the_body_has_what_the_wire_format_says(void **)
{
    l402::Challenge c = challenge();

    assert_text(l402::problem_json(Result::expired, 402, &c),
        "{\"type\":\"https://www.rfc-editor.org/rfc/rfc9110#section-15.5.3\","
        "\"title\":\"The credential has expired\",\"status\":402,"
        "\"reason\":\"expired\",\"macaroon\":\"AgEEbHNhdA==\","
        "\"invoice\":\"lnbcrt100n1p0\",\"price_msat\":10500,"
        "\"payment_hash\":\"" + c.payment_hash + "\","
        "\"expires_at\":1700000600,\"token_expires_at\":1700003600,"
        "\"price_sats\":11,\"priceSats\":11,\"amount_sats\":11,"
        "\"amountSats\":11,\"paymentHash\":\"" + c.payment_hash + "\","
        "\"expiresAt\":1700000600}");
}

void no_name_that_breaks_a_client_is_there(void **)
{
    l402::Challenge c = challenge();

    for (size_t i = 0; i < l402::result_count; i++) {
        for (const l402::Challenge *p : {&c, (l402::Challenge *) nullptr}) {
            auto body = ordered_json::parse(
                l402::problem_json(Result(i), 402, p));

            for (const char *name : {"detail", "challenge", "resource",
                     "payment", "accepts", "accepted_payments", "x402Version",
                     "paymentRequirements", "settlement"}) {
                assert_false(body.contains(name));
            }
        }
    }
}

void a_token_for_ever_names_no_expiry(void **)
{
    l402::Challenge c = challenge();

    c.token_expires_at = 0;
    auto body = ordered_json::parse(
        l402::problem_json(Result::absent, 402, &c));
    assert_false(body.contains("token_expires_at"));
    assert_true(body.contains("expires_at"));
}

void sats_are_rounded_up(void **)
{
    const uint64_t cases[][2] = {{1, 1}, {999, 1}, {1000, 1}, {1001, 2},
        {10000, 10}, {l402::max_amount_msat, l402::max_amount_msat / 1000}};

    for (const auto &k : cases) {
        l402::Challenge c = challenge();

        c.price_msat = k[0];
        auto body = ordered_json::parse(
            l402::problem_json(Result::absent, 402, &c));
        assert_true(body["price_msat"] == k[0]);
        for (const char *name : {"price_sats", "priceSats", "amount_sats",
                 "amountSats"}) {
            assert_true(body[name] == k[1]);
        }
    }
}

void a_refusal_without_a_challenge_says_why(void **)
{
    assert_text(l402::problem_json(Result::malformed, 401, nullptr),
        "{\"type\":\"https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2\","
        "\"title\":\"The credential cannot be read\",\"status\":401,"
        "\"reason\":\"malformed\"}");

    auto body = ordered_json::parse(
        l402::problem_json(Result::no_invoice, 503, nullptr));
    assert_int_equal(body.size(), 4);
    assert_true(body["status"] == 503);
    assert_true(body["reason"] == "no_invoice");
}

void whatever_a_value_holds_the_document_is_valid(void **)
{
    l402::Challenge c = challenge();

    c.invoice = "a\"b\\c\n\x01\xff\x7f";
    std::string text = l402::problem_json(Result::absent, 402, &c);
    auto        body = ordered_json::parse(text);

    for (unsigned char byte : text) {
        assert_true(byte >= 0x20 && byte < 0x7f);
    }
    assert_text(body["invoice"].get<std::string>(),
        "a\"b\\c\n\x01\xc3\xbf\x7f");
}

// ---- the page ----

bool contains(const std::string &text, std::string_view part)
{
    return text.find(part) != text.npos;
}

void the_page_has_what_a_person_and_a_program_need(void **)
{
    l402::Challenge c = challenge();
    std::string     page = l402::html_page(Result::absent, 402, &c,
            "example.org/weather/");

    for (const char *part : {"<!doctype html>", "<html lang=\"en\">",
             "<title>Payment required: 10.5 sat</title>", "name=\"viewport\"",
             "example.org/weather/", ">10.5 sat<",
             "href=\"lightning:lnbcrt100n1p0\"", ">lnbcrt100n1p0</pre>",
             "2023-11-14 22:23:20 UTC", "2023-11-14 23:13:20 UTC",
             ">AgEEbHNhdA==</pre>", "user-select:all",
             "Authorization: L402 &lt;macaroon&gt;:&lt;preimage&gt;",
             "color-scheme:light dark"}) {
        if (!contains(page, part)) {
            fail_msg("not there: %s", part);
        }
    }
    assert_true(contains(page, c.payment_hash));
    assert_false(contains(page, "absent"));
}

void the_page_is_small_and_asks_nobody_for_anything(void **)
{
    l402::Challenge c = challenge();

    c.token = std::string(300, 'A');
    std::string page = l402::html_page(Result::bad_preimage, 402, &c,
        "example.org/weather/oslo?day=1");

    assert_true(page.size() - c.invoice.size() < 6000);
    for (const char *part : {"<script", "http:", "https:", "src=", "url(",
             "@import", "<link", "<img", "<iframe", "onclick"}) {
        if (contains(page, part)) {
            fail_msg("there is: %s", part);
        }
    }
}

void a_refusal_is_told_to_people_too(void **)
{
    l402::Challenge c = challenge();
    std::string     page = l402::html_page(Result::expired, 402, &c, "h/");

    assert_true(contains(page, "The credential has expired"));
    assert_true(contains(page, "<code>expired</code>"));
}

void a_page_without_an_invoice_offers_none(void **)
{
    const std::pair<Result, unsigned> cases[] = {{Result::malformed, 401},
        {Result::error, 500}, {Result::no_invoice, 503},
        {Result::too_long, 414}};

    for (const auto &k : cases) {
        std::string page = l402::html_page(k.first, k.second, nullptr,
            "example.org/weather/");

        assert_true(contains(page, l402::describe(k.first).word));
        assert_true(contains(page, "example.org/weather/"));
        assert_false(contains(page, "lightning:"));
        assert_false(contains(page, "Macaroon"));
    }
}

void the_path_cannot_become_markup(void **)
{
    l402::Challenge c = challenge();
    std::string     what = "h/</code><script>alert('x')</script>\"&amp;\n\x01";
    std::string     safe = "h/&lt;/code&gt;&lt;script&gt;alert(&#39;x&#39;)"
                           "&lt;/script&gt;&quot;&amp;amp;%0A%01";

    for (const l402::Challenge *p : {&c, (l402::Challenge *) nullptr}) {
        std::string page = l402::html_page(Result::malformed, 402, p, what);

        assert_false(contains(page, "<script"));
        assert_true(contains(page, safe));
    }

    c.invoice = "\"><b>";
    c.token = "<i>";
    c.payment_hash = "<u>";
    std::string page = l402::html_page(Result::absent, 402, &c, "h/");
    for (const char *part : {"<b>", "<i>", "<u>", "lightning:\""}) {
        assert_false(contains(page, part));
    }
}

void prices_are_told_in_sats(void **)
{
    const std::pair<uint64_t, const char *> cases[] = {{1000, ">1 sat<"},
        {1, ">0.001 sat<"}, {1500, ">1.5 sat<"}, {10000, ">10 sat<"},
        {100000, ">100 sat<"}, {12340, ">12.34 sat<"},
        {l402::max_amount_msat, ">2100000000000000 sat<"}};

    for (const auto &k : cases) {
        l402::Challenge c = challenge();

        c.price_msat = k.first;
        assert_true(contains(l402::html_page(Result::absent, 402, &c, "h/"),
            k.second));
    }
}

void times_that_no_calendar_has_do_no_harm(void **)
{
    l402::Challenge c = challenge();

    c.invoice_expires_at = INT64_MAX;
    c.token_expires_at = 0;
    std::string page = l402::html_page(Result::absent, 402, &c, "h/");
    assert_true(contains(page, "9223372036854775807"));
    assert_true(contains(page, "no end"));
}

// ---- gRPC ----

void grpc_callers_get_a_status_they_know(void **)
{
    auto check = [](Result reason, unsigned status, unsigned code,
                     const char *message) {
        l402::GrpcStatus s = l402::grpc_status(reason, status);

        assert_int_equal(s.code, code);
        assert_text(s.message, message);
    };

    check(Result::absent, 402, 13, "payment required");
    check(Result::expired, 402, 13, "payment required");
    check(Result::malformed, 401, 16, "malformed credential");
    check(Result::bad_signature, 401, 16, "invalid credential");
    check(Result::no_invoice, 503, 14, "no invoice can be had now");
    check(Result::unsettled, 402, 13, "payment required");
    check(Result::unsettled, 503, 14, "the payment has not been settled");
    check(Result::unconfirmed, 503, 14, "the payment cannot be confirmed now");
    check(Result::bad_price, 500, 13, "internal error");
    check(Result::too_long, 414, 3, "the path is too long to be sold");
    check(Result::error, 500, 13, "internal error");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_result_has_its_word_and_status),
        cmocka_unit_test(the_body_has_what_the_wire_format_says),
        cmocka_unit_test(no_name_that_breaks_a_client_is_there),
        cmocka_unit_test(a_token_for_ever_names_no_expiry),
        cmocka_unit_test(sats_are_rounded_up),
        cmocka_unit_test(a_refusal_without_a_challenge_says_why),
        cmocka_unit_test(whatever_a_value_holds_the_document_is_valid),
        cmocka_unit_test(the_page_has_what_a_person_and_a_program_need),
        cmocka_unit_test(the_page_is_small_and_asks_nobody_for_anything),
        cmocka_unit_test(a_refusal_is_told_to_people_too),
        cmocka_unit_test(a_page_without_an_invoice_offers_none),
        cmocka_unit_test(the_path_cannot_become_markup),
        cmocka_unit_test(prices_are_told_in_sats),
        cmocka_unit_test(times_that_no_calendar_has_do_no_harm),
        cmocka_unit_test(grpc_callers_get_a_status_they_know),
    };

    return cmocka_run_group_tests_name("render", tests, nullptr, nullptr);
}
