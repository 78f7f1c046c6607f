// Credentials that are a line of text: a password, a rune, a key.
#pragma once

#include "l402/types.h"

namespace l402 {

// The only line of a credential file, without the space around it. False,
// with `error`, where there is none, or more than one, or a control character
// in it; `what` says what was expected ("a rune").
bool read_secret(std::string_view file, const char *what, std::string &secret,
    std::string &error);

}  // namespace l402
