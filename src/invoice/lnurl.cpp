// LNURL-pay (LUD-06) and Lightning addresses (LUD-16): what the service sells
// is asked first, then its callback for an invoice. Nobody has to be known to
// it, and nobody can tell it how long an invoice shall live.
#include "core/bech32.h"
#include "invoice/answer.h"
#include "invoice/form.h"
#include "invoice/protocols.h"

#include "l402/encoding.h"
#include "l402/sha256.h"

#include <sodium.h>

#include <algorithm>

namespace l402 {

namespace {

constexpr uint32_t default_expiry = 86400;  // seconds: services say 1 h to 1 d
// It becomes part of a url.
constexpr size_t max_comment = max_description;  // bytes

// The metadata may have a picture of 136536 characters in it (LUD-06).
constexpr size_t max_offer = 256 * 1024;    // bytes

constexpr const char *forms =
    "\"user@host\", \"https://host/.well-known/lnurlp/user\" or "
    "\"lnurl1...\"";

class LnurlAttempt : public InvoiceAttempt {
public:
    explicit LnurlAttempt(const InvoiceRequest &request) : request_(request) {}

    ProtocolStep start() override;
    ProtocolStep answered(const HttpAnswer &answer) override;

private:
    ProtocolStep call_back(const nlohmann::json &body);
    ProtocolStep offer(const nlohmann::json &body) const;
    bool is_in_bounds(const nlohmann::json &body, std::string &error) const;
    std::string comment(const nlohmann::json &body) const;

