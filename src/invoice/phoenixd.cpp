// phoenixd's API: POST /createinvoice, a form. Amounts are whole sats, errors
// plain text.
#include "invoice/form.h"
#include "invoice/protocols.h"
#include "invoice/secret.h"
#include "invoice/settlement_answer.h"

#include "l402/encoding.h"
#include "l402/utf8.h"

namespace l402 {

namespace {

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
    return send(form_call("/createinvoice", {
        {"amountSat", std::to_string(request_.amount_msat / msat_per_sat)},
        {"description", description(request_.memo)},
        {"expirySeconds", std::to_string(request_.expiry)},
        {"externalId", external_id},
    }, password_));
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

// ---- settlement: GET /payments/incoming/{paymentHash} ----

HttpCall ask_settlement(const std::string &password, const Hash &hash)
{
    HttpCall call;

    call.method = "GET";
    call.path = "/payments/incoming/" + to_hex(hash);
    call.headers.emplace_back("Authorization", basic_authorization(password));
    return call;
}

SettlementAnswer read_settlement(const std::string &password,
    const Hash &asked, const HttpAnswer &answer)
{
    // "Unknown endpoint" is a wrong url.
    if (answer.status == 404 && answer.body == "Not found") {
        return {Settlement::unknown, {}};
    }

    if (answer.status != 200) {
        std::string message(answer.body);

        return not_told(form_error(answer.status,
            message.empty() ? nullptr : &message, password));
    }

    nlohmann::json body;
    std::string error;

    if (!parse_answer(answer.body, body, error)
        || !is_about(body, "paymentHash", asked, error))
    {
        return not_told(error);
    }

    const bool *paid = find_flag(body, "isPaid");
    const bool *expired = find_flag(body, "isExpired");

    if (!paid) {
        return not_told("answered with no isPaid");
    }

    if (*paid) {
        return {Settlement::settled, {}};
    }

    return {expired && *expired ? Settlement::gone : Settlement::pending, {}};
}

constexpr SettlementProtocol settlement = {ask_settlement, read_settlement};

}  // namespace

const Protocol phoenixd_protocol = {
    "phoenixd", read_credential, attempt, &settlement, msat_per_sat,
    CredentialUse::required,
};

}  // namespace l402
