// Runs the l402ctl of the build that the test belongs to. Include it after
// unit.h.
#pragma once

#include <climits>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace unit {

// build/unit/x_test is this program, build/l402ctl that one.
inline std::string build_folder()
{
    char    path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof(path));

    assert_true(size > 0);
    return std::filesystem::path(std::string(path, size_t(size)))
        .parent_path().parent_path();
}

inline std::string ctl_path()
{
    std::string path = build_folder() + "/l402ctl";

    if (access(path.c_str(), X_OK) != 0) {
        fail_msg("%s is not there", path.c_str());
    }
    return path;
}

// A folder below build/ that goes with the object.
struct Folder {
    std::string path;

    Folder() : path(build_folder() + "/unit/files.XXXXXX")
    {
        if (mkdtemp(&path[0]) == nullptr) {
            fail_msg("no folder %s", path.c_str());
        }
    }

    ~Folder() { std::filesystem::remove_all(path); }

    std::string write(const std::string &name, std::string_view text,
        mode_t mode = 0600) const
    {
        std::string file = path + "/" + name;

        std::ofstream(file, std::ios::binary) << text;
        assert_int_equal(chmod(file.c_str(), mode), 0);
        return file;
    }
};

struct Answer {
    int         status;
    std::string out;
    std::string err;
};

inline Answer run(const std::vector<std::string> &words,
    std::string_view input = "")
{
    Folder              folder;
    std::string         in = folder.write("in", input);
    std::string         out = folder.path + "/out", err = folder.path + "/err";
    std::vector<char *> argv;

    for (const std::string &word : words) {
        argv.push_back(const_cast<char *>(word.c_str()));
    }
    argv.push_back(nullptr);

    pid_t pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        int fds[] = {open(in.c_str(), O_RDONLY),
            open(out.c_str(), O_WRONLY | O_CREAT, 0600),
            open(err.c_str(), O_WRONLY | O_CREAT, 0600)};

        for (int i = 0; i < 3; i++) {
            dup2(fds[i], i);
        }
        execv(argv[0], argv.data());
        _exit(127);
    }

    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
        read_file(out), read_file(err)};
}

inline Answer l402ctl(std::vector<std::string> words,
    std::string_view input = "")
{
    words.insert(words.begin(), ctl_path());
    return run(words, input);
}

inline void assert_exit(const Answer &answer, int wanted)
{
    if (answer.status != wanted) {
        fail_msg("exit %d instead of %d: %s%s", answer.status, wanted,
            answer.out.c_str(), answer.err.c_str());
    }
}

inline bool contains(const std::string &text, std::string_view part)
{
    return text.find(part) != text.npos;
}

inline void assert_contains(const std::string &text, const std::string &part)
{
    if (!contains(text, part)) {
        fail_msg("\"%s\" is not in: %s", part.c_str(), text.c_str());
    }
}

// Refused, usage or not: nothing on stdout, and one line that says why.
inline void assert_says(const Answer &answer, int status,
    const std::string &part)
{
    assert_exit(answer, status);
    assert_true(answer.out.empty());
    assert_contains(answer.err, part);
    if (answer.err.find('\n') != answer.err.size() - 1) {
        fail_msg("not one line: %s", answer.err.c_str());
    }
}

// The caveats of a token in base64.
inline std::vector<std::string> caveats_of(const std::string &base64)
{
    std::vector<std::string> caveats;
    std::string              bytes = from_base64(base64);
    l402::Macaroon           m;

    assert_true(l402::parse_macaroon(bytes, m));
    for (size_t i = 0; i < m.caveat_count; i++) {
        caveats.emplace_back(m.caveats[i].view());
    }
    return caveats;
}

inline void assert_caveats(const std::string &base64,
    const std::vector<std::string> &wanted)
{
    nlohmann::json got = caveats_of(base64), expected = wanted;

    assert_text(got.dump(), expected.dump());
}

// A token for weather:2, as mint --json prints it.
inline nlohmann::json mint(const std::string &keys,
    std::vector<std::string> words = {})
{
    words.insert(words.begin(), {"mint", "--json", "--key-file", keys,
                                    "--service", "weather:2"});

    Answer answer = l402ctl(words);
    assert_exit(answer, 0);
    return nlohmann::json::parse(answer.out);
}

// Its answer for a location with `l402 weather`.
inline Answer verify(const std::string &keys, const std::string &credential,
    std::vector<std::string> words = {})
{
    words.insert(words.begin(), {"verify", "--key-file", keys, "--service",
                                    "weather"});
    return l402ctl(words, credential);
}

}  // namespace unit
