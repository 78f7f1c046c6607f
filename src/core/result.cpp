#include "l402/types.h"

namespace l402 {

namespace {

// In the order of the enum.
constexpr ResultInfo table[] = {
    {"ok", "Paid", 0},
    {"free", "Free of charge", 0},
    {"absent", "Payment required", 402},
    {"malformed", "The credential cannot be read", 401},
    {"bad_signature", "The credential was not issued here", 402},
    {"bad_preimage", "The preimage does not belong to the payment", 402},
    {"expired", "The credential has expired", 402},
    {"wrong_service", "The credential is for another service", 402},
    {"insufficient", "The credential does not open this tier or capability", 402},
    {"caveat_refused", "A caveat of the credential is not met", 402},
    {"revoked", "The credential was revoked", 402},
    {"used_up", "The payment is used up", 402},
    {"unsettled", "The payment has not been settled", 402},
    {"unconfirmed", "The payment cannot be confirmed now", 503},
    {"unavailable", "The credential cannot be looked up or counted now", 503},
    {"bad_price", "No price can be worked out for this request", 500},
    {"no_invoice", "No invoice can be had now", 503},
    {"too_long", "The request is too long to be sold", 414},
    {"error", "Internal error", 500},
};

static_assert(sizeof(table) / sizeof(table[0]) == result_count);

}  // namespace

const ResultInfo &describe(Result result) noexcept
{
    size_t i = static_cast<size_t>(result);
    return i < result_count ? table[i] : table[result_count - 1];
}

}  // namespace l402
