#include "l402/settlement_client.h"

#include "service_state.h"
#include "wire.h"

#include "cmocka_cpp.h"

#include <functional>

using namespace l402;

namespace {

Hash numbered(uint8_t number)
{
    Hash hash{};

    hash[31] = number;
    return hash;
}

struct Wire final : unit::Wire {
    using unit::Wire::answer;

    void answer(const char *status, uint8_t number = 1)
    {
        char hex[3];

        snprintf(hex, sizeof(hex), "%02x", number);
        answer(200, "{\"paymentHash\":\"" + std::string(62, '0') + hex
            + "\",\"status\":\"" + status + "\"}");
    }

    void not_found() { answer(404, "{\"code\":\"invoice-not-found\"}"); }
};

struct Customer final : SettlementWaiter {
    void settlement_told(Settlement state, std::string_view what)
        noexcept override
    {
        times++;
        told = state;
        error = what;

        if (then) {
            then();
        }
    }

    int                                times = 0;
    Settlement                         told = Settlement::unknown;
    std::string                        error;
    std::function<void()>              then;
    std::unique_ptr<PendingSettlement> pending;
};

struct Shop {
    explicit Shop(size_t urls = 1, size_t max_in_flight = 32) : state(urls)
    {
        service.protocol = find_protocol("btcpay");
        service.credential = "key";
        service.timeout = 6000;
        service.max_in_flight = max_in_flight;
        service.endpoints.resize(urls);

        for (size_t i = 0; i < urls; i++) {
            service.endpoints[i].url.host = std::string(1, char('a' + i));
        }
    }

    void ask(Customer &customer, uint8_t number = 1)
    {
        assert_true(client.ask(numbered(number), customer, customer.pending)
                    == SettlementClient::Start::asked);
    }

    void told(const Customer &customer, Settlement state)
    {
        assert_int_equal(customer.times, 1);
        assert_true(customer.told == state);
        assert_true(customer.error.empty() == (state != Settlement::failed));
        assert_int_equal(client.in_flight(), 0);
        assert_int_equal(wire.under_way(), 0);
    }

