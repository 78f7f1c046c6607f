// LNbits 1.6.2: CreateInvoice and Payment in its core/models/payments.py, the
// handlers of core/views/payment_api.py, and exceptions.py for its errors. The
// answer below is one that it gave, with its fake wallet; t/e2e asks it itself.
#include "protocol.h"

#include <cstring>

using namespace protocol_test;

namespace {

const Service lnbits = {
    "lnbits", "ac08b3a4b0054b359e3a3fa38e7b6cba", 201,
    {
        {"checking_id",
             "1b512bc4f63fa751a59f268403656e4169cc0b5682509a5a24e4ec5929c7"
             "4183"},
        {"payment_hash",
             "1b512bc4f63fa751a59f268403656e4169cc0b5682509a5a24e4ec5929c7"
             "4183"},
        {"wallet_id", "1b447d125bf74b57b4b0ef34ac4838da"},
        {"amount", 10000},
        {"fee", 0},
        {"bolt11",
             "lnbc100n1p4steu5dqvwajkzargv4eqxqzjcsp59936hv25njg7lhutrtwn8"
             "38euuvlvnz5zqse0xmy33al3xl8558qpp5rdgjh38k87n4rfvly6zqxetwg9"
             "5ucz6ksfgf5k3yunk9j2w8gxpsn3hpz9p3227zjd9n424l7sfjkfl4l82f9r"
             "rpdsy63lnlgu439we9jyv9j8vanelumu4pzwv6q7n79hv9e6ftaj2y0xn8fv"
             "aemsltv6gpptc9ae"},
        {"payment_request",
             "lnbc100n1p4steu5dqvwajkzargv4eqxqzjcsp59936hv25njg7lhutrtwn8"
             "38euuvlvnz5zqse0xmy33al3xl8558qpp5rdgjh38k87n4rfvly6zqxetwg9"
             "5ucz6ksfgf5k3yunk9j2w8gxpsn3hpz9p3227zjd9n424l7sfjkfl4l82f9r"
             "rpdsy63lnlgu439we9jyv9j8vanelumu4pzwv6q7n79hv9e6ftaj2y0xn8fv"
             "aemsltv6gpptc9ae"},
        {"fiat_provider", nullptr},
        {"status", "pending"},
        {"memo", "weather"},
        {"expiry", "2026-11-24T19:47:56"},
        {"webhook", nullptr},
        {"webhook_status", nullptr},
        {"preimage",
             "7a36c5746f75d100f4e8b78cd0e563731b15595d8b14599432412753cae2"
             "091e"},
        {"tag", nullptr},
        {"extension", nullptr},
        {"time", "2026-11-24T19:37:56.256454+00:00"},
        {"created_at", "2026-11-24T19:37:56.256459+00:00"},
        {"updated_at", "2026-11-24T19:37:56.256460+00:00"},
        {"labels", json::array()},
        {"extra", json::object()},
        {"external_id", nullptr},
    },
    "bolt11", "payment_hash",
};

json sent(const InvoiceRequest &what)
{
    return json::parse(lnbits.call(what).body);
}

// ---- the call ----

void the_call_is_lnbits(void **)
{
    HttpCall call = lnbits.call(request());

    assert_string_equal(call.method.c_str(), "POST");
    assert_string_equal(call.path.c_str(), "/api/v1/payments");
    assert_string_equal(call.content_type.c_str(), "application/json");
    assert_header(call, "X-Api-Key", lnbits.credential.c_str());

    // Where "out" is left out, it is a payment that is asked for.
    assert_true(json::parse(call.body) == json({
        {"out", false}, {"unit", "sat"}, {"amount", 10}, {"memo", "weather"},
        {"expiry", 600},
    }));
}

void amounts_are_whole_sats(void **)
{
    InvoiceRequest large = request();

    assert_int_equal(lnbits.protocol().unit_msat, 1000);
    large.amount_msat = max_amount_msat;
    assert_non_null(strstr(lnbits.call(large).body.c_str(),
        "\"amount\":2100000000000000,"));
}

std::string memo_of(const std::string &memo)
{
    return sent(request(memo))["memo"];
}

void memos_are_escaped_mended_and_cut(void **)
{
    check_memos(memo_of);
}

// ---- the answer ----

void an_answer_of_its_own_is_an_offer(void **)
{
    check_published(lnbits, 10000, 600, Network::mainnet);
}

// Before 1.0 it said "payment_request" alone.
void the_invoice_may_have_its_older_name(void **)
{
    json old = lnbits.answer;

    old.erase("bolt11");

    ProtocolStep step = lnbits.answered(201, old.dump());
    std::string invoice = old["payment_request"];

    assert_true(step.kind == Kind::done);
    assert_string_equal(step.offer.bolt11.c_str(), invoice.c_str());

    // What is a bill in another currency since then.
    json both = lnbits.answer;

    both["payment_request"] = "https://pay.example/1";
    step = lnbits.answered(201, both.dump());
    assert_true(step.kind == Kind::done);
    assert_string_equal(step.offer.bolt11.c_str(), invoice.c_str());

    both["bolt11"] = nullptr;
    lnbits.fails(201, both.dump(), "answered with no bolt11");
}

void what_is_no_answer_fails(void **)
{
    Service strict = lnbits;

    strict.answer.erase("payment_request");
    check_bad_answers(strict);
}

void only_200_and_201_are_success(void **)
{
    check_other_statuses(lnbits);
}

void errors_are_told_in_lnbits_words(void **)
{
    lnbits.fails(401, R"({"detail":"No Api Key provided."})",
        "answered 401: No Api Key provided.");
    lnbits.fails(404, R"({"detail":"Wallet not found."})",
        "answered 404: Wallet not found.");
    lnbits.fails(520, R"({"detail":"Amountless invoices not supported.",)"
        R"("status":"failed"})",
        "answered 520: Amountless invoices not supported.");
    lnbits.fails(400, R"({"detail":[{"loc":["body","amount"],"msg":)"
        R"("value is not a valid float","type":"type_error.float"}]})",
        "answered 400: value is not a valid float");

    for (const char *detail : {"7", "\"\"", "[]", "[7]", "[{}]", "{}",
             "[{\"msg\":7}]"})
    {
        lnbits.fails(400, std::string("{\"detail\":") + detail + "}",
            "answered 400");
    }

    lnbits.fails(500, std::string(65000, '{'), "answered 500");
    lnbits.fails(404, "Not Found", "answered 404");
}

void no_error_holds_the_key(void **)
{
    json body = {{"detail", "no key " + lnbits.credential + "!"}};

    lnbits.fails(401, body.dump(), "answered 401: no key ***!");
    body["detail"] = {{{"msg", lnbits.credential}}};
    lnbits.fails(400, body.dump(), "answered 400: ***");

    // Too short to be told by its length.
    assert_string_equal(lnbits.answered(401, R"({"detail":"AbC or abc"})",
        "AbC").error.c_str(), "answered 401: *** or ***");
}

// ---- the credential file ----

void the_file_holds_the_invoice_key(void **)
{
    assert_true(lnbits.protocol().credential_use == CredentialUse::required);
    assert_string_equal(lnbits.read("\r\n " + lnbits.credential + " \n")
                            .c_str(), lnbits.credential.c_str());

    assert_string_equal(lnbits.refused("\n").c_str(),
        "is empty: the wallet's invoice key alone is right");
    assert_non_null(strstr(lnbits.refused(lnbits.credential + "\r\nX: y")
                               .c_str(), "is not one line of text"));
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_call_is_lnbits),
        cmocka_unit_test(amounts_are_whole_sats),
        cmocka_unit_test(memos_are_escaped_mended_and_cut),
        cmocka_unit_test(an_answer_of_its_own_is_an_offer),
        cmocka_unit_test(the_invoice_may_have_its_older_name),
        cmocka_unit_test(what_is_no_answer_fails),
        cmocka_unit_test(only_200_and_201_are_success),
        cmocka_unit_test(errors_are_told_in_lnbits_words),
        cmocka_unit_test(no_error_holds_the_key),
        cmocka_unit_test(the_file_holds_the_invoice_key),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
