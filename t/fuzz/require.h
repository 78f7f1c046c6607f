// An invariant that no input may break: libFuzzer reports the abort.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

#define require(condition)                                              \
    do {                                                                \
        if (!(condition)) {                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,          \
                #condition);                                            \
            abort();                                                    \
        }                                                               \
    } while (0)

inline bool lies_within(std::string_view inner, std::string_view outer)
{
    return inner.data() >= outer.data()
        && inner.data() + inner.size() <= outer.data() + outer.size();
}
