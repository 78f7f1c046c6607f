// The memory of verified credentials: what it knows, and what it must not.

#include "unit.h"

using namespace unit;

namespace {

struct Fact {
    std::string macaroon;
    Hash        signature;
    Hash        preimage;
};

Fact make_fact(Random &random, size_t size = 200)
{
    return {random.bytes(size), random.hash(), random.hash()};
}

int owner_a, owner_b;

bool knows(l402::VerifiedMemory &memory, const Fact &f,
    const void *owner = &owner_a)
{
    return memory.knows(owner, f.macaroon, f.signature.data(),
        f.preimage.data());
}

void remember(l402::VerifiedMemory &memory, const Fact &f,
    const void *owner = &owner_a)
{
    memory.remember(owner, f.macaroon, f.signature.data(), f.preimage.data());
}

void it_knows_what_it_was_told_and_nothing_else(void **)
{
    Random               random;
    l402::VerifiedMemory memory(1 << 20);
    Fact                 fact = make_fact(random);

    assert_false(knows(memory, fact));
    remember(memory, fact);
    assert_true(knows(memory, fact));
    assert_false(knows(memory, make_fact(random)));
}

void it_knows_no_fact_with_one_bit_changed(void **)
{
    Random               random;
    l402::VerifiedMemory memory(1 << 20);
    Fact                 fact = make_fact(random);

    remember(memory, fact);

    for (size_t bit = 0; bit < 8 * fact.macaroon.size(); bit++) {
        Fact other = fact;
        other.macaroon[bit / 8] = char(other.macaroon[bit / 8]
            ^ (1 << bit % 8));
        assert_false(knows(memory, other));
    }
    for (size_t bit = 0; bit < 256; bit++) {
        Fact other = fact;
        other.preimage[bit / 8] ^= uint8_t(1 << bit % 8);
        assert_false(knows(memory, other));
        other = fact;
        other.signature[bit / 8] ^= uint8_t(1 << bit % 8);
        assert_false(knows(memory, other));
    }
}

void it_knows_no_longer_and_no_shorter_macaroon(void **)
{
    Random               random;
    l402::VerifiedMemory memory(1 << 20);
    Fact                 fact = make_fact(random);

    remember(memory, fact);

    Fact other = fact;
    other.macaroon += '\0';
    assert_false(knows(memory, other));
    other.macaroon.resize(fact.macaroon.size() - 1);
    assert_false(knows(memory, other));
    other.macaroon.clear();
    assert_false(knows(memory, other));
}

void one_keyring_does_not_know_anothers_facts(void **)
{
    Random               random;
    l402::VerifiedMemory memory(1 << 20);
    Fact                 fact = make_fact(random);

    remember(memory, fact, &owner_a);
    assert_false(knows(memory, fact, &owner_b));
    remember(memory, fact, &owner_b);
    assert_true(knows(memory, fact, &owner_a));
    assert_true(knows(memory, fact, &owner_b));
}

// The same macaroon twice with two preimages cannot happen; if it did, neither
// may be taken for the other.
void a_second_preimage_replaces_the_first(void **)
{
    Random               random;
    l402::VerifiedMemory memory(1 << 20);
    Fact                 first = make_fact(random), second = first;

    second.preimage = random.hash();
    remember(memory, first);
    remember(memory, second);
    assert_true(knows(memory, second));
    assert_false(knows(memory, first));
}

void it_stays_within_its_bounds_and_keeps_taking_new_facts(void **)
{
    Random               random;
    l402::VerifiedMemory memory(64 * 1024);
    std::vector<Fact>    facts;
    size_t               known = 0;

    for (size_t i = 0; i < 2000; i++) {
        facts.push_back(make_fact(random, 150 + random.below(100)));
        remember(memory, facts.back());
        assert_true(knows(memory, facts.back()));
    }
    for (const Fact &f : facts) {
        known += knows(memory, f);
    }

    assert_true(known > 50);
    assert_true(known * 150 <= 64 * 1024);
}

void it_holds_most_of_what_fits(void **)
{
    Random               random;
    l402::VerifiedMemory memory(4 << 20);
    std::vector<Fact>    facts;
    size_t               known = 0;

    for (size_t i = 0; i < 1000; i++) {
        facts.push_back(make_fact(random));
        remember(memory, facts.back());
    }
    for (const Fact &f : facts) {
        known += knows(memory, f);
    }

    assert_true(known > 950);
}

void sizes_beyond_an_entry_are_forgotten_and_harm_nothing(void **)
{
    Random               random;
    l402::VerifiedMemory memory(1 << 16);
    Fact                 small = make_fact(random, 10);

    remember(memory, small);
    for (size_t size = 0; size < 1200; size += 7) {
        Fact fact = make_fact(random, size);
        remember(memory, fact);
        (void) knows(memory, fact);
    }
    Fact huge = make_fact(random, l402::max_macaroon_size);
    remember(memory, huge);
    assert_false(knows(memory, huge));
}

void a_memory_of_no_size_still_works(void **)
{
    Random               random;
    l402::VerifiedMemory memory(0);
    Fact                 fact = make_fact(random);

    assert_false(knows(memory, fact));
    remember(memory, fact);
    assert_false(knows(memory, make_fact(random)));
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(it_knows_what_it_was_told_and_nothing_else),
        cmocka_unit_test(it_knows_no_fact_with_one_bit_changed),
        cmocka_unit_test(it_knows_no_longer_and_no_shorter_macaroon),
        cmocka_unit_test(one_keyring_does_not_know_anothers_facts),
        cmocka_unit_test(a_second_preimage_replaces_the_first),
        cmocka_unit_test(
            it_stays_within_its_bounds_and_keeps_taking_new_facts),
        cmocka_unit_test(it_holds_most_of_what_fits),
        cmocka_unit_test(sizes_beyond_an_entry_are_forgotten_and_harm_nothing),
        cmocka_unit_test(a_memory_of_no_size_still_works),
    };

    return cmocka_run_group_tests_name("memory", tests, nullptr, nullptr);
}
