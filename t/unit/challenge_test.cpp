// Minting, and the header field that offers it.

#include "unit.h"

#include "core/plain.h"

#include <stdexcept>

using namespace unit;

namespace {

void the_minted_caveats_stand_in_their_fixed_order(void **)
{
    l402::Terms terms;

    terms.service = "weather";
    terms.tier = 3;
    terms.valid_until = now;

    auto caveats = l402::minted_caveats(terms);
    assert_int_equal(caveats.size(), 2);
    assert_text(caveats[0], "services=weather:3");
    assert_text(caveats[1], "weather_valid_until=1700000000");
}

void whatever_a_location_grants_or_ties_is_minted(void **)
{
    l402::Terms terms;

    terms.service = "weather";
    terms.tier = 1;
    terms.valid_until = 1700000000;
    terms.has_capabilities = true;
    terms.capabilities = "read,write";
    terms.constraints = {{"upload_max_bytes", 1000000}, {"calls", 0}};
    terms.bind_address = terms.bind_host = true;
    terms.bind_path = terms.bind_method = true;
    terms.client_address = std::string_view("\xc0\0\x02\x07", 4);
    terms.host = "api.example.org";
    terms.path = "/cheap:0,svc/d\near";
    terms.method = "HEAD";

    static const char *const wanted[] = {"services=weather:1",
        "weather_valid_until=1700000000", "weather_capabilities=read,write",
        "upload_max_bytes=1000000", "calls=0", "client_address=192.0.2.7",
        "request_host=api.example.org",
        "request_path=/cheap%3A0%2Csvc/d%0Aear", "request_method=GET"};
    auto caveats = l402::minted_caveats(terms);

    assert_int_equal(caveats.size(), std::size(wanted));
    for (size_t i = 0; i < caveats.size(); i++) {
        assert_text(caveats[i], wanted[i]);
    }
}

void a_token_for_ever_has_no_expiry(void **)
{
    l402::Terms terms;

    terms.service = "w";

    auto caveats = l402::minted_caveats(terms);
    assert_int_equal(caveats.size(), 1);
    assert_text(caveats[0], "services=w:0");
}

void what_is_counted_is_minted_behind_the_expiry(void **)
{
    l402::Terms terms;

    terms.service = "w";
    terms.uses = 10;
    terms.balance_msat = 5000;

    auto caveats = l402::minted_caveats(terms);
    assert_int_equal(caveats.size(), 3);
    assert_text(caveats[1], "w_uses=10");
    assert_text(caveats[2], "w_balance=5000");

    terms.valid_until = now;
    terms.has_capabilities = true;
    caveats = l402::minted_caveats(terms);
    assert_int_equal(caveats.size(), 5);
    assert_text(caveats[1], "w_valid_until=1700000000");
    assert_text(caveats[2], "w_uses=10");
    assert_text(caveats[3], "w_balance=5000");
    assert_text(caveats[4], "w_capabilities=");
}

// A longer number would be refused, by every gate and after it was paid for.
void a_count_has_no_more_digits_than_a_number_may_have(void **)
{
    l402::Terms terms;

    terms.service = "w";
    terms.uses = UINT64_MAX;
    terms.balance_msat = l402::max_amount_msat;

    auto caveats = l402::minted_caveats(terms);
    assert_text(caveats[1], "w_uses=999999999999999999");
    assert_text(caveats[2], "w_balance=999999999999999999");
}

void where_something_could_look_minted_the_grants_are_closed(void **)
{
    l402::Terms terms;

    auto last = [&] { return l402::minted_caveats(terms).back(); };

    terms.service = "w";
    terms.tier = 3;
    terms.closes_grants = true;
    assert_text(last(), "services=w:03");
    terms.valid_until = now;
    assert_text(last(), "services=w:03");
    terms.uses = 5;
    assert_text(last(), "services=w:03");
    assert_int_equal(l402::minted_caveats(terms).size(), 4);

    // As it stands behind the grants, so it stands before all else.
    terms.constraints = {{"rows", 5}};
    assert_int_equal(l402::minted_caveats(terms).size(), 4);
    assert_text(last(), "rows=5");
    terms.constraints.clear();
    terms.has_capabilities = true;
    assert_text(last(), "w_capabilities=");
    terms.has_capabilities = false;
    terms.balance_msat = 1;
    assert_text(last(), "w_balance=1");
    assert_int_equal(l402::minted_caveats(terms).size(), 4);
    terms.balance_msat = 0;

    bool l402::Terms::*const ties[] = {&l402::Terms::bind_address,
        &l402::Terms::bind_host, &l402::Terms::bind_path,
        &l402::Terms::bind_method};

    for (bool l402::Terms::*tie : ties) {
        terms.*tie = true;
        assert_int_equal(l402::minted_caveats(terms).size(), 4);
        assert_text(l402::minted_caveats(terms)[2], "w_uses=5");
        terms.*tie = false;
    }

    terms.closes_grants = false;
    assert_text(last(), "w_uses=5");
}

void a_condition_is_named_once(void **)
{
    l402::Terms terms;

    terms.service = "w";
    terms.uses = 5;
    terms.closes_grants = true;

    auto conditions = l402::minted_conditions(terms);
    assert_int_equal(conditions.size(), 2);
    assert_text(conditions[0], "services");
    assert_text(conditions[1], "w_uses");
}

void tiers_are_written_as_numbers(void **)
{
    l402::Terms terms;

    terms.service = "w";
    terms.tier = 255;
    assert_text(l402::minted_caveats(terms)[0], "services=w:255");
}

void a_minted_token_commits_to_its_payment_hash(void **)
{
    Keys             keys;
    Token            token(keys);
    l402::Macaroon   m;
    l402::Identifier identifier;

    assert_true(l402::parse_macaroon(token.bytes, m));
    assert_text(m.location.view(), "lsat");
    assert_int_equal(m.caveat_count, 2);
    assert_text(m.caveats[0].view(), "services=weather:0");
    assert_true(l402::parse_identifier(m.identifier.view(), identifier));
    assert_memory_equal(identifier.payment_hash, token.payment_hash.data(),
        32);
    assert_memory_equal(identifier.token_id, token.token_id.data(), 28);
}

void each_key_mints_with_its_own_root_key_and_hint(void **)
{
    Keys keys(std::string(key_1) + "\n" + key_2);

    for (size_t key = 0; key < 2; key++) {
        Token            token(keys, {"services=weather:0"}, key);
        l402::Macaroon   m;
        l402::Identifier identifier;
        uint8_t          root[32], signature[32];

        assert_true(l402::parse_macaroon(token.bytes, m));
        assert_true(l402::parse_identifier(m.identifier.view(), identifier));
        assert_int_equal(keys.hinted_key(identifier.token_id), key);

        keys.root_key(key, m.identifier.view(), root);
        l402::first_signature(root, m.identifier.view(), signature);
        l402::extend_signature(signature, "services=weather:0");
        assert_memory_equal(m.signature, signature, 32);
    }
}

l402::Challenge challenge()
{
    l402::Challenge c;

    c.token = "AgEEbHNhdA==";
    c.invoice = "lnbcrt100n1p0";
    return c;
}

// The order and the spacing are what deployed clients' patterns match.
void the_header_is_in_the_order_that_clients_read(void **)
{
    assert_text(l402::www_authenticate(challenge(), false),
        "L402 macaroon=\"AgEEbHNhdA==\", invoice=\"lnbcrt100n1p0\","
        " version=\"0\", token=\"AgEEbHNhdA==\"");
}

void the_old_scheme_is_appended_on_request(void **)
{
    assert_text(l402::www_authenticate(challenge(), true),
        "L402 macaroon=\"AgEEbHNhdA==\", invoice=\"lnbcrt100n1p0\","
        " version=\"0\", token=\"AgEEbHNhdA==\","
        " LSAT macaroon=\"AgEEbHNhdA==\", invoice=\"lnbcrt100n1p0\"");
}

void no_invoice_can_write_into_the_header(void **)
{
    for (const char *bad : {"lnbc\r\nX: y", "lnbc\n", "lnbc\"", "ln bc",
             "lnbc\\", "lnbc\x7f", "lnbc\xc3\xa9", "\t"}) {
        l402::Challenge c = challenge();
        bool            refused = false;

        c.invoice = bad;
        try {
            l402::www_authenticate(c, false);
        } catch (const std::invalid_argument &) {
            refused = true;
        }
        assert_true(refused);
    }
}

void every_byte_at_every_place_is_plain_or_not(void **)
{
    for (size_t size = 0; size < 50; size++) {
        std::string text(size, 'x');

        assert_true(l402::is_plain(text));

        for (size_t at = 0; at < size; at++) {
            for (int c = 0; c < 256; c++) {
                text[at] = char(c);
                assert_int_equal(l402::is_plain(text),
                    c > ' ' && c < 0x7f && c != '"' && c != '\\');
            }
            text[at] = 'x';
        }
    }
}

void a_refusal_without_an_invoice_names_its_reason(void **)
{
    assert_text(l402::www_authenticate_error(l402::Result::malformed),
        "L402 error=\"malformed\"");
    assert_text(l402::www_authenticate_error(l402::Result::bad_signature),
        "L402 error=\"bad_signature\"");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_minted_caveats_stand_in_their_fixed_order),
        cmocka_unit_test(whatever_a_location_grants_or_ties_is_minted),
        cmocka_unit_test(a_token_for_ever_has_no_expiry),
        cmocka_unit_test(what_is_counted_is_minted_behind_the_expiry),
        cmocka_unit_test(a_count_has_no_more_digits_than_a_number_may_have),
        cmocka_unit_test(
            where_something_could_look_minted_the_grants_are_closed),
        cmocka_unit_test(a_condition_is_named_once),
        cmocka_unit_test(tiers_are_written_as_numbers),
        cmocka_unit_test(a_minted_token_commits_to_its_payment_hash),
        cmocka_unit_test(each_key_mints_with_its_own_root_key_and_hint),
        cmocka_unit_test(the_header_is_in_the_order_that_clients_read),
        cmocka_unit_test(the_old_scheme_is_appended_on_request),
        cmocka_unit_test(no_invoice_can_write_into_the_header),
        cmocka_unit_test(every_byte_at_every_place_is_plain_or_not),
        cmocka_unit_test(a_refusal_without_an_invoice_names_its_reason),
    };

    return cmocka_run_group_tests_name("challenge", tests, nullptr, nullptr);
}
