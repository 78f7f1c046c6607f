// What the protocols share: reading JSON that a service answered, and text
// that goes to a service or into the log.
#pragma once

#include "l402/invoice.h"

#include <nlohmann/json.hpp>

namespace l402 {

inline constexpr unsigned max_answer_depth = 16;  // an invoice needs 3
inline constexpr size_t max_quote_size = 120;

// Services disagree about which of them a new invoice deserves, and so do what
// stands in front of them and their own versions. What comes with it is checked
// in either case.
inline bool is_success(long status) noexcept
{
    return status == 200 || status == 201;
}

inline constexpr uint64_t msat_per_sat = 1000;

// The call that POSTs an object, and the step that sends one.
HttpCall json_call(const char *path, const nlohmann::json &object);
ProtocolStep send(HttpCall call);

// A step that ends the attempt.
ProtocolStep failed(std::string error);

// False, with `error`, unless the body is a JSON object of at most `max_size`
// bytes. Throws nothing of nlohmann's, and no nesting exhausts the stack.
bool parse_answer(std::string_view body, nlohmann::json &out,
    std::string &error, size_t max_size = max_answer_size);

// The member's text; null where it is missing, empty or no string.
const std::string *find_text(const nlohmann::json &object, const char *name);

// The offer in an answer that has the invoice and the payment hash, in hex, in
// the members of these names; a failed step where it has not.
ProtocolStep offered(const nlohmann::json &body, const char *invoice,
    const char *hash);

// "answered 500: its message". The message is quote()d.
std::string status_error(long status, const std::string *message,
    std::string_view credential);

// A service's words for the log: printable ASCII on one line, cut short.
// Neither the credential is in it nor any run of characters that could be
// (part of) one in another encoding.
std::string quote(std::string_view words, std::string_view credential);

// At most `max_size` bytes, cut between characters; what is not UTF-8 becomes
// U+FFFD.
std::string valid_utf8(std::string_view text, size_t max_size);

}  // namespace l402
