#include "l402/settled_memory.h"

#include "cmocka_cpp.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <random>
#include <vector>

using namespace l402;

namespace {

// 32 bytes that are as good as random, from a number.
Hash hash_of(uint64_t number)
{
    std::mt19937_64 random(number);
    Hash hash;

    for (size_t i = 0; i < hash.size(); i += 8) {
        uint64_t word = random();

        std::memcpy(hash.data() + i, &word, sizeof(word));
    }

    return hash;
}

SettledKey key_of(uint64_t number)
{
    return settled_key("weather", hash_of(number).data());
}

// A block that processes share, as a zone is.
struct Block {
    explicit Block(size_t entries) : size(SettledMemory::bytes_for(entries))
    {
        at = static_cast<char *>(mmap(nullptr, size, PROT_READ | PROT_WRITE,
            MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        assert_true(at != MAP_FAILED);
    }

    ~Block() { munmap(at, size); }

    SettledMemory memory() const { return {at, size}; }

    size_t size;
    char  *at;
};

void what_was_added_is_there(void **)
{
    Block block(1000);
    SettledMemory memory = block.memory();

    for (uint64_t i = 0; i < 100; i++) {
        assert_false(memory.has(key_of(i)));
        memory.add(key_of(i));
        assert_true(memory.has(key_of(i)));
    }

    // Another look at the same block, as another worker has it.
    for (uint64_t i = 0; i < 200; i++) {
        assert_int_equal(block.memory().has(key_of(i)), i < 100);
    }
}

void an_empty_block_has_nothing(void **)
{
    Block block(100);
    Hash zero{};

    assert_false(block.memory().has({0, 0}));
    assert_false(block.memory().has(settled_key("", zero.data())));

    SettledMemory none(nullptr, 0);

    none.add(key_of(1));
    assert_false(none.has(key_of(1)));
}

void every_bit_of_the_half_hash_counts(void **)
{
    Block block(100);
    SettledMemory memory = block.memory();
    Hash hash = hash_of(1);

    memory.add(settled_key("weather", hash.data()));

    for (size_t bit = 0; bit < 128; bit++) {
        Hash other = hash;

        other[bit / 8] = static_cast<uint8_t>(other[bit / 8] ^ (1 << bit % 8));
        assert_false(memory.has(settled_key("weather", other.data())));
    }
}

// Who has to be asked about one service says nothing of another.
void a_yes_is_one_sellers(void **)
{
    Block block(100);
    SettledMemory memory = block.memory();
    Hash hash = hash_of(1);

    memory.add(settled_key("weather", hash.data()));

    for (const char *other : {"", "weathe", "weather2", "Weather", "maps"}) {
        assert_false(memory.has(settled_key(other, hash.data())));
    }
}

void so_many_are_remembered(void **)
{
    Block block(16384);
    SettledMemory memory = block.memory();
    size_t lost = 0;

    for (uint64_t i = 0; i < 16384; i++) {
        memory.add(key_of(i));
    }

    for (uint64_t i = 0; i < 16384; i++) {
        lost += !memory.has(key_of(i));
    }

    assert_in_range(lost, 0, 16384 / 50);
}

void the_oldest_makes_room(void **)
{
    Block block(1);  // one set
    SettledMemory memory = block.memory();

    for (uint64_t i = 0; i < 100; i++) {
        memory.add(key_of(i));
        memory.add(key_of(i));  // takes no second place

        for (uint64_t j = 0; j <= i; j++) {
            assert_int_equal(memory.has(key_of(j)), j + 10 > i);
        }
    }
}

// ---- killed in the middle of a write ----

// All that a block can look like when some of a write's words were stored and
// others not, over an older entry: nothing but what was added is there.
void a_torn_entry_is_nobodys(void **)
{
    SettledKey old_key = key_of(1), new_key = key_of(2);
    SettledKey mixed[] = {{old_key.first, new_key.second},
                          {new_key.first, old_key.second}};
    constexpr size_t entry = 8, words = 3;

    for (unsigned stored = 0; stored < 1 << words; stored++) {
        Block before(1), after(1), torn(1);

        for (int i = 0; i < 10; i++) {
            before.memory().add(old_key);
        }

        after.memory().add(new_key);
        std::memcpy(torn.at, before.at, torn.size);

        for (size_t word = 0; word < words; word++) {
            size_t at = entry + 8 * word;

            if (stored & (1u << word)) {
                std::memcpy(torn.at + at, after.at + at, 8);
            }
        }

        assert_int_equal(torn.memory().has(old_key), stored == 0);
        assert_int_equal(torn.memory().has(new_key), stored == 7);

        for (const SettledKey &key : mixed) {
            assert_false(torn.memory().has(key));
        }

        // The place is not lost.
        torn.memory().add(key_of(3));
        assert_true(torn.memory().has(key_of(3)));
    }
}

// The same, with the halves of any two writers and the seal of a third.
void halves_of_different_writers_are_nobodys(void **)
{
    std::vector<Block> blocks;

    blocks.reserve(4);

    for (uint64_t i = 0; i < 4; i++) {
        blocks.emplace_back(1).memory().add(key_of(i));
    }

    for (int a = 0; a < 4; a++) {
        for (int b = 0; b < 4; b++) {
            for (int c = 0; c < 4; c++) {
                Block torn(1);

                std::memcpy(torn.at + 8, blocks[a].at + 8, 8);
                std::memcpy(torn.at + 16, blocks[b].at + 16, 8);
                std::memcpy(torn.at + 24, blocks[c].at + 24, 8);

                SettledKey key{key_of(a).first, key_of(b).second};

                assert_int_equal(torn.memory().has(key), a == b && b == c);
            }
        }
    }
}

// ---- several processes ----

constexpr uint64_t known = 1ULL << 32;

// Adds numbers of its own, and looks for numbers that nobody adds: with halves
// of what all write. Ends with 1 where it finds one.
[[noreturn]] void hammer(const Block &block, uint64_t who, uint64_t rounds)
{
    SettledMemory memory = block.memory();
    std::mt19937_64 random(who);

    for (uint64_t i = 0; i < rounds; i++) {
        SettledKey mine = key_of(random() % 64);
        SettledKey others = key_of(random() % 64);
        SettledKey nobodys{mine.first, others.second};

        memory.add(mine);

        if (mine.first != others.first && memory.has(nobodys)) {
            _exit(1);
        }
    }

    _exit(0);
}

void processes_that_write_at_once_make_up_nothing(void **)
{
    Block block(1);  // all of them in one set
    std::vector<pid_t> children;

    for (uint64_t who = 1; who <= 4; who++) {
        pid_t pid = fork();

        assert_true(pid >= 0);

        if (pid == 0) {
            hammer(block, who, 50000);
        }

        children.push_back(pid);
    }

    for (pid_t pid : children) {
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

// Wherever they are killed: what was there stays, what comes can be added, and
// nothing is found that nobody has added.
void processes_that_are_killed_leave_it_whole(void **)
{
    Block block(16384);
    SettledMemory memory = block.memory();

    for (uint64_t i = 0; i < 1000; i++) {
        memory.add(key_of(known + i));
    }

    for (uint64_t round = 0; round < 50; round++) {
        pid_t pid = fork();

        assert_true(pid >= 0);

        if (pid == 0) {
            hammer(block, round, ~0ULL);
        }

        usleep(static_cast<useconds_t>(500 + 37 * round));
        assert_int_equal(kill(pid, SIGKILL), 0);

        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        memory.add(key_of(2 * known + round));
    }

    size_t lost = 0;

    for (uint64_t i = 0; i < 1000; i++) {
        lost += !memory.has(key_of(known + i));
    }

    assert_in_range(lost, 0, 20);

    for (uint64_t a = 0; a < 64; a++) {
        for (uint64_t b = 0; b < 64; b++) {
            SettledKey key{key_of(a).first, key_of(b).second};

            assert_true(a == b || !memory.has(key));
        }
    }

    for (uint64_t round = 0; round < 50; round++) {
        assert_true(memory.has(key_of(2 * known + round)));
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_there),
        cmocka_unit_test(an_empty_block_has_nothing),
        cmocka_unit_test(every_bit_of_the_half_hash_counts),
        cmocka_unit_test(a_yes_is_one_sellers),
        cmocka_unit_test(so_many_are_remembered),
        cmocka_unit_test(the_oldest_makes_room),
        cmocka_unit_test(a_torn_entry_is_nobodys),
        cmocka_unit_test(halves_of_different_writers_are_nobodys),
        cmocka_unit_test(processes_that_write_at_once_make_up_nothing),
        cmocka_unit_test(processes_that_are_killed_leave_it_whole),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
