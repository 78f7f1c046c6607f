// Several processes use a ledger, and are killed while they do.

#include "ledgers.h"

#include <atomic>
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace ledgers;
using Reserve = Ledger::Reserve;

namespace {

constexpr size_t workers = 3;
constexpr size_t kills = 300;
constexpr size_t payments = 12;     // for ever
constexpr size_t passing = 8;       // that are swept again and again
constexpr size_t standing = 100;    // revocations that are never taken back
constexpr size_t own = 20;          // of each worker, that are
constexpr uint64_t few = 2000;      // what half of the payments have
constexpr uint64_t many = uint64_t(1) << 40;

// What processes say of themselves, and what nobody may ever see.
struct Log {
    // Asked: before; done: after, where it was charged in full.
    std::atomic<uint64_t> asked[payments];
    std::atomic<uint64_t> done[payments];
    std::atomic<uint64_t> rounds;
    std::atomic<uint64_t> overdrawn;
    std::atomic<uint64_t> swept_in_use;
    std::atomic<uint64_t> missing;    // revocations that stand
    std::atomic<uint64_t> not_heard;  // one's own that do not
};

Allowance allowance_of(size_t i)
{
    uint64_t limit = i & 1 ? few : many;

    return i & 2 ? balance(limit) : uses(limit);
}

Amount amount_of(size_t i, uint64_t n)
{
    return i & 2 ? Amount{0, n} : Amount{n, 0};
}

uint64_t in(const Amount &amount, size_t i)
{
    return i & 2 ? amount.msat : amount.uses;
}

Hash hash_of(size_t i)
{
    return numbered(5000 + i);
}

Revocation standing_one(size_t i)
{
    return {i & 1 ? Subject::token : Subject::payment, numbered(i), 0};
}

Revocation own_one(size_t worker, size_t i)
{
    return {Subject::token, numbered(1000 * (worker + 1) + i), 0};
}

// splitmix64
uint64_t next(uint64_t &seed)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void pay(Ledger &ledger, Log &log, uint64_t random)
{
    size_t i = random % payments;
    Hash hash = hash_of(i);
    Allowance allowance = allowance_of(i);
    uint64_t hold = 1 + (random >> 8) % 3, cost = (random >> 16) % 3;
    Reservation reservation, another;
    Amount left;

    if (ledger.reserve(hash.data(), allowance, amount_of(i, hold),
            reservation, &left) != Reserve::held)
    {
        return;
    }

    log.overdrawn += in(left, i) > (i & 1 ? few : many);

    // One that is held meanwhile.
    ledger.reserve(hash_of((i + 1) % payments).data(),
        allowance_of(i + 1), amount_of(i + 1, 1), another, nullptr);

    if (random >> 63) {
        ledger.give_back(reservation);

    } else {
        log.asked[i] += cost;
        // What is used up may charge less.
        if (ledger.settle(reservation, amount_of(i, cost), allowance, nullptr))
        {
            log.done[i] += cost;
        }
    }

    ledger.give_back(another);
}

// Their numbers come and go; while one is held it is there.
void pass(Ledger &ledger, Log &log, uint64_t random)
{
    Hash hash = numbered(9000 + random % passing);
    Allowance allowance = balance(many, now);
    Reservation reservation;
    Payment payment;
    uint64_t hold = random >> 62;

    if (ledger.reserve(hash.data(), allowance, {0, hold}, reservation,
            nullptr) != Reserve::held)
    {
        return;
    }

    ledger.sweep(now + 3600, 50);
    log.swept_in_use += !ledger.payment(hash.data(), payment)
                        || payment.held.msat < hold;
    ledger.settle(reservation, {0, 1}, allowance, nullptr);
}

void revoke(Ledger &ledger, Log &log, size_t worker, uint64_t random)
{
    Revocation one = own_one(worker, random % own);
    Revocation fixed = standing_one((random >> 8) % standing);
    const uint8_t *id = one.id.data();
    Hash other = numbered(123456);

    ledger.revoke(one);
    log.not_heard += !ledger.is_revoked(id, other.data());
    ledger.unrevoke(one.subject, id);
    log.not_heard += ledger.is_revoked(id, other.data());

    log.missing += !ledger.is_revoked(fixed.id.data(), fixed.id.data());
    log.missing += !ledger.has_revocation(fixed.subject, fixed.id.data());
}

[[noreturn]] void work(const Table &table, Log &log, size_t worker,
    uint64_t seed)
{
    // As nginx's workers do: the view of the parent.
    Ledger ledger = table.ledger;

    for ( ;; ) {
        uint64_t random = next(seed);

        pay(ledger, log, next(seed));

        if (random % 4 == 0) {
            revoke(ledger, log, worker, next(seed));
        }

        if (random % 16 == 0) {
            pass(ledger, log, next(seed));
        }

        if (random % 64 == 0) {
            ledger.give_back_of_dead();
        }

        log.rounds++;
    }
}

void kill_them(const Table &table, Log &log)
{
    pid_t pids[workers] = {};
    unit::Random random;

    for (size_t i = 0; i < kills + workers; i++) {
        size_t worker = i % workers;

        if (pids[worker]) {
            uint64_t before = log.rounds;

            // On a busy machine a round may take its time.
            for (int n = 0; log.rounds == before && n < 10000; n++) {
                usleep(100);
            }

            usleep(unsigned(random.next() % 3000));
            kill(pids[worker], SIGKILL);
            waitpid(pids[worker], nullptr, 0);
        }

        if (i < kills) {
            uint64_t seed = random.next();

            pids[worker] = fork();

            if (pids[worker] == 0) {
                work(table, log, worker, seed);
            }
        }
    }
}

void assert_counted(const Ledger &ledger, const Log &log)
{
    for (size_t i = 0; i < payments; i++) {
        Payment payment;

        assert_true(ledger.payment(hash_of(i).data(), payment));
        assert_amount(payment.held, 0, 0);

        uint64_t spent = in(payment.spent, i);

        if (i & 1) {
            assert_true(spent <= few);
        }

        assert_true(spent >= log.done[i] && spent <= log.asked[i]);
    }
}

void assert_revoked(const Ledger &ledger)
{
    for (size_t i = 0; i < standing; i++) {
        Revocation one = standing_one(i);

        assert_true(ledger.has_revocation(one.subject, one.id.data()));
    }
}

// Not one fewer than was bought.
void use_up(Ledger &ledger)
{
    for (size_t i = 1; i < payments; i += 2) {
        Reservation reservation;
        Payment payment;

        while (ledger.reserve(hash_of(i).data(), allowance_of(i),
                   amount_of(i, 1), reservation, nullptr) == Reserve::held)
        {
            ledger.settle(reservation, amount_of(i, 1), allowance_of(i),
                nullptr);
        }

        assert_true(ledger.payment(hash_of(i).data(), payment));
        assert_int_equal(in(payment.spent, i), few);
    }
}

void killed_processes_leave_all_whole(void **)
{
    Table table;
    Shared memory(sizeof(Log));
    auto &log = *static_cast<Log *>(memory.memory);

    for (size_t i = 0; i < standing; i++) {
        assert_true(table.ledger.revoke(standing_one(i))
                    == Ledger::Change::made);
    }

    kill_them(table, log);
    print_message("# %llu rounds\n", (unsigned long long) log.rounds);
    assert_true(log.rounds > kills);

    table.ledger.give_back_of_dead();
    assert_int_equal(table.ledger.give_back_of_dead(), 0);
    assert_int_equal(log.overdrawn, 0);
    assert_int_equal(log.swept_in_use, 0);
    assert_int_equal(log.missing, 0);
    assert_int_equal(log.not_heard, 0);
    assert_whole(table.ledger);
    assert_counted(table.ledger, log);
    assert_revoked(table.ledger);

    // A death may cost an entry, and no more.
    size_t used = table.ledger.max_payments() - table.ledger.free_payments();

    assert_true(used <= payments + passing + kills);

    // All processes are gone, and another one comes.
    table.ledger.detach();
    assert_int_equal(Ledger::inspect(table.memory, table.bytes).damaged, 0);

    Ledger::Found found = Ledger::rebuild(table.memory, table.bytes);

    assert_int_equal(found.damaged, 0);
    assert_int_equal(found.reservations, 0);
    table.ledger = Ledger(table.memory, table.bytes);
    assert_whole(table.ledger);
    assert_counted(table.ledger, log);
    assert_revoked(table.ledger);
    assert_true(table.ledger.max_payments() - table.ledger.free_payments()
                <= payments + passing);
    use_up(table.ledger);
}

int status_of(pid_t pid)
{
    int status;

    waitpid(pid, &status, 0);
    return status;
}

void a_child_has_slots_of_its_own(void **)
{
    Table table;
    Hash hash = numbered(1);
    Reservation reservation;
    Payment payment;

    table.ledger.reserve(hash.data(), uses(10), {1, 0}, reservation, nullptr);

    pid_t pid = fork();

    if (pid == 0) {
        Reservation its_own;
        Ledger ledger = table.ledger;

        if (ledger.reserve(hash.data(), uses(10), {1, 0}, its_own, nullptr)
                != Reserve::held
            || its_own.slot / 64 == reservation.slot / 64)
        {
            _exit(1);
        }

        ledger.detach();
        _exit(0);
    }

    assert_int_equal(status_of(pid), 0);

    // Nor does it give back what is not its own.
    pid = fork();

    if (pid == 0) {
        Ledger ledger = table.ledger;

        ledger.detach();
        _exit(0);
    }

    assert_int_equal(status_of(pid), 0);
    assert_int_equal(table.ledger.give_back_of_dead(), 0);
    assert_true(table.ledger.payment(hash.data(), payment));
    assert_amount(payment.held, 1, 0);
    assert_true(table.ledger.settle(reservation, {1, 0}, uses(10), nullptr));
}

void the_dead_hold_nothing(void **)
{
    Table table;
    Hash hash = numbered(1);
    pid_t pid = fork();

    if (pid == 0) {
        Reservation reservation;

        for (int i = 0; i < 100; i++) {
            if (table.ledger.reserve(hash.data(), uses(100), {1, 0},
                    reservation, nullptr) != Reserve::held)
            {
                _exit(1);
            }
        }

        table.ledger.settle(reservation, {1, 0}, uses(100), nullptr);
        kill(getpid(), SIGKILL);
    }

    assert_true(WIFSIGNALED(status_of(pid)));

    Payment payment;

    assert_true(table.ledger.payment(hash.data(), payment));
    assert_amount(payment.held, 99, 0);
    assert_int_equal(table.ledger.give_back_of_dead(), 99);
    assert_true(table.ledger.payment(hash.data(), payment));
    assert_amount(payment.held, 0, 0);
    assert_amount(payment.spent, 1, 0);
    assert_whole(table.ledger);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_child_has_slots_of_its_own),
        cmocka_unit_test(the_dead_hold_nothing),
        cmocka_unit_test(killed_processes_leave_all_whole),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
