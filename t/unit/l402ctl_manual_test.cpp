// What is written about l402ctl, held against what it does: --help,
// docs/l402ctl.1 and the completion for bash.

#include "unit.h"

#include "command.h"
#include "fake_admin.h"

#include <set>
#include <sstream>

using namespace unit;

namespace {

const std::string manual = L402_TESTDATA "/../../docs/l402ctl.1";
const std::string completion =
    L402_TESTDATA "/../../src/cli/l402ctl.bash-completion";
const std::vector<std::string> commands = {"keygen", "mint", "inspect",
    "verify", "attenuate", "revoke", "unrevoke", "revocations", "payment"};

std::string help(const std::string &command)
{
    Answer answer = command.empty() ? l402ctl({"--help"})
                                    : l402ctl({command, "--help"});

    assert_exit(answer, 0);
    return answer.out;
}

// ---- examples ----

// What a stranger's challenge looks like, for the examples that ask a server.
constexpr const char *curl = R"(#!/bin/bash
case " $* " in
*" -sI "*)
    printf 'HTTP/1.1 402 Payment Required\r\nWWW-Authenticate: L402 '
    printf 'macaroon="%s", invoice="lnbc1", version="0", token="x"\r\n' \
        "$CURL_MACAROON" ;;
*) case " $* " in *" Authorization: L402 "*:*) ;; *) exit 1 ;; esac ;;
esac
)";

// Lines that are indented further belong to the one before.
std::vector<std::string> examples_of_help(const std::string &text)
{
    std::vector<std::string> examples;
    size_t                   at = text.find("\nExamples:\n");

    assert_true(at != text.npos);
    std::istringstream lines(text.substr(at + 11));

    for (std::string line; std::getline(lines, line) && !line.empty();) {
        assert_text(line.substr(0, 2), "  ");
        if (line.substr(0, 6) == "      ") {
            examples.back() += "\n" + line;
        } else {
            examples.push_back(line.substr(2));
        }
    }

    return examples;
}

std::vector<std::string> examples_of_manual()
{
    std::vector<std::string> examples;
    std::istringstream       lines(read_file(manual));
    bool                     inside = false;

    for (std::string line; std::getline(lines, line);) {
        if (line == ".EX" || line == ".EE") {
            inside = line == ".EX";
        } else if (inside) {
            for (size_t at; (at = line.find("\\-")) != line.npos;) {
                line.erase(at, 1);
            }
            assert_false(contains(line, "\\"));
            examples.push_back(line);
        }
    }

    return examples;
}

// In an empty folder, each with exit code 0 and none with a word on stderr
// but for a note.
void run_in_order(const std::vector<std::string> &examples)
{
    // The url of the examples, and of what stands in for it.
    const std::string shown = "http://127.0.0.1:8080/l402/";
    FakeAdmin         server{AdminState()};

    Folder      folder;
    Keys        keys;
    std::string bin = folder.path + "/bin", empty = folder.path + "/empty";
    std::string script = "set -o pipefail; cd '" + empty + "'; PATH='" + bin
        + "':$PATH; export CURL_MACAROON='" + Token(keys).base64() + "'\n";

    assert_int_equal(mkdir(bin.c_str(), 0700), 0);
    assert_int_equal(mkdir(empty.c_str(), 0700), 0);
    folder.write("bin/curl", curl, 0700);
    std::filesystem::create_symlink(ctl_path(), bin + "/l402ctl");

    for (const std::string &example : examples) {
        print_message("# %s\n", example.c_str());
        script += example + "\n";
        for (size_t at; (at = script.find(shown)) != script.npos;) {
            script.replace(at, shown.size(), server.url);
        }
        Answer answer = run({"/bin/bash", "-c", script + "exit $?"});

        if (answer.status != 0) {
            fail_msg("%s: exit %d: %s%s", example.c_str(), answer.status,
                answer.out.c_str(), answer.err.c_str());
        }
        if (!answer.err.empty() && !contains(answer.err, "l402ctl: note: ")) {
            fail_msg("%s: %s", example.c_str(), answer.err.c_str());
        }
        std::filesystem::remove_all(empty);
        assert_int_equal(mkdir(empty.c_str(), 0700), 0);
    }
}

