// What each service is asked about a settlement, and what of its answers
// counts. The answers are those of lnd v0.19 (lnrpc.Invoice), Core Lightning
// v26.06.6 (doc/schemas/listinvoices.json, first example), Eclair v0.13
// (eclair-node's own test resources, api/received-*), phoenixd v0.8.0
// ("Get incoming payment"), LNbits 1.6.2 (as a real one answers) and BTCPay
// Server 2.4.1 (LightningInvoiceData).
#include "l402/encoding.h"
#include "l402/invoice.h"

#include "cmocka_cpp.h"

#include <nlohmann/json.hpp>

#include <string>

using namespace l402;
using nlohmann::json;

namespace {

constexpr const char *hex =
    "3fe5289854b8924b4ebb3f61cd8f5a29f8f509cc781919230f7ee95ec2fa7c46";
constexpr const char *other_hex =
    "3fe5289854b8924b4ebb3f61cd8f5a29f8f509cc781919230f7ee95ec2fa7c47";

Hash hash_of(const char *text)
{
    Hash hash;

    assert_true(hex_decode(text, hash.data()));
    return hash;
}

std::string base64_of(const char *text)
{
    Hash hash = hash_of(text);

    return base64_encode({reinterpret_cast<char *>(hash.data()), hash.size()});
}

struct Case {
    const char  *name;
    const char  *credential;
    long         success;
    json         answer;      // settled
    const char  *hash;        // pointers into it
    const char  *state;
    std::vector<std::pair<json, Settlement>> states;
    long         unknown_status;
    std::string  unknown_body;
    std::string  other_404;   // what it says of a path that is not its own

    const Protocol &protocol() const
    {
        const Protocol *found = find_protocol(name);

        assert_non_null(found);
        assert_non_null(found->settlement);
        return *found;
    }

    HttpCall call() const
    {
        return protocol().settlement->ask(credential, hash_of(hex));
    }

    SettlementAnswer read(long status, const std::string &body) const
    {
        return protocol().settlement->read(credential, hash_of(hex),
            {status, body});
    }

    Settlement state_of(const json &body) const
    {
        return read(success, body.dump()).state;
    }

    json with(const char *pointer, const json &value) const
    {
        json body = answer;

        body[json::json_pointer(pointer)] = value;
        return body;
    }

    json without(const char *pointer) const
    {
        json::json_pointer at(pointer);
        json body = answer;
        json &parent = body[at.parent_pointer()];

        parent.erase(at.back());
        return body;
    }

