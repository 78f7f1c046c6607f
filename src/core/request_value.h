// request_host, request_path, request_method: values that come from a request,
// escaped so that nobody can add a comma, an asterisk or a line break.
//
// Bytes other than A-Z a-z 0-9 - . _ ~ / are written as %XX, upper-case. Only
// that form is read, so that one value has one spelling.
#pragma once

#include "l402/types.h"

namespace l402 {

bool is_host_item(std::string_view item) noexcept;    // no upper case
bool is_path_item(std::string_view item) noexcept;    // /..., may end in *
bool is_method_item(std::string_view item) noexcept;  // no lower case

// The items of the later list, against those of the earlier one.
bool path_within(std::string_view outer, std::string_view inner) noexcept;
// HEAD is a GET without its body.
bool method_within(std::string_view outer, std::string_view inner) noexcept;

// An item against a request's own value.
bool host_matches(std::string_view item, std::string_view host) noexcept;
bool path_matches(std::string_view item, std::string_view path) noexcept;
bool method_matches(std::string_view item, std::string_view method) noexcept;

// The item that a request's own value matches.
std::string host_item(std::string_view host);
std::string path_item(std::string_view path);
std::string method_item(std::string_view method);

}  // namespace l402
