// Free requests: a client has so many in a window and not one more, whichever
// processes ask at once and whichever are killed.

#include "l402/free_quota.h"

#include "core/robust_lock.h"
#include "unit.h"

#include <memory>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace l402;
using Taken = FreeQuota::Taken;

namespace {

constexpr uint64_t now = 5000000;  // ms
constexpr FreeRule three = {3, 10000};
constexpr size_t   header = 64, set = 192;  // bytes

const uint8_t seed[16] = {1, 2, 3};

Hash client(uint64_t number, std::string_view scope = "here")
{
    return free_client_name(scope, std::to_string(number));
}

struct Memory {
    explicit Memory(size_t bytes)
        : words(bytes / 8),
          quota(FreeQuota::create(words.data(), bytes, seed))
    {
    }

    std::vector<uint64_t> words;
    FreeQuota            *quota;
};

// "yes 2": taken, and so many are left.
std::string take(FreeQuota *quota, const Hash &who, uint64_t at = now,
    const FreeRule &rule = three)
{
    const char *words[] = {"yes", "used up", "no room", "no room, say so"};
    uint32_t left = 77;
    Taken taken = quota->take(who, rule, at, left);

    return std::string(words[static_cast<size_t>(taken)]) + " "
           + std::to_string(left);
}

void a_client_has_so_many_and_no_more(void **)
{
    Memory memory(32768);

    for (const char *wanted : {"yes 2", "yes 1", "yes 0", "used up 0",
             "used up 0"})
    {
        unit::assert_text(take(memory.quota, client(1)), wanted);
    }

    unit::assert_text(take(memory.quota, client(2)), "yes 2");
}

void a_window_begins_with_its_first_request(void **)
{
    Memory memory(32768);

    for (int i = 0; i < 3; i++) {
        take(memory.quota, client(1), now + 9000);
    }

    unit::assert_text(take(memory.quota, client(1), now + 18999), "used up 0");
    unit::assert_text(take(memory.quota, client(1), now + 19000), "yes 2");
    unit::assert_text(take(memory.quota, client(1), now + 28999), "yes 1");
    unit::assert_text(take(memory.quota, client(1), now + 29000), "yes 2");
}

void to_look_takes_nothing(void **)
{
    Memory memory(32768);
    FreeQuota *quota = memory.quota;

    for (uint32_t left = 3; left-- > 0;) {
        assert_int_equal(quota->left(client(1), three, now), left + 1);
        assert_int_equal(quota->left(client(1), three, now), left + 1);
        take(quota, client(1));
    }

    assert_int_equal(quota->left(client(1), three, now), 0);
    assert_int_equal(quota->left(client(1), three, now + 9999), 0);
    assert_int_equal(quota->left(client(1), three, now + 10000), 3);
    assert_int_equal(quota->left(client(2), three, now), 3);
}

void what_has_another_scope_is_counted_apart(void **)
{
    Memory memory(32768);

    for (const char *scope : {"", "a", "ab", "b"}) {
        for (const char *wanted : {"yes 2", "yes 1", "yes 0", "used up 0"}) {
            unit::assert_text(take(memory.quota, client(1, scope)), wanted);
        }
    }

    // Where one ends and the other begins counts, too.
    assert_true(free_client_name("ab", "c") != free_client_name("a", "bc"));
    assert_true(free_client_name("", "a") != free_client_name("a", ""));
}

void a_rule_may_change_with_a_reload(void **)
{
    Memory memory(32768);
    FreeQuota *quota = memory.quota;

    take(quota, client(1));
    take(quota, client(1));
    unit::assert_text(take(quota, client(1), now, {5, 10000}), "yes 2");
    unit::assert_text(take(quota, client(1), now, {2, 10000}), "used up 0");
    unit::assert_text(take(quota, client(1), now, {3, 10000}), "used up 0");

    // A window ends when it was to end.
    unit::assert_text(take(quota, client(1), now + 9999, {3, 2000}),
        "used up 0");
    unit::assert_text(take(quota, client(1), now + 10000, {3, 2000}), "yes 2");
    unit::assert_text(take(quota, client(1), now + 12000, {3, 2000}), "yes 2");
}

// Workers look at the clock once a round of events.
void a_clock_that_is_behind_gives_nothing_twice(void **)
{
    Memory memory(32768);
    FreeQuota *quota = memory.quota;
    uint64_t later = now + 10000;

    take(quota, client(1));
    unit::assert_text(take(quota, client(1), later), "yes 2");
    unit::assert_text(take(quota, client(1), later - 500), "yes 1");
    unit::assert_text(take(quota, client(1), now), "yes 0");
    unit::assert_text(take(quota, client(1), now), "used up 0");
    unit::assert_text(take(quota, client(1), later + 9999), "used up 0");
    unit::assert_text(take(quota, client(1), later + 10000), "yes 2");
}

void the_largest_numbers_are_counted(void **)
{
    Memory memory(32768);
    FreeRule rule = {FreeQuota::max_requests, FreeQuota::max_window};
    uint64_t late = 100ULL * 366 * 86400 * 1000;
    uint32_t left, let_in = 0;

    for (uint32_t i = 0; i < FreeQuota::max_requests + 10; i++) {
        let_in += memory.quota->take(client(1), rule, late, left)
                  == Taken::yes;
    }

    assert_int_equal(let_in, FreeQuota::max_requests);
    unit::assert_text(take(memory.quota, client(1),
        late + rule.window - 1, rule), "used up 0");
    unit::assert_text(take(memory.quota, client(1), late + rule.window, rule),
        "yes 999999");
}

// ---- a table that fills ----

void two_thirds_of_the_table_can_be_used(void **)
{
    Memory memory(65536);
    size_t clients = memory.quota->clients() * 2 / 3;

    assert_in_range(memory.quota->clients(), 65536 / 25, 65536 / 24);

    for (size_t i = 0; i < clients; i++) {
        unit::assert_text(take(memory.quota, client(i)), "yes 2");
    }
}

void who_has_a_window_keeps_it_in_a_full_table(void **)
{
    Memory memory(header + set);
    FreeQuota *quota = memory.quota;

    assert_int_equal(quota->clients(), 8);

    for (size_t i = 0; i < 8; i++) {
        unit::assert_text(take(quota, client(i)), "yes 2");
    }

    for (size_t i = 8; i < 1000; i++) {
        assert_int_equal(quota->left(client(i), three, now), 0);
        assert_true(take(quota, client(i)).substr(0, 7) == "no room");
    }

    for (size_t i = 0; i < 8; i++) {
        unit::assert_text(take(quota, client(i)), "yes 1");
        unit::assert_text(take(quota, client(i)), "yes 0");
        unit::assert_text(take(quota, client(i)), "used up 0");
    }

    assert_true(take(quota, client(8), now + 9999).substr(0, 7) == "no room");

    // Their windows have ended: others take the places, and they lose none.
    for (size_t i = 8; i < 16; i++) {
        unit::assert_text(take(quota, client(i), now + 10000), "yes 2");
    }

    assert_int_equal(quota->left(client(0), three, now + 10000), 0);
    unit::assert_text(take(quota, client(0), now + 20000), "yes 2");
}

void it_is_said_once_a_minute_that_there_is_no_room(void **)
{
    Memory memory(header + set);
    FreeRule day = {3, 86400 * 1000};

    for (size_t i = 0; i < 8; i++) {
        take(memory.quota, client(i), now, day);
    }

    for (uint64_t at = now; at < now + 180000; at += 1000) {
        bool said = take(memory.quota, client(at), at, day)
                    == "no room, say so 0";

        assert_int_equal(said, (at - now) % 60000 == 0);
    }
}

// ---- addresses ----

void an_address_counts_as_its_client(void **)
{
    struct { const char *address, *client; } cases[] = {
        {"c0000207", "c0000207"},
        {"00000000000000000000ffffc0000207", "c0000207"},
        {"20010db8000000010000000000000001", "20010db800000001"},
        {"20010db800000001ffffffffffffffff", "20010db800000001"},
        {"20010db8000000020000000000000001", "20010db800000002"},
        {"00000000000000000000000000000001", "0000000000000000"},
        // Not what is mapped, but for one bit.
        {"00000000000000000000fffec0000207", "0000000000000000"},
        {"00000000000000000001ffffc0000207", "0000000000000000"},
        {"", ""},
    };

    for (const auto &c : cases) {
        std::string address = unit::from_hex(c.address);

        unit::assert_text(unit::to_hex(free_client(address)), c.client);
    }
}

// ---- killed in the middle ----

// Where a process may have stopped that put a client into the place of another
// whose window has ended.
void an_entry_that_is_half_written_is_nobodys(void **)
{
    uint64_t later = now + 10000;

    for (unsigned stored = 0; stored < 3; stored++) {
        Memory before(header + set), after(header + set), torn(header + set);
        constexpr size_t entry = header / 8;

        for (size_t i = 0; i < 8; i++) {
            take(before.quota, client(i));
        }

        after.words = before.words;
        take(after.quota, client(9), later);
        torn.words = before.words;
        assert_true(after.words[entry + 2] != before.words[entry + 2]);

        // The state, which makes it count, comes last.
        for (size_t i = 0; i < stored; i++) {
            torn.words[entry + i] = after.words[entry + i];
        }

        for (size_t i : {0u, 9u}) {
            for (const char *wanted : {"yes 2", "yes 1", "yes 0",
                     "used up 0"})
            {
                unit::assert_text(take(torn.quota, client(i), later), wanted);
            }
        }

        // No place is lost.
        for (size_t i = 10; i < 16; i++) {
            unit::assert_text(take(torn.quota, client(i), later), "yes 2");
        }
    }
}

// ---- several processes ----

constexpr size_t most_clients = 64, most_windows = 256;

struct Shared {
    pthread_mutex_t       lock;
    std::atomic<uint64_t> clock;  // rounds
    std::atomic<uint32_t> let_in[most_windows][most_clients];
    std::atomic<uint32_t> asked;
};

struct Mapping {
    explicit Mapping(size_t bytes) : size(sizeof(Shared) + bytes)
    {
        void *at = mmap(nullptr, size, PROT_READ | PROT_WRITE,
            MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        assert_true(at != MAP_FAILED);
        shared = static_cast<Shared *>(at);
        quota = FreeQuota::create(shared + 1, bytes, seed);

        // As nginx's master makes the zone's lock.
        init_robust_lock(shared->lock);
    }

    ~Mapping() { munmap(shared, size); }

    size_t     size;
    Shared    *shared;
    FreeQuota *quota;
};

template <typename Function>
void with_lock(const Mapping &mapping, Function function)
{
    if (pthread_mutex_lock(&mapping.shared->lock) == EOWNERDEAD) {
        pthread_mutex_consistent(&mapping.shared->lock);
    }

    function();
    pthread_mutex_unlock(&mapping.shared->lock);
}

// Exactly as many of those who ask at once are let in.
void processes_share_one_quota(void **)
{
    constexpr size_t children = 4, asked = 500;
    FreeRule rule = {700, 10000};
    Mapping mapping(32768);
    pid_t pids[children];

    for (pid_t &pid : pids) {
        pid = fork();
        assert_true(pid >= 0);

        for (size_t i = 0; pid == 0 && i < asked * 5; i++) {
            uint32_t left;

            with_lock(mapping, [&] {
                mapping.shared->let_in[0][i % 5] += mapping.quota->take(
                    client(i % 5), rule, now, left) == Taken::yes;
            });
        }

        if (pid == 0) {
            _exit(0);
        }
    }

    for (pid_t pid : pids) {
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }

    for (size_t who = 0; who < 5; who++) {
        assert_int_equal(mapping.shared->let_in[0][who], rule.requests);
    }
}

// Windows end all the time, and clients take each other's places. All windows
// of one round begin and end with it.
[[noreturn]] void hammer(const Mapping &mapping, uint64_t random)
{
    Shared *shared = mapping.shared;

    for (;;) {
        random = random * 6364136223846793005 + 1442695040888963407;

        size_t who = random >> 58;

        // Two clients ask more often than the rest.
        who = who > 40 ? who % 2 : who;

        with_lock(mapping, [&] {
            uint64_t round = shared->clock.load(), at = now + round * 10000;
            uint32_t left;

            shared->asked++;

            if (mapping.quota->take(client(who), three, at, left)
                == Taken::yes)
            {
                shared->let_in[round][who]++;
            }
        });
    }
}

void processes_that_are_killed_let_nobody_in_twice(void **)
{
    constexpr size_t kills = 200;
    Mapping mapping(header + 8 * set);
    Shared *shared = mapping.shared;
    pid_t pids[3] = {};
    unit::Random random;

    for (size_t i = 0; i < kills + 3; i++) {
        pid_t &pid = pids[i % 3];

        if (pid) {
            usleep(200 + unsigned(random.next() % 2000));
            kill(pid, SIGKILL);
            waitpid(pid, nullptr, 0);
            with_lock(mapping, [&] { shared->clock++; });
        }

        pid = 0;

        if (i < kills) {
            uint64_t number = random.next();

            pid = fork();
            if (pid == 0) {
                hammer(mapping, number);
            }
        }
    }

    assert_true(shared->asked > 1000);

    size_t all = 0;

    for (auto &window : shared->let_in) {
        for (auto &count : window) {
            assert_true(count <= three.requests);
            all += count;
        }
    }

    assert_true(all > 100);

    // And it goes on working: no place is lost.
    size_t places = 0;

    for (size_t who = 0; who < mapping.quota->clients() * 4; who++) {
        places += take(mapping.quota, client(who), now + most_windows * 10000)
                  == "yes 2";
    }

    assert_int_equal(places, mapping.quota->clients());
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_client_has_so_many_and_no_more),
        cmocka_unit_test(a_window_begins_with_its_first_request),
        cmocka_unit_test(to_look_takes_nothing),
        cmocka_unit_test(what_has_another_scope_is_counted_apart),
        cmocka_unit_test(a_rule_may_change_with_a_reload),
        cmocka_unit_test(a_clock_that_is_behind_gives_nothing_twice),
        cmocka_unit_test(the_largest_numbers_are_counted),
        cmocka_unit_test(two_thirds_of_the_table_can_be_used),
        cmocka_unit_test(who_has_a_window_keeps_it_in_a_full_table),
        cmocka_unit_test(it_is_said_once_a_minute_that_there_is_no_room),
        cmocka_unit_test(an_address_counts_as_its_client),
        cmocka_unit_test(an_entry_that_is_half_written_is_nobodys),
        cmocka_unit_test(processes_share_one_quota),
        cmocka_unit_test(processes_that_are_killed_let_nobody_in_twice),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