    void is_no_answer(long status, const std::string &body) const
    {
        SettlementAnswer got = read(status, body);

        if (got.state != Settlement::failed) {
            fail_msg("%s: %s is taken", name, body.substr(0, 200).c_str());
        }

        assert_true(!got.error.empty() && got.error.size() < 200);
        assert_true(got.error.find(credential) == got.error.npos);
        assert_true(got.error.find('\n') == got.error.npos);
    }
};

const std::vector<Case> &cases()
{
    static const std::vector<Case> all = {
        {"lnd", "0201036c6e6402f801030a10", 200,
         {{"memo", "weather"}, {"r_hash", base64_of(hex)}, {"value", "10"},
          {"value_msat", "10000"}, {"settled", true}, {"state", "SETTLED"},
          {"amt_paid_msat", "10000"}, {"htlcs", json::array()},
          {"features", {{"9", {{"name", "tlv-onion"}}}}}},
         "/r_hash", "/state",
         {{"SETTLED", Settlement::settled}, {"OPEN", Settlement::pending},
          {"ACCEPTED", Settlement::pending}, {"CANCELED", Settlement::gone}},
         404, R"({"code":5,"message":"unable to locate invoice","details":[]})",
         R"({"code":5,"message":"Not Found","details":[]})"},

        {"cln", "7cKJyALVY0_LLVV-AB9oetXjipOdyt0EhOuYrSS42fM9MA==", 201,
         {{"invoices", {{
             {"label", "lbl_l21"}, {"payment_hash", hex}, {"status", "paid"},
             {"pay_index", 4}, {"amount_received_msat", 400000},
             {"paid_at", 1738000000}, {"description", "l21 description"},
             {"expires_at", 1738604800}, {"created_index", 2}}}}},
         "/invoices/0/payment_hash", "/invoices/0/status",
         {{"paid", Settlement::settled}, {"unpaid", Settlement::pending},
          {"expired", Settlement::gone}},
         201, R"({"invoices":[]})",
         R"({"code":-32601,"message":"Unknown command 'listinvoices'"})"},

        {"eclair", "21satoshi", 200,
         {{"invoice", {{"prefix", "lnbc"}, {"timestamp", 1496314658},
                       {"description", "1 cup coffee"}, {"paymentHash", hex},
                       {"expiry", 60}, {"amount", 250000000}}},
          {"paymentPreimage", std::string(64, '0')},
          {"paymentType", "Standard"},
          {"createdAt", {{"iso", "1970-01-01T00:00:00.042Z"}, {"unix", 0}}},
          {"status", {{"type", "received"}, {"amount", 42},
                      {"receivedAt", {{"unix", 1633439543}}}}}},
         "/invoice/paymentHash", "/status/type",
         {{"received", Settlement::settled}, {"pending", Settlement::pending},
          {"expired", Settlement::gone}},
         404, R"({"error":"Not found"})",
         R"({"error":"The requested resource could not be found."})"},

        {"phoenixd", "80f0e2c1b6d5c3a4f7e8d9c0b1a2938475665748392a1b0c", 200,
         {{"type", "incoming_payment"}, {"subType", "lightning"},
          {"paymentHash", hex}, {"preimage", std::string(64, '0')},
          {"externalId", "l402"}, {"description", "weather"},
          {"isPaid", true}, {"isExpired", false}, {"receivedSat", 10},
          {"fees", 0}, {"completedAt", 1712785550079},
          {"createdAt", 1712785517190}},
         "/paymentHash", "/isPaid",
         {{true, Settlement::settled}, {false, Settlement::pending}},
         404, "Not found", "Unknown endpoint (check api doc)"},

        {"lnbits", "08f4368aa52f45df80397e754cb418a2", 200,
         {{"paid", true}, {"status", "success"},
          {"preimage", std::string(64, '0')},
          {"details", {{"checking_id", "internal_1"}, {"payment_hash", hex},
                       {"amount", 10000}, {"fee", 0}, {"status", "success"}}}},
         "/details/payment_hash", "/paid",
         {{true, Settlement::settled}, {false, Settlement::pending}},
         404, R"({"detail":"Payment does not exist."})",
         R"({"detail":"Not Found"})"},

        {"btcpay", "9cb36cbd4e2cbd27e0e1a9d3f1cf62a8b7c2d4e1", 200,
         {{"id", hex}, {"status", "Paid"}, {"BOLT11", "lnbcrt1"},
          {"paidAt", 1738000000}, {"expiresAt", 1738604800},
          {"amount", "10000"}, {"amountReceived", "10000"},
          {"paymentHash", hex}, {"preimage", nullptr}},
         "/paymentHash", "/status",
         {{"Paid", Settlement::settled}, {"Unpaid", Settlement::pending},
          {"Expired", Settlement::gone}},
         404, R"({"code":"invoice-not-found","message":"Impossible to find a )"
              R"(lightning invoice with this id"})",
         R"({"code":"lightning-not-configured","message":"The lightning node )"
         R"(is not set up"})"},
    };

    return all;
}

const Case &of(std::string_view name)
{
    for (const Case &c : cases()) {
        if (name == c.name) {
            return c;
        }
    }

    fail_msg("%s", "no such case");
    abort();
}

// ---- the calls ----

void check_call(const char *name, const char *method, const std::string &path,
    const char *header, const std::string &value, const char *body)
{
    HttpCall call = of(name).call();

    assert_string_equal(call.method.c_str(), method);
    assert_string_equal(call.path.c_str(), path.c_str());
    assert_true(call.url.empty());
    assert_int_equal(call.headers.size(), 1);
    assert_string_equal(call.headers[0].first.c_str(), header);
    assert_string_equal(call.headers[0].second.c_str(), value.c_str());
    assert_string_equal(call.body.c_str(), body);
    assert_true(call.content_type.empty() == call.body.empty());
}

