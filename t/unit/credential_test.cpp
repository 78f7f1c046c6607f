// Authorization values: what deployed clients send, and what is none of ours.

#include "unit.h"

using namespace unit;

namespace {

const std::string preimage =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

void assert_reads(const std::string &value,
    const std::vector<std::string> &macaroons,
    const std::string &wanted = preimage)
{
    l402::Credential c;

    if (!l402::is_l402_scheme(value) || !l402::parse_credential(value, c)) {
        fail_msg("not read: \"%s\"", value.c_str());
    }
    assert_int_equal(c.macaroon_count, macaroons.size());
    for (size_t i = 0; i < macaroons.size(); i++) {
        assert_text(c.macaroons[i].view(), macaroons[i]);
    }
    assert_text(c.preimage.view(), wanted);
}

// Ours by its scheme, and malformed.
void assert_malformed(const std::string &value)
{
    l402::Credential c;

    if (!l402::is_l402_scheme(value)) {
        fail_msg("not seen as ours: \"%s\"", value.c_str());
    }
    if (l402::parse_credential(value, c)) {
        fail_msg("was read: \"%s\"", value.c_str());
    }
}

void assert_not_ours(const std::string &value)
{
    if (l402::is_l402_scheme(value)) {
        fail_msg("seen as ours: \"%s\"", value.c_str());
    }
}

void both_schemes_are_read_in_any_case(void **)
{
    for (const char *scheme : {"L402", "l402", "LSAT", "lsat", "Lsat",
             "lSaT"}) {
        assert_reads(std::string(scheme) + " QUJD:" + preimage, {"QUJD"});
    }
}

void a_doubled_scheme_is_read(void **)
{
    assert_reads("L402 L402 QUJD:" + preimage, {"QUJD"});
    assert_reads("LSAT L402 QUJD:" + preimage, {"QUJD"});
    assert_reads("L402 lsat QUJD:" + preimage, {"QUJD"});
    assert_malformed("L402 L402 L402 QUJD:" + preimage + "0");
}

void several_macaroons_are_read_in_order(void **)
{
    assert_reads("L402 QQ==,QkI=,QUJD:" + preimage, {"QQ==", "QkI=", "QUJD"});

    std::string              list;
    std::vector<std::string> wanted;

    for (size_t i = 0; i < l402::max_macaroons; i++) {
        list += i ? ",QUJD" : "QUJD";
        wanted.push_back("QUJD");
    }
    assert_reads("L402 " + list + ":" + preimage, wanted);
    assert_malformed("L402 " + list + ",QUJD:" + preimage);
}

void white_space_around_the_parts_does_no_harm(void **)
{
    assert_reads("L402   QUJD:" + preimage, {"QUJD"});
    assert_reads("L402\tQUJD:" + preimage, {"QUJD"});
    assert_reads("L402 QUJD:" + preimage + " ", {"QUJD"});
}

void the_preimage_is_64_characters_behind_the_last_colon(void **)
{
    assert_malformed("L402 QUJD:" + preimage.substr(1));
    assert_malformed("L402 QUJD:" + preimage + "0");
    assert_malformed("L402 QUJD:");
    assert_malformed("L402 QUJD");
    assert_malformed("L402 :" + preimage);
    assert_malformed("L402 ,:" + preimage);
    assert_malformed("L402 QUJD,:" + preimage);
    assert_malformed("L402 ,QUJD:" + preimage);
    assert_malformed("L402 QUJD:" + preimage + ", L402 QUJD:"
        + preimage.substr(1));
    assert_malformed("L402");
    assert_malformed("L402 ");
    assert_malformed("L402 L402");
}

void other_schemes_are_not_ours(void **)
{
    for (const char *value : {"", " ", "Basic dXNlcjpwYXNz", "Bearer abc",
             "Digest username=\"x\"", "L40", "L4022 QUJD:00", "L402QUJD:00",
             "LSATX y", "XL402 QUJD:00", "Bearer L402 QUJD:00",
             "Negotiate LSAT"}) {
        assert_not_ours(value);
    }
}

void an_oversized_value_is_malformed(void **)
{
    std::string head = "L402 ", tail = ":" + preimage;
    std::string fits(l402::max_credential_size - head.size() - tail.size(),
        'A');

    assert_reads(head + fits + tail, {fits});
    assert_malformed(head + fits + "A" + tail);
    assert_malformed(head + std::string(1 << 20, ',') + tail);
}

void nothing_outside_of_the_value_is_read(void **)
{
    Random      random;
    std::string good = "L402 L402 QUJD,QkI=:" + preimage;

    for (size_t size = 0; size <= good.size(); size++) {
        std::vector<char> exact(good.begin(), good.begin() + long(size));
        l402::Credential  c;

        (void) l402::is_l402_scheme({exact.data(), exact.size()});
        assert_int_equal(
            l402::parse_credential({exact.data(), exact.size()}, c),
            size == good.size());
    }
    for (size_t round = 0; round < 20000; round++) {
        std::string bytes = good;

        for (size_t n = 1 + random.below(3); n > 0; n--) {
            bytes[random.below(bytes.size())] = ",: \tL4LSAT=\0"
                [random.below(12)];
        }

        std::vector<char> exact(bytes.begin(), bytes.end());
        l402::Credential  c;

        if (l402::parse_credential({exact.data(), exact.size()}, c)) {
            assert_true(c.macaroon_count >= 1);
            assert_true(c.macaroon_count <= l402::max_macaroons);
            assert_int_equal(c.preimage.size, 64);
        }
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(both_schemes_are_read_in_any_case),
        cmocka_unit_test(a_doubled_scheme_is_read),
        cmocka_unit_test(several_macaroons_are_read_in_order),
        cmocka_unit_test(white_space_around_the_parts_does_no_harm),
        cmocka_unit_test(the_preimage_is_64_characters_behind_the_last_colon),
        cmocka_unit_test(other_schemes_are_not_ours),
        cmocka_unit_test(an_oversized_value_is_malformed),
        cmocka_unit_test(nothing_outside_of_the_value_is_read),
    };

    return cmocka_run_group_tests_name("credential", tests, nullptr, nullptr);
}
