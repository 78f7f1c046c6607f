// The LNURL documents: LUD-06 (payRequest) and LUD-12 (comments), as of January
// 2024; that an invoice need not commit to the metadata any more is LUD-06 since
// its change no. 234.
#include "l402/invoice.h"
#include "l402/sha256.h"

#include "cmocka_cpp.h"
#include "make_bolt11.h"

#include <nlohmann/json.hpp>

#include <cstring>
#include <set>

using namespace l402;
using Kind = ProtocolStep::Kind;
using nlohmann::json;

namespace {

constexpr const char *metadata = R"([["text/plain", "lorem ipsum blah blah"]])";

InvoiceRequest request(const std::string &memo = "weather")
{
    InvoiceRequest out;

    out.amount_msat = 10000;
    out.memo = memo;
    out.expiry = 86400;
    return out;
}

const Protocol &lnurl()
{
    const Protocol *protocol = find_protocol("lnurl");

    assert_non_null(protocol);
    return *protocol;
}

json offered()
{
    return {
        {"callback", "https://service.example/cb"},
        {"maxSendable", 100000000}, {"minSendable", 1000},
        {"metadata", metadata}, {"tag", "payRequest"},
    };
}

// An attempt whose first answer is this.
ProtocolStep asked(const json &body, const std::string &memo = "weather",
    long status = 200)
{
    std::string text = body.dump();

    return lnurl().attempt("", request(memo))->answered({status, text});
}

// One that has got so far as to call back.
ProtocolStep called_back(long status, const std::string &body)
{
    auto attempt = lnurl().attempt("", request());
    std::string text = offered().dump();

    assert_true(attempt->start().kind == Kind::send);
    assert_true(attempt->answered({200, text}).kind == Kind::send);
    return attempt->answered({status, body});
}

void assert_fails(const ProtocolStep &step, const std::string &error)
{
    assert_true(step.kind == Kind::failed);
    assert_string_equal(step.error.c_str(), error.c_str());
}

// ---- the first call ----

void the_service_is_asked_what_it_sells(void **)
{
    ProtocolStep step = lnurl().attempt("", request())->start();

    assert_true(step.kind == Kind::send);
    assert_string_equal(step.call.method.c_str(), "GET");
    assert_string_equal(step.call.path.c_str(), "");
    assert_string_equal(step.call.url.c_str(), "");
    assert_string_equal(step.call.content_type.c_str(), "");
    assert_int_equal(step.call.headers.size(), 0);
}

void what_it_is_needs_no_credential(void **)
{
    assert_true(lnurl().credential_use == CredentialUse::none);
    assert_int_equal(lnurl().unit_msat, 1000);
    assert_int_equal(lnurl().default_expiry, 86400);
}

// ---- the callback ----

std::string without_nonce(const std::string &url)
{
    size_t at = url.find("&nonce=");

    assert_true(at != url.npos);
    assert_true(url.find_first_not_of("0123456789abcdef", at + 7)
                == (at + 23 == url.size() ? url.npos : at + 23));
    return url.substr(0, at) + url.substr(at + 23);
}

void the_callback_is_asked_for_the_amount(void **)
{
    ProtocolStep step = asked(offered());

    assert_true(step.kind == Kind::send);
    assert_string_equal(step.call.method.c_str(), "GET");
    assert_int_equal(step.call.headers.size(), 0);
    assert_string_equal(without_nonce(step.call.url).c_str(),
        "https://service.example/cb?amount=10000");
}

void a_callback_may_have_a_query(void **)
{
    struct { const char *callback, *called; } cases[] = {
        {"https://h.example/cb?id=1",
            "https://h.example/cb?id=1&amount=10000"},
        {"https://h.example/?a=%20&b",
            "https://h.example/?a=%20&b&amount=10000"},
        {"https://h.example/?", "https://h.example/?&amount=10000"},
        {"https://h.example", "https://h.example?amount=10000"},
    };

    for (const auto &c : cases) {
        json body = offered();

        body["callback"] = c.callback;
        assert_string_equal(without_nonce(asked(body).call.url).c_str(),
            c.called);
    }
}

// A cache between would give two customers one invoice.
void no_two_callbacks_are_the_same(void **)
{
    std::set<std::string> urls;

    for (int i = 0; i < 1000; i++) {
        urls.insert(asked(offered()).call.url);
    }

    assert_int_equal(urls.size(), 1000);
}

std::string comment(const json &allowed, const std::string &memo)
{
    json body = offered();

    body["commentAllowed"] = allowed;

    std::string url = without_nonce(asked(body, memo).call.url);
    size_t at = url.find("&comment=");

    return at == url.npos ? "(none)" : url.substr(at + 9);
}

void a_comment_goes_only_where_it_is_allowed(void **)
{
    assert_string_equal(comment(7, "weather").c_str(), "weather");
    assert_string_equal(comment(3, "weather").c_str(), "wea");
    assert_string_equal(comment(3, "a&b=c").c_str(), "a%26b");
    assert_string_equal(comment(4, "\u00e4\u00e4\u00e4").c_str(),
        "%C3%A4%C3%A4");
    assert_string_equal(comment(255, "").c_str(), "(none)");
    assert_int_equal(comment(1e18, std::string(5000, 'a')).size(), 639);

    for (json none : {json(0), json(-1), json("7"), json(true), json(nullptr),
             json(0.5)})
    {
        assert_string_equal(comment(none, "weather").c_str(), "(none)");
    }

    assert_true(asked(offered()).call.url.find("comment")
                == std::string::npos);
}

void the_price_must_lie_between_the_bounds(void **)
{
    struct { json min, max; const char *error; } cases[] = {
        {10000, 10000, ""},
        {1, 18446744073709551615ULL, ""},
        {1.0, 10000.0, ""},
        {1, 1e300, ""},
        {10001, 20000,
            "takes 10001 to 20000 msat, the price is 10000"},
        {1, 9999, "takes 1 to 9999 msat, the price is 10000"},
        {20000, 1, "takes 20000 to 1 msat, the price is 10000"},
        {10000, 0, "takes 10000 to 0 msat, the price is 10000"},
        {"1", 10000, "answered with no minSendable"},
        {1, "10000", "answered with no maxSendable"},
        {nullptr, 10000, "answered with no minSendable"},
        {-1, 10000, "answered with no minSendable"},
        {1, -1e300, "answered with no maxSendable"},
        {1, true, "answered with no maxSendable"},
    };

    for (const auto &c : cases) {
        json body = offered();

        body["minSendable"] = c.min;
        body["maxSendable"] = c.max;

        if (*c.error) {
            assert_fails(asked(body), c.error);

        } else {
            assert_true(asked(body).kind == Kind::send);
        }
    }
}

void what_is_no_pay_request_fails(void **)
{
    struct { const char *name, *error; } cases[] = {
        {"tag", "answered with no payRequest"},
        {"callback", "answered with no callback"},
        {"metadata", "answered with no metadata"},
        {"minSendable", "answered with no minSendable"},
        {"maxSendable", "answered with no maxSendable"},
    };

    for (const auto &c : cases) {
        json body = offered();

        body.erase(c.name);
        assert_fails(asked(body), c.error);

        for (json value : {json(nullptr), json(""), json(true),
                 json::array({"x"}), json::object({{"x", "y"}})})
        {
            body[c.name] = value;
            assert_fails(asked(body), c.error);
        }
    }

    json withdraw = offered();

    withdraw["tag"] = "withdrawRequest";
    assert_fails(asked(withdraw), "answered with no payRequest");
}

// ---- the invoice ----

void a_good_answer_is_an_offer(void **)
{
    ProtocolStep step = called_back(200, R"({"pr":"lnbc1","routes":[]})");
    Hash expected;

    sha256(metadata, expected.data());
    assert_true(step.kind == Kind::done);
    assert_string_equal(step.offer.bolt11.c_str(), "lnbc1");
    assert_false(step.offer.names_hash);
    assert_true(step.offer.has_description_hash);
    assert_true(step.offer.description_hash == expected);
}

// The bytes of the text that the JSON stands for, whatever its escapes.
void the_metadata_is_hashed_unescaped(void **)
{
    auto attempt = lnurl().attempt("", request());
    std::string text = offered().dump();
    size_t at = text.find("lorem");
    Hash expected;

    text.replace(at, 5, "l\\u00f6rem");
    sha256("[[\"text/plain\", \"l\u00f6rem ipsum blah blah\"]]",
        expected.data());
    assert_true(attempt->answered({200, text}).kind == Kind::send);
    assert_true(attempt->answered({200, R"({"pr":"lnbc1"})"})
                    .offer.description_hash == expected);
}

void an_answer_without_an_invoice_fails(void **)
{
    for (const char *body : {"{}", "{\"pr\":\"\"}", "{\"pr\":null}",
             "{\"pr\":7}", "{\"pr\":[\"lnbc1\"]}", "{\"PR\":\"lnbc1\"}"})
    {
        assert_fails(called_back(200, body), "answered with no pr");
    }

    // The service's description again.
    assert_fails(called_back(200, offered().dump()), "answered with no pr");
}

void bodies_that_are_no_answer_fail(void **)
{
    struct { std::string body; const char *error; } cases[] = {
        {"", "answered with an empty body"},
        {"garbage", "answered with a body that is not JSON"},
        {"{\"pr\":\"lnbc1\"", "answered with a body that is not JSON"},
        {"[]", "answered with JSON that is no object"},
        {"\"lnbc1\"", "answered with JSON that is no object"},
        {std::string(65000, '['), "answered with JSON that is nested too "
                                  "deeply"},
    };

    for (const auto &c : cases) {
        assert_fails(lnurl().attempt("", request())
                         ->answered({200, c.body}), c.error);
        assert_fails(called_back(200, c.body), c.error);
    }
}

// LUD-06: "Up to 136536 characters (100Kb of image data in base-64 encoding)".
void a_picture_has_room_in_the_metadata_alone(void **)
{
    json body = offered();
    auto padded = [](const std::string &text, size_t size) {
        return text + std::string(size - text.size(), ' ');
    };

    body["metadata"] = R"([["text/plain","a"],["image/png;base64",")"
                       + std::string(136536, 'A') + "\"]]";
    assert_true(asked(body).kind == Kind::send);
    assert_int_equal(lnurl().attempt("", request())->start().call.max_answer,
        262144);

