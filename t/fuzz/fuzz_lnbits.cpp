// What LNbits answers, and what it is sent: see protocol.h.
#include "protocol.h"
#include "settlement.h"

#include <nlohmann/json.hpp>

using namespace protocol_fuzz;

namespace {

void check_memo(std::string_view memo)
{
    HttpCall call = call_for("lnbits", memo);
    auto body = nlohmann::json::parse(call.body, nullptr, false);

    require(body.is_object() && body.size() == 5);
    require(body["out"] == false && body["amount"] == 1);
    require(call.headers.size() == 1 && call.headers[0].second == credential);

    std::string sent = body["memo"];

    require(sent.size() <= 639 && is_utf8(sent));
    require(memo.size() > 639 || !is_utf8(memo) || sent == memo);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view bytes(reinterpret_cast<const char *>(data), size);

    check_memo(bytes);
    fuzz("lnbits", 201, bytes);
    settlement_fuzz::fuzz("lnbits", 200, bytes);
    return 0;
}
