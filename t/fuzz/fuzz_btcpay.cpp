// What BTCPay Server answers, what it is sent, and which urls are its: see
// protocol.h.
#include "protocol.h"
#include "settlement.h"

#include <nlohmann/json.hpp>

using namespace protocol_fuzz;

namespace {

void check_memo(std::string_view memo)
{
    HttpCall call = call_for("btcpay", memo);
    auto body = nlohmann::json::parse(call.body, nullptr, false);

    require(body.is_object() && body.size() == 3 && body["amount"] == "1000");
    require(call.headers.size() == 1);
    require(call.headers[0].second == "token " + credential);

    std::string sent = body["description"];

    require(sent.size() <= 639 && is_utf8(sent));
    require(memo.size() > 639 || !is_utf8(memo) || sent == memo);
}

void check_url(std::string_view text)
{
    ServiceUrl url;
    std::string error;

    if (!find_protocol("btcpay")->read_url(text, url, error)) {
        require(!error.empty() && url.host.empty());
        return;
    }

    require(url.base.find("/api/v1/") != url.base.npos);
    require(url.base.find("/lightning/") != url.base.npos);
    require(url.query.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view bytes(reinterpret_cast<const char *>(data), size);

    check_memo(bytes);
    check_url(bytes);
    fuzz("btcpay", 200, bytes);
    settlement_fuzz::fuzz("btcpay", 200, bytes);
    return 0;
}
