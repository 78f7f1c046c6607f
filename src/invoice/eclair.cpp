// Eclair's API: POST /createinvoice, a form. Whoever knows the password may
// do everything that the API can: Eclair has only one.
#include "invoice/answer.h"
#include "invoice/form.h"
#include "invoice/protocols.h"
#include "invoice/secret.h"

namespace l402 {

namespace {

constexpr size_t max_memo = 639;  // bytes: what a BOLT 11 field holds

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
    return send_form("/createinvoice", {
        {"amountMsat", std::to_string(request_.amount_msat)},
        {"description", valid_utf8(request_.memo, max_memo)},
        {"expireIn", std::to_string(request_.expiry)},
    }, password_);
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

}  // namespace

const Protocol eclair_protocol = {
    "eclair", read_credential, attempt, 1, CredentialUse::required,
};

}  // namespace l402
