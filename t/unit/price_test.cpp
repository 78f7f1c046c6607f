#include "l402/price.h"

#include "cmocka_cpp.h"

using namespace l402;

namespace {

void amounts_are_counted_in_msat(void **)
{
    struct { const char *text; uint64_t msat; } cases[] = {
        {"0", 0}, {"0sat", 0}, {"0msat", 0}, {"1msat", 1}, {"1sat", 1000},
        {"10sat", 10000}, {"1500msat", 1500}, {"007sat", 7000},
        {"2100000000000000sat", max_amount_msat},
        {"2100000000000000000msat", max_amount_msat},
    };

    for (const auto &c : cases) {
        uint64_t msat = 42;

        assert_true(parse_amount(c.text, msat));
        assert_int_equal(msat, c.msat);
    }
}

void anything_else_is_refused_and_changes_nothing(void **)
{
    const std::string cases[] = {
        "", "1", "00", "10", "sat", "msat", "-1sat", "+1sat", "1.5sat",
        "1,5sat", "1e3sat", "0x10sat", " 1sat", "1sat ", "1 sat", "1sats",
        "1Sat", "1SAT", "1mSat", "1msats", "1btc", "1k", "1m", "1ms", "1sa",
        "1sat\n", "\n1sat", "1satsat", "1sat1", "1sat,2sat", "onesat",
        "1\xc2\xa0sat", "\xd9\xa1sat",
        std::string("1sat\0", 5), std::string("1\0sat", 5),
    };

    for (const std::string &text : cases) {
        uint64_t msat = 42;

        assert_false(parse_amount(text, msat));
        assert_int_equal(msat, 42);
    }
}

// Each of them is a small amount modulo 2^64.
void amounts_beyond_21_million_bitcoin_do_not_wrap(void **)
{
    const std::string cases[] = {
        "2100000000000001sat", "2100000000000000001msat",
        "18446744073709551616msat", "18446744073709551617msat",
        "18446744073709552sat", "184467440737095516161msat",
        "18446744073709551616sat", "18446744073709551617sat",
        "9223372036854775808msat", std::string(1000, '9') + "sat",
    };

    for (const std::string &text : cases) {
        uint64_t msat;

        assert_false(parse_amount(text, msat));
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_counted_in_msat),
        cmocka_unit_test(anything_else_is_refused_and_changes_nothing),
        cmocka_unit_test(amounts_beyond_21_million_bitcoin_do_not_wrap),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
