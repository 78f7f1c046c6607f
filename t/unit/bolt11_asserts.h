// Assertions that the tests of BOLT 11 share.
#pragma once

#include "cmocka_cpp.h"
#include "make_bolt11.h"

namespace l402_test {

// Empty where it decodes.
inline std::string reason(const std::string &text)
{
    l402::Bolt11 invoice;
    const char *error = "";

    return l402::decode_bolt11(text, invoice, error) ? "" : error;
}

inline void accepts(const InvoiceMaker &maker)
{
    assert_string_equal(reason(maker.make()).c_str(), "");
}

inline void refuses(const InvoiceMaker &maker, const char *because)
{
    assert_string_equal(reason(maker.make()).c_str(), because);
}

inline l402::Bolt11 decoded(const std::string &text)
{
    l402::Bolt11 invoice;
    const char *error;

    assert_true(l402::decode_bolt11(text, invoice, error));
    return invoice;
}

inline InvoiceMaker usual()
{
    return InvoiceMaker().usual();
}

}  // namespace l402_test
