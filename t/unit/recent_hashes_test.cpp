#include "l402/recent_hashes.h"

#include "cmocka_cpp.h"

#include <cstring>

using namespace l402;

namespace {

Hash numbered(size_t number)
{
    Hash hash{};

    memcpy(hash.data() + 16, &number, sizeof(number));
    return hash;
}

void a_hash_is_new_once(void **)
{
    RecentHashes recent;

    assert_true(recent.add(numbered(1)));
    assert_false(recent.add(numbered(1)));
    assert_true(recent.add(numbered(2)));
    assert_false(recent.add(numbered(1)));
}

void the_latest_are_known_and_no_more(void **)
{
    RecentHashes recent;

    for (size_t i = 0; i < 2 * recent.capacity; i++) {
        assert_true(recent.add(numbered(i)));
    }

    for (size_t i = recent.capacity; i < 2 * recent.capacity; i++) {
        assert_false(recent.add(numbered(i)));
    }

    for (size_t i = 0; i < recent.capacity; i++) {
        assert_true(recent.add(numbered(i)));
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_is_new_once),
        cmocka_unit_test(the_latest_are_known_and_no_more),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
