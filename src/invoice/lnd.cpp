// lnd's REST interface: POST /v1/invoices (lnrpc.Invoice through the gRPC
// gateway). lnd answers a wrong macaroon with 500, not 401.
#include "invoice/protocols.h"
#include "invoice/settlement_answer.h"

#include "l402/encoding.h"

#include <algorithm>

namespace l402 {

namespace {

constexpr size_t max_credential_file = 8192;  // bytes

bool decode_hash(std::string_view text, Hash &out)
{
    constexpr size_t max_text = 44;  // 32 bytes in base64, padded
    uint8_t bytes[base64_decoded_max(max_text)];

    if (text.size() > max_text || base64_decode(text, bytes) != 32) {
        return false;
    }

    std::copy_n(bytes, out.size(), out.begin());
    return true;
}

class LndAttempt : public InvoiceAttempt {
public:
    LndAttempt(const std::string &credential, const InvoiceRequest &request)
        : credential_(credential), request_(request)
    {
    }

    ProtocolStep start() override;
    ProtocolStep answered(const HttpAnswer &answer) override;

private:
    std::string    credential_;
    InvoiceRequest request_;
};

ProtocolStep LndAttempt::start()
{
    nlohmann::json body;

    body["value_msat"] = request_.amount_msat;
    body["memo"] = valid_utf8(request_.memo, max_description);
    body["expiry"] = request_.expiry;

    HttpCall call = json_call("/v1/invoices", body);

    if (!credential_.empty()) {
        call.headers.emplace_back("Grpc-Metadata-macaroon", credential_);
    }

    return send(std::move(call));
}

ProtocolStep LndAttempt::answered(const HttpAnswer &answer)
{
    nlohmann::json body;
    std::string error;
    bool is_object = parse_answer(answer.body, body, error);

    if (!is_success(answer.status)) {
        const std::string *message =
            is_object ? find_text(body, "message") : nullptr;

        return failed(status_error(answer.status, message, credential_));
    }

    if (!is_object) {
        return failed(error);
    }

    const std::string *invoice = find_text(body, "payment_request");
    const std::string *hash = find_text(body, "r_hash");

    if (!invoice || !hash) {
        return failed(std::string("answered with no ")
                      + (invoice ? "r_hash" : "payment_request"));
    }

    ProtocolStep step;

    if (!decode_hash(*hash, step.offer.payment_hash)) {
        return failed("answered with an r_hash that is not 32 bytes of base64");
    }

    step.kind = ProtocolStep::Kind::done;
    step.offer.names_hash = true;
    step.offer.bolt11 = *invoice;
    return step;
}

std::string_view without_spaces_around(std::string_view text)
{
    constexpr std::string_view spaces = " \t\r\n";
    size_t first = text.find_first_not_of(spaces);

    if (first == text.npos) {
        return {};
    }

    return text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

// A macaroon pasted in base64, as some tools print it. lnd's own files are V2,
// whose first byte is 2.
bool is_base64_macaroon(std::string_view text, std::string &bytes)
{
    bytes.resize(base64_decoded_max(text.size()));

    ptrdiff_t size = base64_decode(text,
        reinterpret_cast<uint8_t *>(bytes.data()));

    if (size < 1 || bytes[0] != 2) {
        return false;
    }

    bytes.resize(static_cast<size_t>(size));
    return true;
}

bool read_credential(std::string_view file, std::string &credential,
    std::string &error)
{
    std::string_view text = without_spaces_around(file);

    if (text.empty()) {
        error = "is empty: lnd's macaroon is right, as it is, in hex or in base64";
        return false;
    }

    if (file.size() > max_credential_file) {
        error = "has more than 8192 bytes: "
                "lnd's macaroon is right, as it is, in hex or in base64";
        return false;
    }

    std::string bytes(text.size() / 2, '\0');

    if (hex_decode(text, reinterpret_cast<uint8_t *>(bytes.data()))) {
        credential = text;
        return true;
    }

    std::string_view binary = is_base64_macaroon(text, bytes) ? bytes : file;

    credential = to_hex(reinterpret_cast<const uint8_t *>(binary.data()),
        binary.size());
    return true;
}

std::unique_ptr<InvoiceAttempt> attempt(const std::string &credential,
    const InvoiceRequest &request)
{
    return std::make_unique<LndAttempt>(credential, request);
}

// ---- settlement: GET /v1/invoice/{r_hash_str} ----

HttpCall ask_settlement(const std::string &credential, const Hash &hash)
{
    HttpCall call;

    call.method = "GET";
    call.path = "/v1/invoice/" + to_hex(hash);

    if (!credential.empty()) {
        call.headers.emplace_back("Grpc-Metadata-macaroon", credential);
    }

    return call;
}

// gRPC's NotFound; the gateway says "Not Found" of a path that is not lnd's.
bool is_unknown(const nlohmann::json &body)
{
    auto code = body.find("code");
    const std::string *message = find_text(body, "message");

    return code != body.end() && *code == 5 && message
           && *message != "Not Found";
}

SettlementAnswer read_settlement(const std::string &credential,
    const Hash &asked, const HttpAnswer &answer)
{
    nlohmann::json body;
    std::string error;
    bool is_object = parse_answer(answer.body, body, error);

    if (answer.status == 404 && is_object && is_unknown(body)) {
        return {Settlement::unknown, {}};
    }

    if (answer.status != 200) {
        return not_told(status_error(answer.status,
            is_object ? find_text(body, "message") : nullptr, credential));
    }

    if (!is_object) {
        return not_told(error);
    }

    const std::string *r_hash = find_text(body, "r_hash");
    Hash hash;

    if (!r_hash) {
        return not_told("answered with no r_hash");
    }

    if (!decode_hash(*r_hash, hash) || hash != asked) {
        return not_told("answered with an r_hash that is not the one asked "
                        "for");
    }

    // ACCEPTED is a payment that is held.
    return read_word(body, "state", {
        {"SETTLED", Settlement::settled},
        {"OPEN", Settlement::pending},
        {"ACCEPTED", Settlement::pending},
        {"CANCELED", Settlement::gone},
    });
}

constexpr SettlementProtocol settlement = {ask_settlement, read_settlement};

}  // namespace

const Protocol lnd_protocol = {"lnd", read_credential, attempt,
    &settlement};

}  // namespace l402
