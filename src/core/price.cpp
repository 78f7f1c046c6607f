#include "l402/price.h"

namespace l402 {

bool parse_amount(std::string_view text, uint64_t &msat) noexcept
{
    if (text == "0") {
        msat = 0;
        return true;
    }

    size_t digits = 0;
    uint64_t amount = 0;

    for ( /* void */ ; digits < text.size(); digits++) {
        char c = text[digits];

        if (c < '0' || c > '9') {
            break;
        }

        if (amount > max_amount_msat / 10) {
            return false;
        }

        amount = amount * 10 + static_cast<uint64_t>(c - '0');
    }

    std::string_view unit = text.substr(digits);
    uint64_t factor = unit == "sat" ? 1000 : unit == "msat" ? 1 : 0;

    if (digits == 0 || factor == 0 || amount > max_amount_msat / factor) {
        return false;
    }

    msat = amount * factor;
    return true;
}

}  // namespace l402
