// Revocations: in force from when the call returns, until they are taken back
// or forgotten.

#include "ledgers.h"

#include <atomic>
#include <csignal>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

using namespace ledgers;
using Change = Ledger::Change;

namespace {

Revocation of_token(uint64_t i, int64_t until = 0)
{
    return {Subject::token, numbered(i), until};
}

Revocation of_payment(uint64_t i, int64_t until = 0)
{
    return {Subject::payment, numbered(i), until};
}

bool is_revoked(const Ledger &ledger, uint64_t token, uint64_t payment)
{
    return ledger.is_revoked(numbered(token).data(), numbered(payment).data());
}

void one_token_or_one_payment(void **)
{
    Table table;

    assert_false(is_revoked(table.ledger, 1, 2));
    assert_true(table.ledger.revoke(of_token(1)) == Change::made);
    assert_true(is_revoked(table.ledger, 1, 2));
    assert_true(is_revoked(table.ledger, 1, 3));
    assert_false(is_revoked(table.ledger, 2, 1));
    assert_false(is_revoked(table.ledger, 2, 2));

    assert_true(table.ledger.revoke(of_payment(2)) == Change::made);
    assert_true(is_revoked(table.ledger, 5, 2));
    assert_int_equal(table.ledger.revocation_count(), 2);

    assert_false(table.ledger.unrevoke(Subject::token, numbered(2).data()));
    assert_true(table.ledger.unrevoke(Subject::token, numbered(1).data()));
    assert_false(table.ledger.unrevoke(Subject::token, numbered(1).data()));
    assert_false(is_revoked(table.ledger, 1, 3));
    assert_true(is_revoked(table.ledger, 1, 2));
    assert_true(table.ledger.unrevoke(Subject::payment, numbered(2).data()));
    assert_false(is_revoked(table.ledger, 1, 2));
    assert_int_equal(table.ledger.revocation_count(), 0);
    assert_whole(table.ledger);
}

void every_byte_of_an_id_counts(void **)
{
    Table table;
    Hash id = numbered(1);

    table.ledger.revoke(of_token(1));

    for (size_t i = 0; i < 32; i++) {
        Hash other = id;

        other[i] ^= 0x80;
        assert_false(table.ledger.has_revocation(Subject::token, other.data()));
    }
}

void it_may_be_told_again(void **)
{
    Table table;
    uint64_t position = 0;

    table.ledger.revoke(of_token(1, now));
    assert_true(table.ledger.revoke(of_token(1, now + 9)) == Change::stood);
    assert_int_equal(table.ledger.revocation_count(), 1);

    auto list = table.ledger.revocations(position, 10);

    assert_int_equal(list.size(), 1);
    assert_int_equal(list[0].until, now + 9);
    assert_int_equal(position, 0);
    assert_whole(table.ledger);
}

void it_holds_until_it_is_swept(void **)
{
    Table table;

    table.ledger.revoke(of_token(1, now));
    table.ledger.revoke(of_token(2, now + 1));
    table.ledger.revoke(of_token(3));
    assert_true(is_revoked(table.ledger, 1, 0));
    assert_int_equal(table.ledger.sweep(now - 1, 1000), 0);
    assert_int_equal(table.ledger.sweep(now, 1000), 1);
    assert_false(is_revoked(table.ledger, 1, 0));
    assert_true(is_revoked(table.ledger, 2, 0));
    assert_int_equal(table.ledger.sweep(INT64_MAX, 1000), 1);
    assert_true(is_revoked(table.ledger, 3, 0));
    assert_whole(table.ledger);
}

void a_full_table_says_so(void **)
{
    Table table;
    size_t most = 0;

    while (table.ledger.revoke(of_token(most, now)) == Change::made) {
        most++;
    }

    assert_true(most >= 200);
    assert_true(table.ledger.revoke(of_token(most, now)) == Change::full);
    assert_true(table.ledger.revoke(of_token(0, now)) == Change::stood);

    for (size_t i = 0; i < most; i++) {
        assert_true(is_revoked(table.ledger, i, 0));
    }

    // Payments have a table of their own.
    assert_int_equal(table.ledger.free_payments(),
        table.ledger.max_payments());
    assert_true(table.ledger.unrevoke(Subject::token, numbered(7).data()));
    assert_true(table.ledger.revoke(of_token(most)) == Change::made);
    assert_whole(table.ledger);
}

void pages_of_a_list_have_each_once(void **)
{
    Table table;
    std::set<std::pair<uint8_t, Hash>> seen;
    uint64_t position = 0;
    size_t pages = 0;

    for (uint64_t i = 0; i < 100; i++) {
        table.ledger.revoke(of_token(i, now));
        table.ledger.revoke(of_payment(i));
    }

    for (uint64_t i = 0; i < 100; i += 3) {
        table.ledger.unrevoke(Subject::token, numbered(i).data());
    }

    do {
        for (const Revocation &one : table.ledger.revocations(position, 7)) {
            assert_true(seen.insert({uint8_t(one.subject), one.id}).second);
            assert_int_equal(one.until,
                one.subject == Subject::token ? now : 0);
        }

        // What goes and comes meanwhile disturbs none of the others.
        table.ledger.unrevoke(Subject::token, numbered(98).data());
        table.ledger.revoke(of_token(98, now));
        pages++;
    } while (position);

    assert_true(pages >= 166 / 7);
    assert_in_range(seen.size(), 165, 166);
}

void a_list_that_was_loaded_drops_what_is_not_on_it(void **)
{
    Table table;

    table.ledger.revoke(of_token(1));
    table.ledger.revoke(of_token(2));
    table.ledger.revoke(of_token(3));
    assert_int_equal(table.ledger.list_known_at(), 0);

    uint32_t list = table.ledger.begin_list();

    table.ledger.revoke(of_token(2), list);
    // A message that comes while it is being loaded.
    table.ledger.revoke(of_token(4));
    table.ledger.revoke(of_token(3));
    // Nothing is dropped before it is whole.
    table.ledger.sweep(now, 1000);
    assert_true(is_revoked(table.ledger, 1, 0));
    assert_false(table.ledger.is_dropping());

    table.ledger.end_list(list, now);
    assert_int_equal(table.ledger.list_known_at(), now);
    assert_true(table.ledger.is_dropping());

    while (table.ledger.is_dropping()) {
        table.ledger.sweep(now, 1);
    }

    assert_false(is_revoked(table.ledger, 1, 0));
    assert_true(is_revoked(table.ledger, 2, 0));
    assert_true(is_revoked(table.ledger, 3, 0));
    assert_true(is_revoked(table.ledger, 4, 0));

    // The next one is empty.
    list = table.ledger.begin_list();
    table.ledger.end_list(list, now + 1);
    table.ledger.sweep(now, 1000);
    assert_false(table.ledger.is_dropping());
    assert_int_equal(table.ledger.revocation_count(), 0);
    assert_whole(table.ledger);
}

void of_two_lists_the_newer_counts(void **)
{
    Table table;
    uint32_t first = table.ledger.begin_list();
    uint32_t second = table.ledger.begin_list();

    table.ledger.revoke(of_token(1), first);
    table.ledger.revoke(of_token(2), second);
    table.ledger.revoke(of_token(2), first);
    table.ledger.end_list(second, now);
    table.ledger.end_list(first, now);
    table.ledger.sweep(now, 1000);
    assert_false(table.ledger.is_dropping());
    assert_false(is_revoked(table.ledger, 1, 0));
    assert_true(is_revoked(table.ledger, 2, 0));
}

// One takes out and puts in, what others look up beside it is there all the
// time.
void looking_up_while_others_are_taken_out(void **)
{
    constexpr uint64_t standing = 100, moving = 200;
    Table table;
    Shared memory(sizeof(std::atomic<uint64_t>));
    auto &rounds = *static_cast<std::atomic<uint64_t> *>(memory.memory);

    for (uint64_t i = 0; i < standing; i++) {
        table.ledger.revoke(of_token(i));
    }

    pid_t pid = fork();

    if (pid == 0) {
        for (uint64_t i = 0; ; i++) {
            table.ledger.revoke(of_token(1000 + i % moving));
            table.ledger.unrevoke(Subject::token,
                numbered(1000 + (i + moving / 4) % moving).data());
            rounds = i;
        }
    }

    uint64_t missing = 0;

    // Until it has been at it for long.
    for (uint64_t i = 0; rounds < 1000000 && !missing; i++) {
        missing += !is_revoked(table.ledger, i % standing, 1);
    }

    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    assert_int_equal(missing, 0);
    assert_whole(table.ledger);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(one_token_or_one_payment),
        cmocka_unit_test(every_byte_of_an_id_counts),
        cmocka_unit_test(it_may_be_told_again),
        cmocka_unit_test(it_holds_until_it_is_swept),
        cmocka_unit_test(a_full_table_says_so),
        cmocka_unit_test(pages_of_a_list_have_each_once),
        cmocka_unit_test(a_list_that_was_loaded_drops_what_is_not_on_it),
        cmocka_unit_test(of_two_lists_the_newer_counts),
        cmocka_unit_test(looking_up_while_others_are_taken_out),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
