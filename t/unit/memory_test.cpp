// The memory of verified credentials: what it knows, and what it must not.

#include "unit.h"

using namespace unit;

namespace {

struct Fact {
    std::string              text;
    std::vector<std::string> caveats;
    Hash                     payment_hash, token_id, preimage;
};

Fact make_fact(Random &random, size_t size = 338)
{
    return {random.bytes(size),
        {"services=weather:0", random.bytes(random.below(60))}, random.hash(),
        random.hash(), random.hash()};
}

int owner_a, owner_b;

std::string text_of(const uint8_t *bytes)
{
    return {reinterpret_cast<const char *>(bytes), 32};
}

std::string text_of(const Hash &hash) { return text_of(hash.data()); }

// What is known is known as it was told.
bool knows(const l402::VerifiedMemory &memory, const Fact &f,
    const void *owner = &owner_a)
{
    l402::KnownCredential known;

    if (!memory.find(owner, f.text, known)) {
        return false;
    }

    assert_int_equal(known.caveat_count, f.caveats.size());
    for (size_t i = 0; i < f.caveats.size(); i++) {
        assert_true(known.caveats[i].view() == f.caveats[i]);
    }
    assert_true(text_of(known.payment_hash) == text_of(f.payment_hash));
    assert_true(text_of(known.token_id) == text_of(f.token_id));
    assert_true(text_of(known.preimage) == text_of(f.preimage));
    return true;
}

void remember(l402::VerifiedMemory &memory, const Fact &f,
    const void *owner = &owner_a)
{
    l402::Macaroon   macaroon{};
    l402::Identifier identifier{f.payment_hash.data(), f.token_id.data()};

    for (const std::string &caveat : f.caveats) {
        macaroon.caveats[macaroon.caveat_count++] = {caveat.data(),
            caveat.size()};
    }
    memory.remember(owner, f.text, macaroon, identifier, f.preimage.data());
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

void it_knows_no_text_with_one_bit_changed(void **)
{
    Random               random;
    l402::VerifiedMemory memory(1 << 20);
    Fact                 fact = make_fact(random);

    remember(memory, fact);

    for (size_t bit = 0; bit < 8 * fact.text.size(); bit++) {
        Fact other = fact;
        other.text[bit / 8] = char(other.text[bit / 8] ^ (1 << bit % 8));
        assert_false(knows(memory, other));
    }
}

// At the front, where the hash that finds an entry does not look.
void it_knows_no_longer_and_no_shorter_text(void **)
{
    Random               random;
    l402::VerifiedMemory memory(1 << 20);
    Fact                 fact = make_fact(random);

    remember(memory, fact);

    Fact other = fact;
    other.text = "x" + fact.text;
    assert_false(knows(memory, other));
    other.text = fact.text.substr(1);
    assert_false(knows(memory, other));
    other.text = fact.text + "x";
    assert_false(knows(memory, other));
    other.text.clear();
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

// Many times round the ring, with entries of every size.
void it_stays_within_its_bounds_and_keeps_taking_new_facts(void **)
{
    Random               random;
    l402::VerifiedMemory memory(64 * 1024);
    std::vector<Fact>    facts;
    size_t               known = 0;

    for (size_t i = 0; i < 5000; i++) {
        facts.push_back(make_fact(random, 150 + random.below(400)));
        remember(memory, facts.back());
        assert_true(knows(memory, facts.back()));

        // Whatever is still known of an older one is right.
        (void) knows(memory, facts[random.below(facts.size())]);
    }
    for (const Fact &f : facts) {
        known += knows(memory, f);
    }

    assert_true(known > 50);
    assert_true(known * 150 <= 64 * 1024);
}

void it_holds_nearly_all_that_fits(void **)
{
    Random               random;
    l402::VerifiedMemory memory(1 << 20);
    std::vector<Fact>    facts;
    size_t               known = 0;

    for (size_t i = 0; i < 1500; i++) {
        facts.push_back(make_fact(random));
        remember(memory, facts.back());
    }
    for (const Fact &f : facts) {
        known += knows(memory, f);
    }

    assert_true(known > 1425);
}

// The same last 81 characters: one place for all of them, as for the many
// copies that a holder makes of one token.
void copies_that_fall_together_do_not_stand_for_each_other(void **)
{
    Random               random;
    l402::VerifiedMemory memory(1 << 20);
    std::string          end = random.bytes(100);
    std::vector<Fact>    facts;
    size_t               known = 0;

    for (size_t i = 0; i < 100; i++) {
        facts.push_back(make_fact(random));
        facts.back().text.replace(facts.back().text.size() - end.size(),
            end.size(), end);
        remember(memory, facts.back());
        for (const Fact &f : facts) {
            known += knows(memory, f);
        }
    }

    assert_true(known > 0);
}

void sizes_out_of_bounds_are_not_remembered_and_harm_nothing(void **)
{
    Random               random;
    l402::VerifiedMemory memory(1 << 16);

    for (size_t size = 0; size < 5000; size += 7) {
        Fact fact = make_fact(random, size);
        remember(memory, fact);
        assert_int_equal(knows(memory, fact),
            size >= 128 && size <= l402::VerifiedMemory::max_text);
    }

    Fact many = make_fact(random);
    many.caveats.assign(l402::KnownCredential::max_caveats, "a=b");
    remember(memory, many);
    assert_true(knows(memory, many));

    Fact more = make_fact(random);
    more.caveats.assign(l402::KnownCredential::max_caveats + 1, "a=b");
    remember(memory, more);
    assert_false(knows(memory, more));
}

void a_memory_of_no_size_still_works(void **)
{
    Random               random;
    l402::VerifiedMemory memory(0);
    Fact                 fact = make_fact(random);

    assert_false(knows(memory, fact));
    remember(memory, fact);
    assert_false(knows(memory, make_fact(random)));

    Fact large = make_fact(random, 4000);
    remember(memory, large);
    assert_false(knows(memory, large));
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(it_knows_what_it_was_told_and_nothing_else),
        cmocka_unit_test(it_knows_no_text_with_one_bit_changed),
        cmocka_unit_test(it_knows_no_longer_and_no_shorter_text),
        cmocka_unit_test(one_keyring_does_not_know_anothers_facts),
        cmocka_unit_test(
            it_stays_within_its_bounds_and_keeps_taking_new_facts),
        cmocka_unit_test(it_holds_nearly_all_that_fits),
        cmocka_unit_test(
            copies_that_fall_together_do_not_stand_for_each_other),
        cmocka_unit_test(
            sizes_out_of_bounds_are_not_remembered_and_harm_nothing),
        cmocka_unit_test(a_memory_of_no_size_still_works),
    };

    return cmocka_run_group_tests_name("memory", tests, nullptr, nullptr);
}
