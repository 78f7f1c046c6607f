// A process may die at any instruction. Here one is stepped through everything
// that it does to a ledger; after each instruction that has changed something a
// copy is made in which it has died there, and those who live on find it whole.

#include "ledgers.h"

#include "core/ledger_layout.h"

#include <cerrno>
#include <csignal>
#include <linux/futex.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ledgers;
namespace layout = l402::ledger;

namespace {

constexpr Amount one_use = {1, 0};
constexpr uint64_t limit = 100;

// What the child says of itself. An attempt is told of before, a success after.
struct Log {
    volatile uint64_t asked[4];
    volatile uint64_t done[4];
    volatile uint64_t revoking, revoked, unrevoking, unrevoked;
};

Hash payment_of(uint64_t i)
{
    return numbered(100 + i);
}

Revocation standing(uint64_t i)
{
    return {i & 1 ? Subject::token : Subject::payment, numbered(i), 0};
}

constexpr uint64_t standing_ones = 150;

void use(Ledger &ledger, Log &log, uint64_t i, bool settled)
{
    Hash hash = payment_of(i);
    Reservation reservation;
    Allowance allowance = uses(limit, i == 2 ? now : 0);

    if (ledger.reserve(hash.data(), allowance, one_use, reservation, nullptr)
        != Ledger::Reserve::held)
    {
        _exit(1);
    }

    if (!settled) {
        ledger.give_back(reservation);
        return;
    }

    log.asked[i] = log.asked[i] + 1;
    if (!ledger.settle(reservation, one_use, allowance, nullptr)) {
        _exit(1);
    }
    log.done[i] = log.done[i] + 1;
}

// All that changes a ledger.
void live_a_life(void *memory, size_t bytes, Log &log)
{
    Ledger ledger(memory, bytes);
    Reservation left_open;

    use(ledger, log, 0, true);
    use(ledger, log, 1, true);
    use(ledger, log, 0, false);
    use(ledger, log, 2, true);
    ledger.reserve(payment_of(1).data(), uses(limit, now + 10), {1, 7},
        left_open, nullptr);
    use(ledger, log, 1, true);

    log.revoking = 1;
    ledger.revoke({Subject::token, numbered(1000), now + 5});
    log.revoked = 1;
    ledger.revoke({Subject::token, numbered(1000), 0});

    // A first, a middle and a last one of a chain, as chance has it.
    for (uint64_t i = 0; i < 12; i++) {
        ledger.unrevoke(standing(i).subject, standing(i).id.data());
        ledger.revoke(standing(i));
    }

    log.unrevoking = 1;
    ledger.unrevoke(Subject::token, numbered(1000).data());
    log.unrevoked = 1;

    // Payment 2 has expired.
    ledger.sweep(now + 3600, 100000);
    use(ledger, log, 3, true);
    ledger.end_list(ledger.begin_list(), now);
    ledger.detach();
}

// What the kernel does to the locks of a process that ends.
void let_die(void *memory, size_t bytes, pid_t pid)
{
    layout::Block block(memory, bytes);

    auto end = [pid](pthread_mutex_t &lock) {
        auto word = reinterpret_cast<uint32_t *>(&lock.__data.__lock);

        if ((*word & FUTEX_TID_MASK) == uint32_t(pid)) {
            *word = (*word & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
        }
    };

    for (layout::Table *table : {&block.header->payments,
             &block.header->revocations})
    {
        end(table->lock);

        for (layout::Shard &shard : table->shards) {
            end(shard.lock);
        }
    }

    for (uint32_t i = 0; i < block.layout.chunks; i++) {
        end(block.chunks[i].owner);
    }
}

uint64_t spent(const Ledger &ledger, uint64_t i)
{
    Payment payment;

    if (!ledger.payment(payment_of(i).data(), payment)) {
        return 0;
    }

    assert_amount(payment.held, 0, 0);
    return payment.spent.uses;
}

// In force but for the one that is just being changed. In the middle of
// unrevoke() and revoke() of one no more than it is missing.
void assert_revocations(const Ledger &ledger, const Log &log, uint64_t missing)
{
    for (uint64_t i = 0; i < standing_ones; i++) {
        Revocation one = standing(i);

        if (!ledger.has_revocation(one.subject, one.id.data())) {
            assert_true(i < 12);
            missing++;
        }
    }

    assert_true(missing <= 1);

    bool there = ledger.has_revocation(Subject::token, numbered(1000).data());

    if (log.revoked && !log.unrevoking) {
        assert_true(there);
    }

    if (!log.revoking || log.unrevoked) {
        assert_false(there);
    }
}

void assert_counts(const Ledger &ledger, const Log &log)
{
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t count = spent(ledger, i);

        // Payment 2 is swept at last.
        if (i == 2 && log.unrevoked && count == 0) {
            continue;
        }

        assert_in_range(count, log.done[i], log.asked[i]);
    }
}

// Whoever lives on uses it all.
void go_on(Ledger &ledger)
{
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t before = spent(ledger, i);
        Hash hash = payment_of(i);
        Reservation reservation;

        for (uint64_t n = before; n < limit; n += limit / 4) {
            uint64_t amount = std::min(limit - n, limit / 4);

            assert_true(ledger.reserve(hash.data(), uses(limit), {amount, 0},
                reservation, nullptr) == Ledger::Reserve::held);
            assert_true(ledger.settle(reservation, {amount, 0}, uses(limit),
                nullptr));
        }

        assert_true(ledger.reserve(hash.data(), uses(limit), one_use,
            reservation, nullptr) == Ledger::Reserve::used_up);
    }

