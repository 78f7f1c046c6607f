// Ready invoices: each goes to one customer, while it is young, whichever
// process is killed.

#include "l402/stock.h"

#include "core/robust_lock.h"
#include "unit.h"

#include <map>
#include <memory>
#include <pthread.h>
#include <set>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace l402;
using Taken = Stock::Taken;
using Put = Stock::Put;

namespace {

constexpr int64_t now = 1700000000;

Invoice numbered(uint64_t number, int64_t at = now, int64_t life = 600)
{
    Invoice invoice;

    memcpy(invoice.payment_hash.data(), &number, sizeof(number));
    invoice.bolt11 = "lnbc" + std::to_string(number) + "x"
                     + std::string(number % 50, 'q');
    invoice.amount_msat = 1000 + number;
    invoice.created_at = at;
    invoice.expires_at = at + life;
    return invoice;
}

uint64_t number_of(const Invoice &invoice)
{
    uint64_t number;

    memcpy(&number, invoice.payment_hash.data(), sizeof(number));
    return number;
}

// Whole, or a mix of two?
bool is_whole(const Invoice &invoice)
{
    Invoice wanted = numbered(number_of(invoice));

    return invoice.bolt11 == wanted.bolt11
           && invoice.amount_msat == wanted.amount_msat;
}

struct Memory {
    explicit Memory(size_t count, size_t size = 700)
        : words(Stock::size_of(count, size) / 8 + 1),
          stock(Stock::create(words.data(), count, size))
    {
    }

