// The protocols' own entries; protocols.cpp has the table of them.
#pragma once

#include "l402/invoice.h"

namespace l402 {

extern const Protocol lnd_protocol;
extern const Protocol cln_protocol;
extern const Protocol eclair_protocol;
extern const Protocol phoenixd_protocol;
extern const Protocol lnbits_protocol;
extern const Protocol btcpay_protocol;
extern const Protocol lnurl_protocol;

}  // namespace l402
