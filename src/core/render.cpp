#include "l402/challenge.h"

#include "plain.h"

namespace l402 {

namespace {

// The section of RFC 9110 that defines the status: a `type` that stays.
const char *problem_type(unsigned status) noexcept
{
    switch (status) {
    case 401:
        return "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2";
    case 402:
        return "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.3";
    case 414:
        return "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.15";
    case 500:
        return "https://www.rfc-editor.org/rfc/rfc9110#section-15.6.1";
    case 503:
        return "https://www.rfc-editor.org/rfc/rfc9110#section-15.6.4";
    default:
        return "about:blank";
    }
}

void add_name(std::string &out, const char *name)
{
    out += out.size() == 1 ? "\"" : ",\"";
    out += name;
    out += "\":";
}

// Bytes outside of ASCII cannot stand in a base64 token or a bech32 invoice;
// were one there, it would go out as U+00XX and the document stay valid.
void add_text(std::string &out, const char *name, std::string_view value)
{
    static const char digits[] = "0123456789abcdef";

    size_t copied = 0;

    add_name(out, name);
    out += '"';

    if (is_plain(value)) {
        out += value;
        out += '"';
        return;
    }

    for (size_t i = 0; i < value.size(); i++) {
        auto c = static_cast<unsigned char>(value[i]);
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            continue;
        }

        out.append(value, copied, i - copied);
        copied = i + 1;
        if (c == '"' || c == '\\') {
            out += '\\';
            out += char(c);
        } else {
            out += "\\u00";
            out += digits[c >> 4];
            out += digits[c & 15];
        }
    }
    out.append(value, copied, value.npos);
    out += '"';
}

template <typename Integer>
void add_number(std::string &out, const char *name, Integer value)
{
    add_name(out, name);
    out += std::to_string(value);
}

}  // namespace

// No `detail` and none of the names in docs/wire-format.md ("JSON body"): a
// deployed client breaks over each of them. The aliases at the end are for
// clients that read nothing but the body.
std::string problem_json(Result reason, unsigned status,
    const Challenge *challenge)
{
    const ResultInfo &info = describe(reason);
    std::string out;

    out.reserve(challenge ? 1536 : 256);
    out += '{';

    add_text(out, "type", problem_type(status));
    add_text(out, "title", info.title);
    add_number(out, "status", status);
    add_text(out, "reason", info.word);

    if (challenge != nullptr) {
        const Challenge &c = *challenge;
        uint64_t sats = c.price_msat / 1000 + (c.price_msat % 1000 != 0);

        add_text(out, "macaroon", c.token);
        add_text(out, "invoice", c.invoice);
        add_number(out, "price_msat", c.price_msat);
        add_text(out, "payment_hash", c.payment_hash);
        add_number(out, "expires_at", c.invoice_expires_at);
        if (c.token_expires_at != 0) {
            add_number(out, "token_expires_at", c.token_expires_at);
        }

        add_number(out, "price_sats", sats);
        add_number(out, "priceSats", sats);
        add_number(out, "amount_sats", sats);
        add_number(out, "amountSats", sats);
        add_text(out, "paymentHash", c.payment_hash);
        add_number(out, "expiresAt", c.invoice_expires_at);
    }

    out += '}';
    return out;
}

GrpcStatus grpc_status(Result reason, unsigned status) noexcept
{
    if (reason == Result::unsettled && status == 503) {
        return {14, "the payment has not been settled"};
    }
    if (reason == Result::unconfirmed) {
        return {14, "the payment cannot be confirmed now"};
    }
    if (reason == Result::unavailable) {
        return {14, "the credential cannot be counted now"};
    }
    if (reason == Result::no_invoice || status == 503) {
        return {14, "no invoice can be had now"};
    }
    if (status == 401) {
        return {16, reason == Result::malformed ? "malformed credential"
                                                : "invalid credential"};
    }
    if (status == 402) {
        return {13, "payment required"};
    }
    if (status == 414) {
        return {3, "the path is too long to be sold"};
    }
    return {13, "internal error"};
}

}  // namespace l402
