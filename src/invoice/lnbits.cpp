// LNbits' API: POST /api/v1/payments with a wallet's invoice key, which can
// make and read invoices only. Amounts are whole sats. Its success is 201.
#include "invoice/protocols.h"
#include "invoice/secret.h"
#include "invoice/settlement_answer.h"

#include "l402/encoding.h"

namespace l402 {

namespace {

class LnbitsAttempt : public InvoiceAttempt {
public:
    LnbitsAttempt(const std::string &key, const InvoiceRequest &request)
        : key_(key), request_(request)
    {
    }

    ProtocolStep start() override;
    ProtocolStep answered(const HttpAnswer &answer) override;

private:
    std::string    key_;
    InvoiceRequest request_;
};

ProtocolStep LnbitsAttempt::start()
{
    nlohmann::json body;

    body["out"] = false;
    body["unit"] = "sat";
    body["amount"] = request_.amount_msat / msat_per_sat;
    body["memo"] = valid_utf8(request_.memo, max_description);
    body["expiry"] = request_.expiry;

    HttpCall call = json_call("/api/v1/payments", body);

    call.headers.emplace_back("X-Api-Key", key_);
    return send(std::move(call));
}

// Text, or a list where the request itself was wrong.
const std::string *find_detail(const nlohmann::json &body)
{
    auto detail = body.find("detail");

    if (detail == body.end() || !detail->is_array() || detail->empty()
        || !detail->front().is_object())
    {
        return find_text(body, "detail");
    }

    return find_text(detail->front(), "msg");
}

ProtocolStep LnbitsAttempt::answered(const HttpAnswer &answer)
{
    nlohmann::json body;
    std::string error;
    bool is_object = parse_answer(answer.body, body, error);

    if (!is_success(answer.status)) {
        return failed(status_error(answer.status,
            is_object ? find_detail(body) : nullptr, key_));
    }

    if (!is_object) {
        return failed(error);
    }

    // "payment_request" alone before 1.0, "bolt11" since then; where both
    // stand there, the former may be a bill in another currency.
    bool is_old = body.find("bolt11") == body.end()
                  && find_text(body, "payment_request");

    return offered(body, is_old ? "payment_request" : "bolt11",
        "payment_hash");
}

bool read_credential(std::string_view file, std::string &credential,
    std::string &error)
{
    return read_secret(file, "the wallet's invoice key alone", credential,
        error);
}

std::unique_ptr<InvoiceAttempt> attempt(const std::string &credential,
    const InvoiceRequest &request)
{
    return std::make_unique<LnbitsAttempt>(credential, request);
}

// ---- settlement: GET /api/v1/payments/{payment_hash} ----

HttpCall ask_settlement(const std::string &key, const Hash &hash)
{
    HttpCall call;

    call.method = "GET";
    call.path = "/api/v1/payments/" + to_hex(hash);
    call.headers.emplace_back("X-Api-Key", key);
    return call;
}

// Without a key of the wallet LNbits answers nevertheless, about anybody's
// payment and without these details.
bool is_ours(const nlohmann::json &body, const Hash &asked, std::string &error)
{
    auto details = body.find("details");

    if (details == body.end() || !details->is_object()) {
        error = "answered with no details";
        return false;
    }

    auto amount = details->find("amount");

    // What leaves the wallet is negative.
    if (amount == details->end() || !amount->is_number() || *amount <= 0) {
        error = "answered with a payment that does not come in";
        return false;
    }

    return is_about(*details, "payment_hash", asked, error);
}

SettlementAnswer read_settlement(const std::string &key, const Hash &asked,
    const HttpAnswer &answer)
{
    nlohmann::json body;
    std::string error;
    bool is_object = parse_answer(answer.body, body, error);
    const std::string *detail = is_object ? find_detail(body) : nullptr;

    if (answer.status == 404 && detail && *detail == "Payment does not exist.") {
        return {Settlement::unknown, {}};
    }

    if (answer.status != 200) {
        return not_told(status_error(answer.status, detail, key));
    }

    if (!is_object) {
        return not_told(error);
    }

    const bool *paid = find_flag(body, "paid");

    if (!paid) {
        return not_told("answered with no paid");
    }

    if (!is_ours(body, asked, error)) {
        return not_told(error);
    }

    const std::string *status = find_text(body, "status");

    if (*paid) {
        return {Settlement::settled, {}};
    }

    return {status && *status == "failed" ? Settlement::gone
                                          : Settlement::pending, {}};
}

constexpr SettlementProtocol settlement = {ask_settlement, read_settlement};

}  // namespace

const Protocol lnbits_protocol = {
    "lnbits", read_credential, attempt, &settlement, msat_per_sat,
    CredentialUse::required,
};

}  // namespace l402
