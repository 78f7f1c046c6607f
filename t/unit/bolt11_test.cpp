#include "l402/bolt11.h"
#include "l402/encoding.h"

#include "bolt11_asserts.h"

#include <nlohmann/json.hpp>

#include <fstream>

using namespace l402;
using namespace l402_test;

namespace {

const nlohmann::json &vectors()
{
    static const nlohmann::json parsed = [] {
        std::ifstream file(L402_VECTORS "/bolt11.json");
        return nlohmann::json::parse(file);
    }();

    return parsed;
}

std::string upper(std::string text)
{
    for (char &c : text) {
        c = static_cast<char>(toupper(c));
    }

    return text;
}

InvoiceMaker with_prefix(const char *prefix)
{
    InvoiceMaker maker = usual();

    maker.prefix = prefix;
    return maker;
}

const char *network_of(const std::string &prefix)
{
    return prefix == "bc" ? "mainnet" : prefix == "tb" ? "testnet"
        : prefix == "tbs" ? "signet" : "regtest";
}

// ---- the specification's vectors ----

void every_valid_vector_decodes_to_its_fields(void **)
{
    assert_true(vectors()["valid"].size() >= 16);

    for (const auto &vector : vectors()["valid"]) {
        std::string text = vector["invoice"];
        Bolt11 invoice = decoded(text);

        assert_string_equal(network_name(invoice.network),
            network_of(vector["network"]));
        assert_int_equal(invoice.has_amount, !vector["amount_msat"].is_null());
        assert_int_equal(invoice.amount_msat, invoice.has_amount
            ? vector["amount_msat"].get<uint64_t>() : 0);
        assert_int_equal(invoice.timestamp,
            vector["timestamp"].get<int64_t>());
        assert_int_equal(invoice.expiry, vector["expiry"].get<int64_t>());
        assert_string_equal(to_hex(invoice.payment_hash).c_str(),
            vector["payment_hash"].get<std::string>().c_str());
    }
}

void valid_vectors_decode_in_either_case(void **)
{
    for (const auto &vector : vectors()["valid"]) {
        std::string text = vector["invoice"];

        assert_true(to_hex(decoded(upper(text)).payment_hash)
                    == vector["payment_hash"].get<std::string>());
    }
}

void descriptions_are_read(void **)
{
    const auto &valid = vectors()["valid"];

    assert_string_equal(decoded(valid[0]["invoice"]).description.c_str(),
        "Please consider supporting this project");
    assert_string_equal(decoded(valid[2]["invoice"]).description.c_str(),
        "\u30ca\u30f3\u30bb\u30f3\u30b9 1\u676f");
    assert_false(decoded(valid[2]["invoice"]).has_description_hash);

    Bolt11 hashed = decoded(valid[3]["invoice"]);

    assert_true(hashed.has_description_hash);
    assert_string_equal(to_hex(hashed.description_hash).c_str(),
        "3925b6f67e2c340036ed12093dd44e0368df1b6ea26c53dbe4811f58fd5db8c1");
    assert_string_equal(hashed.description.c_str(), "");
}

// In the order of the vectors' file.
void every_invalid_vector_is_refused_for_its_reason(void **)
{
    const char *reasons[] = {
        "its checksum is wrong",
        "it is not bech32: there is no separator",
        "it mixes upper and lower case",
        "it is too short",
        "its amount is not a number, or has an unknown multiplier",
        "its amount has a fraction of a millisatoshi",
    };
    size_t i = 0;

    assert_int_equal(vectors()["invalid"].size(), 6);

    for (const auto &vector : vectors()["invalid"]) {
        assert_string_equal(reason(vector["invoice"]).c_str(), reasons[i++]);
    }
}

void every_well_encoded_but_unusable_vector_is_refused(void **)
{
    const char *reasons[] = {
        "it demands a feature that is not known here",
        "its signature is wrong",
        "it has no payment secret",
        "its signature is not the payee's",
    };
    const auto &list = vectors()["valid_encoding_but_invalid_invoice"];
    size_t i = 0;

    assert_int_equal(list.size(), 4);

    for (const auto &vector : list) {
        assert_string_equal(reason(vector["invoice"]).c_str(), reasons[i++]);
    }
}

// ---- the text ----

void every_changed_character_is_found_by_the_checksum(void **)
{
    std::string good = usual().make();
    size_t separator = good.rfind('1');

    for (size_t i = separator + 1; i < good.size(); i++) {
        std::string bad = good;

        bad[i] = bad[i] == 'q' ? 'p' : 'q';
        assert_string_equal(reason(bad).c_str(), "its checksum is wrong");
    }
}

void every_truncation_is_refused(void **)
{
    std::string good = usual().make();

    for (size_t size = 0; size < good.size(); size++) {
        assert_true(!reason(good.substr(0, size)).empty());
    }

    assert_true(!reason(good + "q").empty());
    assert_true(!reason(good + "\n").empty());
    assert_true(!reason(" " + good).empty());
    assert_true(!reason("lightning:" + good).empty());
    assert_true(!reason(good + std::string(1, '\0')).empty());
}

void a_timestamp_and_a_signature_must_fit(void **)
{
    for (size_t words = 0; words < 7 + 104; words++) {
        assert_string_equal(reason(bech32("lnbc", Words(words, 0))).c_str(),
            "it is too short");
    }

    assert_string_equal(reason(bech32("lnbc", Words(7 + 104, 0))).c_str(),
        "its signature is wrong");
}

void a_text_beyond_the_limit_is_refused(void **)
{
    InvoiceMaker maker = usual();

    while (maker.fields.size() < 7000) {
        maker.field(31, Words(1000, 1));
    }

    accepts(maker);

    for (int i = 0; i < 2; i++) {
        maker.field(31, Words(1000, 1));
    }

    refuses(maker, "it is longer than 8192 characters");
}

// ---- network and amount ----

void networks_are_told_apart(void **)
{
    struct { const char *prefix, *name; } cases[] = {
        {"lnbc", "mainnet"}, {"lntb", "testnet"}, {"lntbs", "signet"},
        {"lnbcrt", "regtest"}, {"lnbc10n", "mainnet"},
        {"lntb10n", "testnet"}, {"lntbs10n", "signet"},
        {"lnbcrt10n", "regtest"},
    };

    for (const auto &c : cases) {
        Bolt11 invoice = decoded(with_prefix(c.prefix).make());

        assert_string_equal(network_name(invoice.network), c.name);
    }

    for (const char *prefix : {"lnsb", "lnbcr", "lnbcrtx", "bc", "ln",
             "lnxbc10n", "xlnbc10n", "lntbsx10n", "lnbc-10n"})
    {
        refuses(with_prefix(prefix), "it is not for a network known here");
    }
}

void network_names_are_read_back(void **)
{
    for (const char *name : {"mainnet", "testnet", "signet", "regtest"}) {
        Network network;

        assert_true(parse_network(name, network));
        assert_string_equal(network_name(network), name);
    }

    Network network;

    assert_false(parse_network("", network));
    assert_false(parse_network("Mainnet", network));
    assert_false(parse_network("simnet", network));
}

void amounts_are_counted_in_msat(void **)
{
    struct { const char *amount; uint64_t msat; } cases[] = {
        {"1", 100000000000}, {"1m", 100000000}, {"1u", 100000}, {"1n", 100},
        {"10p", 1}, {"9678785340p", 967878534}, {"21000000",
        max_amount_msat}, {"21000000000000000000p", max_amount_msat},
        {"21000000000000000n", max_amount_msat},
    };

    for (const auto &c : cases) {
        std::string prefix = std::string("lnbc") + c.amount;
        Bolt11 invoice = decoded(with_prefix(prefix.c_str()).make());

        assert_true(invoice.has_amount);
        assert_int_equal(invoice.amount_msat, c.msat);
    }

    assert_false(decoded(with_prefix("lnbc").make()).has_amount);
}

void bad_amounts_are_refused(void **)
{
    for (const char *prefix : {"lnbc0", "lnbc0n", "lnbc01n", "lnbc00", }) {
        refuses(with_prefix(prefix),
            "its amount is not a positive number without leading zeros");
    }

    for (const char *prefix : {"lnbc1x", "lnbc1nn", "lnbc1.5m", "lnbc1-m",
             "lnbc1k", "lnbc1x0p"})
    {
        refuses(with_prefix(prefix),
            "its amount is not a number, or has an unknown multiplier");
    }

    for (const char *prefix : {"lnbc1p", "lnbc11p", "lnbc105p"}) {
        refuses(with_prefix(prefix),
            "its amount has a fraction of a millisatoshi");
    }

    for (const char *prefix : {"lnbc21000001", "lnbc21000000000000001n",
             "lnbc21000000000000000010p", "lnbc99999999999999999999999999",
             "lnbc18446744073709551617n", "lnbc184467440737095516170p"})
    {
        refuses(with_prefix(prefix),
            "its amount is more than 21 million BTC");
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_valid_vector_decodes_to_its_fields),
        cmocka_unit_test(valid_vectors_decode_in_either_case),
        cmocka_unit_test(descriptions_are_read),
        cmocka_unit_test(every_invalid_vector_is_refused_for_its_reason),
        cmocka_unit_test(every_well_encoded_but_unusable_vector_is_refused),
        cmocka_unit_test(every_changed_character_is_found_by_the_checksum),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_timestamp_and_a_signature_must_fit),
        cmocka_unit_test(a_text_beyond_the_limit_is_refused),
        cmocka_unit_test(networks_are_told_apart),
        cmocka_unit_test(network_names_are_read_back),
        cmocka_unit_test(amounts_are_counted_in_msat),
        cmocka_unit_test(bad_amounts_are_refused),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