    InvoiceRequest request_;
    bool           called_back_ = false;
    Hash           description_hash_{};
};

ProtocolStep LnurlAttempt::start()
{
    HttpCall call;

    call.method = "GET";
    call.max_answer = max_offer;
    return send(std::move(call));
}

ProtocolStep LnurlAttempt::answered(const HttpAnswer &answer)
{
    nlohmann::json body;
    std::string error;
    bool is_object = parse_answer(answer.body, body, error,
        called_back_ ? max_answer_size : max_offer);
    const std::string *reason = is_object ? find_text(body, "reason") : nullptr;

    if (!is_success(answer.status)) {
        return failed(status_error(answer.status, reason, {}));
    }

    if (!is_object) {
        return failed(error);
    }

    const std::string *status = find_text(body, "status");

    if (status && *status == "ERROR") {
        return failed("answered with an error"
                      + (reason ? ": " + quote(*reason, {}) : ""));
    }

    return called_back_ ? offer(body) : call_back(body);
}

// The amount in msat; false where it is none.
bool find_amount(const nlohmann::json &body, const char *name, uint64_t &out)
{
    auto member = body.find(name);

    if (member == body.end() || !member->is_number()) {
        return false;
    }

    if (member->is_number_unsigned()) {
        out = member->get<uint64_t>();
        return true;
    }

    // "1000.0", or a number of more than 64 bits.
    double number = member->get<double>();

    if (number < 0) {
        return false;
    }

    out = static_cast<uint64_t>(
        std::min(number, static_cast<double>(max_amount_msat)));
    return true;
}

bool LnurlAttempt::is_in_bounds(const nlohmann::json &body,
    std::string &error) const
{
    uint64_t min, max, amount = request_.amount_msat;

    for (auto [name, bound] : {std::make_pair("minSendable", &min),
             std::make_pair("maxSendable", &max)})
    {
        if (!find_amount(body, name, *bound)) {
            error = std::string("answered with no ") + name;
            return false;
        }
    }

    if (amount < min || amount > max) {
        error = "takes " + std::to_string(min) + " to " + std::to_string(max)
                + " msat, the price is " + std::to_string(amount);
        return false;
    }

    return true;
}

// LUD-12 counts characters; so many bytes are never more.
std::string LnurlAttempt::comment(const nlohmann::json &body) const
{
    uint64_t allowed = 0;

    (void) find_amount(body, "commentAllowed", allowed);
    return valid_utf8(request_.memo,
        static_cast<size_t>(std::min<uint64_t>(allowed, max_comment)));
}

// A cache on the way must not give two customers the same invoice.
std::string new_nonce()
{
    uint8_t bytes[8];

    randombytes_buf(bytes, sizeof(bytes));
    return to_hex(bytes, sizeof(bytes));
}

ProtocolStep LnurlAttempt::call_back(const nlohmann::json &body)
{
    const std::string *tag = find_text(body, "tag");
    const std::string *callback = find_text(body, "callback");
    const std::string *metadata = find_text(body, "metadata");
    std::string error;

    if (!tag || *tag != "payRequest") {
        return failed("answered with no payRequest");
    }

    if (!callback || !metadata) {
        return failed(std::string("answered with no ")
                      + (callback ? "metadata" : "callback"));
    }

    if (!is_in_bounds(body, error)) {
        return failed(error);
    }

    FormFields fields = {
        {"amount", std::to_string(request_.amount_msat)},
        {"nonce", new_nonce()},
    };
    std::string words = comment(body);

    if (!words.empty()) {
        fields.emplace_back("comment", words);
    }

    HttpCall call;

    call.method = "GET";
    call.url = *callback + (callback->find('?') == callback->npos ? "?" : "&")
               + encode_form(fields);
    sha256(*metadata, description_hash_.data());
    called_back_ = true;
    return send(std::move(call));
}

ProtocolStep LnurlAttempt::offer(const nlohmann::json &body) const
{
    const std::string *invoice = find_text(body, "pr");
    ProtocolStep step;

    if (!invoice) {
        return failed("answered with no pr");
    }

    step.kind = ProtocolStep::Kind::done;
    step.offer.bolt11 = *invoice;
    step.offer.has_description_hash = true;
    step.offer.description_hash = description_hash_;
    return step;
}

// ---- what `url` may say ----

char to_lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

std::string lower_case(std::string_view text)
{
    std::string out(text);

    std::transform(out.begin(), out.end(), out.begin(), to_lower);
    return out;
}

bool starts_with(std::string_view text, std::string_view start)
{
    return text.substr(0, start.size()) == start;
}

bool is_user(std::string_view text)
{
    return !text.empty()
           && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"
                                     "-_.+") == text.npos;
}

// "https://host/.well-known/lnurlp/user"
bool expand_address(const std::string &address, std::string &url,
    std::string &error)
{
    constexpr std::string_view onion = ".onion";
    size_t at = address.find('@');
    std::string user = address.substr(0, at), host = address.substr(at + 1);

    if (!is_user(user) || host.find_first_of("/?#@") != host.npos) {
        error = std::string("is no Lightning address: ") + forms
                + " is right";
        return false;
    }

    std::string_view name = std::string_view(host).substr(0, host.find(':'));
    bool is_onion = name.size() > onion.size()
                    && name.substr(name.size() - onion.size()) == onion;

    url = (is_onion ? "http://" : "https://") + host + "/.well-known/lnurlp/"
          + user;
    return true;
}

// LUD-01
bool decode_lnurl(std::string_view text, std::string &url, std::string &error)
{
    std::string prefix;
    std::vector<uint8_t> words;
    const char *reason = "";

    if (!decode_bech32(text, prefix, words, reason)) {
        error = std::string("is no LNURL: ") + reason;
        return false;
    }

    if (prefix != "lnurl") {
        error = "is no LNURL: it does not begin with \"lnurl1\"";
        return false;
    }

    url.clear();
    append_bytes({words.data(), words.size()}, false, url);
    return true;
}

bool read_url(std::string_view text, ServiceUrl &out, std::string &error)
{
    std::string lower = lower_case(text), url(text);
    ServiceUrl parsed;

    auto parse = starts_with(lower, "http://unix:") ? parse_service_url
                                                    : parse_resource_url;

    if (starts_with(lower, "lnurl1")) {
        if (!decode_lnurl(text, url, error)) {
            return false;
        }

    } else if (lower.find("://") == lower.npos
               && lower.find('@') != lower.npos
               && !expand_address(lower, url, error))
    {
        return false;
    }

    if (!parse(url, parsed, error)) {
        return false;
    }

    if (parsed.base.size() < 2) {
        error = std::string("has no path: ") + forms + " is right";
        return false;
    }

    out = std::move(parsed);
    return true;
}

std::unique_ptr<InvoiceAttempt> attempt(const std::string &,
    const InvoiceRequest &request)
{
    return std::make_unique<LnurlAttempt>(request);
}

}  // namespace

const Protocol lnurl_protocol = {
    // LUD-06 counts msat, but many a service rounds to sats or refuses the
    // rest.
    "lnurl", nullptr, attempt, nullptr, msat_per_sat, CredentialUse::none,
    default_expiry, read_url,
};

}  // namespace l402
