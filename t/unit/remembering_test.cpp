// Verification with a memory, and what an accepting one costs.

#include "allocations.h"
#include "verifying.h"

#include <cstring>

using namespace unit;

namespace {

void a_remembered_token_still_expires(void **)
{
    Keys                 keys;
    Token                token(keys, {"services=weather:0",
                             "weather_valid_until=1700000100"});
    std::string          credential = token.credential();
    l402::VerifiedMemory memory(1 << 20);
    Facts                facts = facts_for(credential);
    Verdict              v;

    for (int i = 0; i < 3; i++) {
        l402::verify(keys, facts, &memory, v);
        assert_int_equal(int(v.result), int(Result::ok));
    }
    facts.now = 1700000100;
    l402::verify(keys, facts, &memory, v);
    assert_int_equal(int(v.result), int(Result::expired));

    facts.now = now;
    facts.service = "maps";
    l402::verify(keys, facts, &memory, v);
    assert_int_equal(int(v.result), int(Result::wrong_service));

    facts.service = "weather";
    facts.tier = 1;
    l402::verify(keys, facts, &memory, v);
    assert_int_equal(int(v.result), int(Result::insufficient));
}

void a_remembered_token_is_good_with_its_own_preimage_only(void **)
{
    Keys                 keys;
    Token                token(keys);
    l402::VerifiedMemory memory(1 << 20);
    std::string          credential = token.credential();
    Verdict              v;

    l402::verify(keys, facts_for(credential), &memory, v);
    assert_int_equal(int(v.result), int(Result::ok));

    for (size_t bit = 0; bit < 256; bit++) {
        Token other = token;

        other.preimage[bit / 8] ^= uint8_t(1 << bit % 8);
        credential = other.credential();
        l402::verify(keys, facts_for(credential), &memory, v);
        assert_int_equal(int(v.result), int(Result::bad_preimage));
    }
    for (size_t bit = 0; bit < 8 * token.bytes.size(); bit++) {
        std::string bytes = token.bytes;

        bytes[bit / 8] = char(bytes[bit / 8] ^ (1 << bit % 8));
        credential = token.with(bytes);
        l402::verify(keys, facts_for(credential), &memory, v);
        assert_true(v.result != Result::ok);
    }
}

void a_refused_token_is_never_remembered(void **)
{
    Keys                 keys, others(key_2);
    Token                forged(others), unpaid(keys);
    l402::VerifiedMemory memory(1 << 20);
    Verdict              v;

    unpaid.preimage.fill(0x55);
    for (const std::string &credential : {forged.credential(),
             unpaid.credential()}) {
        for (int i = 0; i < 3; i++) {
            l402::verify(keys, facts_for(credential), &memory, v);
            assert_true(v.result != Result::ok);
        }
    }

    l402::KnownCredential known;
    std::string           text = unpaid.credential();

    assert_false(memory.find(&keys, text.substr(text.find(' ') + 1), known));
}

void what_one_keyring_knows_another_does_not(void **)
{
    Keys                 keys, others(key_2);
    Token                token(keys);
    std::string          credential = token.credential();
    l402::VerifiedMemory memory(1 << 20);
    Verdict              v;

    l402::verify(keys, facts_for(credential), &memory, v);
    assert_int_equal(int(v.result), int(Result::ok));
    l402::verify(others, facts_for(credential), &memory, v);
    assert_int_equal(int(v.result), int(Result::bad_signature));
}

void random_tokens_fare_the_same_with_and_without_a_memory(void **)
{
    Random               random;
    Keys                 keys(std::string(key_1) + "\n" + key_2);
    l402::VerifiedMemory memory(1 << 16);
    const char          *caveats[] = {"services=weather:1", "services=maps:1",
        "services=weather:0", "weather_valid_until=1700000050",
        "weather_valid_until=1699999999", "valid_until=1700000060", "a=b",
        "weather_valid_until=x"};
    size_t               good = 0;

    for (int round = 0; round < 2000; round++) {
        std::vector<std::string> chosen{caveats[random.below(3)]};

        for (size_t n = random.below(4); n > 0; n--) {
            chosen.emplace_back(caveats[random.below(std::size(caveats))]);
        }

        Token token(keys, chosen, random.below(2));
        if (random.below(6) == 0) {
            token.preimage = random.hash();
        }
        if (random.below(6) == 0) {
            size_t at = random.below(token.bytes.size());
            token.bytes[at] = char(token.bytes[at] ^ 1);
        }

        std::string credential = token.credential();
        for (int64_t t : {now, now + 55, now, now + 100}) {
            Facts   facts = facts_for(credential);
            Verdict with, without;

            facts.now = t;
            l402::verify(keys, facts, &memory, with);
            l402::verify(keys, facts, nullptr, without);
            assert_int_equal(int(with.result), int(without.result));
            good += with.result == Result::ok;
        }
    }
    assert_true(good > 200);
}

// ---- cost ----

void the_accepting_path_takes_no_heap(void **)
{
    Keys        keys(std::string(key_1) + "\n" + key_2);
    Token       token(keys, {"services=weather:3",
              "weather_valid_until=1700003600", "a=b"}, 1);
    std::string credential = token.credential();
    std::string v1 = token.with(to_v1(token.bytes));
    std::string hex = to_hex(attenuate(token.bytes,
        "preimage=" + l402::to_hex(token.preimage)));
    l402::VerifiedMemory memory(1 << 20);
    Verdict              v;

    Facts all[3] = {facts_for(credential), facts_for(v1), facts_for("")};
    all[2].macaroon = hex;

    for (l402::VerifiedMemory *m : {(l402::VerifiedMemory *) nullptr,
             &memory, &memory}) {
        for (const Facts &facts : all) {
            size_t before = allocations();

            l402::verify(keys, facts, m, v);

            size_t after = allocations();
            assert_int_equal(int(v.result), int(Result::ok));
            assert_int_equal(after - before, 0);
        }
    }
}

// Else the test above would prove nothing.
void allocations_are_counted(void **)
{
    size_t before = allocations();
    void *volatile p = std::malloc(10);  // volatile: not optimised away

    std::free(p);
    assert_int_equal(allocations() - before, 1);

    p = new char[100];  // in libstdc++
    delete[] static_cast<char *>(p);
    assert_int_equal(allocations() - before, 2);

    p = strdup("x");  // in libc
    std::free(p);
    assert_int_equal(allocations() - before, 3);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_remembered_token_still_expires),
        cmocka_unit_test(a_remembered_token_is_good_with_its_own_preimage_only),
        cmocka_unit_test(a_refused_token_is_never_remembered),
        cmocka_unit_test(what_one_keyring_knows_another_does_not),
        cmocka_unit_test(random_tokens_fare_the_same_with_and_without_a_memory),
        cmocka_unit_test(the_accepting_path_takes_no_heap),
        cmocka_unit_test(allocations_are_counted),
    };

    return cmocka_run_group_tests_name("remembering", tests, nullptr, nullptr);
}
