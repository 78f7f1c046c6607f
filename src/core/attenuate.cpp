#include "l402/attenuate.h"

#include "caveats.h"

#include <algorithm>
#include <stdexcept>

namespace l402 {

namespace {

class Chain {
public:
    Chain(const Slice *caveats, size_t count) noexcept
        : caveats_(caveats), count_(count)
    {
    }

    // The value of the last caveat of that condition.
    bool last(std::string_view wanted, std::string_view &out) const noexcept
    {
        return last_value(caveats_, count_,
            [&](std::string_view condition) { return condition == wanted; },
            out);
    }

private:
    const Slice *caveats_;
    size_t       count_;
};

// Conditions "<service>_..." of the services that the token opens.
bool find_own(const Chain &chain, std::string_view condition,
    Values &kind) noexcept
{
    std::string_view services;

    if (!chain.last("services", services)) {
        return false;
    }

    return any_item(services, [&](std::string_view item) {
        std::string_view name;
        uint8_t tier;

        if (!parse_service(item, name, tier)) {
            return false;
        }

        std::string_view rest = own_condition(condition, name);

        if (rest == "capabilities") {
            kind = Values::names;
            return true;
        }

        kind = Values::number;
        return rest == "valid_until" || rest == "uses" || rest == "balance";
    });
}

bool find_kind(const Chain &chain, std::string_view condition,
    Values &kind) noexcept
{
    for (const TyingCondition &tying : tying_conditions) {
        if (condition == tying.name) {
            kind = tying.kind;
            return true;
        }
    }

    if (condition == "services") {
        kind = Values::services;
        return true;
    }

    if (condition == "valid_until") {
        kind = Values::number;
        return true;
    }

    if (condition == "preimage") {
        kind = Values::preimage;
        return true;
    }

    if (find_own(chain, condition, kind)) {
        return true;
    }

    // A number that the token already has may be one of l402_constraint.
    std::string_view before;
    int64_t number;

    kind = Values::number;
    return chain.last(condition, before) && parse_number(before, number);
}

}  // namespace

Attenuation judge_attenuation(const Slice *caveats, size_t count,
    std::string_view caveat) noexcept
{
    Chain chain(caveats, count);
    std::string_view condition, value, before;
    Values kind;

    if (!split_caveat(caveat, condition, value)
        || !find_kind(chain, condition, kind))
    {
        return Attenuation::unknown;
    }

    if (!value_is_good(kind, value)) {
        return Attenuation::malformed;
    }

    // A token without services opens nothing, and no holder can change that.
    if (!chain.last(condition, before)) {
        return kind == Values::services ? Attenuation::widens
                                        : Attenuation::narrows;
    }

    return value_narrows(kind, before, value) ? Attenuation::narrows
                                              : Attenuation::widens;
}

std::string attenuate(const Macaroon &macaroon,
    const std::vector<std::string> &caveats)
{
    std::vector<std::string> all;
    uint8_t signature[32];
    Macaroon parsed;

    if (macaroon.third_party) {
        throw std::invalid_argument("the token has a caveat for a third party");
    }

    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        all.emplace_back(macaroon.caveats[i].view());
    }

    std::copy_n(macaroon.signature, sizeof(signature), signature);

    for (const std::string &caveat : caveats) {
        all.push_back(caveat);
        extend_signature(signature, caveat);
    }

    std::string out = encode_macaroon(macaroon.identifier.view(), all,
        signature, macaroon.location.view());

    if (!parse_macaroon(out, parsed)) {
        throw std::length_error("a token has at most "
            + std::to_string(max_caveats) + " caveats, in "
            + std::to_string(max_macaroon_size) + " bytes");
    }

    return out;
}

}  // namespace l402
