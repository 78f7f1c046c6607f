// The journal of reservations that are out in Redis: what a process leaves is
// found by another, whole, and by one of them only.

#include "unit.h"

#include "journals.h"

#include <algorithm>
#include <set>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace l402;
using State = JournalEntry::State;
using unit::Block;

namespace {

constexpr size_t per_chunk = 32;

JournalEntry numbered(uint64_t number)
{
    JournalEntry entry;

    memcpy(entry.payment_hash.data(), &number, sizeof(number));
    memcpy(entry.id.data(), &number, sizeof(number));
    entry.amount = {number, 3 * number};
    entry.limit = {5 * number, 7 * number};
    entry.expires = int64_t(11 * number);
    return entry;
}

uint64_t number_of(const JournalEntry &entry) { return entry.amount.uses; }

bool is_whole(const JournalEntry &entry)
{
    JournalEntry wanted = numbered(number_of(entry));

    return entry.payment_hash == wanted.payment_hash && entry.id == wanted.id
        && entry.amount.msat == wanted.amount.msat
        && entry.limit.uses == wanted.limit.uses
        && entry.limit.msat == wanted.limit.msat
        && entry.expires == wanted.expires
        && (entry.state != State::settling
            || entry.cost.msat == 13 * number_of(entry));
}

JournalEntry entry_of(Journal &journal, JournalRef ref)
{
    JournalEntry entry;

    assert_true(journal.read(ref, entry));
    return entry;
}

std::vector<JournalRef> adopt(Journal &journal)
{
    std::vector<JournalRef> found;

    journal.adopt(found);
    return found;
}

template <class Work> pid_t in_child(Work work)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        // cmocka's handler would go on with the tests.
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        work();
        _exit(0);
    }
    return pid;
}

// Of a process that ends without a word: nothing is let go.
Journal &lasting(const Block &block)
{
    return *new Journal(block.memory, block.bytes);
}

