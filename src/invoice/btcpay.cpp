// BTCPay Server's Greenfield API: POST .../lightning/BTC/invoices, below the
// store that `url` names. Amounts are msat in text.
#include "invoice/protocols.h"
#include "invoice/secret.h"
#include "invoice/settlement_answer.h"

#include "l402/encoding.h"

namespace l402 {

namespace {

class BtcpayAttempt : public InvoiceAttempt {
public:
    BtcpayAttempt(const std::string &key, const InvoiceRequest &request)
        : key_(key), request_(request)
    {
    }

    ProtocolStep start() override;
    ProtocolStep answered(const HttpAnswer &answer) override;

private:
    std::string    key_;
    InvoiceRequest request_;
};

ProtocolStep BtcpayAttempt::start()
{
    nlohmann::json body;

    body["amount"] = std::to_string(request_.amount_msat);
    body["description"] = valid_utf8(request_.memo, max_description);
    body["expiry"] = request_.expiry;

    HttpCall call = json_call("/invoices", body);

    call.headers.emplace_back("Authorization", "token " + key_);
    return send(std::move(call));
}

// An object, or a list of them where the request itself was wrong.
const std::string *find_message(const nlohmann::json &body)
{
    const nlohmann::json &problem =
        body.is_array() && !body.empty() ? body.front() : body;

    return problem.is_object() ? find_text(problem, "message") : nullptr;
}

ProtocolStep BtcpayAttempt::answered(const HttpAnswer &answer)
{
    nlohmann::json body;
    std::string error;
    bool is_object = parse_answer(answer.body, body, error);

    if (!is_success(answer.status)) {
        return failed(status_error(answer.status, find_message(body), key_));
    }

    return is_object ? offered(body, "BOLT11", "paymentHash") : failed(error);
}

bool read_credential(std::string_view file, std::string &credential,
    std::string &error)
{
    return read_secret(file, "the API key alone", credential, error);
}

// /api/v1/stores/<id>
bool names_store(std::string_view base)
{
    constexpr std::string_view stores = "/api/v1/stores/";
    size_t begin = base.find(stores);

    return begin != base.npos && base.size() > begin + stores.size()
           && base.find('/', begin + stores.size()) == base.npos;
}

// /api/v1/stores/<id>/lightning/BTC; a server's own node is there too, at
// /api/v1/server/lightning/BTC.
bool names_node(std::string_view base)
{
    constexpr std::string_view api = "/api/v1/", node = "/lightning/";
    size_t begin = base.find(api), at = base.rfind(node);

    return begin != base.npos && at != base.npos
           && at + 1 > begin + api.size()
           && base.find('/', at + node.size()) == base.npos;
}

bool read_url(std::string_view text, ServiceUrl &out, std::string &error)
{
    ServiceUrl url;

    if (!parse_service_url(text, url, error)) {
        return false;
    }

    if (names_store(url.base)) {
        url.base += "/lightning/BTC";
    }

    if (!names_node(url.base)) {
        error = "names no store: \"https://host/api/v1/stores/<store id>\" is "
                "right";
        return false;
    }

    out = std::move(url);
    return true;
}

std::unique_ptr<InvoiceAttempt> attempt(const std::string &credential,
    const InvoiceRequest &request)
{
    return std::make_unique<BtcpayAttempt>(credential, request);
}

// ---- settlement: GET .../invoices/{id} ----

// The id is the payment hash with LND, Eclair and phoenixd. With Core
// Lightning it is a label, but BTCPay looks for a payment hash, too.
HttpCall ask_settlement(const std::string &key, const Hash &hash)
{
    HttpCall call;

    call.method = "GET";
    call.path = "/invoices/" + to_hex(hash);
    call.headers.emplace_back("Authorization", "token " + key);
    return call;
}

SettlementAnswer read_settlement(const std::string &key, const Hash &asked,
    const HttpAnswer &answer)
{
    nlohmann::json body;
    std::string error;
    bool is_object = parse_answer(answer.body, body, error);

    if (answer.status == 404 && is_object) {
        const std::string *code = find_text(body, "code");

        // Other codes: the store has no node, or does not know the currency.
        if (code && *code == "invoice-not-found") {
            return {Settlement::unknown, {}};
        }
    }

    if (answer.status != 200) {
        return not_told(status_error(answer.status, find_message(body), key));
    }

    if (!is_object || !is_about(body, "paymentHash", asked, error)) {
        return not_told(error);
    }

    return read_word(body, "status", {
        {"Paid", Settlement::settled},
        {"Unpaid", Settlement::pending},
        {"Expired", Settlement::gone},
    });
}

constexpr SettlementProtocol settlement = {ask_settlement, read_settlement};

}  // namespace

const Protocol btcpay_protocol = {
    "btcpay", read_credential, attempt, &settlement, 1,
    CredentialUse::required, 600, read_url,
};

}  // namespace l402
