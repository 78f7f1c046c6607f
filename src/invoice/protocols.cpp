#include "invoice/protocols.h"

namespace l402 {

namespace {

constexpr const Protocol *protocols[] = {
#define L402_ENTRY(name) &name##_protocol,
    L402_PROTOCOLS(L402_ENTRY)
#undef L402_ENTRY
};

}  // namespace

const Protocol *find_protocol(std::string_view name) noexcept
{
    for (const Protocol *protocol : protocols) {
        if (name == protocol->name) {
            return protocol;
        }
    }

    return nullptr;
}

std::string protocol_names()
{
    std::string names;

    for (const Protocol *protocol : protocols) {
        names += names.empty() ? "" : ", ";
        names += protocol->name;
    }

    return names;
}

}  // namespace l402
