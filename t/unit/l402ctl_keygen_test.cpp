// l402ctl keygen: lines for key files.

#include "unit.h"

#include "command.h"

#include <cstring>

using namespace unit;
using nlohmann::json;

namespace {

void keygen_writes_a_line_for_a_key_file(void **)
{
    Answer        one = l402ctl({"keygen", "--comment", "web, 2026"});
    Answer        two = l402ctl({"keygen"});
    l402::Keyring keys;
    std::string   error;

    assert_exit(one, 0);
    assert_exit(two, 0);
    assert_int_equal(one.out.size(), 64 + strlen(" web, 2026\n"));
    assert_int_equal(two.out.size(), 65);
    assert_true(one.out.substr(0, 64) != two.out.substr(0, 64));
    assert_true(keys.parse(one.out + two.out, error));
    assert_int_equal(keys.size(), 2);
}

void a_comment_cannot_begin_a_line_of_its_own(void **)
{
    Answer answer = l402ctl({"keygen", "--comment", "x\ny"});

    assert_exit(answer, 2);
    assert_true(answer.out.empty());
}

// What --help says of rotation, done.
void a_new_key_goes_first_and_the_old_one_still_verifies(void **)
{
    Folder      folder;
    std::string one = l402ctl({"keygen"}).out, two = l402ctl({"keygen"}).out;
    std::string old = folder.write("old", one);
    std::string both = folder.write("both", two + one);
    std::string last = folder.write("last", two);

    std::string before = mint(old)["authorization"];
    std::string after = mint(both)["authorization"];

    assert_exit(verify(both, before), 0);
    assert_exit(verify(both, after), 0);
    assert_exit(verify(last, after), 0);
    assert_text(verify(last, before).out, "bad_signature\n");
    assert_text(verify(old, after).out, "bad_signature\n");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(keygen_writes_a_line_for_a_key_file),
        cmocka_unit_test(a_comment_cannot_begin_a_line_of_its_own),
        cmocka_unit_test(a_new_key_goes_first_and_the_old_one_still_verifies),
    };

    return cmocka_run_group_tests_name("l402ctl_keygen", tests, nullptr,
        nullptr);
}