void the_examples_of_help_work(void **)
{
    run_in_order(examples_of_help(help("")));

    for (const std::string &command : commands) {
        std::vector<std::string> examples = examples_of_help(help(command));
        bool                     shown = false;

        for (const std::string &example : examples) {
            shown = shown || contains(example, "l402ctl " + command);
        }
        assert_true(shown);
        run_in_order(examples);
    }
}

void the_examples_of_the_manual_work(void **)
{
    std::vector<std::string> examples = examples_of_manual();

    for (const std::string &command : commands) {
        bool shown = false;

        for (const std::string &example : examples) {
            shown = shown || contains(example, "l402ctl " + command);
        }
        assert_true(shown);
    }
    run_in_order(examples);
}

// ---- the manual ----

// The words (a to z and "-") that lines begin with, behind `indent`.
std::set<std::string> words_of(const std::string &text,
    const std::string &indent)
{
    std::istringstream    lines(text);
    std::set<std::string> words;

    for (std::string line; std::getline(lines, line);) {
        if (line.compare(0, indent.size(), indent) == 0) {
            line = line.substr(indent.size());
            words.insert(line.substr(0,
                line.find_first_not_of("abcdefghijklmnopqrstuvwxyz-")));
        }
    }

    words.erase("");
    return words;
}

// Those that are options.
std::set<std::string> options_of(const std::string &text,
    const std::string &indent)
{
    std::set<std::string> options;

    for (const std::string &word : words_of(text, indent)) {
        if (word.compare(0, 2, "--") == 0) {
            options.insert(word);
        }
    }

    return options;
}

// From a line to the next one that is not indented.
std::string section_of(const std::string &text, const std::string &title)
{
    size_t begin = text.find("\n" + title + "\n");

    if (begin == text.npos) {
        fail_msg("no section %s", title.c_str());
    }
    begin += title.size() + 2;

    size_t end = begin;
    while (end < text.size() && (text[end] == ' ' || text[end] == '\n')) {
        end = text.find('\n', end) + 1;
    }

    return text.substr(begin, end - begin);
}

std::string formatted(const std::vector<std::string> &options)
{
    std::vector<std::string> words{"/usr/bin/groff", "-man", "-ww", "-Tascii",
        "-P-c", "-P-b", "-P-u", "-rHY=0"};

    words.insert(words.end(), options.begin(), options.end());
    words.push_back(manual);
    Answer answer = run(words);

    assert_exit(answer, 0);
    assert_text(answer.err, "");
    return answer.out;
}

void the_manual_has_no_warnings(void **)
{
    formatted({"-z"});
}

// Each option in its subcommand's section, and none that there is not.
void the_manual_has_every_option_of_help(void **)
{
    std::string text = formatted({});

    for (const std::string &command : commands) {
        std::string title = command;

        for (char &c : title) {
            c = char(c - 32);
        }

        auto described = options_of(section_of(text, title), "       ");
        auto offered = options_of(help(command), "  ");

        assert_false(offered.empty());
        if (described != offered) {
            fail_msg("%s: %s instead of %s", command.c_str(),
                nlohmann::json(described).dump().c_str(),
                nlohmann::json(offered).dump().c_str());
        }
    }
    assert_contains(text, "-h, --help");
}

void the_manual_has_every_subcommand(void **)
{
    std::string synopsis = section_of(formatted({}), "SYNOPSIS");
    auto        in_help = words_of(section_of(help(""), "Subcommands:"), "  ");

    assert_true(in_help == words_of(synopsis, "       l402ctl "));
    for (const std::string &command : commands) {
        assert_true(in_help.count(command) == 1);
    }
}

// ---- completion ----

void completion_offers_what_help_has(void **)
{
    Folder folder;
    Answer answer = run({"/bin/bash", L402_TESTDATA "/l402ctl_completion.sh",
        ctl_path(), completion, folder.path});

    if (answer.status != 0 || !answer.err.empty()) {
        fail_msg("%s", answer.err.c_str());
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_help_work),
        cmocka_unit_test(the_examples_of_the_manual_work),
        cmocka_unit_test(the_manual_has_no_warnings),
        cmocka_unit_test(the_manual_has_every_option_of_help),
        cmocka_unit_test(the_manual_has_every_subcommand),
        cmocka_unit_test(completion_offers_what_help_has),
    };

    return cmocka_run_group_tests_name("l402ctl_manual", tests, nullptr,
        nullptr);
}
