// What it costs to refuse does not tell where a secret differs: instructions
// are counted by callgrind, so that the answer is the same on any machine and
// under any load. A count is compared with another count, never with a number.
//
// The program runs itself under valgrind: "<program> probe" makes each call
// once to warm up, and once to be counted.

#include "unit.h"

#include "command.h"

#include <functional>
#include <map>
#include <sstream>

#if __has_include(<valgrind/callgrind.h>)

#include <valgrind/callgrind.h>

using namespace unit;
using l402::Facts;
using l402::Result;
using l402::Verdict;

namespace {

// ---- what is counted ----

// Within a group all calls must cost the same. `at` says where the difference
// is.
struct Probe {
    std::string group;
    std::string at;
    std::string text;
    // False: the probe is not what it should be.
    std::function<bool(std::string_view)> call;

    // At one address for all: what libc does with a text depends on its
    // alignment.
    bool run() const
    {
        alignas(64) static char place[4096];

        assert_true(text.size() <= sizeof(place));
        std::copy(text.begin(), text.end(), place);
        CALLGRIND_ZERO_STATS;
        bool good = call({place, text.size()});
        CALLGRIND_DUMP_STATS;
        return good;
    }
};

struct Spot {
    const char *name;
    size_t      begin, end;  // of 32 bytes
};

constexpr Spot spots[] = {{"first", 0, 1}, {"middle", 16, 17},
    {"last", 31, 32}, {"all", 0, 32}};

void change(uint8_t *secret, const Spot &spot)
{
    for (size_t i = spot.begin; i < spot.end; i++) {
        secret[i] ^= 0x10;
    }
}

const Keys &keys()
{
    static const Keys k;
    return k;
}

bool refuses(std::string_view value, std::string_view Facts::*field,
    l402::VerifiedMemory *memory, Result wanted)
{
    Facts   facts;
    Verdict verdict;

    facts.service = "weather";
    facts.now = now;
    facts.*field = value;
    l402::verify(keys(), facts, memory, verdict);
    return verdict.result == wanted;
}

std::string with_signature(std::string bytes, size_t at, const Spot &spot)
{
    change(reinterpret_cast<uint8_t *>(&bytes[at]), spot);
    return bytes;
}

void signatures(std::vector<Probe> &out)
{
    Token       token(keys());
    std::string v1 = to_v1(token.bytes);
    std::string appended = attenuate(token.bytes,
        "preimage=" + l402::to_hex(token.preimage));

    for (const Spot &spot : spots) {
        std::string base64 = token.with(
            with_signature(token.bytes, token.bytes.size() - 32, spot));
        std::string older = token.with(
            with_signature(v1, v1.size() - 33, spot));
        std::string hex = to_hex(
            with_signature(appended, appended.size() - 32, spot));

        out.push_back({"signature, V2", spot.name, base64, [](auto text) {
            return refuses(text, &Facts::authorization, nullptr,
                Result::bad_signature);
        }});
        out.push_back({"signature, V1", spot.name, older, [](auto text) {
            return refuses(text, &Facts::authorization, nullptr,
                Result::bad_signature);
        }});
        out.push_back({"signature, hex", spot.name, hex, [](auto text) {
            return refuses(text, &Facts::macaroon, nullptr,
                Result::bad_signature);
        }});
    }
}

// A payment hash that differs from that of the preimage in one place can be
// minted, a preimage whose hash does cannot be found.
void preimages(std::vector<Probe> &out)
{
    for (const Spot &spot : spots) {
        Token token(keys());
        Hash  hash = token.payment_hash;

        change(hash.data(), spot);
        std::string value = token.with(l402::mint(keys(), 0, hash,
            token.token_id, {"services=weather:0"}));
        out.push_back({"preimage", spot.name, value, [](auto text) {
            return refuses(text, &Facts::authorization, nullptr,
                Result::bad_preimage);
        }});

        Hash other = token.preimage;
        change(other.data(), spot);
        std::string appended = token.with(attenuate(token.bytes,
            "preimage=" + l402::to_hex(other)));
        out.push_back({"preimage caveat", spot.name, appended, [](auto text) {
            return refuses(text, &Facts::authorization, nullptr,
                Result::caveat_refused);
        }});
    }
}

// What a worker remembers is found by a keyed hash of 16 characters of the
// preimage and 16 of the signature, all or nothing; then compared whole.
void remembered(std::vector<Probe> &out)
{
    static l402::VerifiedMemory memory(1 << 16);
    Token       token(keys());
    std::string credential = token.credential();
    std::string text = credential.substr(credential.find(' ') + 1);
    size_t      preimage = text.size() - 64, signature = preimage - 1 - 43;

    l402::KnownCredential known;

    assert_true(refuses(credential, &Facts::authorization, &memory,
        Result::ok));
    assert_true(memory.find(&keys(), text, known));

    auto add = [&](const char *group, const char *at, size_t place) {
        std::string other = text;

        other[place] = other[place] == '0' ? '1' : '0';
        out.push_back({group, at, other, [](auto text) {
            l402::KnownCredential known;

            return !memory.find(&keys(), text, known);
        }});
    };
    add("memory, compared", "first", 0);
    add("memory, compared", "middle", text.size() / 3);
    add("memory, compared", "signature, first", signature);
    add("memory, compared", "preimage, first", preimage);
    add("memory, compared", "preimage, before the hash", text.size() - 17);
    add("memory, hashed", "signature, last", preimage - 2);
    add("memory, hashed", "preimage, middle", text.size() - 16);
    add("memory, hashed", "preimage, last", text.size() - 1);
}

// Digits and letters that stand for secrets.
void decoding(std::vector<Probe> &out)
{
    for (const char *digit : {"0", "9", "a", "f", "F"}) {
        out.push_back({"hex", digit, std::string(64, *digit), [](auto text) {
            uint8_t bytes[32];
            return l402::hex_decode(text, bytes);
        }});
    }
    for (const char *letter : {"A", "z", "0", "/", "_"}) {
        std::string letters(300, *letter);

        out.push_back({"base64", letter, letters, [](auto text) {
            uint8_t bytes[l402::base64_decoded_max(300)];
            return l402::base64_decode(text, bytes) == 225;
        }});
    }
}

// An early exit, as memcmp may have: what this test is there to find.
bool equal_until_it_differs(const uint8_t *a, const uint8_t *b)
{
    for (size_t i = 0; i < 32; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

void early_exit(std::vector<Probe> &out)
{
    for (const Spot &spot : spots) {
        Hash other{};

        change(other.data(), spot);
        out.push_back({"early exit", spot.name,
            std::string(view(other.data(), 32)), [](auto text) {
            static const Hash one{};

            return !equal_until_it_differs(one.data(),
                reinterpret_cast<const uint8_t *>(text.data()));
        }});
    }
}

std::vector<Probe> all_probes()
{
    std::vector<Probe> out;

    signatures(out);
    preimages(out);
    remembered(out);
    decoding(out);
    early_exit(out);
    return out;
}

// "group|at" of each dump, in the order of the dumps. The first round warms up.
int probe()
{
    std::vector<Probe> probes = all_probes();

    for (const Probe &p : probes) {
        if (!p.run()) {
            std::fprintf(stderr, "%s, %s: not as it should be\n",
                p.group.c_str(), p.at.c_str());
            return 1;
        }
    }
    for (const Probe &p : probes) {
        (void) p.run();
        std::printf("%s|%s\n", p.group.c_str(), p.at.c_str());
    }
    return 0;
}

// ---- and compared ----

using Counts = std::map<std::string, std::map<std::string, long>>;

std::string own_path()
{
    return std::filesystem::read_symlink("/proc/self/exe");
}

long count_in(const std::string &path)
{
    std::string text = read_file(path);
    size_t      at = text.find("\nsummary: ");

    if (at == text.npos) {
        at = text.find("\ntotals: ");
    }
    if (at == text.npos) {
        fail_msg("no count in %s", path.c_str());
    }
    return std::strtol(text.c_str() + text.find(' ', at), nullptr, 10);
}

const Counts &counts()
{
    static Counts out;

    if (!out.empty()) {
        return out;
    }

    Folder folder;
    // libc's memcmp as it is on older processors: with AVX2 it compares 32
    // bytes at once, and a wrong use of it would not show.
    Answer answer = run({"/usr/bin/env",
        "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL",
        "/usr/bin/valgrind", "--tool=callgrind", "-q",
        "--callgrind-out-file=" + folder.path + "/count", own_path(),
        "probe"});

    if (answer.status != 0) {
        fail_msg("valgrind: %s", answer.err.c_str());
    }

    std::istringstream lines(answer.out);
    size_t             probes = all_probes().size(), number = probes;

    for (std::string line; std::getline(lines, line); ) {
        size_t bar = line.find('|');

        out[line.substr(0, bar)][line.substr(bar + 1)] =
            count_in(folder.path + "/count." + std::to_string(++number));
    }
    assert_int_equal(number, 2 * probes);
    return out;
}

void assert_all_cost_the_same(const std::string &group)
{
    const auto &costs = counts().at(group);
    std::string text;
    bool        same = true;

    for (const auto &[at, count] : costs) {
        text += " " + at + ": " + std::to_string(count);
        same = same && count == costs.begin()->second;
    }
    assert_true(costs.size() > 2);
    assert_true(costs.begin()->second > 0);
    if (!same) {
        fail_msg("%s:%s instructions", group.c_str(), text.c_str());
    }
}

void a_wrong_signature_does_not_tell_where_it_differs(void **)
{
    assert_all_cost_the_same("signature, V2");
    assert_all_cost_the_same("signature, V1");
    assert_all_cost_the_same("signature, hex");
}

void a_wrong_preimage_does_not_tell_where_its_hash_differs(void **)
{
    assert_all_cost_the_same("preimage");
}

void a_preimage_caveat_does_not_tell_where_it_differs(void **)
{
    assert_all_cost_the_same("preimage caveat");
}

void the_memory_does_not_tell_where_a_text_differs(void **)
{
    assert_all_cost_the_same("memory, compared");
    assert_all_cost_the_same("memory, hashed");
}

void decoding_does_not_tell_digits_apart(void **)
{
    assert_all_cost_the_same("hex");
    assert_all_cost_the_same("base64");
}

// Else the tests above would prove nothing.
void an_early_exit_is_told_apart(void **)
{
    const auto &costs = counts().at("early exit");

    assert_true(costs.at("first") < costs.at("middle"));
    assert_true(costs.at("middle") < costs.at("last"));
    assert_int_equal(costs.at("first"), costs.at("all"));
}

}  // namespace

int main(int argc, char **argv)
{
    if (argc == 2 && std::string_view(argv[1]) == "probe") {
        return probe();
    }

    const CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_signature_does_not_tell_where_it_differs),
        cmocka_unit_test(a_wrong_preimage_does_not_tell_where_its_hash_differs),
        cmocka_unit_test(a_preimage_caveat_does_not_tell_where_it_differs),
        cmocka_unit_test(the_memory_does_not_tell_where_a_text_differs),
        cmocka_unit_test(decoding_does_not_tell_digits_apart),
        cmocka_unit_test(an_early_exit_is_told_apart),
    };

    return cmocka_run_group_tests_name("constant_time", tests, nullptr,
        nullptr);
}

#else

namespace {

void valgrind_is_installed(void **)
{
    fail_msg("install the Debian package valgrind");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {cmocka_unit_test(valgrind_is_installed)};

    return cmocka_run_group_tests_name("constant_time", tests, nullptr,
        nullptr);
}

#endif
