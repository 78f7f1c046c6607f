// phoenixd v0.8.0: the API reference on phoenix.acinq.co/server/api, whose
// section "Create Bolt11 invoice" has the answer below, and for errors the
// texts that its StatusPages and its parameters' checks send.
#include "protocol.h"

#include <cstring>

using namespace protocol_test;

namespace {

const Service phoenixd = {
    "phoenixd",
    "80f0e2c1b6d5c3a4f7e8d9c0b1a2938475665748392a1b0c9d8e7f60514233ab", 200,
    {
        {"amountSat", 100},
        {"paymentHash", "f419207c9edde9021ebfb6bd0df6bd0a6606ecaf935357cc2f3"
                        "62e30835c3765"},
        {"serialized",
         "lntb1u1pjlsjnqpp57svjqly7mh5sy84lk67sma4apfnqdm90jdf40np0xchrpq6ux"
         "ajscqpjsp592kp0fs2ssgpq9h54tsfaj5w34287v8fezgaw6cr56f076c05glq9q7s"
         "qqqqqqqqqqqqqqqqqqqsqqqqqysgqdq6d4ujqenfwfehggrfdemx76trv5mqz9grzj"
         "qwfn3p9278ttzzpe0e00uhyxhned3j5d9acqak5emwfpflp8z2cnflcyamh4dcuhwq"
         "qqqqlgqqqqqeqqjqnjpjvnv0p3wvwc6vhzkkgm8kl9r837x4p9qupk5ln5tqlm7prr"
         "lsy5xd8cf5agae64f53dvm9el0z5hvgcnta4stgmrg7zwfah0nqrqph4ts8l"},
    },
    "serialized", "paymentHash",
};

// ---- the call ----

void the_call_is_createinvoice(void **)
{
    HttpCall call = phoenixd.call(request(), "pass");

    assert_string_equal(call.method.c_str(), "POST");
    assert_string_equal(call.path.c_str(), "/createinvoice");
    assert_string_equal(call.content_type.c_str(),
        "application/x-www-form-urlencoded");
    assert_header(call, "Authorization", "Basic OnBhc3M=");
    assert_string_equal(call.body.c_str(),
        "amountSat=10&description=weather&expirySeconds=600&externalId=l402");
}

void without_a_password_it_does_nothing(void **)
{
    assert_true(phoenixd.protocol().credential_use == CredentialUse::required);
}

// The client rounds the amount up to the unit before the attempt.
void amounts_are_whole_sats(void **)
{
    InvoiceRequest large = request();

    assert_int_equal(phoenixd.protocol().unit_msat, 1000);
    large.amount_msat = max_amount_msat - 1000;
    assert_non_null(strstr(phoenixd.call(large).body.c_str(),
        "amountSat=2099999999999999&"));
}

std::string memo_of(const std::string &memo)
{
    std::string body = phoenixd.call(request(memo)).body;
    size_t from = body.find("&description=") + strlen("&description=");

    return body.substr(from, body.find("&expirySeconds=") - from);
}

std::string repeated(const std::string &text, size_t times)
{
    std::string out;

    while (times--) {
        out += text;
    }

    return out;
}

void memos_cannot_become_fields(void **)
{
    assert_string_equal(memo_of("a&amountSat=1").c_str(), "a%26amountSat%3D1");
    assert_string_equal(memo_of("\u00e4\xff").c_str(), "%C3%A4%EF%BF%BD");
}

// "max. 128 characters", which are UTF-16's.
void long_memos_are_cut_between_characters(void **)
{
    std::string limit(128, 'a');

    assert_string_equal(memo_of(limit).c_str(), limit.c_str());
    assert_string_equal(memo_of(limit + "b").c_str(), limit.c_str());
    assert_string_equal(memo_of(repeated("\u20ac", 129)).c_str(),
        repeated("%E2%82%AC", 128).c_str());
    assert_string_equal(memo_of(repeated("\u00e4", 200)).c_str(),
        repeated("%C3%A4", 128).c_str());
    assert_string_equal(memo_of(repeated("\U0001f326", 65)).c_str(),
        repeated("%F0%9F%8C%A6", 64).c_str());

    std::string odd(127, 'a');

    assert_string_equal(memo_of(odd + "\U0001f326").c_str(), odd.c_str());
    assert_string_equal(memo_of(odd + "\u20ac").c_str(),
        (odd + "%E2%82%AC").c_str());
}

// ---- the answer ----

void the_published_answer_is_an_offer(void **)
{
    check_published(phoenixd, 100000, 3600, Network::testnet);
}

void what_is_no_answer_fails(void **)
{
    check_bad_answers(phoenixd);
}

void only_200_and_201_are_success(void **)
{
    check_other_statuses(phoenixd);
}

void errors_are_told_in_phoenixds_words(void **)
{
    const char *unauthorized = "Invalid authentication (use basic auth with "
                               "the http password set in phoenix.conf)";

    phoenixd.fails(401, unauthorized,
        std::string("answered 401: ") + unauthorized);
    phoenixd.fails(400, "Request parameter expirySeconds couldn't be "
        "parsed/converted to integer", "answered 400: Request parameter "
        "expirySeconds couldn't be parsed/converted to integer");
    phoenixd.fails(404, "Unknown endpoint (check api doc)",
        "answered 404: Unknown endpoint (check api doc)");
    phoenixd.fails(500, "", "answered 500");
    phoenixd.fails(502, "<html>\r\n\x1b[31m</html>",
        "answered 502: <html>  ?[31m</html>");

    std::string error = phoenixd.answered(500, repeated("word ", 9999)).error;

    assert_int_equal(error.size(), strlen("answered 500: ") + 120);
}

void no_error_holds_the_password(void **)
{
    phoenixd.fails(401, "bad " + phoenixd.credential + "!",
        "answered 401: bad ***!");
    assert_string_equal(phoenixd.answered(401, "pass or OnBhc3M=", "pass")
        .error.c_str(), "answered 401: *** or ***");
}

// ---- the credential file ----

void the_file_holds_the_password(void **)
{
    assert_string_equal(phoenixd.read(phoenixd.credential + "\n").c_str(),
        phoenixd.credential.c_str());
}

void other_files_are_refused_without_being_quoted(void **)
{
    assert_string_equal(phoenixd.refused("\n").c_str(), "is empty: "
        "phoenixd's http-password-limited-access alone is right");

    // ~/.phoenix/phoenix.conf as it is
    assert_string_equal(phoenixd.refused("http-password=a\nwebhook-secret=b\n"
        "http-password-limited-access=c\n").c_str(), "is not one line of "
        "text: phoenixd's http-password-limited-access alone is right");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_call_is_createinvoice),
        cmocka_unit_test(without_a_password_it_does_nothing),
        cmocka_unit_test(amounts_are_whole_sats),
        cmocka_unit_test(memos_cannot_become_fields),
        cmocka_unit_test(long_memos_are_cut_between_characters),
        cmocka_unit_test(the_published_answer_is_an_offer),
        cmocka_unit_test(what_is_no_answer_fails),
        cmocka_unit_test(only_200_and_201_are_success),
        cmocka_unit_test(errors_are_told_in_phoenixds_words),
        cmocka_unit_test(no_error_holds_the_password),
        cmocka_unit_test(the_file_holds_the_password),
        cmocka_unit_test(other_files_are_refused_without_being_quoted),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
