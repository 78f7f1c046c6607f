// BTCPay Server 2.4.1, Greenfield API: CreateLightningInvoiceRequest and
// LightningInvoiceData in swagger.template.lightning.common.json and their
// converters in BTCPayServer.Client, the paths of
// swagger.template.lightning.store.json, and the errors of
// GreenfieldLightningNodeApiController. The documentation has no example of an
// answer: the one below has its members, and an invoice of BOLT 11's.
#include "protocol.h"

#include <cstring>

using namespace protocol_test;

namespace {

const Service btcpay = {
    "btcpay", "c0ffee5b2a1f4e3d9c8b7a695847362514039281", 200,
    {
        {"id", "0001020304050607080900010203040506070809000102030405060708090"
               "102"},
        {"status", "Unpaid"},
        {"BOLT11",
         "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zy"
         "g3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xys"
         "xxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh"
         "8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfn"
         "a3rh"},
        {"paidAt", nullptr},
        {"expiresAt", 1496314718},
        {"amount", "250000000"},
        {"amountReceived", nullptr},
        {"paymentHash", "00010203040506070809000102030405060708090001020304050"
                        "60708090102"},
    },
    "BOLT11", "paymentHash",
};

json sent(const InvoiceRequest &what)
{
    return json::parse(btcpay.call(what).body);
}

// ---- the call ----

void the_call_is_greenfields(void **)
{
    HttpCall call = btcpay.call(request());

    assert_string_equal(call.method.c_str(), "POST");
    assert_string_equal(call.path.c_str(), "/invoices");
    assert_string_equal(call.content_type.c_str(), "application/json");
    assert_header(call, "Authorization",
        ("token " + btcpay.credential).c_str());
    assert_true(json::parse(call.body) == json({
        {"amount", "10000"}, {"description", "weather"}, {"expiry", 600},
    }));
}

void amounts_are_msat_in_text(void **)
{
    InvoiceRequest large = request();

    assert_int_equal(btcpay.protocol().unit_msat, 1);
    large.amount_msat = max_amount_msat - 1;
    assert_true(sent(large)["amount"] == "2099999999999999999");
}

std::string memo_of(const std::string &memo)
{
    return sent(request(memo))["description"];
}

void memos_are_escaped_mended_and_cut(void **)
{
    check_memos(memo_of);
}

// ---- the answer ----

void the_documented_answer_is_an_offer(void **)
{
    check_published(btcpay, 250000000, 60, Network::mainnet);
}

void what_is_no_answer_fails(void **)
{
    check_bad_answers(btcpay);
}

void only_200_and_201_are_success(void **)
{
    check_other_statuses(btcpay);
}

void errors_are_told_in_greenfields_words(void **)
{
    btcpay.fails(401, R"({"code":"unauthenticated","message":"Authentication )"
        R"(is required for accessing this endpoint"})",
        "answered 401: Authentication is required for accessing this "
        "endpoint");
    btcpay.fails(404, R"({"code":"lightning-not-configured","message":)"
        R"("The lightning node is not set up"})",
        "answered 404: The lightning node is not set up");
    btcpay.fails(400, R"({"code":"generic-error","message":"boom"})",
        "answered 400: boom");
    btcpay.fails(422, R"([{"path":"Expiry","message":"Expiry should be more )"
        R"(than 0"},{"path":"x","message":"y"}])",
        "answered 422: Expiry should be more than 0");

    for (const char *body : {"[]", "[7]", "[{}]", "[[]]", "{}", "7",
             "{\"message\":7}", "[{\"message\":\"\"}]", "Not Found"})
    {
        btcpay.fails(400, body, "answered 400");
    }

    btcpay.fails(500, std::string(65000, '['), "answered 500");
}

void no_error_holds_the_key(void **)
{
    json body = {{"message", "no key " + btcpay.credential + "!"}};

    btcpay.fails(401, body.dump(), "answered 401: no key ***!");
    btcpay.fails(422, json::array({body}).dump(),
        "answered 422: no key ***!");

    // Too short to be told by its length.
    assert_string_equal(btcpay.answered(401, R"({"message":"AbC or abc"})",
        "AbC").error.c_str(), "answered 401: *** or ***");
}

// ---- the credential file and the url ----

void the_file_holds_the_api_key(void **)
{
    assert_true(btcpay.protocol().credential_use == CredentialUse::required);
    assert_string_equal(btcpay.read("\r\n " + btcpay.credential + " \n")
                            .c_str(), btcpay.credential.c_str());

    assert_string_equal(btcpay.refused("\n").c_str(),
        "is empty: the API key alone is right");
    assert_non_null(strstr(btcpay.refused(btcpay.credential + "\r\nX: y")
                               .c_str(), "is not one line of text"));
}

void the_url_names_a_store(void **)
{
    const std::string store =
        "/api/v1/stores/AAuE4PVZ9kQoC9KwQdSnqyYkdJL2SqJa2mkuXC3f9fqC";

    for (const std::string &base : {store + "/lightning/BTC",
             "/pay" + store + "/lightning/BTC",
             std::string("/api/v1/server/lightning/BTC")})
    {
        ServiceUrl url;
        std::string error;

        assert_true(btcpay.protocol().read_url("https://pay.example" + base
            + "/", url, error));
        assert_string_equal(url.join("/invoices").c_str(),
            ("https://pay.example:443" + base + "/invoices").c_str());
    }

    for (const std::string &slash : {std::string(), std::string("/")}) {
        ServiceUrl url;
        std::string error;

        assert_true(btcpay.protocol().read_url("https://pay.example/pay"
            + store + slash, url, error));
        assert_string_equal(url.join("/invoices").c_str(),
            ("https://pay.example:443/pay" + store
             + "/lightning/BTC/invoices").c_str());
    }

    for (const std::string &base : {std::string(),
             std::string("/api/v1/stores"), std::string("/api/v1/stores/"),
             store + "/lightning", store + "/lightning/",
             store + "/lightning/BTC/invoices", store + "/invoices",
             std::string("/stores/1/lightning/BTC"),
             std::string("/lightning/BTC/api/v1/")})
    {
        ServiceUrl url;
        std::string error;

        url.host = "untouched";
        assert_false(btcpay.protocol().read_url("https://pay.example" + base,
            url, error));
        assert_non_null(strstr(error.c_str(),
            "names no store: \"https://host/api/v1/stores/<store id>\" is right"));
        assert_string_equal(url.host.c_str(), "untouched");
    }

    ServiceUrl url;
    std::string error;

    assert_false(btcpay.protocol().read_url("ftp://pay.example" + store
        + "/lightning/BTC", url, error));
    assert_non_null(strstr(error.c_str(), "scheme"));
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_call_is_greenfields),
        cmocka_unit_test(amounts_are_msat_in_text),
        cmocka_unit_test(memos_are_escaped_mended_and_cut),
        cmocka_unit_test(the_documented_answer_is_an_offer),
        cmocka_unit_test(what_is_no_answer_fails),
        cmocka_unit_test(only_200_and_201_are_success),
        cmocka_unit_test(errors_are_told_in_greenfields_words),
        cmocka_unit_test(no_error_holds_the_key),
        cmocka_unit_test(the_file_holds_the_api_key),
        cmocka_unit_test(the_url_names_a_store),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
