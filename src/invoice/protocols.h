// The table of protocols: a row for each. A row is the name of the file that
// defines <name>_protocol, declared here.
#pragma once

#include "l402/invoice.h"

#define L402_PROTOCOLS(row)                                                   \
    row(lnd)                                                                  \
    row(cln)                                                                  \
    row(eclair)                                                               \
    row(phoenixd)                                                             \
    row(lnbits)                                                               \
    row(btcpay)                                                               \
    row(lnurl)

namespace l402 {

#define L402_DECLARE(name) extern const Protocol name##_protocol;
L402_PROTOCOLS(L402_DECLARE)
#undef L402_DECLARE

}  // namespace l402
