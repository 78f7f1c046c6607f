// Caveats for a token, each judged as the next one.
#pragma once

#include "cli.h"

namespace l402::cli {

class Narrowing {
public:
    // `name` is put in front of messages: which of several macaroons it is.
    Narrowing(const Macaroon &macaroon, std::string name)
        : macaroon_(macaroon), name_(std::move(name))
    {
    }

    // Throws Refusal where no gate would take the token with it.
    void add(const std::string &caveat);
    // Those that the token opens by now, with their tiers.
    std::vector<Service> services() const;

    const std::vector<std::string> &added() const { return added_; }
    std::vector<Slice> chain() const;

private:
    std::string what_stands(std::string_view condition) const;

    const Macaroon          &macaroon_;
    std::string              name_;
    std::vector<std::string> added_;
};

}  // namespace l402::cli
