// What is bought is had: not one more, not one fewer, whichever copies of a
// token ask, in whatever order.

#include "ledgers.h"

#include <map>

using namespace ledgers;
using Reserve = Ledger::Reserve;

namespace {

constexpr Amount one_use = {1, 0};

Payment payment_of(const Ledger &ledger, const Hash &hash)
{
    Payment payment;

    assert_true(ledger.payment(hash.data(), payment));
    return payment;
}

void n_uses_are_n_uses(void **)
{
    Table table;
    Hash hash = numbered(1);
    Amount left;

    for (uint64_t i = 0; i < 10; i++) {
        Reservation reservation;

        assert_true(table.ledger.reserve(hash.data(), uses(10), one_use,
            reservation, &left) == Reserve::held);
        assert_amount(left, 9 - i, no_limit);
        assert_true(table.ledger.settle(reservation, one_use, uses(10), &left));
        assert_amount(left, 9 - i, no_limit);
        assert_false(bool(reservation));
    }

    Reservation reservation;

    assert_true(table.ledger.reserve(hash.data(), uses(10), one_use,
        reservation, &left) == Reserve::used_up);
    assert_false(bool(reservation));
    assert_amount(left, 0, no_limit);
    assert_amount(payment_of(table.ledger, hash).spent, 10, 0);
    assert_whole(table.ledger);
}

void what_is_held_is_not_there_for_others(void **)
{
    Table table;
    Hash hash = numbered(1);
    Reservation first, second, third;

    assert_true(table.ledger.reserve(hash.data(), uses(2), one_use, first,
        nullptr) == Reserve::held);
    assert_true(table.ledger.reserve(hash.data(), uses(2), one_use, second,
        nullptr) == Reserve::held);
    assert_true(table.ledger.reserve(hash.data(), uses(2), one_use, third,
        nullptr) == Reserve::used_up);
    assert_true(table.ledger.look(hash.data(), uses(2), one_use, nullptr)
                == Reserve::used_up);
    assert_amount(payment_of(table.ledger, hash).held, 2, 0);

    table.ledger.give_back(first);
    assert_false(bool(first));
    assert_true(table.ledger.look(hash.data(), uses(2), one_use, nullptr)
                == Reserve::held);
    assert_true(table.ledger.reserve(hash.data(), uses(2), one_use, third,
        nullptr) == Reserve::held);
    assert_true(table.ledger.settle(second, one_use, uses(2), nullptr));
    assert_true(table.ledger.settle(third, one_use, uses(2), nullptr));
    assert_amount(payment_of(table.ledger, hash).spent, 2, 0);
    assert_amount(payment_of(table.ledger, hash).held, 0, 0);
}

void a_reservation_ends_once(void **)
{
    Table table;
    Hash hash = numbered(1);
    Reservation reservation, copy, none;

    table.ledger.reserve(hash.data(), uses(5), one_use, reservation, nullptr);
    copy = reservation;
    assert_true(table.ledger.settle(reservation, one_use, uses(5), nullptr));

    // Not by a copy, either, not even when another request has the slot.
    assert_false(table.ledger.settle(copy, one_use, uses(5), nullptr));
    table.ledger.give_back(copy);
    table.ledger.reserve(hash.data(), uses(5), one_use, reservation, nullptr);
    assert_int_equal(reservation.slot, copy.slot);
    table.ledger.give_back(copy);
    assert_amount(payment_of(table.ledger, hash).held, 1, 0);
    assert_false(table.ledger.settle(copy, one_use, uses(5), nullptr));
    assert_amount(payment_of(table.ledger, hash).spent, 1, 0);

    table.ledger.give_back(none);
    assert_false(table.ledger.settle(none, one_use, uses(5), nullptr));
    table.ledger.give_back(reservation);
    assert_amount(payment_of(table.ledger, hash).spent, 1, 0);
    assert_whole(table.ledger);
}

void a_copy_with_a_narrower_limit_counts_for_all(void **)
{
    Table table;
    Hash hash = numbered(1);
    Reservation reservation;
    Amount left;

    for (int i = 0; i < 3; i++) {
        table.ledger.reserve(hash.data(), uses(10), one_use, reservation,
            nullptr);
        table.ledger.settle(reservation, one_use, uses(10), nullptr);
    }

    assert_true(table.ledger.reserve(hash.data(), uses(3), one_use,
        reservation, &left) == Reserve::used_up);
    assert_amount(left, 0, no_limit);
    assert_true(table.ledger.reserve(hash.data(), uses(2), {}, reservation,
        &left) == Reserve::held);
    table.ledger.give_back(reservation);
    assert_true(table.ledger.reserve(hash.data(), uses(4), one_use,
        reservation, &left) == Reserve::held);
    assert_amount(left, 0, no_limit);
    table.ledger.settle(reservation, one_use, uses(4), nullptr);
    assert_true(table.ledger.look(hash.data(), uses(10), {6, 0}, &left)
                == Reserve::held);
    assert_amount(left, 6, no_limit);
}

void a_balance_pays_what_an_answer_cost(void **)
{
    Table table;
    Hash hash = numbered(1);
    Reservation a, b;
    Amount left;

    assert_true(table.ledger.reserve(hash.data(), balance(1000), {0, 600}, a,
        &left) == Reserve::held);
    assert_amount(left, no_limit, 400);
    assert_true(table.ledger.reserve(hash.data(), balance(1000), {0, 600}, b,
        &left) == Reserve::used_up);
    assert_amount(left, no_limit, 400);

    // Less than was held.
    assert_true(table.ledger.settle(a, {0, 100}, balance(1000), &left));
    assert_amount(left, no_limit, 900);

    // More than was held, but there is enough.
    table.ledger.reserve(hash.data(), balance(1000), {0, 100}, a, nullptr);
    assert_true(table.ledger.settle(a, {0, 300}, balance(1000), &left));
    assert_amount(left, no_limit, 600);
    assert_amount(payment_of(table.ledger, hash).spent, 0, 400);
}

void a_cost_above_what_is_left_takes_what_is_left(void **)
{
    Table table;
    Hash hash = numbered(1);
    Reservation a, b;
    Amount left;

    table.ledger.reserve(hash.data(), balance(1000), {0, 200}, a, nullptr);
    table.ledger.reserve(hash.data(), balance(1000), {0, 500}, b, nullptr);

    // What others hold is theirs.
    assert_false(table.ledger.settle(a, {0, 900}, balance(1000), &left));
    assert_amount(left, no_limit, 0);
    assert_amount(payment_of(table.ledger, hash).spent, 0, 500);
    assert_amount(payment_of(table.ledger, hash).held, 0, 500);

    assert_true(table.ledger.settle(b, {0, 500}, balance(1000), &left));
    assert_amount(left, no_limit, 0);
    assert_amount(payment_of(table.ledger, hash).spent, 0, 1000);
    assert_true(table.ledger.look(hash.data(), balance(1000), {0, 1}, nullptr)
                == Reserve::used_up);

    // A copy that was narrowed while a request was under way.
    table.ledger.reserve(hash.data(), balance(2000), {0, 300}, a, nullptr);
    assert_false(table.ledger.settle(a, {0, 400}, balance(1100), &left));
    assert_amount(payment_of(table.ledger, hash).spent, 0, 1300);
}

void the_largest_amounts_do_not_overflow(void **)
{
    Table table;
    Hash hash = numbered(1);
    uint64_t most = max_amount_msat;
    std::vector<Reservation> all(20);
    Reservation other;
    Amount left;

    // Ten times that is more than 64 bits hold.
    for (Reservation &reservation : all) {
        if (table.ledger.reserve(hash.data(), Allowance{}, {0, most},
                reservation, nullptr) != Reserve::held)
        {
            break;
        }
    }

    assert_true(all[0] && all[7] && !all[19]);
    assert_true(table.ledger.reserve(hash.data(), balance(most), {0, 1}, other,
        &left) == Reserve::used_up);
    assert_amount(left, no_limit, 0);

    for (Reservation &reservation : all) {
        if (reservation) {
            table.ledger.settle(reservation, {0, UINT64_MAX}, Allowance{},
                nullptr);
        }
    }

    assert_amount(payment_of(table.ledger, hash).spent, 0, UINT64_MAX);
    assert_amount(payment_of(table.ledger, hash).held, 0, 0);
    assert_true(table.ledger.look(hash.data(), balance(most), {0, 1}, nullptr)
                == Reserve::used_up);

    Hash second = numbered(2);

    assert_true(table.ledger.reserve(second.data(), balance(most), {0, most},
        other, &left) == Reserve::held);
    assert_amount(left, no_limit, 0);
    assert_false(table.ledger.settle(other, {0, UINT64_MAX}, balance(most),
        nullptr));
    assert_amount(payment_of(table.ledger, second).spent, 0, most);
}

void a_request_that_is_refused_leaves_nothing(void **)
{
    Table table;
    Hash hash = numbered(1);
    Reservation reservation;
    Payment payment;

    assert_true(table.ledger.reserve(hash.data(), uses(0), one_use,
        reservation, nullptr) == Reserve::used_up);
    assert_true(table.ledger.look(hash.data(), uses(5), one_use, nullptr)
                == Reserve::held);
    assert_false(table.ledger.payment(hash.data(), payment));
    assert_int_equal(table.ledger.free_payments(),
        table.ledger.max_payments());
}

void a_payment_is_as_it_was_minted(void **)
{
    Table table;
    Hash hash = numbered(1);
    Reservation reservation;
    Allowance allowance = uses(7, now + 100);

    allowance.minted = {9, 5000};
    table.ledger.reserve(hash.data(), allowance, one_use, reservation, nullptr);
    table.ledger.settle(reservation, one_use, allowance, nullptr);

    Payment payment = payment_of(table.ledger, hash);

    assert_true(payment.hash == hash);
    assert_amount(payment.minted, 9, 5000);
    assert_int_equal(payment.expires, now + 100);

    // A copy that lives longer, and one that does not.
    table.ledger.reserve(hash.data(), uses(7, now + 200), one_use,
        reservation, nullptr);
    table.ledger.give_back(reservation);
    assert_int_equal(payment_of(table.ledger, hash).expires, now + 200);
    table.ledger.reserve(hash.data(), uses(7, now + 50), one_use, reservation,
        nullptr);
    table.ledger.give_back(reservation);
    assert_int_equal(payment_of(table.ledger, hash).expires, now + 200);
    table.ledger.reserve(hash.data(), uses(7), one_use, reservation, nullptr);
    table.ledger.give_back(reservation);
    assert_int_equal(payment_of(table.ledger, hash).expires, 0);
    assert_whole(table.ledger);
}

size_t fill(Ledger &ledger, int64_t expires)
{
    size_t count = 0;

    for ( ;; ) {
        Hash hash = numbered(1000 + count);
        Reservation reservation;
        Allowance allowance = uses(1, expires);

        if (ledger.reserve(hash.data(), allowance, one_use, reservation,
                nullptr) != Reserve::held)
        {
            return count;
        }

        ledger.settle(reservation, one_use, allowance, nullptr);
        count++;
    }
}

void a_full_table_loses_nothing(void **)
{
    Table table;
    size_t most = table.ledger.max_payments();

    assert_int_equal(fill(table.ledger, now), most);
    assert_int_equal(table.ledger.free_payments(), 0);
    assert_int_equal(table.ledger.sweep(now, 2 * most), 0);

    Hash hash = numbered(1);
    Reservation reservation;

    assert_true(table.ledger.reserve(hash.data(), uses(1), one_use,
        reservation, nullptr) == Reserve::full);

    // Those that are there go on being counted.
    for (size_t i = 0; i < most; i++) {
        assert_true(table.ledger.reserve(numbered(1000 + i).data(), uses(1),
            one_use, reservation, nullptr) == Reserve::used_up);
    }

    // Once they are dead, a part at a time.
    assert_int_equal(table.ledger.sweep(now + 3600, 100), 100);
    assert_int_equal(table.ledger.free_payments(), 100);

    while (table.ledger.sweep(now + 3600, 100)) {
    }

    assert_int_equal(table.ledger.free_payments(), most);
    assert_int_equal(fill(table.ledger, 0), most);
    assert_int_equal(table.ledger.sweep(INT64_MAX, 2 * most), 0);
    assert_whole(table.ledger);
}

void what_is_held_is_not_swept(void **)
{
    Table table;
    Hash hash = numbered(1), free_one = numbered(2);
    Reservation reservation, free_reservation, other;
    Allowance allowance = balance(100, now);

    table.ledger.reserve(hash.data(), allowance, {0, 10}, reservation, nullptr);
    // Held for a request that may cost something or not.
    table.ledger.reserve(free_one.data(), allowance, {}, free_reservation,
        nullptr);
    assert_int_equal(table.ledger.sweep(now + 3600, 100000), 0);

    assert_true(table.ledger.settle(reservation, {0, 10}, allowance, nullptr));
    assert_int_equal(table.ledger.sweep(now + 3600, 100000), 1);

    // Nobody else's payment may pay for it.
    table.ledger.reserve(numbered(3).data(), allowance, {0, 1}, other,
        nullptr);
    assert_true(table.ledger.settle(free_reservation, {0, 7}, allowance,
        nullptr));
    assert_amount(payment_of(table.ledger, free_one).spent, 0, 7);
    assert_amount(payment_of(table.ledger, numbered(3)).spent, 0, 0);
    table.ledger.give_back(other);
    assert_int_equal(table.ledger.sweep(now + 3600, 100000), 2);
    assert_whole(table.ledger);
}

void many_requests_are_held_at_a_time(void **)
{
    Table table(1024 * 1024);
    Hash hash = numbered(1);
    std::vector<Reservation> all;
    Reserve rc;

    for ( ;; ) {
        Reservation reservation;

        rc = table.ledger.reserve(hash.data(), uses(1000000), one_use,
            reservation, nullptr);

        if (rc != Reserve::held) {
            break;
        }

        all.push_back(reservation);
    }

    // As many as there are slots: it cannot be counted, which is not used up.
    assert_true(rc == Reserve::full);
    assert_true(all.size() > 1000);
    assert_amount(payment_of(table.ledger, hash).held, all.size(), 0);

    size_t count = 0;

    for (Reservation &reservation : all) {
        if (count++ % 3) {
            table.ledger.settle(reservation, one_use, uses(1000000), nullptr);
        } else {
            table.ledger.give_back(reservation);
        }
    }

    assert_amount(payment_of(table.ledger, hash).spent,
        count - (count + 2) / 3, 0);
    assert_amount(payment_of(table.ledger, hash).held, 0, 0);
    assert_whole(table.ledger);
}

void small_tables_have_slots_for_several_processes(void **)
{
    Shared shared(Ledger::min_bytes);
    Hash hash = numbered(1);

    Ledger::format(shared.memory, shared.bytes);

    // Each as if it were a process of its own, but for the kernel.
    std::vector<Ledger> ledgers;

    for (int i = 0; i < 8; i++) {
        Reservation reservation;

        ledgers.emplace_back(shared.memory, shared.bytes);
        assert_true(ledgers.back().reserve(hash.data(), uses(100), one_use,
            reservation, nullptr) == Reserve::held);
    }

    for (Ledger &ledger : ledgers) {
        ledger.detach();
    }
}

void detaching_gives_all_back(void **)
{
    Table table;
    Hash hash = numbered(1);
    Reservation reservation;

    for (int i = 0; i < 5; i++) {
        table.ledger.reserve(hash.data(), uses(5), one_use, reservation,
            nullptr);
    }

    table.ledger.settle(reservation, one_use, uses(5), nullptr);
    table.ledger.detach();
    assert_false(bool(table.ledger));

    table.ledger = Ledger(table.memory, table.bytes);
    assert_amount(payment_of(table.ledger, hash).held, 0, 0);
    assert_amount(payment_of(table.ledger, hash).spent, 1, 0);
    assert_whole(table.ledger);
}

void it_takes_no_more_memory_than_promised(void **)
{
    for (size_t entries : {1000, 100000, 1000000}) {
        size_t bytes = Ledger::bytes_for(entries);
        Ledger ledger;

        assert_true(bytes % 4096 == 0);

        Shared shared(bytes);

        Ledger::format(shared.memory, bytes);
        ledger = Ledger(shared.memory, bytes);
        assert_true(ledger.max_payments() >= entries);

        // 128 and 64 bytes; header, locks and slots for requests are a
        // sixteenth and some 10 KB.
        size_t promised = entries * (128 + 64);

        assert_true(bytes <= promised + 16 * 1024);
        ledger.detach();
    }
}

// ---- against a model ----

struct Counted {
    uint64_t limit = 0, spent = 0, held = 0;
    int64_t  expires = 0;
};

struct Open {
    Reservation reservation;
    uint64_t    number;
    uint64_t    msat;
};

void it_does_what_a_map_would_do(void **)
{
    Table table;
    unit::Random random;
    std::map<uint64_t, Counted> model;
    std::vector<Open> open;
    int64_t time = now;
    size_t most = table.ledger.max_payments();

    for (int i = 0; i < 200000; i++) {
        uint64_t number = random.below(2 * most);
        Hash hash = numbered(number * 0x9e3779b97f4a7c15);
        auto found = model.find(number);
        Amount left;

        switch (random.below(8)) {
        case 0: case 1: case 2: {
            Counted counted = found == model.end() ? Counted() : found->second;

            if (found == model.end()) {
                counted.limit = random.below(1000);
                counted.expires = random.below(9) ? time + 1000 : 0;
            }

            // An attenuated copy.
            uint64_t limit = random.below(4) ? counted.limit
                                             : counted.limit / 2;
            uint64_t msat = random.below(100);
            // Nothing may be had of a copy that is long used up, too.
            bool fits = msat == 0
                        || counted.spent + counted.held + msat <= limit;
            Allowance allowance = balance(limit, counted.expires);
            Open opened{{}, number, msat};

            allowance.minted.msat = counted.limit;

            if (open.size() > 100) {
                break;
            }

            Reserve rc = table.ledger.reserve(hash.data(), allowance,
                {0, msat}, opened.reservation, &left);

            if (!fits) {
                assert_true(rc == Reserve::used_up);
                break;
            }

            if (found == model.end() && model.size() == most) {
                assert_true(rc == Reserve::full);
                break;
            }

            assert_true(rc == Reserve::held);
            counted.held += msat;
            assert_int_equal(left.msat,
                limit - std::min(limit, counted.spent + counted.held));
            model[number] = counted;
            open.push_back(opened);
            break;
        }

        case 3: case 4: case 5: {
            if (open.empty()) {
                break;
            }

            size_t which = random.below(open.size());
            Open closing = open[which];
            Counted &counted = model[closing.number];
            uint64_t cost = random.below(130);

            open[which] = open.back();
            open.pop_back();
            counted.held -= closing.msat;

            if (random.below(3) == 0) {
                table.ledger.give_back(closing.reservation);
                break;
            }

            uint64_t there = counted.limit - counted.spent - counted.held;
            bool whole = table.ledger.settle(closing.reservation, {0, cost},
                balance(counted.limit), &left);

            assert_true(whole == (cost <= there));
            counted.spent += std::min(cost, there);
            assert_int_equal(left.msat,
                counted.limit - counted.spent - counted.held);
            break;
        }

        case 6: {
            Payment payment;

            assert_true(table.ledger.payment(hash.data(), payment)
                        == (found != model.end()));
            if (found != model.end()) {
                assert_amount(payment.spent, 0, found->second.spent);
                assert_amount(payment.held, 0, found->second.held);
                assert_int_equal(payment.minted.msat, found->second.limit);
            }
            break;
        }

        default: {
            if (random.below(50)) {
                break;
            }

            time += 100;

            size_t dead = 0;

            for (auto it = model.begin(); it != model.end(); /* void */ ) {
                bool in_use = false;

                for (const Open &one : open) {
                    in_use |= one.number == it->first;
                }

                if (it->second.expires && it->second.expires <= time - 60
                    && !in_use)
                {
                    it = model.erase(it);
                    dead++;
                } else {
                    ++it;
                }
            }

            // Wherever the last sweep ended.
            size_t swept = table.ledger.sweep(time, most);

            swept += table.ledger.sweep(time, most);
            assert_int_equal(swept, dead);
            break;
        }
        }

        assert_int_equal(table.ledger.free_payments(), most - model.size());
    }

    for (Open &one : open) {
        table.ledger.give_back(one.reservation);
    }

    assert_whole(table.ledger);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(n_uses_are_n_uses),
        cmocka_unit_test(what_is_held_is_not_there_for_others),
        cmocka_unit_test(a_reservation_ends_once),
        cmocka_unit_test(a_copy_with_a_narrower_limit_counts_for_all),
        cmocka_unit_test(a_balance_pays_what_an_answer_cost),
        cmocka_unit_test(a_cost_above_what_is_left_takes_what_is_left),
        cmocka_unit_test(the_largest_amounts_do_not_overflow),
        cmocka_unit_test(a_request_that_is_refused_leaves_nothing),
        cmocka_unit_test(a_payment_is_as_it_was_minted),
        cmocka_unit_test(a_full_table_loses_nothing),
        cmocka_unit_test(what_is_held_is_not_swept),
        cmocka_unit_test(many_requests_are_held_at_a_time),
        cmocka_unit_test(small_tables_have_slots_for_several_processes),
        cmocka_unit_test(detaching_gives_all_back),
        cmocka_unit_test(it_takes_no_more_memory_than_promised),
        cmocka_unit_test(it_does_what_a_map_would_do),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
