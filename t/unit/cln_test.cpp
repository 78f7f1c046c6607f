// Core Lightning v26.06.6: the reference of `invoice`
// (doc/schemas/invoice.json, whose first example is the answer below), the
// page "REST APIs" of the developers' guide, and what clnrest's own tests
// (tests/test_clnrest.py) say of its errors.
#include "protocol.h"

#include <cstring>
#include <set>

using namespace protocol_test;

namespace {

// createrune's example.
const Service cln = {
    "cln", "7cKJyALVY0_LLVV-AB9oetXjipOdyt0EhOuYrSS42fM9MA==", 201,
    {
        {"payment_hash", "7279b503a14344267e464829da26fcafa4e5a89c6d625a22"
                         "b9345a874bdfbbf9"},
        {"expires_at", 1738604800},
        {"bolt11",
         "lnbcrt100n1pne035qsp5y8u28zlrv6tjrrfdkgkthjnzrkt0ls9x8u6ctpsr2xcaj"
         "p0h9npqpp5wfum2qapgdzzvljxfq5a5fhu47jwt2yud4395g4ex3dgwj7lh0usdp9f9"
         "h8vmmfvdjjqer9wd3hy6tsw35k7m3qdsenzxqyjw5qcqp9rzjqvuytqpdyk6wqaxvl4"
         "7d3vee5swuwklej79qxjqqg394r4ptqaue5qqqwcqqqqgqqqqqqqqpqqqqqzsqqc9qx"
         "pqysgq3uaax0yvqa6prnqcrgm0s3638d6nqc0gn5a8fkgx4m85pkwgf4xr9mrd725zf"
         "zchddd2zpn3mfj9ngzgasp0l348awh977fyjltwz4gq0gwxr0"},
        {"payment_secret", "21f8a38be36697218d2db22cbbca621d96ffc0a63f358586"
                           "0351b1d905f72cc2"},
        {"created_index", 2},
    },
    "bolt11", "payment_hash",
};

json sent(const InvoiceRequest &what)
{
    return json::parse(cln.call(what).body);
}

// ---- the call ----

void the_call_is_invoice_of_clnrest(void **)
{
    HttpCall call = cln.call(request());

    assert_string_equal(call.method.c_str(), "POST");
    assert_string_equal(call.path.c_str(), "/v1/invoice");
    assert_string_equal(call.content_type.c_str(), "application/json");
    assert_header(call, "Rune", cln.credential.c_str());

    json body = json::parse(call.body);

    // lightningd refuses parameters that it does not know.
    assert_true(body == json({
        {"amount_msat", 10000}, {"label", body["label"]},
        {"description", "weather"}, {"expiry", 600},
    }));
}

void without_a_rune_it_does_nothing(void **)
{
    assert_true(cln.protocol().credential_use == CredentialUse::required);
}

void amounts_are_written_exactly(void **)
{
    InvoiceRequest large = request();

    large.amount_msat = max_amount_msat - 1;
    assert_non_null(strstr(cln.call(large).body.c_str(),
        "\"amount_msat\":2099999999999999999"));
}

// 900: "An invoice with the given label already exists."
void no_label_comes_twice(void **)
{
    std::set<std::string> labels;

    for (int i = 0; i < 1000; i++) {
        std::string label = sent(request())["label"];

        assert_int_equal(label.size(), 5 + 32);
        assert_true(label.compare(0, 5, "l402-") == 0);
        assert_int_equal(label.find_first_not_of("0123456789abcdef", 5),
            std::string::npos);
        labels.insert(label);
    }

    assert_int_equal(labels.size(), 1000);
}

std::string memo_of(const std::string &memo)
{
    return sent(request(memo))["description"];
}

// "It must be UTF-8, and cannot use \u JSON escape codes."
void memos_need_no_code_that_lightningd_refuses(void **)
{
    const std::string memo = "a\"b\\c{}/\xc3\xa4\xf0\x9f\x8c\xa6\x7f";

    assert_string_equal(memo_of(memo).c_str(), memo.c_str());
    assert_string_equal(memo_of("a\xff" "b").c_str(), "a\ufffdb");

    for (char c = 1; c < ' '; c++) {
        std::string body = cln.call(request(std::string("a") + c + "b")).body;

        assert_null(strstr(body.c_str(), "\\u"));
        assert_non_null(strstr(body.c_str(), "\"a b\""));
    }

    assert_string_equal(memo_of(std::string("a\0b", 3)).c_str(), "a b");
}

// A BOLT 11 field holds no more.
void long_memos_are_cut_between_characters(void **)
{
    std::string limit(639, 'a'), nearly(638, 'a');

    assert_string_equal(memo_of(limit).c_str(), limit.c_str());
    assert_string_equal(memo_of(limit + "b").c_str(), limit.c_str());
    assert_string_equal(memo_of(nearly + "\u00e4").c_str(), nearly.c_str());
}

// ---- the answer ----

void the_published_answer_is_an_offer(void **)
{
    check_published(cln, 10000, 604800, Network::regtest);
}

void warnings_are_no_errors(void **)
{
    json body = cln.answer;

    body["warning_capacity"] = "Insufficient incoming channel capacity to pay "
                               "invoice";
    assert_true(cln.answered(201, body.dump()).kind == Kind::done);
}

void what_is_no_answer_fails(void **)
{
    check_bad_answers(cln);
}

void only_200_and_201_are_success(void **)
{
    check_other_statuses(cln);
}

void errors_are_told_in_clnrests_words(void **)
{
    cln.fails(403,
        R"({"code":1501,"message":"Not authorized: Missing rune"})",
        "answered 403: Not authorized: Missing rune");
    cln.fails(401, R"({"code":1502,"message":"Not permitted: method is equal )"
        R"(to getinfo","data":null})",
        "answered 401: Not permitted: method is equal to getinfo");
    cln.fails(404,
        R"({"code":-32601,"message":"Unknown command 'invoice'"})",
        "answered 404: Unknown command 'invoice'");
    cln.fails(500, R"({"code":900,"message":"Duplicate label 'l402-1'"})",
        "answered 500: Duplicate label 'l402-1'");
    cln.fails(500, R"({"code":-1,"message":7})", "answered 500");
    cln.fails(500, std::string(65000, '{'), "answered 500");
    cln.fails(404, "Not Found", "answered 404");
    cln.fails(302, "", "answered 302");
}