void the_calls_are_the_services_own(void **)
{
    std::string h = hex;
    auto basic = [](const char *name) {
        return "Basic " + base64_encode(std::string(":") + of(name).credential);
    };

    check_call("lnd", "GET", "/v1/invoice/" + h, "Grpc-Metadata-macaroon",
        of("lnd").credential, "");
    check_call("cln", "POST", "/v1/listinvoices", "Rune",
        of("cln").credential, ("{\"payment_hash\":\"" + h + "\"}").c_str());
    check_call("eclair", "POST", "/getreceivedinfo", "Authorization",
        basic("eclair"), ("paymentHash=" + h).c_str());
    check_call("phoenixd", "GET", "/payments/incoming/" + h, "Authorization",
        basic("phoenixd"), "");
    check_call("lnbits", "GET", "/api/v1/payments/" + h, "X-Api-Key",
        of("lnbits").credential, "");
    check_call("btcpay", "GET", "/invoices/" + h, "Authorization",
        std::string("token ") + of("btcpay").credential, "");
}

void without_a_credential_there_is_no_header(void **)
{
    assert_true(of("lnd").protocol().settlement->ask("", hash_of(hex))
                    .headers.empty());
}

void an_address_cannot_be_asked(void **)
{
    assert_null(find_protocol("lnurl")->settlement);
}

// ---- the answers ----

void each_state_has_its_meaning(void **)
{
    for (const Case &c : cases()) {
        assert_true(c.state_of(c.answer) == Settlement::settled);

        for (const auto &[word, state] : c.states) {
            if (c.state_of(c.with(c.state, word)) != state) {
                fail_msg("%s: %s", c.name, word.dump().c_str());
            }
        }
    }
}

void what_will_not_come_is_gone(void **)
{
    json body = of("phoenixd").with("/isPaid", false);

    body["isExpired"] = true;
    assert_true(of("phoenixd").state_of(body) == Settlement::gone);

    // Paid is paid.
    assert_true(of("phoenixd").state_of(of("phoenixd").with("/isExpired",
        true)) == Settlement::settled);

    body = of("lnbits").with("/paid", false);
    body["status"] = "failed";
    assert_true(of("lnbits").state_of(body) == Settlement::gone);
    body["status"] = "pending";
    assert_true(of("lnbits").state_of(body) == Settlement::pending);
}

void an_invoice_that_is_not_there_is_unknown(void **)
{
    for (const Case &c : cases()) {
        assert_true(c.read(c.unknown_status, c.unknown_body).state
                    == Settlement::unknown);

        // A wrong url, or a service without a node, has said nothing.
        c.is_no_answer(404, c.other_404);
        c.is_no_answer(404, "");
        c.is_no_answer(404, "<html>Not Found</html>");
        c.is_no_answer(404, "{\"code\":7,\"message\":\"x\"}");
    }
}

// Somebody else's payment lets nobody in.
void another_hash_is_no_answer(void **)
{
    for (const Case &c : cases()) {
        bool is_base64 = std::string_view(c.name) == "lnd";
        std::string other = is_base64 ? base64_of(other_hex) : other_hex;

        c.is_no_answer(c.success, c.with(c.hash, other).dump());
        c.is_no_answer(c.success, c.without(c.hash).dump());

        for (json value : {json(nullptr), json(1), json(true), json(""),
                 json::array({hex}), json::object({{"x", "y"}}),
                 json(std::string(hex) + "00"), json(std::string(hex, 62)),
                 json(std::string(64, 'x'))})
        {
            c.is_no_answer(c.success, c.with(c.hash, value).dump());
        }
    }
}

void upper_case_is_the_same_hash(void **)
{
    std::string upper = hex;

    for (char &digit : upper) {
        digit = static_cast<char>(toupper(digit));
    }

    assert_true(of("eclair").state_of(of("eclair").with(of("eclair").hash,
        upper)) == Settlement::settled);
}

