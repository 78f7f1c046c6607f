#include "narrowing.h"

#include "core/caveats.h"
#include "l402/attenuate.h"

#include <iostream>

namespace l402::cli {

std::vector<Slice> Narrowing::chain() const
{
    std::vector<Slice> chain(macaroon_.caveats,
        macaroon_.caveats + macaroon_.caveat_count);

    for (const std::string &caveat : added_) {
        chain.push_back({caveat.data(), caveat.size()});
    }

    return chain;
}

// What the token allows already, as the end of a message.
std::string Narrowing::what_stands(std::string_view condition) const
{
    std::vector<Slice> before = chain();
    auto value = last_value(before.data(), before.size(), condition);

    if (!value) {
        return condition == "services" ? "; the token opens no service" : "";
    }

    std::string caveat = std::string(condition) + "=" + *value;

    return "; the token has \"" + printable(caveat) + "\" ("
        + in_words(caveat) + ")";
}

void Narrowing::add(const std::string &caveat)
{
    std::vector<Slice> before = chain();
    std::string        condition = caveat.substr(0, caveat.find('='));
    std::string        quoted = name_ + "\"" + printable(caveat) + "\"";

    if (caveat.empty()) {
        throw Failure("a caveat is not empty");
    }

    switch (judge_attenuation(before.data(), before.size(), caveat)) {
    case Attenuation::malformed:
        throw Refusal(quoted + " is refused by every gate: the value has to be "
            + expected_value(condition) + what_stands(condition));
    case Attenuation::widens:
        throw Refusal(quoted + " is refused by every gate: it would widen the"
            " token" + what_stands(condition));
    case Attenuation::unknown:
        std::cerr << "l402ctl: note: " << quoted << " is added, but is not"
                     " known here: a gate may skip or refuse it\n";
        break;
    case Attenuation::narrows:
        break;
    }

    added_.push_back(caveat);
}

std::vector<Service> Narrowing::services() const
{
    std::vector<Service> services;
    std::vector<Slice>   caveats = chain();
    auto value = last_value(caveats.data(), caveats.size(), "services");

    for (const std::string &item : split_list(value.value_or(""))) {
        std::string_view name;
        uint8_t          tier;

        if (l402::parse_service(item, name, tier)) {
            services.push_back({std::string(name), tier});
        }
    }

    return services;
}

}  // namespace l402::cli
