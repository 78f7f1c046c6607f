// Core Lightning's REST plugin, clnrest: POST /v1/invoice is the RPC command
// of that name. Its success is 201.
#include "invoice/protocols.h"
#include "invoice/secret.h"
#include "invoice/settlement_answer.h"

#include "l402/encoding.h"

#include <sodium.h>

#include <algorithm>

namespace l402 {

namespace {

// lightningd keeps each label for ever and takes none twice, from whichever
// worker or host it comes.
std::string new_label()
{
    uint8_t bytes[16];

    randombytes_buf(bytes, sizeof(bytes));
    return "l402-" + to_hex(bytes, sizeof(bytes));
}

// lightningd refuses a description that JSON can only write with \u.
std::string description(std::string_view memo)
{
    std::string text = valid_utf8(memo, max_description);

    std::replace_if(text.begin(), text.end(),
        [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
    return text;
}

class ClnAttempt : public InvoiceAttempt {
public:
    ClnAttempt(const std::string &rune, const InvoiceRequest &request)
        : rune_(rune), request_(request)
    {
    }

    ProtocolStep start() override;
    ProtocolStep answered(const HttpAnswer &answer) override;

private:
    std::string    rune_;
    InvoiceRequest request_;
};

ProtocolStep ClnAttempt::start()
{
    nlohmann::json body;

    body["amount_msat"] = request_.amount_msat;
    body["label"] = new_label();
    body["description"] = description(request_.memo);
    body["expiry"] = request_.expiry;

    HttpCall call = json_call("/v1/invoice", body);

    call.headers.emplace_back("Rune", rune_);
    return send(std::move(call));
}

ProtocolStep ClnAttempt::answered(const HttpAnswer &answer)
{
    nlohmann::json body;
    std::string error;
    bool is_object = parse_answer(answer.body, body, error);

    if (!is_success(answer.status)) {
        return failed(status_error(answer.status,
            is_object ? find_text(body, "message") : nullptr, rune_));
    }

    return is_object ? offered(body, "bolt11", "payment_hash")
                     : failed(error);
}

bool is_rune_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '=';
}

bool read_credential(std::string_view file, std::string &credential,
    std::string &error)
{
    constexpr const char *what = "the rune alone, as createrune prints it";
    std::string rune;

    if (!read_secret(file, what, rune, error)) {
        return false;
    }

    if (!std::all_of(rune.begin(), rune.end(), is_rune_letter)) {
        error = std::string("is no rune: ") + what + ", is right";
        return false;
    }

    credential = std::move(rune);
    return true;
}

std::unique_ptr<InvoiceAttempt> attempt(const std::string &credential,
    const InvoiceRequest &request)
{
    return std::make_unique<ClnAttempt>(credential, request);
}

// ---- settlement: POST /v1/listinvoices ----

HttpCall ask_settlement(const std::string &rune, const Hash &hash)
{
    HttpCall call = json_call("/v1/listinvoices",
        {{"payment_hash", to_hex(hash)}});

    call.headers.emplace_back("Rune", rune);
    return call;
}

SettlementAnswer read_settlement(const std::string &rune, const Hash &asked,
    const HttpAnswer &answer)
{
    nlohmann::json body;
    std::string error;
    bool is_object = parse_answer(answer.body, body, error);

    if (answer.status != 201) {
        return not_told(status_error(answer.status,
            is_object ? find_text(body, "message") : nullptr, rune));
    }

    if (!is_object) {
        return not_told(error);
    }

    auto invoices = body.find("invoices");

    if (invoices == body.end() || !invoices->is_array()) {
        return not_told("answered with no invoices");
    }

    if (invoices->empty()) {
        return {Settlement::unknown, {}};
    }

    const nlohmann::json &invoice = invoices->front();

    if (invoices->size() > 1 || !invoice.is_object()) {
        return not_told("answered with invoices that are not one");
    }

    if (!is_about(invoice, "payment_hash", asked, error)) {
        return not_told(error);
    }

    return read_word(invoice, "status", {
        {"paid", Settlement::settled},
        {"unpaid", Settlement::pending},
        {"expired", Settlement::gone},
    });
}

constexpr SettlementProtocol settlement = {ask_settlement, read_settlement};

}  // namespace

const Protocol cln_protocol = {
    "cln", read_credential, attempt, &settlement, 1, CredentialUse::required,
};

}  // namespace l402
