// Eclair's API: POST /createinvoice, a form. Whoever knows the password may
// do everything that the API can: Eclair has only one.
#include "invoice/form.h"
#include "invoice/protocols.h"
#include "invoice/secret.h"
#include "invoice/settlement_answer.h"

#include "l402/encoding.h"

namespace l402 {

namespace {

class EclairAttempt : public InvoiceAttempt {
public:
    EclairAttempt(const std::string &password, const InvoiceRequest &request)
        : password_(password), request_(request)
    {
    }

    ProtocolStep start() override;
    ProtocolStep answered(const HttpAnswer &answer) override;

private:
    std::string    password_;
    InvoiceRequest request_;
};

ProtocolStep EclairAttempt::start()
{
    return send(form_call("/createinvoice", {
        {"amountMsat", std::to_string(request_.amount_msat)},
        {"description", valid_utf8(request_.memo, max_description)},
        {"expireIn", std::to_string(request_.expiry)},
    }, password_));
}

ProtocolStep EclairAttempt::answered(const HttpAnswer &answer)
{
    nlohmann::json body;
    std::string error;
    bool is_object = parse_answer(answer.body, body, error);

    if (!is_success(answer.status)) {
        return failed(form_error(answer.status,
            is_object ? find_text(body, "error") : nullptr, password_));
    }

    return is_object ? offered(body, "serialized", "paymentHash")
                     : failed(error);
}

bool read_credential(std::string_view file, std::string &credential,
    std::string &error)
{
    return read_secret(file, "eclair.api.password alone", credential, error);
}

std::unique_ptr<InvoiceAttempt> attempt(const std::string &credential,
    const InvoiceRequest &request)
{
    return std::make_unique<EclairAttempt>(credential, request);
}

// ---- settlement: POST /getreceivedinfo ----

HttpCall ask_settlement(const std::string &password, const Hash &hash)
{
    return form_call("/getreceivedinfo", {{"paymentHash", to_hex(hash)}},
        password);
}

SettlementAnswer read_settlement(const std::string &password,
    const Hash &asked, const HttpAnswer &answer)
{
    nlohmann::json body;
    std::string error;
    bool is_object = parse_answer(answer.body, body, error);
    const std::string *message = is_object ? find_text(body, "error") : nullptr;

    // "The requested resource could not be found" is a wrong url.
    if (answer.status == 404 && message && *message == "Not found") {
        return {Settlement::unknown, {}};
    }

    if (answer.status != 200) {
        return not_told(form_error(answer.status, message, password));
    }

    if (!is_object) {
        return not_told(error);
    }

    auto invoice = body.find("invoice"), status = body.find("status");

    if (invoice == body.end() || !invoice->is_object()) {
        return not_told("answered with no invoice");
    }

    if (!is_about(*invoice, "paymentHash", asked, error)) {
        return not_told(error);
    }

    if (status == body.end() || !status->is_object()) {
        return not_told("answered with no status");
    }

    return read_word(*status, "type", {
        {"received", Settlement::settled},
        {"pending", Settlement::pending},
        {"expired", Settlement::gone},
    });
}

constexpr SettlementProtocol settlement = {ask_settlement, read_settlement};

}  // namespace

const Protocol eclair_protocol = {
    "eclair", read_credential, attempt, &settlement, 1, CredentialUse::required,
};

}  // namespace l402
