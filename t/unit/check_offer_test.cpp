#include "l402/invoice.h"

#include "cmocka_cpp.h"
#include "make_bolt11.h"

using namespace l402;
using l402_test::InvoiceMaker;

namespace {

constexpr int64_t now = 1700000000;

// An invoice over 1000 msat on regtest for ten minutes from now.
InvoiceMaker good()
{
    InvoiceMaker maker = InvoiceMaker().usual().expiry(600);

    maker.timestamp = now;
    return maker;
}

OfferedInvoice offer(const InvoiceMaker &maker)
{
    OfferedInvoice out;

    out.bolt11 = maker.make();
    out.names_hash = true;
    out.payment_hash.fill(0xab);
    return out;
}

InvoiceRequest request()
{
    InvoiceRequest out;

    out.amount_msat = 1000;
    out.memo = "test";
    out.expiry = 600;
    return out;
}

void passes(const OfferedInvoice &offered, int64_t at = now)
{
    Invoice invoice;
    std::string error;

    if (!check_offer(offered, request(), Network::regtest, at, invoice,
            error))
    {
        fail_msg("%s", error.c_str());
    }
}

void fails(const OfferedInvoice &offered, const char *because,
    int64_t at = now)
{
    Invoice invoice;
    std::string error;

    invoice.bolt11 = "untouched";
    assert_false(check_offer(offered, request(), Network::regtest, at,
        invoice, error));
    assert_string_equal(error.c_str(), because);
    assert_string_equal(invoice.bolt11.c_str(), "untouched");
}

void a_good_offer_becomes_an_invoice(void **)
{
    Invoice invoice;
    std::string error;
    OfferedInvoice offered = offer(good());

    assert_true(check_offer(offered, request(), Network::regtest, now,
        invoice, error));
    assert_string_equal(invoice.bolt11.c_str(), offered.bolt11.c_str());
    assert_true(invoice.payment_hash == offered.payment_hash);
    assert_int_equal(invoice.amount_msat, 1000);
    assert_int_equal(invoice.expires_at, now + 600);
}

void an_upper_case_offer_becomes_lower_case(void **)
{
    Invoice invoice;
    std::string error;
    OfferedInvoice lower = offer(good()), upper = lower;

    for (char &c : upper.bolt11) {
        c = static_cast<char>(toupper(c));
    }

    assert_true(check_offer(upper, request(), Network::regtest, now, invoice,
        error));
    assert_string_equal(invoice.bolt11.c_str(), lower.bolt11.c_str());
}

void an_invoice_that_does_not_decode_is_refused(void **)
{
    OfferedInvoice changed = offer(good()), injected = changed, empty = changed;

    changed.bolt11.back() = changed.bolt11.back() == 'q' ? 'p' : 'q';
    injected.bolt11 += "\", x=\"";
    empty.bolt11 = "";
    fails(changed, "invoice cannot be used: its checksum is wrong");
    fails(injected,
        "invoice cannot be used: it has characters that bech32 has not");
    fails(empty,
        "invoice cannot be used: it is not bech32: there is no separator");
}

void another_network_is_refused(void **)
{
    struct { const char *prefix, *error; } cases[] = {
        {"lnbc10n", "invoice is for mainnet, configured is regtest"},
        {"lntb10n", "invoice is for testnet, configured is regtest"},
        {"lntbs10n", "invoice is for signet, configured is regtest"},
    };

    for (const auto &c : cases) {
        InvoiceMaker maker = good();

        maker.prefix = c.prefix;
        fails(offer(maker), c.error);
    }
}

void another_amount_is_refused(void **)
{
    struct { const char *prefix, *error; } cases[] = {
        {"lnbcrt", "invoice has no amount"},
        {"lnbcrt20n", "invoice is for 2000 msat, asked for 1000"},
        {"lnbcrt10010p", "invoice is for 1001 msat, asked for 1000"},
        {"lnbcrt9990p", "invoice is for 999 msat, asked for 1000"},
        {"lnbcrt10", "invoice is for 1000000000000 msat, asked for 1000"},
    };

    for (const auto &c : cases) {
        InvoiceMaker maker = good();

        maker.prefix = c.prefix;
        fails(offer(maker), c.error);
    }
}

void another_payment_hash_is_refused(void **)
{
    for (size_t byte : {0, 15, 31}) {
        OfferedInvoice offered = offer(good());

        offered.payment_hash[byte] ^= 1;
        fails(offered, "payment hash is not the one the service named");

        // LNURL names none; the invoice's own is the payment hash then.
        offered.names_hash = false;
        passes(offered);
    }
}

void an_expired_invoice_is_refused(void **)
{
    fails(offer(good()), "invoice has expired", now + 600);
    fails(offer(good()), "invoice has expired", now + 100000);
    passes(offer(good()), now + 599);

    InvoiceMaker stillborn = good();

    stillborn.fields.clear();
    stillborn.usual().expiry(0);
    fails(offer(stillborn), "invoice has expired");
}

// A service that ignores the expiry makes invoices that outlive the token.
void an_invoice_that_lives_longer_than_asked_is_refused(void **)
{
    InvoiceMaker day = InvoiceMaker().usual().expiry(86400);

    day.timestamp = now;
    fails(offer(day), "invoice lives 86400 s, asked for 600");

    InvoiceMaker none = InvoiceMaker().usual();

    none.timestamp = now;
    fails(offer(none), "invoice lives 3600 s, asked for 600");
}

void clocks_may_differ_by_a_minute(void **)
{
    passes(offer(good()), now - 60);
    fails(offer(good()), "invoice lives 661 s, asked for 600", now - 61);
    passes(offer(good()), now + 60);
}

void the_largest_times_do_not_overflow(void **)
{
    InvoiceMaker maker = InvoiceMaker().usual().field(6,
        l402_test::Words(7, 31));

    maker.timestamp = (1ULL << 35) - 1;
    fails(offer(maker), "invoice lives 67019476734 s, asked for 600");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_good_offer_becomes_an_invoice),
        cmocka_unit_test(an_upper_case_offer_becomes_lower_case),
        cmocka_unit_test(an_invoice_that_does_not_decode_is_refused),
        cmocka_unit_test(another_network_is_refused),
        cmocka_unit_test(another_amount_is_refused),
        cmocka_unit_test(another_payment_hash_is_refused),
        cmocka_unit_test(an_expired_invoice_is_refused),
        cmocka_unit_test(an_invoice_that_lives_longer_than_asked_is_refused),
        cmocka_unit_test(clocks_may_differ_by_a_minute),
        cmocka_unit_test(the_largest_times_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
