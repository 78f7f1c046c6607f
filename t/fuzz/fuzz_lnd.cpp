// What lnd answers. The first byte chooses the status, the rest is the body;
// the same bytes also serve as a memo and as a credential file.
#include "l402/invoice.h"
#include "l402/utf8.h"

#include "require.h"
#include "settlement.h"

#include <algorithm>

#include <nlohmann/json.hpp>

using namespace l402;
using Kind = ProtocolStep::Kind;

namespace {

const std::string credential = "0201c0ffee";

bool contains_credential(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(),
        [](unsigned char c) { return static_cast<char>(tolower(c)); });
    return text.find(credential) != text.npos;
}

void check_error(const std::string &error)
{
    require(!error.empty() && error.size() < 200);
    require(!contains_credential(error));

    for (char c : error) {
        require(c >= ' ' && c <= '~');
    }
}

void check_answer(long status, std::string_view body)
{
    InvoiceRequest request;

    request.amount_msat = 1000;
    request.expiry = 600;

    ProtocolStep step = find_protocol("lnd")->attempt(credential, request)
        ->answered({status, body});

    require(step.kind != Kind::send);

    if (step.kind == Kind::failed) {
        check_error(step.error);
        return;
    }

    Invoice invoice;
    std::string error;

    require(status == 200 && step.offer.names_hash);
    require(!step.offer.bolt11.empty());

    if (!check_offer(step.offer, request, Network::regtest, 1700000000,
            invoice, error))
    {
        check_error(error);
        return;
    }

    require(invoice.amount_msat == 1000);
    require(invoice.payment_hash == step.offer.payment_hash);
    require(invoice.expires_at > 1700000000);
    require(invoice.expires_at <= 1700000000 + 600 + max_clock_difference);
}

void check_memo(std::string_view memo)
{
    InvoiceRequest request;

    request.memo = memo;

    ProtocolStep step = find_protocol("lnd")->attempt(credential, request)
        ->start();
    auto body = nlohmann::json::parse(step.call.body, nullptr, false);

    require(step.kind == Kind::send && body.is_object());

    std::string sent = body["memo"];

    require(sent.size() <= 639 && is_utf8(sent));
    require(memo.size() > 639 || !is_utf8(memo) || sent == memo);
}

void check_file(std::string_view file)
{
    std::string hex, error;

    if (!find_protocol("lnd")->read_credential(file, hex, error)) {
        require(!error.empty());
        return;
    }

    require(!hex.empty() && hex.size() % 2 == 0);
    require(hex.find_first_not_of("0123456789abcdefABCDEF") == hex.npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view bytes(reinterpret_cast<const char *>(data), size);

    check_memo(bytes);
    check_file(bytes);
    settlement_fuzz::fuzz("lnd", 200, bytes);

    if (size) {
        constexpr long statuses[] = {200, 500, 0, 404};

        check_answer(statuses[data[0] & 3], bytes.substr(1));
    }

    return 0;
}
