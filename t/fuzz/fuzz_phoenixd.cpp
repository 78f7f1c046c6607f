// What phoenixd answers, and what it is sent: see protocol.h.
#include "protocol.h"
#include "settlement.h"

using namespace protocol_fuzz;

namespace {

size_t utf16_units(std::string_view text)
{
    size_t units = 0;

    for (unsigned char c : text) {
        units += (c & 0xc0) != 0x80;
        units += c >= 0xf0;
    }

    return units;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view memo(reinterpret_cast<const char *>(data), size);
    std::string sent = form_value(call_for("phoenixd", memo).body,
        "amountSat=1&description=", "&expirySeconds=600&externalId=l402");

    require(utf16_units(sent) <= 128);
    require(!is_utf8(memo) || utf16_units(memo) > 128 || sent == memo);
    fuzz("phoenixd", 200, memo);
    settlement_fuzz::fuzz("phoenixd", 200, memo);
    return 0;
}
