#include "bolt11_asserts.h"

using namespace l402;
using namespace l402_test;

namespace {

void the_payment_hash_is_compulsory_and_single(void **)
{
    InvoiceMaker rest = InvoiceMaker().secret().description("");

    refuses(rest, "it has no payment hash");
    refuses(InvoiceMaker(rest).bytes(1, 31, 0xab), "it has no payment hash");
    accepts(InvoiceMaker(rest).hash(0xab));
    // A hash of another length is for others, and skipped.
    accepts(InvoiceMaker(rest).bytes(1, 31, 1).hash(0xab).bytes(1, 33, 1));
    refuses(InvoiceMaker(rest).hash(1).hash(2),
        "it has several payment hashes");
}

void the_payment_secret_is_compulsory(void **)
{
    InvoiceMaker rest = InvoiceMaker().hash(1).description("");

    refuses(rest, "it has no payment secret");
    refuses(InvoiceMaker(rest).bytes(16, 33, 1), "it has no payment secret");
    accepts(InvoiceMaker(rest).secret());
}

void a_description_or_its_hash_is_compulsory(void **)
{
    InvoiceMaker rest = InvoiceMaker().hash(1).secret();

    refuses(rest, "it has neither a description nor a description's hash");
    accepts(InvoiceMaker(rest).description(""));
    accepts(InvoiceMaker(rest).bytes(23, 32, 1));
    refuses(InvoiceMaker(rest).description("").bytes(23, 32, 1),
        "it has both a description and a description's hash");
    refuses(InvoiceMaker(rest).description("\xff\xfe"),
        "its description is not UTF-8");
}

void the_expiry_is_read_and_bounded(void **)
{
    assert_int_equal(decoded(usual().make()).expiry, 3600);
    assert_int_equal(decoded(usual().expiry(600).make()).expiry, 600);
    assert_int_equal(decoded(usual().expiry(0).make()).expiry, 0);
    assert_int_equal(decoded(usual().expiry(60).expiry(70).make()).expiry, 60);

    Words zeros(100, 0), largest(7, 31), beyond(8, 31),
        longest(1023, 31);

    zeros.push_back(5);
    assert_int_equal(decoded(usual().field(6, zeros).make()).expiry, 5);

    InvoiceMaker late = usual().field(6, largest);

    late.timestamp = (1ULL << 35) - 1;

    Bolt11 invoice = decoded(late.make());

    assert_int_equal(invoice.timestamp, (1LL << 35) - 1);
    assert_int_equal(invoice.expires_at(), (1LL << 36) - 2);

    refuses(usual().field(6, beyond), "its expiry is out of range");
    refuses(usual().field(6, longest), "its expiry is out of range");
}

void unknown_fields_are_skipped(void **)
{
    for (uint8_t type : {0, 2, 3, 9, 11, 24, 27, 31}) {
        accepts(usual().field(type, {}));
        accepts(usual().field(type, Words(77, 31)));
    }
}

void a_field_that_is_cut_short_is_refused(void **)
{
    InvoiceMaker one = usual(), two = usual(), three = usual();

    one.fields.push_back(31);
    refuses(one, "it ends within a field");
    two.fields.insert(two.fields.end(), {31, 0});
    refuses(two, "it ends within a field");
    three.fields.insert(three.fields.end(), {31, 0, 1});
    refuses(three, "it ends within a field");
}

void known_features_pass_and_unknown_even_ones_do_not(void **)
{
    InvoiceMaker rest = InvoiceMaker().hash(1).secret().description("");

    for (unsigned bit : {8, 14, 24, 36, 48}) {
        accepts(InvoiceMaker(rest).features({bit}));
    }

    accepts(InvoiceMaker(rest).features({8, 14, 16}));
    accepts(InvoiceMaker(rest).features({9, 15, 17}));

    for (unsigned bit = 1; bit < 300; bit += 2) {
        accepts(InvoiceMaker(rest).features({14, bit}));
    }

    for (unsigned bit : {0, 2, 4, 10, 12, 18, 30, 50, 100, 150, 5000}) {
        refuses(InvoiceMaker(rest).features({14, bit}),
            "it demands a feature that is not known here");
    }

    refuses(InvoiceMaker(rest).features({16}),
        "it offers basic_mpp without payment_secret");
    refuses(InvoiceMaker(rest).features({17}),
        "it offers basic_mpp without payment_secret");
}

// ---- signature ----

void the_payee_field_decides_where_it_stands(void **)
{
    accepts(usual().payee());

    InvoiceMaker other = usual();
    Words generator_point = to_words(std::string(
        "\x02\x79\xbe\x66\x7e\xf9\xdc\xbb\xac\x55\xa0\x62\x95\xce\x87\x0b\x07"
        "\x02\x9b\xfc\xdb\x2d\xce\x28\xd9\x59\xf2\x81\x5b\x16\xf8\x17\x98",
        33));

    refuses(InvoiceMaker(other).field(19, generator_point),
        "its signature is not the payee's");
    refuses(InvoiceMaker(other).bytes(19, 33, 0xff),
        "its payee is not a public key");
    // Another length: not a payee, and recovery decides.
    accepts(InvoiceMaker(other).bytes(19, 32, 0xff));
}

void a_signature_over_something_else_is_refused(void **)
{
    InvoiceMaker signed_one = usual().payee(), other = usual().payee();

    other.prefix = "lnbcrt20n";
    assert_string_equal(reason(other.seal(signed_one.sign())).c_str(),
        "its signature is not the payee's");
}

void a_signature_that_is_none_is_refused(void **)
{
    InvoiceMaker maker = usual();
    std::string good = maker.sign();

    for (int id = 4; id < 256; id++) {
        std::string bad = good;

        bad[64] = static_cast<char>(id);
        assert_string_equal(reason(maker.seal(bad)).c_str(),
            "its signature is wrong");
    }

    for (char fill : {'\0', '\xff'}) {
        assert_string_equal(reason(maker.seal(std::string(64, fill)
            + std::string(1, '\0'))).c_str(), "its signature is wrong");
        assert_string_equal(reason(usual().payee().seal(
            std::string(65, fill))).c_str(),
            "its signature is not the payee's");
    }
}

// Half of all numbers are the x of a point.
void a_signature_passes_where_a_key_can_be_recovered(void **)
{
    InvoiceMaker maker = usual();
    std::string message = maker.prefix
        + to_padded_bytes(maker.signed_words());
    unsigned passed = 0, rounds = 400;
    uint8_t digest[32], bytes[32];

    l402::sha256(message, digest);

    for (unsigned i = 0; i < rounds; i++) {
        secp256k1_ecdsa_recoverable_signature signature;
        secp256k1_pubkey key;
        std::string text;

        for (char half : {'r', 's'}) {
            l402::sha256(half + std::to_string(i), bytes);
            text.append(reinterpret_cast<char *>(bytes), sizeof bytes);
        }

        // Recovery ids 2 and 3 need an R below 2^129.
        if (i % 8 == 2) {
            text.replace(0, 16, 16, '\0');
        }

        int id = i % 4;
        bool recovers = secp256k1_ecdsa_recoverable_signature_parse_compact(
                            secp256k1_context_static, &signature,
                            reinterpret_cast<const uint8_t *>(text.data()), id)
            && secp256k1_ecdsa_recover(secp256k1_context_static, &key,
                   &signature, digest);

        text += static_cast<char>(id);
        assert_string_equal(reason(maker.seal(text)).c_str(),
            recovers ? "" : "its signature is wrong");
        passed += recovers;
    }

    assert_in_range(passed, rounds / 8, rounds / 2);
}

void a_signature_without_an_s_is_refused(void **)
{
    InvoiceMaker maker = usual();
    std::string bad = maker.sign();

    bad.replace(32, 32, 32, '\0');
    assert_string_equal(reason(maker.seal(bad)).c_str(),
        "its signature is wrong");
}

void a_failure_leaves_the_result_alone(void **)
{
    Bolt11 invoice = decoded(usual().make());
    const char *error = nullptr;

    assert_false(decode_bolt11("lnbc1", invoice, error));
    assert_non_null(error);
    assert_int_equal(invoice.amount_msat, 1000);
    assert_string_equal(invoice.description.c_str(), "test");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_payment_hash_is_compulsory_and_single),
        cmocka_unit_test(the_payment_secret_is_compulsory),
        cmocka_unit_test(a_description_or_its_hash_is_compulsory),
        cmocka_unit_test(the_expiry_is_read_and_bounded),
        cmocka_unit_test(unknown_fields_are_skipped),
        cmocka_unit_test(a_field_that_is_cut_short_is_refused),
        cmocka_unit_test(known_features_pass_and_unknown_even_ones_do_not),
        cmocka_unit_test(the_payee_field_decides_where_it_stands),
        cmocka_unit_test(a_signature_over_something_else_is_refused),
        cmocka_unit_test(a_signature_that_is_none_is_refused),
        cmocka_unit_test(a_signature_passes_where_a_key_can_be_recovered),
        cmocka_unit_test(a_signature_without_an_s_is_refused),
        cmocka_unit_test(a_failure_leaves_the_result_alone),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