void a_state_of_another_type_or_word_is_no_answer(void **)
{
    for (const Case &c : cases()) {
        c.is_no_answer(c.success, c.without(c.state).dump());

        for (json value : {json(nullptr), json(1), json(""), json("true"),
                 json("settled"), json("PAID"), json("SETTLED "),
                 json("Received"), json::array({true}), json::object(),
                 json(1.5)})
        {
            c.is_no_answer(c.success, c.with(c.state, value).dump());
        }
    }

    for (const char *name : {"lnd", "cln", "eclair", "btcpay"}) {
        of(name).is_no_answer(of(name).success,
            of(name).with(of(name).state, true).dump());
    }
}

void other_statuses_are_no_answer(void **)
{
    for (const Case &c : cases()) {
        for (long status : {0L, 100L, 200L, 201L, 202L, 204L, 301L, 302L, 307L,
                 400L, 401L, 403L, 404L, 429L, 500L, 502L, 503L})
        {
            if (status != c.success) {
                c.is_no_answer(status, c.answer.dump());
                c.is_no_answer(status, "");
            }

            if (status != c.unknown_status) {
                c.is_no_answer(status, c.unknown_body);
            }
        }
    }
}

void bodies_that_are_no_answer(void **)
{
    for (const Case &c : cases()) {
        std::string good = c.answer.dump();

        for (const std::string &body : {std::string(), std::string("garbage"),
                 std::string("[]"), std::string("null"), std::string("{}"),
                 std::string("true"), std::string(65000, '['),
                 good.substr(0, good.size() / 2), good + good, good + "x",
                 "[" + good + "]", good + std::string(65537, ' '),
                 std::string(300, '\0'), std::string("{\"a\":\"\xff\"}")})
        {
            c.is_no_answer(c.success, body);
        }
    }
}

void members_around_of_another_type_are_no_answer(void **)
{
    for (json value : {json(nullptr), json(1), json("x"), json(true),
             json::array({json::object()})})
    {
        of("eclair").is_no_answer(200,
            of("eclair").with("/invoice", value).dump());
        of("eclair").is_no_answer(200,
            of("eclair").with("/status", value).dump());
        of("lnbits").is_no_answer(200,
            of("lnbits").with("/details", value).dump());
    }

    for (json value : {json(nullptr), json(1), json("x"), json(true),
             json::object()})
    {
        of("cln").is_no_answer(201, json({{"invoices", value}}).dump());
        of("cln").is_no_answer(201,
            json({{"invoices", json::array({value})}}).dump());
    }

    // Two of one hash: which?
    json two = of("cln").answer;

    two["invoices"].push_back(two["invoices"][0]);
    of("cln").is_no_answer(201, two.dump());
}

// LNbits answers strangers, too, and about payments that leave the wallet.
void lnbits_is_asked_about_what_came_into_the_wallet(void **)
{
    const Case &lnbits = of("lnbits");

    lnbits.is_no_answer(200, lnbits.without("/details").dump());

    for (json amount : {json(-10000), json(0), json("10000"), json(nullptr)}) {
        lnbits.is_no_answer(200, lnbits.with("/details/amount", amount).dump());
    }
}

void no_error_holds_the_credential(void **)
{
    for (const Case &c : cases()) {
        std::string words = std::string("bad ") + c.credential + "!";

        for (const char *member : {"message", "error", "detail"}) {
            SettlementAnswer got = c.read(500, json({{member, words}}).dump());

            assert_true(got.error.find(c.credential) == got.error.npos);
        }

        c.is_no_answer(500, words);
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_calls_are_the_services_own),
        cmocka_unit_test(without_a_credential_there_is_no_header),
        cmocka_unit_test(an_address_cannot_be_asked),
        cmocka_unit_test(each_state_has_its_meaning),
        cmocka_unit_test(what_will_not_come_is_gone),
        cmocka_unit_test(an_invoice_that_is_not_there_is_unknown),
        cmocka_unit_test(another_hash_is_no_answer),
        cmocka_unit_test(upper_case_is_the_same_hash),
        cmocka_unit_test(a_state_of_another_type_or_word_is_no_answer),
        cmocka_unit_test(other_statuses_are_no_answer),
        cmocka_unit_test(bodies_that_are_no_answer),
        cmocka_unit_test(members_around_of_another_type_are_no_answer),
        cmocka_unit_test(lnbits_is_asked_about_what_came_into_the_wallet),
        cmocka_unit_test(no_error_holds_the_credential),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
