// An invoice from the first url that gives a good one: in order, within one
// deadline, past those that rest.

#include "l402/invoice_client.h"

#include "l402/encoding.h"
#include "make_bolt11.h"
#include "service_state.h"
#include "wire.h"

using namespace l402;
using Start = InvoiceClient::Start;

namespace {

struct Customer final : InvoiceWaiter {
    void invoice_ready(const Invoice &got) noexcept override
    {
        times++;
        invoice = got;
    }

    void invoice_failed(std::string_view what) noexcept override
    {
        times++;
        error = what;
    }

    int                             times = 0;
    Invoice                         invoice;
    std::string                     error;
    std::unique_ptr<PendingInvoice> pending;
};

// What lnd answers, for 1 sat.
std::string answer(uint8_t fill)
{
    l402_test::InvoiceMaker maker;
    Hash hash;

    hash.fill(fill);
    maker.hash(fill).secret().description("test").features({8, 14, 17})
        .expiry(600);
    return "{\"payment_request\":\"" + maker.make() + "\",\"r_hash\":\""
           + base64_encode({reinterpret_cast<char *>(hash.data()),
                 hash.size()}) + "\"}";
}

struct Shop {
    explicit Shop(size_t urls = 1) : state(urls)
    {
        service.protocol = find_protocol("lnd");
        service.network = Network::regtest;
        service.timeout = 6000;
        service.max_in_flight = 4;
        service.endpoints.resize(urls);

        for (size_t i = 0; i < urls; i++) {
            service.endpoints[i].url.host = std::string(1, char('a' + i));
        }

        request.amount_msat = 1000;
        request.memo = "test";
        request.expiry = 600;
    }

    Start start(Customer &customer)
    {
        return client.request(request, customer, customer.pending);
    }

    void ask(Customer &customer, const char *host = "a")
    {
        assert_true(start(customer) == Start::asked);
        assert_int_equal(customer.times, 0);
        assert_string_equal(wire.last().host.c_str(), host);
    }

    // With an error of the given url.
    void fails(const char *host, long status = 0)
    {
        Customer customer;

        ask(customer, host);

        if (status) {
            wire.answer(status, "{}");

        } else {
            wire.fail("Connection refused");
        }

        assert_int_equal(customer.times, 1);
        assert_true(customer.error.size() > 0);
    }

