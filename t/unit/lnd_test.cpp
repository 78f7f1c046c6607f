#include "l402/invoice.h"

#include "l402/encoding.h"

#include "cmocka_cpp.h"

#include <nlohmann/json.hpp>

#include <cstring>

using namespace l402;
using Kind = ProtocolStep::Kind;
using nlohmann::json;

namespace {

// The hex of a macaroon as lnd's look; its signature is 0xc0ffee...
const std::string credential =
    "0201036c6e6402f801030a10b3bf6906c1937139ac0684ac4417139d1201301a160a0761"
    "64647265737312047265616412057772697465000006"
    "20c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff";

InvoiceRequest request(const std::string &memo = "weather")
{
    InvoiceRequest out;

    out.amount_msat = 10000;
    out.memo = memo;
    out.expiry = 600;
    return out;
}

const Protocol &lnd()
{
    const Protocol *protocol = find_protocol("lnd");

    assert_non_null(protocol);
    return *protocol;
}

ProtocolStep started(const InvoiceRequest &what,
    const std::string &with = credential)
{
    return lnd().attempt(with, what)->start();
}

ProtocolStep answered(long status, const std::string &body,
    const std::string &with = credential)
{
    return lnd().attempt(with, request())->answered({status, body});
}

void fails(long status, const std::string &body, const std::string &error)
{
    ProtocolStep step = answered(status, body);

    assert_true(step.kind == Kind::failed);
    assert_string_equal(step.error.c_str(), error.c_str());
}

json good_answer()
{
    return {
        {"r_hash", base64_encode(std::string(32, '\xfb'))},
        {"payment_request", "lnbcrt1..."},
        {"add_index", "7"},
        {"payment_addr", base64_encode(std::string(32, '\1'))},
    };
}

// ---- the table ----

void protocols_are_found_by_their_word(void **)
{
    assert_string_equal(lnd().name, "lnd");
    assert_null(find_protocol(""));
    assert_null(find_protocol("LND"));
    assert_null(find_protocol("lnd "));
    assert_true(protocol_names().find("lnd") == 0);
}

// ---- the call ----

void the_call_is_lnds(void **)
{
    ProtocolStep step = started(request());

    assert_true(step.kind == Kind::send);
    assert_string_equal(step.call.method.c_str(), "POST");
    assert_string_equal(step.call.path.c_str(), "/v1/invoices");
    assert_string_equal(step.call.content_type.c_str(), "application/json");
    assert_int_equal(step.call.headers.size(), 1);
    assert_string_equal(step.call.headers[0].first.c_str(),
        "Grpc-Metadata-macaroon");
    assert_string_equal(step.call.headers[0].second.c_str(),
        credential.c_str());

    json expected = {
        {"value_msat", 10000}, {"memo", "weather"}, {"expiry", 600},
    };

    assert_true(json::parse(step.call.body) == expected);
}

void without_a_credential_there_is_no_header(void **)
{
    assert_int_equal(started(request(), "").call.headers.size(), 0);
}

void amounts_are_written_exactly(void **)
{
    InvoiceRequest large = request();

    large.amount_msat = max_amount_msat - 1;
    assert_non_null(strstr(started(large).call.body.c_str(),
        "\"value_msat\":2099999999999999999"));
}

std::string memo_of(const std::string &memo)
{
    return json::parse(started(request(memo)).call.body)["memo"];
}

void memos_are_escaped(void **)
{
    const std::string memo = "a\"b\\c\n{}\x01/\xc3\xa4\xf0\x9f\x8c\xa6";

    assert_string_equal(memo_of(memo).c_str(), memo.c_str());
}

void memos_that_are_not_utf8_are_mended(void **)
{
    struct { const char *memo, *sent; } cases[] = {
        {"a\xff" "b", "a\ufffdb"},
        {"\xc3", "\ufffd"},
        {"\xc3(", "\ufffd("},
        {"\xc0\xaf", "\ufffd\ufffd"},
        {"\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
        {"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},
        {"\xe0\x9f\xbf", "\ufffd\ufffd\ufffd"},
        {"\xf0\x8f\xbf\xbf", "\ufffd\ufffd\ufffd\ufffd"},
        {"\xe2\x82", "\ufffd\ufffd"},
        {"\x80", "\ufffd"},
        {"\xf4\x8f\xbf\xbf\xee\x80\x80\xed\x9f\xbf", "\U0010ffff\ue000\ud7ff"},
    };

    for (const auto &c : cases) {
        assert_string_equal(memo_of(c.memo).c_str(), c.sent);
    }
}

// lnd refuses more than 639 bytes.
void long_memos_are_cut_between_characters(void **)
{
    std::string limit(639, 'a');

    assert_string_equal(memo_of(limit).c_str(), limit.c_str());
    assert_string_equal(memo_of(limit + "b").c_str(), limit.c_str());

    std::string nearly(638, 'a');

    assert_string_equal(memo_of(nearly + "\u00e4").c_str(), nearly.c_str());
    assert_string_equal(memo_of(nearly + "\xff").c_str(), nearly.c_str());
    assert_string_equal(memo_of(nearly.substr(1) + "\u00e4").c_str(),
        (nearly.substr(1) + "\u00e4").c_str());
}

// ---- the answer ----

void a_good_answer_is_an_offer(void **)
{
    ProtocolStep step = answered(200, good_answer().dump());

    assert_true(step.kind == Kind::done);
    assert_string_equal(step.offer.bolt11.c_str(), "lnbcrt1...");
    assert_true(step.offer.names_hash);

    for (uint8_t byte : step.offer.payment_hash) {
        assert_int_equal(byte, 0xfb);
    }
}

void the_hash_may_be_in_any_base64(void **)
{
    json body = good_answer();
    std::string text = body["r_hash"];

    assert_true(text.find('+') != text.npos);

    for (char &c : text) {
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    }

    body["r_hash"] = text;
    assert_true(answered(200, body.dump()).kind == Kind::done);
    text.pop_back();
    body["r_hash"] = text;
    assert_true(answered(200, body.dump()).offer.payment_hash[31] == 0xfb);
}

void missing_members_fail(void **)
{
    for (const char *name : {"payment_request", "r_hash"}) {
        json body = good_answer();
        std::string error = std::string("answered with no ") + name;

        body.erase(name);
        fails(200, body.dump(), error);

        for (json value : {json(nullptr), json(1), json(true), json(""),
                 json::array({"x"}), json::object({{"x", "y"}}), json(1.5)})
        {
            body[name] = value;
            fails(200, body.dump(), error);
        }
    }
}

void a_hash_that_is_none_fails(void **)
{
    for (const std::string &hash : {std::string("*"),
             base64_encode(std::string(31, 'a')),
             base64_encode(std::string(33, 'a')), std::string(64, 'a'),
             std::string(44, '='), std::string(5000, 'A'),
             std::string("\0", 1)})
    {
        json body = good_answer();

        body["r_hash"] = hash;
        fails(200, body.dump(),
            "answered with an r_hash that is not 32 bytes of base64");
    }
}

void bodies_that_are_no_answer_fail(void **)
{
    std::string good = good_answer().dump();

    fails(200, "", "answered with an empty body");

    for (const std::string &body : {std::string("garbage"),
             std::string("<html></html>"), good.substr(0, good.size() / 2),
             good.substr(0, good.size() - 1), good + "x", good + good,
             std::string("{\"a\":\"\xff\"}"), std::string("{\"a\":1e999}"),
             std::string(10, '\0'), std::string("{\"a\":tru}")})
    {
        fails(200, body, "answered with a body that is not JSON");
    }

    for (const char *body : {"[]", "null", "1", "\"x\"", "true"}) {
        fails(200, body, "answered with JSON that is no object");
    }
}

void a_large_body_fails_without_being_read(void **)
{
    std::string body = good_answer().dump();

    body.insert(body.size() - 1, std::string(65536 - body.size(), ' '));
    assert_true(answered(200, body).kind == Kind::done);
    fails(200, body + " ", "answered with more than 65536 bytes");
}

void deep_nesting_fails_without_being_parsed(void **)
{
    json body = good_answer();
    std::string sixteen = body.dump(), seventeen = body.dump();

    sixteen.insert(1, "\"a\":" + std::string(15, '[') + std::string(15, ']')
                      + ",");
    seventeen.insert(1, "\"a\":" + std::string(16, '[')
                        + std::string(16, ']') + ",");
    assert_true(answered(200, sixteen).kind == Kind::done);
    fails(200, seventeen, "answered with JSON that is nested too deeply");
    fails(200, std::string(65000, '['),
        "answered with JSON that is nested too deeply");
    fails(500, std::string(65000, '{'), "answered 500");

    // Brackets in strings do not nest.
    body["memo"] = "\\\"" + std::string(100, '[') + "\"" + std::string(9, '{');
    assert_true(answered(200, body.dump()).kind == Kind::done);
}

// ---- errors for the log ----

void other_statuses_fail_with_lnds_words(void **)
{
    fails(401, "", "answered 401");
    fails(404, "Not Found", "answered 404");
    fails(202, good_answer().dump(), "answered 202");
    fails(302, "", "answered 302");
    fails(0, "", "answered 0");
    fails(500, "{\"code\":2,\"message\":\"verification failed: signature "
               "mismatch after caveat verification\",\"details\":[]}",
        "answered 500: verification failed: signature mismatch after caveat "
        "verification");
    fails(500, "{\"code\":2,\"message\":7}", "answered 500");
    fails(500, "{\"code\":2,\"message\":\"\"}", "answered 500");
}

std::string words_of(const std::string &message,
    const std::string &with = credential)
{
    std::string start = "answered 500: ";
    std::string error = answered(500, json({{"message", message}}).dump(),
        with).error;

    assert_true(error.compare(0, start.size(), start) == 0);
    return error.substr(start.size());
}

void words_become_one_short_printable_line(void **)
{
    assert_string_equal(words_of("a\r\nb\tc").c_str(), "a  b c");
    assert_string_equal(words_of("a\x1b[31m\x7f\u00e4").c_str(), "a?[31m???");
    assert_string_equal(words_of(std::string("a\0b", 3)).c_str(), "a?b");

    std::string words;

    while (words.size() < 121) {
        words += "word ";
    }

    words.resize(120);
    assert_string_equal(words_of(words).c_str(), words.c_str());
    assert_string_equal(words_of(words + "x").c_str(),
        (words.substr(0, 117) + "...").c_str());
}

std::string upper(std::string text)
{
    for (char &c : text) {
        c = static_cast<char>(toupper(c));
    }

    return text;
}

void no_error_holds_the_credential(void **)
{
    std::string bytes(credential.size() / 2, '\0');

    assert_true(hex_decode(credential,
        reinterpret_cast<uint8_t *>(bytes.data())));

    assert_string_equal(words_of("bad macaroon: " + credential).c_str(),
        "bad macaroon: ***");
    assert_string_equal(words_of("\"" + upper(credential) + "\" refused").c_str(),
        "\"***\" refused");
    assert_string_equal(words_of(credential + credential).c_str(), "******");

    // Cut at 120 characters it must not begin to show, either.
    for (size_t before = 0; before < 130; before++) {
        std::string error = words_of(std::string(before, ' ') + credential);

        assert_true(error.find("0201") == error.npos);
    }

    // A part of it, or other encodings of it.
    assert_string_equal(words_of("m " + credential.substr(40)).c_str(),
        "m ***");
    assert_string_equal(words_of("m=" + credential.substr(40)).c_str(), "***");
    assert_string_equal(words_of("m " + base64_encode(bytes)).c_str(), "m ***");

    // Too short to be told by its length.
    assert_string_equal(words_of("key c0ffee; C0FFEEc0ffee", "c0ffee").c_str(),
        "key ***; ******");
}

// ---- the credential file ----

std::string refused(const std::string &file)
{
    std::string out = "untouched", error;

    assert_false(lnd().read_credential(file, out, error));
    assert_string_equal(out.c_str(), "untouched");
    return error;
}

std::string read(const std::string &file)
{
    std::string out, error;

    if (!lnd().read_credential(file, out, error)) {
        fail_msg("%s", error.c_str());
    }

    return out;
}

void a_binary_file_becomes_hex(void **)
{
    assert_string_equal(read(std::string("\x02\x01\x03lnd\x00\n", 8)).c_str(),
        "0201036c6e64000a");
    assert_string_equal(read(std::string("  \xff ")).c_str(), "2020ff20");
    assert_int_equal(read(std::string(8192, '\x02')).size(), 16384);
}

void a_hex_file_stays_as_it_is(void **)
{
    assert_string_equal(read(credential).c_str(), credential.c_str());
    assert_string_equal(read(credential + "\n").c_str(), credential.c_str());
    assert_string_equal(read("\r\n " + credential + " \r\n").c_str(),
        credential.c_str());
    assert_string_equal(read("0201AB").c_str(), "0201AB");
}

void other_files_are_refused_without_being_quoted(void **)
{
    for (const char *file : {"", "\n", " \t\r\n"}) {
        assert_non_null(strstr(refused(file).c_str(), "is empty"));
    }

    assert_non_null(strstr(refused(std::string(8193, '\x02')).c_str(),
        "8192"));
    assert_non_null(strstr(refused(std::string(8193, 'a')).c_str(), "8192"));
}

void a_file_in_base64_is_the_macaroon_that_it_says(void **)
{
    assert_string_equal(read("AgEDbG5kAvgBAwoQ").c_str(),
        "0201036c6e6402f801030a10");
    assert_string_equal(read("AgEDbG5kAvgBAwoQ\n").c_str(),
        "0201036c6e6402f801030a10");

    // Letters that say no macaroon are bytes like any others.
    assert_string_equal(read("hunter2").c_str(), "68756e74657232");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(protocols_are_found_by_their_word),
        cmocka_unit_test(the_call_is_lnds),
        cmocka_unit_test(without_a_credential_there_is_no_header),
        cmocka_unit_test(amounts_are_written_exactly),
        cmocka_unit_test(memos_are_escaped),
        cmocka_unit_test(memos_that_are_not_utf8_are_mended),
        cmocka_unit_test(long_memos_are_cut_between_characters),
        cmocka_unit_test(a_good_answer_is_an_offer),
        cmocka_unit_test(the_hash_may_be_in_any_base64),
        cmocka_unit_test(missing_members_fail),
        cmocka_unit_test(a_hash_that_is_none_fails),
        cmocka_unit_test(bodies_that_are_no_answer_fail),
        cmocka_unit_test(a_large_body_fails_without_being_read),
        cmocka_unit_test(deep_nesting_fails_without_being_parsed),
        cmocka_unit_test(other_statuses_fail_with_lnds_words),
        cmocka_unit_test(words_become_one_short_printable_line),
        cmocka_unit_test(no_error_holds_the_credential),
        cmocka_unit_test(a_binary_file_becomes_hex),
        cmocka_unit_test(a_hex_file_stays_as_it_is),
        cmocka_unit_test(a_file_in_base64_is_the_macaroon_that_it_says),
        cmocka_unit_test(other_files_are_refused_without_being_quoted),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
