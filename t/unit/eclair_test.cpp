// Eclair v0.13: its API's documentation (the sections "Authentication", whose
// password is used below, and "CreateInvoice", whose example is the answer),
// and for errors the rejections of akka-http that Eclair puts into JSON.
#include "protocol.h"

#include <cstring>

using namespace protocol_test;

namespace {

const Service eclair = {
    "eclair", "21satoshi", 200,
    {
        {"prefix", "lnbcrt"},
        {"timestamp", 1643718891},
        {"nodeId", "028e2403fbfddb3d787843361f91adbda64c6f622921b19fb48f5766"
                   "508bcadb29"},
        {"serialized",
         "lnbcrt500n1pslj28tpp55kxmmddatrnmf42a55mk4wzz4ryq8tv2vwrrarj27e0hh"
         "jgpscjqdq0ydex2cmtd3jhxucsp5qu6jq5heq4lcjpj2r8gp0sd65860yzc5yw3xrwd"
         "e6c4m3mlessxsmqz9gxqrrsscqp79qtzsqqqqqysgqr2fy2yz4655hwql2nwkk3t9sa"
         "xhj80340cxfzf7fwhweasncv77ym7wcv0p54e4kt7jpmfdavnj5urq84syh9t2t49qd"
         "gj4ra8jl40gp6ys45n"},
        {"description", "#reckless"},
        {"paymentHash", "a58dbdb5bd58e7b4d55da5376ab842a8c803ad8a63863e8e4af"
                        "65f7bc9018624"},
        {"paymentMetadata", "2a"},
        {"expiry", 3600},
        {"minFinalCltvExpiry", 30},
        {"amount", 50000},
        {"features", {{"activated", {{"payment_secret", "mandatory"}}},
                      {"unknown", json::array()}}},
        {"routingInfo", json::array()},
    },
    "serialized", "paymentHash",
};

const char *const basic = "Basic OjIxc2F0b3NoaQ==";

// ---- the call ----

void the_call_is_createinvoice(void **)
{
    HttpCall call = eclair.call(request());

    assert_string_equal(call.method.c_str(), "POST");
    assert_string_equal(call.path.c_str(), "/createinvoice");
    assert_string_equal(call.content_type.c_str(),
        "application/x-www-form-urlencoded");
    assert_header(call, "Authorization", basic);
    assert_string_equal(call.body.c_str(),
        "amountMsat=10000&description=weather&expireIn=600");
}

void without_a_password_it_does_nothing(void **)
{
    assert_true(eclair.protocol().credential_use == CredentialUse::required);
}

void amounts_are_written_exactly(void **)
{
    InvoiceRequest large = request();

    large.amount_msat = max_amount_msat - 1;
    assert_non_null(strstr(eclair.call(large).body.c_str(),
        "amountMsat=2099999999999999999&"));
}

std::string memo_of(const std::string &memo)
{
    std::string body = eclair.call(request(memo)).body;
    size_t from = body.find("&description=") + strlen("&description=");

    return body.substr(from, body.find("&expireIn=600") - from);
}

void memos_cannot_become_fields(void **)
{
    assert_string_equal(memo_of("a&amountMsat=1").c_str(),
        "a%26amountMsat%3D1");
    assert_string_equal(memo_of("100 %+\r\n;").c_str(),
        "100%20%25%2B%0D%0A%3B");
    assert_string_equal(memo_of("AZaz09-._").c_str(), "AZaz09-._");
    assert_string_equal(memo_of("~*/?\"'\x7f\x01").c_str(),
        "%7E%2A%2F%3F%22%27%7F%01");
    assert_string_equal(memo_of(std::string("a\0b", 3)).c_str(), "a%00b");
    assert_string_equal(memo_of("\u00e4\u20ac").c_str(), "%C3%A4%E2%82%AC");
    assert_string_equal(memo_of("\xff").c_str(), "%EF%BF%BD");
    assert_string_equal(memo_of("").c_str(), "");
}

// A BOLT 11 field holds no more.
void long_memos_are_cut_between_characters(void **)
{
    std::string limit(639, 'a'), nearly(638, 'a');

    assert_string_equal(memo_of(limit + "b").c_str(), limit.c_str());
    assert_string_equal(memo_of(nearly + "\u00e4").c_str(), nearly.c_str());
}

// ---- the answer ----

void the_published_answer_is_an_offer(void **)
{
    check_published(eclair, 50000, 3600, Network::regtest);
}

void what_is_no_answer_fails(void **)
{
    check_bad_answers(eclair);
}

void only_200_and_201_are_success(void **)
{
    check_other_statuses(eclair);
}

void errors_are_told_in_eclairs_words(void **)
{
    eclair.fails(401,
        R"({"error":"The supplied authentication is invalid"})",
        "answered 401: The supplied authentication is invalid");
    eclair.fails(400, "{\"error\":\"The form field 'expireIn' was "
        "malformed:\\n'x' is not a valid 64-bit signed integer value\"}",
        "answered 400: The form field 'expireIn' was malformed: 'x' is not "
        "a valid 64-bit signed integer value");
    eclair.fails(500,
        R"({"error":"API call failed: check logs for more details"})",
        "answered 500: API call failed: check logs for more details");
    eclair.fails(408, R"({"error":"request timed out"})",
        "answered 408: request timed out");
    eclair.fails(500, R"({"error":["x"]})", "answered 500");
    eclair.fails(502, "<html></html>", "answered 502");
}

std::string words_of(const std::string &message, const std::string &with)
{
    std::string start = "answered 500: ";
    std::string error = eclair.answered(500,
        json({{"error", message}}).dump(), with).error;

    assert_true(error.compare(0, start.size(), start) == 0);
    return error.substr(start.size());
}

// A password may be too short to be told by its length.
void no_error_holds_the_password(void **)
{
    assert_string_equal(words_of("21satoshi or 21SATOSHI", "21satoshi").c_str(),
        "*** or ***");
    assert_string_equal(words_of(std::string(basic) + ", " + basic,
        "21satoshi").c_str(), "Basic ***, Basic ***");

    // Cut at 120 characters neither may begin to show.
    for (size_t before = 80; before < 130; before++) {
        std::string space(before, ' ');

        assert_null(strstr(words_of(space + "21satoshi",
            "21satoshi").c_str(), "21"));
        assert_null(strstr(words_of(space + "OjIxc2F0b3NoaQ==",
            "21satoshi").c_str(), "Oj"));
    }

    assert_string_equal(words_of("Bearer", "").c_str(), "Bearer");
}

// ---- the credential file ----

void the_file_holds_the_password(void **)
{
    assert_string_equal(eclair.read("21satoshi\n").c_str(), "21satoshi");
    assert_string_equal(eclair.read(" a: b \u00e4\r\n").c_str(), "a: b \u00e4");
    assert_string_equal(
        eclair.call(request(), "a: b").headers[0].second.c_str(),
        "Basic OmE6IGI=");
}

void other_files_are_refused_without_being_quoted(void **)
{
    assert_string_equal(eclair.refused("\n").c_str(),
        "is empty: eclair.api.password alone is right");
    assert_string_equal(eclair.refused("one\ntwo").c_str(),
        "is not one line of text: eclair.api.password alone is right");
    assert_non_null(strstr(eclair.refused("a\x7f").c_str(), "one line"));
    assert_non_null(strstr(eclair.refused(std::string(8193, 'a')).c_str(),
        "8192"));
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_call_is_createinvoice),
        cmocka_unit_test(without_a_password_it_does_nothing),
        cmocka_unit_test(amounts_are_written_exactly),
        cmocka_unit_test(memos_cannot_become_fields),
        cmocka_unit_test(long_memos_are_cut_between_characters),
        cmocka_unit_test(the_published_answer_is_an_offer),
        cmocka_unit_test(what_is_no_answer_fails),
        cmocka_unit_test(only_200_and_201_are_success),
        cmocka_unit_test(errors_are_told_in_eclairs_words),
        cmocka_unit_test(no_error_holds_the_password),
        cmocka_unit_test(the_file_holds_the_password),
        cmocka_unit_test(other_files_are_refused_without_being_quoted),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
