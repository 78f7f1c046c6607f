// l402ctl from the outside: words in, words and exit codes out.

#include "unit.h"

#include "command.h"

using namespace unit;
using nlohmann::json;

namespace {

// ---- services ----

void services_are_named_as_in_a_configuration(void **)
{
    Folder      folder;
    std::string keys = folder.write("keys", key_1);

    for (const char *bad : {"", "on", "off", "a b", "a:256", "a:-1", "a:",
             "a:x", ":1", "a,b", "\xc3\xa9"}) {
        for (const char *command : {"mint", "verify"}) {
            Answer answer = l402ctl({command, "--key-file", keys, "--service",
                bad});
            assert_exit(answer, 2);
            assert_contains(answer.err, "--service");
        }
    }
    assert_exit(l402ctl({"mint", "--key-file", keys, "--service",
                    std::string(65, 'a')}), 2);
}

// ---- key files ----

void a_key_file_open_to_others_is_refused(void **)
{
    Folder folder;

    for (mode_t mode : {0644, 0604, 0666, 0602}) {
        std::string keys = folder.write("keys", key_1, mode);

        for (const char *command : {"mint", "verify"}) {
            Answer answer = l402ctl({command, "--key-file", keys, "--service",
                "w"});

            assert_exit(answer, 2);
            assert_contains(answer.err, keys);
            assert_contains(answer.err, "chmod 600");
            assert_true(answer.out.empty());
        }
    }
    for (mode_t mode : {0600, 0400, 0640}) {
        std::string keys = folder.write("keys", key_1, mode);
        assert_exit(l402ctl({"mint", "--key-file", keys, "--service", "w"}),
            0);
    }
}

void no_message_shows_a_key(void **)
{
    Folder            folder;
    const std::string digits = "0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcde";

    for (const std::string &bad : {digits, digits + "g", digits + "01"}) {
        std::string keys = folder.write("keys", bad);
        Answer      answer = l402ctl({"mint", "--key-file", keys, "--service",
                 "w"});

        assert_exit(answer, 2);
        assert_contains(answer.err, "line 1");
        assert_false(contains(answer.out + answer.err, "abcdef"));
    }

    std::string keys = folder.write("keys", digits + "f");
    for (const Answer &answer : {
             l402ctl({"mint", "--key-file", keys, "--service", "w"}),
             verify(keys, "L402 x"), verify(keys, "x", {"--json"})}) {
        assert_false(contains(answer.out + answer.err, "89abcdef0123"));
    }
}

void missing_and_empty_key_files_are_named(void **)
{
    Folder folder;

    Answer missing = l402ctl({"mint", "--key-file", folder.path + "/no",
        "--service", "w"});
    assert_exit(missing, 2);
    assert_contains(missing.err, folder.path + "/no");

    for (const std::string &file : {folder.write("empty", ""), folder.path,
             folder.write("long", std::string(100000, '#'))}) {
        Answer answer = l402ctl({"mint", "--key-file", file, "--service",
            "w"});
        assert_exit(answer, 2);
        assert_contains(answer.err, file);
    }
}

// ---- usage ----

void help_documents_the_exit_codes_and_exits_0(void **)
{
    Answer help = l402ctl({"--help"});

    assert_exit(help, 0);
    assert_contains(help.out, "Exit codes: 0");
    assert_contains(help.out, "Examples:");
    for (const char *command :
        {"keygen", "mint", "inspect", "verify", "attenuate", "revoke",
            "unrevoke", "revocations", "payment"})
    {
        assert_contains(help.out, command);
        Answer of_command = l402ctl({command, "--help"});
        assert_exit(of_command, 0);
        assert_contains(of_command.out, std::string("l402ctl ") + command);
    }
}

void wrong_usage_exits_2_and_says_so(void **)
{
    for (const std::vector<std::string> &words :
        std::vector<std::vector<std::string>>{{}, {"foo"}, {"mint"},
            {"verify"}, {"keygen", "--no-such-option"}, {"keygen", "extra"},
            {"mint", "--key-file", "x"}, {"inspect", "a", "b"},
            {"attenuate", "a", "b"}, {"attenuate", "--key-file", "x"}}) {
        Answer answer = l402ctl(words);

        assert_exit(answer, 2);
        assert_false(answer.err.empty());
        assert_true(answer.out.empty());
    }
}

void a_full_disk_is_not_success(void **)
{
    Answer answer = run({"/bin/sh", "-c", "exec \"$0\" keygen >/dev/full",
        ctl_path()});

    assert_exit(answer, 2);
    assert_false(answer.err.empty());
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(services_are_named_as_in_a_configuration),
        cmocka_unit_test(a_key_file_open_to_others_is_refused),
        cmocka_unit_test(no_message_shows_a_key),
        cmocka_unit_test(missing_and_empty_key_files_are_named),
        cmocka_unit_test(help_documents_the_exit_codes_and_exits_0),
        cmocka_unit_test(wrong_usage_exits_2_and_says_so),
        cmocka_unit_test(a_full_disk_is_not_success),
    };

    return cmocka_run_group_tests_name("l402ctl", tests, nullptr, nullptr);
}