    InvoiceService   service;
    Wire             wire;
    unit::OwnState   state;
    SettlementClient client{service, wire, state};
};

void a_yes_is_a_yes(void **)
{
    Shop shop;
    Customer customer;

    shop.ask(customer);
    assert_int_equal(shop.client.in_flight(), 1);
    assert_int_equal(customer.times, 0);
    assert_string_equal(shop.wire.last().call.path.c_str(),
        ("/invoices/" + std::string(62, '0') + "01").c_str());
    shop.wire.answer("Paid");
    shop.told(customer, Settlement::settled);
}

void the_first_url_that_knows_it_decides(void **)
{
    for (const char *word : {"Paid", "Unpaid"}) {
        Shop shop(3);
        Customer customer;

        shop.ask(customer);
        shop.wire.not_found();
        assert_string_equal(shop.wire.last().host.c_str(), "b");
        shop.wire.answer(word);
        shop.told(customer, word[0] == 'P' ? Settlement::settled
                                           : Settlement::pending);
        assert_int_equal(shop.wire.sent.size(), 2);
    }
}

void no_needs_every_url(void **)
{
    Shop shop(3);
    Customer customer;

    shop.ask(customer);
    shop.wire.not_found();
    shop.wire.answer("Expired");
    shop.wire.not_found();
    shop.told(customer, Settlement::gone);
}

// Whichever url it is that does not answer.
void one_that_fails_makes_no_no(void **)
{
    for (int bad = 0; bad < 3; bad++) {
        Shop shop(3);
        Customer customer;

        shop.ask(customer);

        for (int i = 0; i < 3; i++) {
            if (i == bad) {
                shop.wire.fail("Connection refused");

            } else if (i == 1) {
                shop.wire.answer("Expired");

            } else {
                shop.wire.not_found();
            }
        }

        shop.told(customer, Settlement::failed);
        assert_string_equal(customer.error.c_str(), "Connection refused");
    }
}

void a_yes_behind_errors_is_a_yes(void **)
{
    Shop shop(3);
    Customer customer;

    shop.ask(customer);
    shop.wire.fail("timed out");
    shop.wire.last().waiter.http_answered({500, ""});
    shop.wire.answer("Paid");
    shop.told(customer, Settlement::settled);
}

void the_answer_has_to_be_about_the_question(void **)
{
    Shop shop;
    Customer customer;

    shop.ask(customer, 1);
    shop.wire.answer("Paid", 2);
    shop.told(customer, Settlement::failed);
    assert_string_equal(customer.error.c_str(),
        "answered with a paymentHash that is not the one asked for");
}

void urls_share_the_deadline(void **)
{
    Shop shop(3);
    Customer customer;

    shop.ask(customer);
    assert_in_range(shop.wire.last().timeout, 1999, 2001);
    shop.wire.now += 2000;
    shop.wire.fail("timed out");
    assert_in_range(shop.wire.last().timeout, 1999, 2001);
    shop.wire.now += 1000;
    shop.wire.fail("Connection refused");
    assert_in_range(shop.wire.last().timeout, 2999, 3001);
    shop.wire.now += 3000;
    shop.wire.fail("timed out");
    shop.told(customer, Settlement::failed);
}

void after_the_deadline_nobody_is_asked(void **)
{
    Shop shop(2);
    Customer customer;

    shop.ask(customer);
    shop.wire.now += 6000;
    shop.wire.not_found();
    shop.told(customer, Settlement::failed);
    assert_string_equal(customer.error.c_str(), "timed out");
    assert_int_equal(shop.wire.sent.size(), 1);
}

// ---- urls that rest ----

void a_url_that_rests_may_have_the_money(void **)
{
    Shop shop(2);

    for (int i = 0; i < 3; i++) {
        Customer customer;

        shop.ask(customer);
        shop.wire.fail("Connection refused");
        shop.wire.not_found();
        shop.told(customer, Settlement::failed);
    }

    // Three in a row: the first one rests.
    Customer customer;

    shop.ask(customer);
    assert_string_equal(shop.wire.last().host.c_str(), "b");
    shop.wire.not_found();
    shop.told(customer, Settlement::failed);

    for (int i = 0; i < 3; i++) {
        shop.state.failed(1, Leave::yes, "");
    }

    assert_true(shop.client.ask(numbered(1), customer, customer.pending)
                == SettlementClient::Start::resting);
}

// A credential that may not read invoices can make them all the same.
void what_is_answered_puts_no_url_to_rest(void **)
{
    Shop shop;

    for (int i = 0; i < 10; i++) {
        Customer customer;

        shop.ask(customer);
        shop.wire.answer(403, "{}");
        shop.told(customer, Settlement::failed);
    }

    assert_int_equal(shop.state.fails, 0);
}

// ---- several customers ----

void who_asks_the_same_shares_the_question(void **)
{
    Shop shop(1, 1);
    Customer customers[5];

    for (Customer &customer : customers) {
        shop.ask(customer);
    }

    assert_int_equal(shop.wire.sent.size(), 1);
    assert_int_equal(shop.client.in_flight(), 1);
    shop.wire.answer("Paid");

    for (Customer &customer : customers) {
        shop.told(customer, Settlement::settled);
    }
}

void questions_are_bounded_and_not_askers(void **)
{
    Shop shop(1, 2);
    Customer a, b, c, d;

    shop.ask(a, 1);
    shop.ask(b, 2);
    assert_true(shop.client.ask(numbered(3), c, c.pending)
                == SettlementClient::Start::busy);
    assert_int_equal(c.times, 0);
    shop.ask(d, 2);

    // It goes with the last one who asks.
    b.pending.reset();
    assert_int_equal(shop.client.in_flight(), 2);
    d.pending.reset();
    assert_int_equal(shop.client.in_flight(), 1);
    assert_int_equal(shop.wire.under_way(), 1);
    shop.ask(c, 3);
    shop.wire.answer("Paid", 3);
    assert_true(c.told == Settlement::settled);
    assert_int_equal(a.times + b.times + d.times, 0);
}

// One that leaves, before or while the others are told.
void who_leaves_is_not_told(void **)
{
    Shop shop;
    Customer customers[4];

    for (Customer &customer : customers) {
        shop.ask(customer);
    }

    customers[1].pending.reset();
    customers[0].then = [&] {
        customers[0].pending.reset();
        customers[3].pending.reset();
    };
    shop.wire.answer("Unpaid");
    assert_int_equal(customers[0].times, 1);
    assert_int_equal(customers[1].times, 0);
    assert_int_equal(customers[2].times, 1);
    assert_int_equal(customers[3].times, 0);
}

// What was no yes may be one by now: it is no answer to a later question.
void who_asks_while_others_are_told_asks_anew(void **)
{
    Shop shop;
    Customer first, second;

    shop.ask(first);
    first.then = [&] { shop.ask(second); };
    shop.wire.answer("Unpaid");
    assert_true(first.told == Settlement::pending);
    assert_int_equal(second.times, 0);
    assert_int_equal(shop.client.in_flight(), 1);
    shop.wire.answer("Paid");
    assert_true(second.told == Settlement::settled);
}

void who_leaves_meanwhile_takes_no_later_question_along(void **)
{
    Shop shop;
    Customer first, last, later;

    shop.ask(first);
    shop.ask(last);
    first.then = [&] {
        shop.ask(later);
        last.pending.reset();
    };
    shop.wire.answer("Unpaid");
    assert_int_equal(last.times, 0);
    assert_int_equal(shop.client.in_flight(), 1);
    shop.wire.answer("Paid");
    shop.told(later, Settlement::settled);
}

void all_may_go_while_one_is_told(void **)
{
    Shop shop(2);
    Customer customers[3];

    for (Customer &customer : customers) {
        shop.ask(customer);
        customer.then = [&] {
            for (Customer &other : customers) {
                other.pending.reset();
            }
        };
    }

    shop.wire.fail("Connection refused");
    shop.wire.fail("Connection refused");
    assert_int_equal(customers[0].times, 1);
    assert_int_equal(customers[1].times + customers[2].times, 0);
    assert_int_equal(shop.client.in_flight(), 0);
}

// A worker that is told to stop at once.
void a_client_may_end_before_those_who_ask(void **)
{
    Shop shop;
    Customer customers[2];

    {
        SettlementClient client(shop.service, shop.wire, shop.state);

        for (Customer &customer : customers) {
            assert_true(client.ask(numbered(1), customer, customer.pending)
                        == SettlementClient::Start::asked);
        }

        assert_int_equal(shop.wire.under_way(), 1);
    }

    assert_int_equal(shop.wire.under_way(), 0);
    customers[0].pending.reset();
    assert_int_equal(customers[0].times + customers[1].times, 0);
}

// ---- out of memory ----

void what_cannot_be_sent_is_no_question(void **)
{
    Shop shop;
    Customer customer;
    bool thrown = false;

    shop.wire.broken = true;

    try {
        (void) shop.client.ask(numbered(1), customer, customer.pending);

    } catch (const std::bad_alloc &) {
        thrown = true;
    }

    assert_true(thrown);
    assert_int_equal(shop.client.in_flight(), 0);
    shop.wire.broken = false;
    shop.ask(customer);
    shop.wire.answer("Paid");
    shop.told(customer, Settlement::settled);
}

void what_cannot_be_sent_on_has_failed(void **)
{
    Shop shop(2);
    Customer customer;

    shop.ask(customer);
    shop.wire.broken = true;
    shop.wire.not_found();
    shop.told(customer, Settlement::failed);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_yes_is_a_yes),
        cmocka_unit_test(the_first_url_that_knows_it_decides),
        cmocka_unit_test(no_needs_every_url),
        cmocka_unit_test(one_that_fails_makes_no_no),
        cmocka_unit_test(a_yes_behind_errors_is_a_yes),
        cmocka_unit_test(the_answer_has_to_be_about_the_question),
        cmocka_unit_test(urls_share_the_deadline),
        cmocka_unit_test(after_the_deadline_nobody_is_asked),
        cmocka_unit_test(a_url_that_rests_may_have_the_money),
        cmocka_unit_test(what_is_answered_puts_no_url_to_rest),
        cmocka_unit_test(who_asks_the_same_shares_the_question),
        cmocka_unit_test(questions_are_bounded_and_not_askers),
        cmocka_unit_test(who_leaves_is_not_told),
        cmocka_unit_test(who_asks_while_others_are_told_asks_anew),
        cmocka_unit_test(who_leaves_meanwhile_takes_no_later_question_along),
        cmocka_unit_test(all_may_go_while_one_is_told),
        cmocka_unit_test(a_client_may_end_before_those_who_ask),
        cmocka_unit_test(what_cannot_be_sent_is_no_question),
        cmocka_unit_test(what_cannot_be_sent_on_has_failed),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
