// pymacaroons as an oracle, which speaks V2: oracle_pymacaroons.py has the
// cases, and drives l402ctl.

#include "unit.h"

#include "command.h"

using namespace unit;

namespace {

void agrees(const char *name)
{
    Folder folder;
    Answer answer = run({"/usr/bin/python3",
        L402_TESTDATA "/oracle_pymacaroons.py", ctl_path(), folder.path,
        name});

    print_message("%s", answer.out.c_str());
    if (answer.status != 0) {
        fail_msg("%s", answer.err.c_str());
    }
}

void what_we_mint_they_verify(void **)
{
    agrees("what_we_mint_they_verify");
}

void what_they_mint_we_verify(void **)
{
    agrees("what_they_mint_we_verify");
}

void what_they_sign_we_verify_in_v1(void **)
{
    agrees("what_they_sign_we_verify_in_v1");
}

void what_they_attenuate_we_verify(void **)
{
    agrees("what_they_attenuate_we_verify");
}

void what_either_appends_is_the_same_to_the_byte(void **)
{
    agrees("what_either_appends_is_the_same_to_the_byte");
}

void both_versions_are_one_token(void **)
{
    agrees("both_versions_are_one_token");
}

void their_third_party_caveats_we_refuse(void **)
{
    agrees("their_third_party_caveats_we_refuse");
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(what_we_mint_they_verify),
        cmocka_unit_test(what_they_mint_we_verify),
        cmocka_unit_test(what_they_sign_we_verify_in_v1),
        cmocka_unit_test(what_they_attenuate_we_verify),
        cmocka_unit_test(what_either_appends_is_the_same_to_the_byte),
        cmocka_unit_test(both_versions_are_one_token),
        cmocka_unit_test(their_third_party_caveats_we_refuse),
    };

    return cmocka_run_group_tests_name("oracle_pymacaroons", tests, nullptr,
        nullptr);
}