    std::string offer = offered().dump(), pr = R"({"pr":"lnbc1"})";

    assert_true(lnurl().attempt("", request())
                    ->answered({200, padded(offer, 262144)}).kind
                == Kind::send);
    assert_fails(lnurl().attempt("", request())
                     ->answered({200, padded(offer, 262145)}),
        "answered with more than 262144 bytes");

    assert_int_equal(asked(offered()).call.max_answer, 65536);
    assert_true(called_back(200, padded(pr, 65536)).kind == Kind::done);
    assert_fails(called_back(200, padded(pr, 65537)),
        "answered with more than 65536 bytes");
}

// "status": "ERROR" comes with 200, and with others.
void errors_are_told_in_the_services_words(void **)
{
    const char *error =
        R"({"status":"ERROR","reason":"Amount too\n small","pr":"lnbc1"})";
    json body = offered();

    assert_fails(called_back(200, error),
        "answered with an error: Amount too  small");
    assert_fails(called_back(400, error), "answered 400: Amount too  small");
    assert_fails(called_back(200, R"({"status":"ERROR"})"),
        "answered with an error");
    assert_fails(called_back(200, R"({"status":"ERROR","reason":7})"),
        "answered with an error");

    body["status"] = "ERROR";
    body["reason"] = "Unable to find valid user wallet.";
    assert_fails(asked(body),
        "answered with an error: Unable to find valid user wallet.");

    body["status"] = "OK";
    assert_true(asked(body).kind == Kind::send);

    for (long status : {0L, 202L, 204L, 302L, 404L, 429L, 500L}) {
        std::string answered = "answered " + std::to_string(status);

        assert_fails(asked(offered(), "", status), answered);
        assert_fails(called_back(status, R"({"pr":"lnbc1"})"), answered);
    }
}

