// What Core Lightning's clnrest answers, and what it is sent: see protocol.h.
#include "protocol.h"
#include "settlement.h"

#include <nlohmann/json.hpp>

using namespace protocol_fuzz;

namespace {

void check_memo(std::string_view memo)
{
    HttpCall call = call_for("cln", memo);
    auto body = nlohmann::json::parse(call.body, nullptr, false);

    require(body.is_object() && body.size() == 4);
    require(call.headers.size() == 1 && call.headers[0].second == credential);

    std::string sent = body["description"];

    require(sent.size() <= 639 && is_utf8(sent));

    // lightningd reads no \u, and its strings end at a zero.
    for (unsigned char c : sent) {
        require(c >= ' ');
    }

    bool is_plain = std::none_of(memo.begin(), memo.end(),
        [](unsigned char c) { return c < ' '; });

    require(!is_plain || memo.size() > 639 || !is_utf8(memo) || sent == memo);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view bytes(reinterpret_cast<const char *>(data), size);

    check_memo(bytes);
    fuzz("cln", 201, bytes);
    settlement_fuzz::fuzz("cln", 201, bytes);
    return 0;
}
