// What a holder may add to a token without asking anybody.
#pragma once

#include "l402/macaroon.h"

namespace l402 {

enum class Attenuation : uint8_t {
    narrows,    // or changes nothing
    unknown,    // no condition of ours: whoever enforces it will judge
    malformed,  // the value cannot be read, so every gate would refuse
    widens,     // so that every gate would refuse; or the first services
};

// Judges `caveat` as the next one of a token that has `caveats`, for every
// service that the token opens.
Attenuation judge_attenuation(const Slice *caveats, size_t count,
    std::string_view caveat) noexcept;

// The same macaroon with `caveat` appended, V2 binary, its location kept.
// Throws std::length_error where it would go beyond the limits of macaroon.h,
// std::invalid_argument where it has a caveat for a third party.
std::string attenuate(const Macaroon &macaroon,
    const std::vector<std::string> &caveats);

}  // namespace l402