// ---- what the invoice commits to ----

bool passes(const OfferedInvoice &offer, std::string &error)
{
    InvoiceRequest wanted = request();
    Invoice invoice;

    wanted.amount_msat = 1000;
    return check_offer(offer, wanted, Network::regtest, 1700000000, invoice,
        error);
}

void an_invoice_for_another_description_is_refused(void **)
{
    l402_test::InvoiceMaker plain = l402_test::InvoiceMaker().usual();
    ProtocolStep step = called_back(200, json({{"pr", plain.make()}}).dump());
    std::string error;

    assert_true(passes(step.offer, error));

    for (bool same : {true, false}) {
        l402_test::InvoiceMaker hashed = l402_test::InvoiceMaker()
            .hash(0xab).secret().features({8, 14, 17});
        Hash hash = step.offer.description_hash;

        hash[31] ^= same ? 0 : 1;
        hashed.field(23, l402_test::to_words({
            reinterpret_cast<char *>(hash.data()), hash.size()}));
        step.offer.bolt11 = hashed.make();
        assert_int_equal(passes(step.offer, error), same);
    }

    assert_string_equal(error.c_str(),
        "description hash is not that of what the service described");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_service_is_asked_what_it_sells),
        cmocka_unit_test(what_it_is_needs_no_credential),
        cmocka_unit_test(the_callback_is_asked_for_the_amount),
        cmocka_unit_test(a_callback_may_have_a_query),
        cmocka_unit_test(no_two_callbacks_are_the_same),
        cmocka_unit_test(a_comment_goes_only_where_it_is_allowed),
        cmocka_unit_test(the_price_must_lie_between_the_bounds),
        cmocka_unit_test(what_is_no_pay_request_fails),
        cmocka_unit_test(a_good_answer_is_an_offer),
        cmocka_unit_test(the_metadata_is_hashed_unescaped),
        cmocka_unit_test(an_answer_without_an_invoice_fails),
        cmocka_unit_test(bodies_that_are_no_answer_fail),
        cmocka_unit_test(a_picture_has_room_in_the_metadata_alone),
        cmocka_unit_test(errors_are_told_in_the_services_words),
        cmocka_unit_test(an_invoice_for_another_description_is_refused),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
