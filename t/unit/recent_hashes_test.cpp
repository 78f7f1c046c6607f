#include "l402/recent_hashes.h"

#include "cmocka_cpp.h"

#include <cstring>
#include <memory>

using namespace l402;

namespace {

// All in one bucket.
Hash numbered(uint64_t number)
{
    Hash hash{};

    number++;
    memcpy(hash.data(), &number, sizeof(number));
    return hash;
}

std::unique_ptr<RecentHashes> zeroed()
{
    return std::make_unique<RecentHashes>();
}

void a_hash_is_new_once(void **)
{
    auto recent = zeroed();

    assert_true(recent->add(numbered(1)));
    assert_false(recent->add(numbered(1)));
    assert_true(recent->add(numbered(2)));
    assert_false(recent->add(numbered(1)));
}

void the_latest_of_a_bucket_are_known_and_no_more(void **)
{
    auto recent = zeroed();
    uint64_t n = recent->per_bucket;

    for (uint64_t i = 0; i < 2 * n; i++) {
        assert_true(recent->add(numbered(i)));
    }

    for (uint64_t i = n; i < 2 * n; i++) {
        assert_false(recent->add(numbered(i)));
    }

    assert_true(recent->add(numbered(0)));
}

void hashes_of_a_thousand_invoices_are_known(void **)
{
    auto recent = zeroed();
    size_t known = 0;
    Hash hashes[1000];

    for (size_t i = 0; i < 1000; i++) {
        // splitmix64, as random as a payment hash
        for (size_t j = 0; j < 4; j++) {
            uint64_t z = (4 * i + j + 1) * 0x9e3779b97f4a7c15;

            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            z ^= z >> 31;
            memcpy(hashes[i].data() + 8 * j, &z, 8);
        }

        assert_true(recent->add(hashes[i]));
    }

    for (const Hash &hash : hashes) {
        known += !recent->add(hash);
    }

    assert_true(known > 950);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_is_new_once),
        cmocka_unit_test(the_latest_of_a_bucket_are_known_and_no_more),
        cmocka_unit_test(hashes_of_a_thousand_invoices_are_known),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
