// Services that read HTML forms and know their clients by a password alone:
// Eclair and phoenixd.
#pragma once

#include "l402/invoice.h"

namespace l402 {

using FormFields = std::vector<std::pair<const char *, std::string>>;

// application/x-www-form-urlencoded
std::string encode_form(const FormFields &fields);

// The value of Authorization (RFC 7617), with an empty user name.
std::string basic_authorization(std::string_view password);

// The call that POSTs the form, with the password.
HttpCall form_call(const char *path, const FormFields &fields,
    const std::string &password);

// status_error() that shows the password neither plain nor encoded.
std::string form_error(long status, const std::string *message,
    const std::string &password);

}  // namespace l402