void no_error_holds_the_rune(void **)
{
    json body = {{"message", "bad rune " + cln.credential + "!"}};

    cln.fails(401, body.dump(), "answered 401: bad rune ***!");
    body["message"] = cln.credential.substr(10);
    cln.fails(401, body.dump(), "answered 401: ***");

    // Too short to be told by its length.
    assert_string_equal(cln.answered(401, R"({"message":"rune AbC= or abc="})",
        "AbC=").error.c_str(), "answered 401: rune *** or ***");
}

// ---- the credential file ----

void the_file_holds_the_rune(void **)
{
    const char *rune = cln.credential.c_str();

    assert_string_equal(cln.read(cln.credential).c_str(), rune);
    assert_string_equal(cln.read(cln.credential + "\n").c_str(), rune);
    assert_string_equal(cln.read("\r\n " + cln.credential + " \r\n").c_str(),
        rune);
}

// The header must not be anything else, let alone two.
void other_files_are_refused_without_being_quoted(void **)
{
    for (const char *file : {"", "\n", " \t\r\n"}) {
        assert_string_equal(cln.refused(file).c_str(),
            "is empty: the rune alone, as createrune prints it is right");
    }

    for (const std::string &file : {cln.credential + "\nX: y",
             "a\r\nb" + cln.credential, std::string("a\0b", 3)})
    {
        assert_non_null(strstr(cln.refused(file).c_str(),
            "is not one line of text"));
    }

    for (const std::string &file : {"LIGHTNING_RUNE=\"" + cln.credential + '"',
             "{\"rune\": \"" + cln.credential + "\"}", std::string("a b"),
             std::string("\xc3\xa4")})
    {
        std::string error = cln.refused(file);

        assert_non_null(strstr(error.c_str(), "is no rune"));
        assert_null(strstr(error.c_str(), "7cKJ"));
    }

    assert_non_null(strstr(cln.refused(std::string(8193, 'a')).c_str(),
        "8192"));
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_call_is_invoice_of_clnrest),
        cmocka_unit_test(without_a_rune_it_does_nothing),
        cmocka_unit_test(amounts_are_written_exactly),
        cmocka_unit_test(no_label_comes_twice),
        cmocka_unit_test(memos_need_no_code_that_lightningd_refuses),
        cmocka_unit_test(long_memos_are_cut_between_characters),
        cmocka_unit_test(the_published_answer_is_an_offer),
        cmocka_unit_test(warnings_are_no_errors),
        cmocka_unit_test(what_is_no_answer_fails),
        cmocka_unit_test(only_200_and_201_are_success),
        cmocka_unit_test(errors_are_told_in_clnrests_words),
        cmocka_unit_test(no_error_holds_the_rune),
        cmocka_unit_test(the_file_holds_the_rune),
        cmocka_unit_test(other_files_are_refused_without_being_quoted),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