    std::vector<uint64_t>  words;
    Stock                 *stock;
};

uint64_t take(Stock &stock, int64_t at = now, int64_t latest = 0)
{
    Invoice invoice;

    return stock.take(at, latest, invoice) == Taken::yes
               ? number_of(invoice) : 0;
}

void what_was_put_is_taken_once(void **)
{
    Memory memory(3);
    Invoice wanted = numbered(1), got;

    assert_int_equal(memory.stock->wanted(now), 3);
    assert_true(memory.stock->put(wanted, now) == Put::yes);
    assert_int_equal(memory.stock->wanted(now), 2);
    assert_int_equal(memory.stock->ready(now), 1);

    assert_true(memory.stock->take(now, 0, got) == Taken::yes);
    unit::assert_text(got.bolt11, wanted.bolt11);
    assert_true(got.payment_hash == wanted.payment_hash);
    assert_int_equal(got.amount_msat, wanted.amount_msat);
    assert_int_equal(got.expires_at, wanted.expires_at);

    assert_int_equal(take(*memory.stock), 0);
    assert_int_equal(memory.stock->wanted(now), 3);
}

void the_oldest_goes_first(void **)
{
    Memory memory(4);

    for (uint64_t i = 1; i <= 4; i++) {
        memory.stock->put(numbered(i, now + int64_t(i)), now + int64_t(i));
    }

    assert_int_equal(take(*memory.stock, now + 5), 1);
    assert_int_equal(take(*memory.stock, now + 5), 2);
    memory.stock->put(numbered(5, now + 6), now + 6);
    assert_int_equal(take(*memory.stock, now + 6), 3);
    assert_int_equal(take(*memory.stock, now + 6), 4);
    assert_int_equal(take(*memory.stock, now + 6), 5);
}

void no_more_than_its_slots(void **)
{
    Memory memory(2);

    assert_true(memory.stock->put(numbered(1), now) == Put::yes);
    assert_true(memory.stock->put(numbered(2), now) == Put::yes);
    assert_true(memory.stock->put(numbered(3), now) == Put::no_room);
    assert_int_equal(memory.stock->wanted(now), 0);
}

void half_of_its_life_is_left(void **)
{
    for (int64_t life : {2, 10, 11, 600, 601, 86400}) {
        int64_t last = now + life / 2;
        Memory memory(1);

        memory.stock->put(numbered(1, now, life), now);
        assert_int_equal(memory.stock->ready(last), 1);
        assert_int_equal(memory.stock->ready(last + 1), 0);
        assert_int_equal(take(*memory.stock, last + 1), 0);
        assert_int_equal(take(*memory.stock, last), 1);
    }
}

// The service took its time, or its clock is behind.
void life_begins_when_the_service_says(void **)
{
    Memory memory(1);

    memory.stock->put(numbered(1, now - 4, 100), now);
    assert_int_equal(memory.stock->ready(now + 46), 1);
    assert_int_equal(memory.stock->ready(now + 47), 0);

    // A clock that is off by more is no reason to throw all of it away.
    Memory other(1);

    other.stock->put(numbered(1, now - 300, 600), now);
    assert_int_equal(other.stock->wanted(now), 0);
    assert_int_equal(other.stock->ready(now), 1);
}

void it_is_replaced_before_it_is_too_old(void **)
{
    Memory memory(2);

    memory.stock->put(numbered(1, now, 800), now);
    memory.stock->put(numbered(2, now + 50, 800), now + 50);
    assert_int_equal(memory.stock->wanted(now + 300), 0);
    assert_int_equal(memory.stock->wanted(now + 301), 1);
    assert_int_equal(memory.stock->ready(now + 301), 2);

    // In the place of the oldest, which then is the youngest.
    assert_true(memory.stock->put(numbered(3, now + 301), now + 301)
                == Put::yes);
    assert_int_equal(memory.stock->wanted(now + 301), 0);
    assert_int_equal(take(*memory.stock, now + 301), 2);
    assert_int_equal(take(*memory.stock, now + 301), 3);
    assert_int_equal(take(*memory.stock, now + 301), 0);
}

void none_that_would_outlive_the_token(void **)
{
    Memory memory(2);

    memory.stock->put(numbered(1, now, 600), now);
    memory.stock->put(numbered(2, now, 500), now);
    assert_int_equal(take(*memory.stock, now, now + 499), 0);
    assert_int_equal(take(*memory.stock, now, now + 599), 2);
    assert_int_equal(take(*memory.stock, now, now + 600), 1);
}

void a_clock_that_is_set_back_makes_it_old(void **)
{
    Memory memory(1);

    memory.stock->put(numbered(1), now);
    assert_int_equal(memory.stock->wanted(now - 1), 0);
    assert_int_equal(memory.stock->wanted(now - 2), 1);
    assert_int_equal(take(*memory.stock, now - 2), 0);
}

void what_is_too_long_stops_the_refill(void **)
{
    Memory memory(3, 700);
    Invoice invoice = numbered(1);

    invoice.bolt11.assign(memory.stock->invoice_size(), 'q');
    assert_true(memory.stock->put(invoice, now) == Put::yes);
    invoice.bolt11 += 'q';
    assert_true(memory.stock->put(invoice, now) == Put::too_long);
    assert_int_equal(memory.stock->wanted(now), 0);
    assert_int_equal(take(*memory.stock), 1);
}

void empty_and_full_again_are_told_of_once(void **)
{
    Memory memory(2);
    Invoice got;

    memory.stock->put(numbered(1), now);
    memory.stock->put(numbered(2), now);
    memory.stock->take(now, 0, got);
    memory.stock->take(now, 0, got);

    assert_true(memory.stock->take(now, 0, got) == Taken::no_and_say_so);
    assert_true(memory.stock->take(now, 0, got) == Taken::no);
    assert_true(memory.stock->put(numbered(3), now) == Put::yes);
    assert_true(memory.stock->put(numbered(4), now) == Put::full_again);

    // Once a minute, and then with its other half.
    memory.stock->take(now + 30, 0, got);
    memory.stock->take(now + 30, 0, got);
    assert_true(memory.stock->take(now + 30, 0, got) == Taken::no);
    memory.stock->put(numbered(5), now + 30);
    assert_true(memory.stock->put(numbered(6), now + 30) == Put::yes);
    memory.stock->take(now + 60, 0, got);
    memory.stock->take(now + 60, 0, got);
    assert_true(memory.stock->take(now + 60, 0, got) == Taken::no_and_say_so);
}

void one_process_refills_at_a_time(void **)
{
    Memory memory(1);

    assert_true(memory.stock->claim(7, 1000, 500));
    assert_false(memory.stock->claim(8, 1499, 500));
    assert_true(memory.stock->claim(7, 1400, 500));
    assert_false(memory.stock->claim(8, 1899, 500));

    // It died.
    assert_true(memory.stock->claim(8, 1900, 500));
    memory.stock->release(7);
    assert_false(memory.stock->claim(7, 1901, 500));
    memory.stock->release(8);
    assert_true(memory.stock->claim(7, 1902, 500));
}

void a_stock_of_another_size_takes_over(void **)
{
    Memory small(2), large(5);

    for (uint64_t i = 1; i <= 5; i++) {
        large.stock->put(numbered(i), now);
    }

    large.stock->move_to(*small.stock, now);
    assert_int_equal(small.stock->ready(now), 2);
    assert_int_equal(large.stock->ready(now), 3);
    assert_int_equal(take(*small.stock), 1);
    assert_int_equal(take(*small.stock), 2);
    assert_int_equal(take(*large.stock), 3);

    Memory larger(9);

    small.stock->put(numbered(6, now, 600), now);
    small.stock->put(numbered(7, now + 200, 600), now + 200);
    small.stock->move_to(*larger.stock, now + 301);
    assert_int_equal(larger.stock->ready(now + 301), 1);
    assert_int_equal(take(*larger.stock, now + 301), 7);
}

void a_slot_of_600_characters_takes_less_than_a_kilobyte(void **)
{
    // The pool's own memory for a page, too.
    size_t bytes = Stock::size_of(1000, 916) / 1000;

    assert_true(bytes * (4096 + 32) / 4096 < 1024);
}

// ---- several processes ----

constexpr uint64_t most_numbers = 1 << 22;

struct Shared {
    pthread_mutex_t       lock;
    std::atomic<uint64_t> made;
    std::atomic<uint32_t> given[most_numbers];  // by number, to how many
    std::atomic<uint32_t> broken;
    std::atomic<uint64_t> taken;
};

// Robust, as nginx's master makes the zone's lock.
void acquire(Shared *shared)
{
    if (pthread_mutex_lock(&shared->lock) == EOWNERDEAD) {
        pthread_mutex_consistent(&shared->lock);
    }
}

void hammer(Shared *shared, Stock *stock, uint64_t seed)
{
    for (;;) {
        seed = seed * 6364136223846793005 + 1442695040888963407;

        if (seed >> 63) {
            // Some are left for the end.
            if (shared->made > most_numbers - 100) {
                _exit(0);
            }

            uint64_t number = ++shared->made;

            acquire(shared);
            stock->put(numbered(number), now);
            pthread_mutex_unlock(&shared->lock);
            continue;
        }

        Invoice invoice;

        acquire(shared);
        bool got = stock->take(now, 0, invoice) == Taken::yes;
        pthread_mutex_unlock(&shared->lock);

        if (got) {
            shared->taken++;
            shared->given[number_of(invoice)]++;
            shared->broken += !is_whole(invoice);
        }
    }
}

void processes_that_are_killed_hand_nothing_out_twice(void **)
{
    constexpr size_t count = 16, kills = 200;
    size_t size = Stock::size_of(count, 700);
    void *memory = mmap(nullptr, size + sizeof(Shared), PROT_READ|PROT_WRITE,
        MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    assert_true(memory != MAP_FAILED);

    auto shared = static_cast<Shared *>(memory);
    Stock *stock = Stock::create(shared + 1, count, 700);
    init_robust_lock(shared->lock);

    pid_t pids[3] = {};
    unit::Random random;

    for (size_t i = 0; i < kills + 3; i++) {
        pid_t &pid = pids[i % 3];

        if (pid) {
            usleep(500 + unsigned(random.next() % 2000));
            kill(pid, SIGKILL);
            waitpid(pid, nullptr, 0);
        }

        pid = 0;

        if (i < kills) {
            uint64_t seed = random.next();

            pid = fork();
            if (pid == 0) {
                hammer(shared, stock, seed);
            }
        }
    }

    for (uint64_t number = 0; number < most_numbers; number++) {
        assert_true(shared->given[number] <= 1);
    }

    assert_int_equal(shared->broken, 0);
    assert_true(shared->taken > 1000);

    // And it goes on working.
    while (stock->wanted(now)) {
        assert_true(stock->put(numbered(++shared->made), now) != Put::no_room);
    }

    assert_int_equal(stock->ready(now), count);

    std::set<uint64_t> left;

    for (size_t i = 0; i < count; i++) {
        Invoice invoice;

        assert_true(stock->take(now, 0, invoice) == Taken::yes);
        assert_true(is_whole(invoice));
        assert_true(left.insert(number_of(invoice)).second);
        assert_int_equal(shared->given[number_of(invoice)], 0);
    }

    munmap(memory, size + sizeof(Shared));
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_taken_once),
        cmocka_unit_test(the_oldest_goes_first),
        cmocka_unit_test(no_more_than_its_slots),
        cmocka_unit_test(half_of_its_life_is_left),
        cmocka_unit_test(life_begins_when_the_service_says),
        cmocka_unit_test(it_is_replaced_before_it_is_too_old),
        cmocka_unit_test(none_that_would_outlive_the_token),
        cmocka_unit_test(a_clock_that_is_set_back_makes_it_old),
        cmocka_unit_test(what_is_too_long_stops_the_refill),
        cmocka_unit_test(empty_and_full_again_are_told_of_once),
        cmocka_unit_test(one_process_refills_at_a_time),
        cmocka_unit_test(a_stock_of_another_size_takes_over),
        cmocka_unit_test(a_slot_of_600_characters_takes_less_than_a_kilobyte),
        cmocka_unit_test(processes_that_are_killed_hand_nothing_out_twice),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
