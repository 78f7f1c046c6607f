// cmocka's header has no C++ guard, wants these included before it, and takes
// a name that C++ streams need.
#pragma once

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>
}

#undef fail

// cmocka's own is made of `fail`.
#undef fail_msg
#define fail_msg(...) \
    (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))
