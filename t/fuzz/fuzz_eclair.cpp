// What Eclair answers, and what it is sent: see protocol.h.
#include "protocol.h"
#include "settlement.h"

using namespace protocol_fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view memo(reinterpret_cast<const char *>(data), size);
    std::string sent = form_value(call_for("eclair", memo).body,
        "amountMsat=1000&description=", "&expireIn=600");

    require(sent.size() <= 639);
    require(memo.size() > 639 || !is_utf8(memo) || sent == memo);
    fuzz("eclair", 200, memo);
    settlement_fuzz::fuzz("eclair", 200, memo);
    return 0;
}