template <class Work> void run_in_child(Work work)
{
    int status = -1;
    pid_t pid = in_child(work);

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

void what_was_added_is_there_until_it_leaves(void **)
{
    Block block(per_chunk);
    Journal journal(block.memory, block.bytes);
    JournalRef ref = journal.add(numbered(7));

    assert_true(bool(ref));
    assert_true(is_whole(entry_of(journal, ref)));
    assert_true(entry_of(journal, ref).state == State::reserved);
    assert_int_equal(journal.size(), 1);

    journal.settle(ref, {7, 13 * 7});
    assert_true(entry_of(journal, ref).state == State::settling);
    assert_true(is_whole(entry_of(journal, ref)));
    journal.give_back(ref);
    assert_true(entry_of(journal, ref).state == State::giving_back);

    JournalEntry entry;

    journal.remove(ref);
    assert_false(journal.read(ref, entry));
    assert_int_equal(journal.size(), 0);
}

// Somebody else's may be in its place by then.
void a_reference_is_to_one_entry_only(void **)
{
    Block block(per_chunk);
    Journal journal(block.memory, block.bytes);
    JournalRef first = journal.add(numbered(1));

    journal.remove(first);

    JournalRef second = journal.add(numbered(2));
    JournalEntry entry;

    assert_int_equal(first.slot, second.slot);
    assert_false(journal.read(first, entry));
    journal.remove(first);
    journal.give_back(first);
    journal.settle(first, {1, 1});
    assert_true(entry_of(journal, second).state == State::reserved);
    assert_false(journal.read({UINT32_MAX, 1}, entry));
    assert_false(journal.read({}, entry));
}

void a_full_one_takes_no_more(void **)
{
    Block block(2 * per_chunk);
    Journal journal(block.memory, block.bytes);
    std::vector<JournalRef> refs;

    assert_int_equal(journal.capacity(), 2 * per_chunk);

    for (size_t i = 0; i < 2 * per_chunk; i++) {
        refs.push_back(journal.add(numbered(i)));
        assert_true(bool(refs.back()));
    }
    assert_false(bool(journal.add(numbered(99))));

    journal.remove(refs[40]);

    JournalRef again = journal.add(numbered(99));

    assert_int_equal(again.slot, refs[40].slot);
    assert_false(bool(journal.add(numbered(99))));
}

void what_the_dead_leave_is_found(void **)
{
    Block block(4 * per_chunk);
    Journal journal(block.memory, block.bytes);
    JournalRef mine = journal.add(numbered(1000));

    run_in_child([&] {
        Journal &other = lasting(block);

        for (uint64_t i = 0; i < 40; i++) {
            JournalRef ref = other.add(numbered(i));

            if (i == 1) {
                other.settle(ref, {i, 13 * i});
            } else if (i == 2) {
                other.remove(ref);
            }
        }
    });

    std::vector<JournalRef> found = adopt(journal);
    std::set<uint64_t> numbers;

    assert_int_equal(found.size(), 39);

    for (JournalRef ref : found) {
        JournalEntry entry = entry_of(journal, ref);

        assert_true(is_whole(entry));
        assert_true(numbers.insert(number_of(entry)).second);
        assert_true(entry.state == (number_of(entry) == 1
            ? State::settling : State::giving_back));
        journal.remove(ref);
    }
    assert_false(numbers.count(2));
    assert_true(entry_of(journal, mine).state == State::reserved);
    assert_true(adopt(journal).empty());
    assert_int_equal(journal.size(), 1);
}

// Whoever has adopted a chunk may let it go, and the next one may die with it.
void a_chunk_may_change_hands_often(void **)
{
    Block block(per_chunk);

    for (uint64_t i = 0; i < 3; i++) {
        run_in_child([&] {
            Journal &other = lasting(block);

            assert_true(bool(other.add(numbered(i))));
        });

        Journal journal(block.memory, block.bytes);
        std::vector<JournalRef> found = adopt(journal);

        assert_int_equal(found.size(), 1);
        assert_int_equal(number_of(entry_of(journal, found[0])), i);
        journal.remove(found[0]);
    }
}

void what_the_living_have_is_left_alone(void **)
{
    Block block(4 * per_chunk);
    Journal journal(block.memory, block.bytes);
    int ready[2];

    assert_int_equal(pipe(ready), 0);

    pid_t pid = in_child([&] {
        Journal &other = lasting(block);
        char c = bool(other.add(numbered(1))) ? 'y' : 'n';

        (void) !write(ready[1], &c, 1);
        pause();
    });

    char c = 0;

    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(c, 'y');
    assert_true(adopt(journal).empty());
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    assert_int_equal(adopt(journal).size(), 1);
    assert_true(adopt(journal).empty());
    close(ready[0]);
    close(ready[1]);
}

// A worker that a reload ends, with something that Redis has not answered.
void what_one_leaves_that_ends_in_good_order_is_found(void **)
{
    Block block(4 * per_chunk);
    Journal old(block.memory, block.bytes), next(block.memory, block.bytes);
    JournalRef ref = old.add(numbered(1));

    old.give_back(ref);
    assert_true(adopt(next).empty());
    old.detach();
    old.remove(ref);
    assert_int_equal(adopt(next).size(), 1);
}

// ... and by whoever needs room, too.
void what_is_found_on_the_way_is_not_forgotten(void **)
{
    Block block(2 * per_chunk);
    Journal journal(block.memory, block.bytes);

    run_in_child([&] {
        Journal &other = lasting(block);

        (void) other.add(numbered(5));
    });

    for (size_t i = 0; i < 2 * per_chunk - 1; i++) {
        assert_true(bool(journal.add(numbered(100 + i))));
    }
    assert_false(bool(journal.add(numbered(100))));

    std::vector<JournalRef> found = adopt(journal);

    assert_int_equal(found.size(), 1);
    assert_int_equal(number_of(entry_of(journal, found[0])), 5);
}

// After a burst others have room again.
void chunks_that_are_not_needed_are_free_again(void **)
{
    Block block(4 * per_chunk);
    Journal journal(block.memory, block.bytes);
    Journal other(block.memory, block.bytes);
    std::vector<JournalRef> refs;

    for (size_t i = 0; i < 4 * per_chunk; i++) {
        refs.push_back(journal.add(numbered(i)));
    }
    assert_false(bool(other.add(numbered(1))));
    for (JournalRef ref : refs) {
        journal.remove(ref);
    }
    assert_false(bool(other.add(numbered(1))));
    (void) adopt(journal);
    for (size_t i = 0; i < 3 * per_chunk; i++) {
        assert_true(bool(other.add(numbered(i))));
    }
    assert_false(bool(other.add(numbered(1))));
    assert_true(bool(journal.add(numbered(1))));
}

void only_what_is_one_is_taken_for_one(void **)
{
    Block block(per_chunk);
    std::vector<uint8_t> zeros(block.bytes);

    assert_true(Journal::is_formatted(block.memory, block.bytes));
    assert_false(Journal::is_formatted(block.memory, block.bytes - 1));
    assert_false(Journal::is_formatted(block.memory, 3));
    assert_false(Journal::is_formatted(zeros.data(), zeros.size()));
}

// The block comes out of a file, after a restart of the machine.
void entries_outlive_their_locks(void **)
{
    Block block(per_chunk), later(per_chunk);

    {
        Journal journal(block.memory, block.bytes);

        (void) journal.add(numbered(5));
        memcpy(later.memory, block.memory, block.bytes);
    }
    assert_true(Journal::is_formatted(later.memory, later.bytes));
    Journal::reset_locks(later.memory, later.bytes);

    Journal journal(later.memory, later.bytes);
    std::vector<JournalRef> found = adopt(journal);

    assert_int_equal(found.size(), 1);
    assert_true(is_whole(entry_of(journal, found[0])));
}

// ---- processes that are killed ----

constexpr uint64_t most_numbers = 1 << 22;

// What a number's process says of it, before and after the journal does.
enum Said : uint8_t { nothing, adding, added, settling, removing, removed };

struct Shared {
    std::atomic<uint64_t> made;
    std::atomic<uint32_t> broken;
    std::atomic<uint32_t> early;  // found before anything was said of it
    std::atomic<uint8_t>  said[most_numbers];
    std::atomic<uint8_t>  found[most_numbers];
};

void take_over(Shared *shared, Journal &journal)
{
    for (JournalRef ref : adopt(journal)) {
        JournalEntry entry;

        if (!journal.read(ref, entry) || !is_whole(entry)) {
            shared->broken++;
            continue;
        }

        uint64_t number = number_of(entry);

        shared->broken += shared->said[number] == removed;
        shared->early += shared->said[number] == nothing;
        // Whoever kills in here has another find it again.
        shared->found[number] = 1;
        journal.remove(ref);
    }
}

void hammer(Shared *shared, const Block &block, uint64_t seed)
{
    Journal journal(block.memory, block.bytes);
    std::vector<JournalRef> refs;

    for (;;) {
        seed = seed * 6364136223846793005 + 1442695040888963407;

        if (seed >> 54 == 0) {
            take_over(shared, journal);
        }

        if ((seed >> 62 & 1) && shared->made < most_numbers - 100) {
            uint64_t number = ++shared->made;

            shared->said[number] = adding;

            JournalRef ref = journal.add(numbered(number));

            shared->said[number] = ref ? added : removed;
            if (ref) {
                refs.push_back(ref);
            }

        } else if (!refs.empty()) {
            JournalRef ref = refs.back();
            JournalEntry entry;

            refs.pop_back();

            if (!journal.read(ref, entry) || !is_whole(entry)) {
                shared->broken++;
                continue;
            }

            uint64_t number = number_of(entry);

            if (seed >> 61 & 1) {
                shared->said[number] = settling;
                journal.settle(ref, {number, 13 * number});
            }
            shared->said[number] = removing;
            journal.remove(ref);
            shared->said[number] = removed;
        }
    }
}

void whoever_is_killed_leaves_whole_entries_for_others(void **)
{
    constexpr size_t kills = 200;
    Block block(8 * per_chunk);
    auto shared = static_cast<Shared *>(mmap(nullptr, sizeof(Shared),
        PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0));

    assert_true(shared != MAP_FAILED);

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

            pid = in_child([&] { hammer(shared, block, seed); });
        }
    }

    Journal journal(block.memory, block.bytes);

    take_over(shared, journal);
    assert_int_equal(journal.size(), 0);
    assert_int_equal(shared->broken, 0);
    assert_int_equal(shared->early, 0);

    size_t taken_over = 0, done = 0;

    for (uint64_t number = 1; number <= shared->made; number++) {
        taken_over += shared->found[number];
        done += shared->said[number] == removed;

        // What was certainly in there, and not certainly on its way out.
        if (shared->said[number] == added || shared->said[number] == settling) {
            assert_int_equal(shared->found[number], 1);
        }
    }
    assert_true(taken_over > kills / 2);
    assert_true(done > 1000);
    munmap(shared, sizeof(Shared));
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_there_until_it_leaves),
        cmocka_unit_test(a_reference_is_to_one_entry_only),
        cmocka_unit_test(a_full_one_takes_no_more),
        cmocka_unit_test(what_the_dead_leave_is_found),
        cmocka_unit_test(a_chunk_may_change_hands_often),
        cmocka_unit_test(what_the_living_have_is_left_alone),
        cmocka_unit_test(what_one_leaves_that_ends_in_good_order_is_found),
        cmocka_unit_test(what_is_found_on_the_way_is_not_forgotten),
        cmocka_unit_test(chunks_that_are_not_needed_are_free_again),
        cmocka_unit_test(only_what_is_one_is_taken_for_one),
        cmocka_unit_test(entries_outlive_their_locks),
        cmocka_unit_test(whoever_is_killed_leaves_whole_entries_for_others),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
