// phoenixd's API: POST /createinvoice, a form. Amounts are whole sats, errors
// plain text.
#include "invoice/answer.h"
#include "invoice/form.h"
#include "invoice/protocols.h"
#include "invoice/secret.h"

#include "l402/utf8.h"

namespace l402 {

namespace {

constexpr uint64_t msat_per_sat = 1000;

// As Kotlin counts them: in UTF-16, a character beyond U+FFFF is two.
constexpr size_t max_memo = 128;

// By this name GET /payments/incoming lists what was sold here.
constexpr const char *external_id = "l402";

std::string description(std::string_view memo)
{
    constexpr size_t max_bytes = 3 * max_memo;
    std::string text = valid_utf8(memo, max_bytes);
    size_t units = 0, size = 0;

    while (size < text.size()) {
        size_t next = utf8_character(std::string_view(text).substr(size));

        units += next == 4 ? 2 : 1;

        if (units > max_memo) {
            break;
        }

        size += next;
    }

    text.resize(size);
    return text;
}

class PhoenixdAttempt : public InvoiceAttempt {
public:
    PhoenixdAttempt(const std::string &password, const InvoiceRequest &request)
        : password_(password), request_(request)
    {
    }

    ProtocolStep start() override;
    ProtocolStep answered(const HttpAnswer &answer) override;

private:
    std::string    password_;
    InvoiceRequest request_;
};

ProtocolStep PhoenixdAttempt::start()
{
    return send_form("/createinvoice", {
        {"amountSat", std::to_string(request_.amount_msat / msat_per_sat)},
        {"description", description(request_.memo)},
        {"expirySeconds", std::to_string(request_.expiry)},
        {"externalId", external_id},
    }, password_);
}

ProtocolStep PhoenixdAttempt::answered(const HttpAnswer &answer)
{
    if (!is_success(answer.status)) {
        std::string message(answer.body);

        return failed(form_error(answer.status,
            message.empty() ? nullptr : &message, password_));
    }

    nlohmann::json body;
    std::string error;

    return parse_answer(answer.body, body, error)
               ? offered(body, "serialized", "paymentHash") : failed(error);
}

bool read_credential(std::string_view file, std::string &credential,
    std::string &error)
{
    return read_secret(file, "phoenixd's http-password-limited-access alone",
        credential, error);
}

std::unique_ptr<InvoiceAttempt> attempt(const std::string &credential,
    const InvoiceRequest &request)
{
    return std::make_unique<PhoenixdAttempt>(credential, request);
}

}  // namespace

const Protocol phoenixd_protocol = {
    "phoenixd", read_credential, attempt, msat_per_sat,
    CredentialUse::required,
};

}  // namespace l402
