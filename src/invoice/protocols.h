// The protocols' own entries; protocols.cpp has the table of them.
#pragma once

#include "l402/invoice.h"

namespace l402 {

extern const Protocol lnd_protocol;

}  // namespace l402