    InvoiceService  service;
    InvoiceRequest  request;
    unit::Wire      wire;
    unit::OwnState  state;
    InvoiceClient   client{service, wire, state};
};

void a_good_invoice_is_handed_on(void **)
{
    Shop shop;
    Customer customer;

    shop.ask(customer);
    shop.wire.answer(200, answer(1));
    assert_int_equal(customer.times, 1);
    assert_int_equal(customer.invoice.amount_msat, 1000);
    assert_int_equal(customer.invoice.payment_hash[0], 1);
    assert_int_equal(customer.invoice.created_at, 1700000000);
    assert_int_equal(customer.invoice.expires_at, 1700000600);
    assert_int_equal(shop.wire.under_way(), 0);
    assert_int_equal(shop.client.in_flight(), 1);
    customer.pending.reset();
    assert_int_equal(shop.client.in_flight(), 0);
}

void the_next_url_is_asked_after_any_error(void **)
{
    for (long status : {0L, 200L, 302L, 400L, 401L, 404L, 429L, 500L}) {
        Shop shop(2);
        Customer customer;

        shop.ask(customer);

        if (status) {
            shop.wire.answer(status, "{}");

        } else {
            shop.wire.fail("timed out");
        }

        assert_int_equal(customer.times, 0);
        assert_string_equal(shop.wire.last().host.c_str(), "b");
        shop.wire.answer(200, answer(1));
        assert_int_equal(customer.times, 1);
        assert_true(customer.error.empty());
    }
}

void the_deadline_is_shared(void **)
{
    Shop shop(3);
    Customer customer;

    shop.ask(customer);
    assert_int_equal(shop.wire.last().timeout, 2000);
    shop.wire.now += 2000;
    shop.wire.fail("timed out");
    assert_int_equal(shop.wire.last().timeout, 2000);
    shop.wire.now += 4000;
    shop.wire.fail("timed out");
    assert_int_equal(customer.times, 1);
    assert_int_equal(shop.wire.sent.size(), 2);
}

void no_more_than_max_in_flight(void **)
{
    Shop shop;
    Customer customers[5];

    for (int i = 0; i < 4; i++) {
        shop.ask(customers[i]);
    }

    assert_true(shop.start(customers[4]) == Start::busy);
    customers[0].pending.reset();
    assert_int_equal(shop.wire.under_way(), 3);
    shop.ask(customers[4]);
}

void an_invoice_is_handed_on_once(void **)
{
    Shop shop(2);
    Customer first, second;

    shop.ask(first);
    shop.wire.answer(200, answer(1));
    shop.ask(second);
    shop.wire.answer(200, answer(1));
    assert_string_equal(shop.wire.last().host.c_str(), "b");
    shop.wire.answer(200, answer(1));
    assert_int_equal(second.times, 1);
    assert_string_equal(second.error.c_str(),
        "payment hash is that of an earlier invoice");
    assert_int_equal(shop.state.fails, 2);
}

// ---- urls that rest ----

void one_that_rests_is_passed_over(void **)
{
    Shop shop(2);

    for (int i = 0; i < 3; i++) {
        Customer customer;

        shop.ask(customer, "a");
        shop.wire.fail("Connection refused");
        shop.wire.answer(200, answer(uint8_t(i + 1)));
        assert_true(customer.error.empty());
    }

    Customer customer;

    shop.ask(customer, "b");
    assert_int_equal(shop.wire.last().timeout, 6000);
}

void when_all_rest_nobody_waits(void **)
{
    Shop shop;
    Customer customer;

    for (int i = 0; i < 3; i++) {
        shop.fails("a");
    }

    assert_true(shop.start(customer) == Start::resting);
    assert_true(customer.pending == nullptr);
    assert_int_equal(shop.client.in_flight(), 0);

    shop.state.now += 10000;
    shop.ask(customer);
    shop.wire.answer(200, answer(1));
    assert_true(customer.error.empty());

    Customer next;

    shop.ask(next);
}

void every_kind_of_error_counts(void **)
{
    for (long status : {0L, 200L, 302L, 401L, 403L, 404L, 429L, 500L, 503L}) {
        Shop shop;

        for (int i = 0; i < 3; i++) {
            shop.fails("a", status);
        }

        Customer customer;

        assert_true(shop.start(customer) == Start::resting);
    }
}

// It works, and does not like what it was asked for.
void a_refusal_does_not_count(void **)
{
    for (long status : {400L, 413L, 422L}) {
        Shop shop;

        for (int i = 0; i < 10; i++) {
            shop.fails("a", status);
        }

        assert_int_equal(shop.state.fails, 0);
    }
}

// Else a client could close the shop.
void what_a_client_chose_counts_only_without_an_answer(void **)
{
    Shop shop;

    shop.request.is_variable = true;

    for (int i = 0; i < 10; i++) {
        shop.fails("a", 500);
    }

    assert_int_equal(shop.state.fails, 0);

    for (int i = 0; i < 3; i++) {
        shop.fails("a");
    }

    Customer customer;

    assert_true(shop.start(customer) == Start::resting);
}

void a_probe_whose_client_leaves_is_no_probe(void **)
{
    Shop shop;

    for (int i = 0; i < 3; i++) {
        shop.fails("a");
    }

    shop.state.now += 10000;

    Customer leaves, second, third;

    shop.ask(leaves);
    assert_true(shop.start(second) == Start::resting);
    leaves.pending.reset();
    shop.ask(second);
    assert_true(shop.start(third) == Start::resting);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_good_invoice_is_handed_on),
        cmocka_unit_test(the_next_url_is_asked_after_any_error),
        cmocka_unit_test(the_deadline_is_shared),
        cmocka_unit_test(no_more_than_max_in_flight),
        cmocka_unit_test(an_invoice_is_handed_on_once),
        cmocka_unit_test(one_that_rests_is_passed_over),
        cmocka_unit_test(when_all_rest_nobody_waits),
        cmocka_unit_test(every_kind_of_error_counts),
        cmocka_unit_test(a_refusal_does_not_count),
        cmocka_unit_test(what_a_client_chose_counts_only_without_an_answer),
        cmocka_unit_test(a_probe_whose_client_leaves_is_no_probe),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