    for (uint64_t i = 0; i < standing_ones; i++) {
        Revocation one = standing(i);

        ledger.revoke(one);
        assert_true(ledger.has_revocation(one.subject, one.id.data()));
    }
}

template <typename Entry>
void assert_not_busy(const ledger::Table &table, const Entry *entries)
{
    for (uint32_t link = table.free; link != ledger::none;
         link = entries[link - 1].next)
    {
        for (const ledger::Shard &shard : table.shards) {
            assert_int_not_equal(shard.busy, link);
        }
    }
}

// What is free may be another's a moment later, and then must not be taken for
// what the dead one was changing.
void assert_none_free_is_busy(void *memory, size_t bytes)
{
    ledger::Block block(memory, bytes);

    assert_not_busy(block.header->payments, block.payments);
    assert_not_busy(block.header->revocations, block.revocations);
}

void survive(const Shared &dead, Shared &copy, pid_t pid, const Log &log)
{
    memcpy(copy.memory, dead.memory, copy.bytes);
    let_die(copy.memory, copy.bytes, pid);
    assert_none_free_is_busy(copy.memory, copy.bytes);

    Ledger ledger(copy.memory, copy.bytes);

    ledger.give_back_of_dead();
    assert_counts(ledger, log);
    assert_revocations(ledger, log, 0);
    go_on(ledger);
    assert_whole(ledger);
    assert_true(ledger.max_payments() - ledger.free_payments() <= 5);
    ledger.detach();
}

// Nobody lives on: it is made anew from what stands there.
void rise_again(const Shared &dead, Shared &copy, const Log &log)
{
    memcpy(copy.memory, dead.memory, copy.bytes);

    Ledger::Found found = Ledger::inspect(copy.memory, copy.bytes);

    assert_int_equal(found.damaged, 0);
    assert_int_equal(found.missing, 0);
    found = Ledger::rebuild(copy.memory, copy.bytes);
    assert_int_equal(found.damaged, 0);

    Ledger ledger(copy.memory, copy.bytes);

    assert_whole(ledger);
    assert_counts(ledger, log);
    assert_revocations(ledger, log, 0);
    assert_int_equal(ledger.max_payments() - ledger.free_payments(),
        found.payments);
    go_on(ledger);
    assert_whole(ledger);
    ledger.detach();
}

pid_t start(Table &table, Log &log)
{
    pid_t pid = fork();

    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == -1) {
            _exit(77);
        }

        raise(SIGSTOP);
        live_a_life(table.memory, table.bytes, log);
        _exit(0);
    }

    return pid;
}

void it_may_die_at_any_instruction(void **)
{
    Table table;
    Shared logs(sizeof(Log)), copy(table.bytes), last(table.bytes);
    auto &log = *static_cast<Log *>(logs.memory);
    size_t steps = 0, changes = 0;
    int status;

    for (uint64_t i = 0; i < standing_ones; i++) {
        table.ledger.revoke(standing(i));
    }

    pid_t pid = start(table, log);

    assert_int_equal(waitpid(pid, &status, 0), pid);

    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("# processes cannot be traced here\n");
        skip();
    }

    for ( ;; ) {
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);

        if (WIFEXITED(status)) {
            break;
        }

        assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
        steps++;

        if (memcmp(last.memory, table.memory, table.bytes) == 0) {
            continue;
        }

        changes++;
        memcpy(last.memory, table.memory, table.bytes);
        survive(table, copy, pid, log);
        rise_again(table, copy, log);
    }

    assert_int_equal(WEXITSTATUS(status), 0);
    print_message("# %zu instructions, %zu changes\n", steps, changes);
    assert_true(changes > 500);

    // The child that ended in good order has left nothing.
    assert_whole(table.ledger);
    assert_counts(table.ledger, log);
    assert_int_equal(log.done[1], 2);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(it_may_die_at_any_instruction),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
