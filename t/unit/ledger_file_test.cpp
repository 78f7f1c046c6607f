// A ledger in a file: what was counted is there again, or nginx says what it
// found. Never silently from zero.

#include "l402/ledger_file.h"

#include "ledgers.h"

#include "core/ledger_layout.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ledgers;
using Damaged = LedgerFile::Damaged;
namespace layout = l402::ledger;

namespace {

constexpr size_t small = Ledger::min_bytes;
constexpr Amount one_use = {1, 0};

// A folder that goes with what is in it.
struct Folder {
    Folder()
    {
        char name[] = "/tmp/l402_ledger_XXXXXX";

        assert_non_null(mkdtemp(name));
        folder = name;
        path = folder + "/ledger";
    }

    ~Folder()
    {
        for (const std::string &name : names()) {
            unlink((folder + "/" + name).c_str());
            rmdir((folder + "/" + name).c_str());
        }

        rmdir(folder.c_str());
    }

    std::vector<std::string> names() const
    {
        std::vector<std::string> list;
        DIR *dir = opendir(folder.c_str());

        while (dirent *entry = readdir(dir)) {
            if (entry->d_name[0] != '.') {
                list.push_back(entry->d_name);
            }
        }

        closedir(dir);
        std::sort(list.begin(), list.end());
        return list;
    }

    std::unique_ptr<LedgerFile> open(size_t bytes = small,
        Damaged damaged = Damaged::refuse)
    {
        notes.clear();
        error.clear();
        return LedgerFile::open(path, bytes, damaged, now, notes, error);
    }

    bool check(size_t bytes = small, Damaged damaged = Damaged::refuse)
    {
        notes.clear();
        error.clear();
        return LedgerFile::check(path, bytes, damaged, notes, error);
    }

    void write(const std::string &text, mode_t mode = 0600)
    {
        std::ofstream(path, std::ios::binary) << text;
        chmod(path.c_str(), mode);
    }

    // Of the file, before anybody opens it.
    void change(off_t at, const std::string &bytes)
    {
        int fd = ::open(path.c_str(), O_RDWR);

        assert_int_equal(pwrite(fd, bytes.data(), bytes.size(), at),
            bytes.size());
        close(fd);
    }

    std::string              folder, path;
    std::vector<std::string> notes;
    std::string              error;
};

void assert_has(const std::string &text, const char *part)
{
    if (text.find(part) == std::string::npos) {
        fail_msg("\"%s\" is not in \"%s\"", part, text.c_str());
    }
}

void assert_note(const Folder &folder, const char *part)
{
    assert_int_equal(folder.notes.size(), 1);
    assert_has(folder.notes[0], part);
}

// The process that has opened it has to detach before it is closed.
struct User {
    explicit User(std::unique_ptr<LedgerFile> opened) : file(std::move(opened))
    {
        assert_non_null(file.get());
        ledger = Ledger(file->block(), file->bytes());
    }

    ~User() { ledger.detach(); }

    std::unique_ptr<LedgerFile> file;
    Ledger                      ledger;
};

constexpr uint64_t payments = 40, revocations = 60;

void fill(Ledger &ledger)
{
    for (uint64_t i = 0; i < payments; i++) {
        Reservation reservation;

        for (uint64_t n = 0; n <= i; n++) {
            ledger.reserve(numbered(i).data(), uses(100), one_use, reservation,
                nullptr);
            ledger.settle(reservation, one_use, uses(100), nullptr);
        }
    }

    for (uint64_t i = 0; i < revocations; i++) {
        ledger.revoke({i & 1 ? Subject::token : Subject::payment, numbered(i),
                       now + int64_t(i)});
    }
}

void assert_filled(Ledger &ledger)
{
    for (uint64_t i = 0; i < payments; i++) {
        Payment payment;

        assert_true(ledger.payment(numbered(i).data(), payment));
        assert_amount(payment.spent, i + 1, 0);
        assert_amount(payment.minted, 100, 0);
        assert_amount(payment.held, 0, 0);
    }

    assert_int_equal(ledger.revocation_count(), revocations);

    uint64_t position = 0;

    for (const Revocation &one : ledger.revocations(position, 1000)) {
        uint64_t number;

        memcpy(&number, one.id.data(), sizeof(number));
        assert_true(one.subject
                    == (number & 1 ? Subject::token : Subject::payment));
        assert_int_equal(one.until, now + int64_t(number));
        assert_true(ledger.has_revocation(one.subject, one.id.data()));
    }

    assert_whole(ledger);
}

void make_filled(Folder &folder, size_t bytes = small)
{
    User user(folder.open(bytes));

    fill(user.ledger);
}

void a_new_one_is_told_of(void **)
{
    Folder folder;

    assert_true(folder.check());
    assert_int_equal(folder.names().size(), 0);

    User user(folder.open());

    assert_note(folder, "a new one was made");
    assert_int_equal(user.file->bytes(), small);
    assert_int_equal(user.ledger.free_payments(), user.ledger.max_payments());

    struct stat info;

    assert_int_equal(stat(folder.path.c_str(), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_size, small);
    assert_true(size_t(info.st_blocks) * 512 >= small);
    assert_int_equal(folder.names().size(), 1);
}

void what_was_counted_is_there_again(void **)
{
    Folder folder;

    make_filled(folder);

    for (int i = 0; i < 3; i++) {
        assert_true(folder.check());
        assert_int_equal(folder.notes.size(), 0);

        User user(folder.open());

        assert_int_equal(folder.notes.size(), 0);
        assert_filled(user.ledger);
    }
}

void one_who_joins_sees_the_same(void **)
{
    Folder folder;
    User first(folder.open());

    fill(first.ledger);

    // What is reserved stays reserved.
    Reservation reservation;

    first.ledger.reserve(numbered(0).data(), uses(100), one_use, reservation,
        nullptr);

    User second(folder.open());
    Payment payment;

    assert_int_equal(folder.notes.size(), 0);
    assert_true(second.ledger.payment(numbered(0).data(), payment));
    assert_amount(payment.held, 1, 0);
    second.ledger.unrevoke(Subject::token, numbered(1).data());
    assert_false(first.ledger.has_revocation(Subject::token,
        numbered(1).data()));
    second.ledger.revoke({Subject::token, numbered(1), now + 1});
    first.ledger.give_back(reservation);
    assert_filled(second.ledger);

    // Not in another size, while it is in use; a check is for the next start.
    assert_null(folder.open(2 * small).get());
    assert_has(folder.error, "is in use with 65536 bytes");
    assert_has(folder.error, "stop nginx");
    assert_true(folder.check(2 * small));
    assert_note(folder, "stop nginx");
}

void what_dead_processes_held_is_given_back(void **)
{
    Folder folder;
    pid_t pid = fork();

    if (pid == 0) {
        auto file = folder.open();
        Ledger ledger(file->block(), file->bytes());
        Reservation reservation;

        fill(ledger);
        ledger.reserve(numbered(0).data(), uses(100), one_use, reservation,
            nullptr);
        ledger.reserve(numbered(1).data(), uses(100), one_use, reservation,
            nullptr);
        kill(getpid(), SIGKILL);
    }

    int status;

    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));

    User user(folder.open());

    assert_note(folder, "2 requests that had not been answered");
    assert_filled(user.ledger);
}

void another_size_takes_all_over(void **)
{
    Folder folder;

    make_filled(folder);

    for (size_t bytes : {4 * small, 2 * small, small}) {
        assert_true(folder.check(bytes));

        User user(folder.open(bytes));

        assert_note(folder, "40 payments and 60 revocations were carried over");
        assert_filled(user.ledger);
        assert_int_equal(user.file->bytes(), bytes);
        assert_int_equal(folder.names().size(), 1);
    }
}

void a_size_that_is_too_small_is_refused(void **)
{
    Folder folder;

    {
        User user(folder.open(4 * small));

        for (uint64_t i = 0; i < user.ledger.max_payments(); i++) {
            user.ledger.revoke({Subject::token, numbered(i), 0});
        }
    }

    std::string before = unit::read_file(folder.path);

    assert_false(folder.check());
    assert_has(folder.error, "do not fit");
    assert_null(folder.open().get());
    assert_has(folder.error, folder.path.c_str());
    assert_has(folder.error, "do not fit");
    assert_has(folder.error, "make the zone larger");
    assert_true(unit::read_file(folder.path) == before);
    assert_int_equal(folder.names().size(), 1);
}

// One byte after the other wherever the layout puts something that matters.
std::string refused(Folder &folder, size_t bytes = small)
{
    std::string before = unit::read_file(folder.path);

    assert_false(folder.check(bytes));

    std::string said = folder.error;

    assert_null(folder.open(bytes).get());
    unit::assert_text(folder.error, said);
    assert_has(said, folder.path.c_str());
    assert_true(unit::read_file(folder.path) == before);
    assert_int_equal(folder.names().size(), 1);
    return said;
}

void assert_salvaged(Folder &folder, const char *what, const char *carried)
{
    std::string before = unit::read_file(folder.path);

    assert_true(folder.check(small, Damaged::salvage));
    assert_note(folder, "would be set aside");
    assert_true(unit::read_file(folder.path) == before);

    User user(folder.open(small, Damaged::salvage));

    assert_note(folder, what);
    assert_has(folder.notes[0], carried);
    assert_has(folder.notes[0],
        (folder.path + ".damaged.1700000000").c_str());
    assert_true(unit::read_file(folder.path + ".damaged.1700000000")
                == before);
    assert_int_equal(folder.names().size(), 2);
    assert_whole(user.ledger);
    unlink((folder.path + ".damaged.1700000000").c_str());
}

void a_file_that_was_cut_off_is_found(void **)
{
    Folder folder;

    make_filled(folder);
    assert_int_equal(truncate(folder.path.c_str(), 40000), 0);

    std::string said = refused(folder);

    assert_has(said, "is cut off: it has 40000 of 65536 bytes");
    assert_has(said, "damaged=salvage");

    // The payments come first, the revocations are lost.
    assert_salvaged(folder, "is cut off",
        "40 payments and 0 revocations were carried over, about");

    User user(folder.open());
    Payment payment;

    assert_int_equal(folder.notes.size(), 0);
    assert_true(user.ledger.payment(numbered(39).data(), payment));
    assert_amount(payment.spent, 40, 0);
}

void an_empty_file_is_found(void **)
{
    Folder folder;

    folder.write("");
    assert_has(refused(folder), "is empty");
    assert_salvaged(folder, "is empty", "0 payments and 0 revocations");
}

void a_damaged_entry_is_found(void **)
{
    Folder folder;
    layout::Layout places(small);

    make_filled(folder);
    // What was spent of the fourth payment.
    folder.change(off_t(places.payments_at + 3 * sizeof(layout::PaymentEntry)
        + offsetof(layout::PaymentEntry, spent_uses)), "x");
    assert_has(refused(folder), "has damaged entries: 1, and 99 good ones");
    assert_salvaged(folder, "has damaged entries: 1",
        "39 payments and 60 revocations were carried over, about 1 entry");
}

void an_entry_that_was_wiped_out_is_found(void **)
{
    Folder folder;
    layout::Layout places(small);

    make_filled(folder);
    folder.change(off_t(places.revocations_at
        + 3 * sizeof(layout::RevocationEntry)
        + offsetof(layout::RevocationEntry, state)), std::string(1, '\0'));
    assert_has(refused(folder), "has damaged entries: 1, and 99 good ones");
}

void pages_that_were_never_written_are_found(void **)
{
    Folder folder;
    layout::Layout places(small);
    std::string zeros(small - places.payments_at, '\0');

    make_filled(folder);
    folder.change(off_t(places.payments_at), zeros);
    assert_has(refused(folder), "has 0 entries, and about");
    assert_salvaged(folder, "are missing", "0 payments");
}

void the_same_after_a_start_of_the_machine_is_a_note(void **)
{
    Folder folder;
    layout::Layout places(small);
    std::string zeros(small - places.revocations_at, '\0');

    make_filled(folder);
    folder.change(off_t(places.revocations_at), zeros);
    folder.change(off_t(offsetof(layout::Header, boot_id)), "another");

    User user(folder.open());

    assert_note(folder, "entries are missing");
    assert_has(folder.notes[0], "machine was started anew");
}

void a_broken_header_is_found(void **)
{
    Folder folder;

    make_filled(folder);
    folder.change(0, "XXXX");
    assert_has(refused(folder), "does not begin as a ledger");
    assert_salvaged(folder, "does not begin as a ledger",
        "40 payments and 60 revocations");

    folder.change(off_t(offsetof(layout::Header, bytes)), "\x01");
    assert_has(refused(folder), "its header says");
    assert_salvaged(folder, "its header says",
        "40 payments and 60 revocations");
}

void another_version_is_found(void **)
{
    Folder folder;

    make_filled(folder);
    folder.change(off_t(offsetof(layout::Header, version)), "\x09");
    assert_has(refused(folder), "layout of another version of this module (9");
    assert_salvaged(folder, "another version", "all that it held lost");
}

void what_is_no_ledger_is_left_alone(void **)
{
    Folder folder;

    folder.write("root:x:0:0:root:/root:/bin/bash\n", 0644);
    assert_has(refused(folder), "is no ledger");
    assert_null(folder.open(small, Damaged::salvage).get());
    assert_has(folder.error, "is no ledger");
    assert_int_equal(folder.names().size(), 1);

    folder.write("what was one, perhaps", 0600);
    assert_has(refused(folder), "does not begin as a ledger");
    assert_salvaged(folder, "does not begin as a ledger", "0 payments");
}

void who_else_could_write_it_is_asked(void **)
{
    Folder folder;

    make_filled(folder);
    chmod(folder.path.c_str(), 0620);
    assert_has(refused(folder), "can be written by others");
    chmod(folder.path.c_str(), 0602);
    assert_has(refused(folder), "can be written by others");
    chmod(folder.path.c_str(), 0600);
    assert_true(folder.check());

    if (geteuid() == 0) {
        assert_int_equal(chown(folder.path.c_str(), 65534, 65534), 0);
        assert_has(refused(folder), "belongs to another user");
        assert_int_equal(chown(folder.path.c_str(), 0, 0), 0);
    }

    rename(folder.path.c_str(), (folder.folder + "/real").c_str());
    assert_int_equal(symlink("real", folder.path.c_str()), 0);
    assert_false(folder.check());
    assert_has(folder.error, "is a symbolic link");
    assert_null(folder.open().get());
    assert_has(folder.error, "is a symbolic link");
    unlink(folder.path.c_str());

    assert_int_equal(mkfifo(folder.path.c_str(), 0600), 0);
    assert_false(folder.check());
    assert_has(folder.error, "is not a regular file");
    assert_null(folder.open().get());
    unlink(folder.path.c_str());

    mkdir(folder.path.c_str(), 0700);
    assert_false(folder.check());
    assert_null(folder.open().get());
    rmdir(folder.path.c_str());

    folder.path = folder.folder + "/no/ledger";
    assert_false(folder.check());
    assert_has(folder.error, "/no/ledger");
    assert_null(folder.open().get());
    assert_has(folder.error, "/no/ledger");
}

void a_start_of_the_machine_is_told_of(void **)
{
    Folder folder;
    off_t boot = off_t(offsetof(layout::Header, boot_id));

    // It went away in the middle.
    make_filled(folder);
    folder.change(boot, "another");

    {
        User user(folder.open());

        assert_note(folder, "the machine was started anew");
        assert_filled(user.ledger);
    }

    // It ended in good order before.
    {
        User user(folder.open());

        assert_int_equal(folder.notes.size(), 0);
        user.file->end();
    }

    folder.change(boot, "another");

    {
        User user(folder.open());

        assert_int_equal(folder.notes.size(), 0);

        // It is not at its end while another uses it.
        User other(folder.open());

        user.file->end();
    }

    folder.change(boot, "another");

    User user(folder.open());

    assert_note(folder, "the machine was started anew");
}

void a_list_of_revocations_is_not_known_in_times_to_come(void **)
{
    Folder folder;

    {
        User user(folder.open());

        user.ledger.set_list_known_at(now - 5);
    }

    {
        User user(folder.open());

        assert_int_equal(user.ledger.list_known_at(), now - 5);
        user.ledger.set_list_known_at(now + 3600);
    }

    User user(folder.open());

    assert_int_equal(user.ledger.list_known_at(), 0);
}

void a_full_disk_is_an_error(void **)
{
    Folder folder;

    // More than any disk has, and no memory is asked for it.
    assert_null(folder.open(size_t(1) << 50).get());
    assert_has(folder.error, "bytes on the disk");
    assert_int_equal(folder.names().size(), 0);
}

// As when a package's script starts nginx twice.
void several_start_at_the_same_time(void **)
{
    for (int round = 0; round < 10; round++) {
        Folder folder;
        std::vector<pid_t> pids;

        for (int i = 0; i < 4; i++) {
            pid_t pid = fork();

            if (pid == 0) {
                auto file = folder.open();

                if (!file) {
                    _exit(1);
                }

                Ledger ledger(file->block(), file->bytes());
                Reservation reservation;
                bool good = ledger.reserve(numbered(7).data(), uses(100),
                                one_use, reservation, nullptr)
                            == Ledger::Reserve::held
                            && ledger.settle(reservation, one_use, uses(100),
                                   nullptr);

                ledger.detach();
                _exit(good ? 0 : 2);
            }

            pids.push_back(pid);
        }

        for (pid_t pid : pids) {
            int status;

            waitpid(pid, &status, 0);
            assert_int_equal(status, 0);
        }

        User user(folder.open());
        Payment payment;

        assert_true(user.ledger.payment(numbered(7).data(), payment));
        assert_amount(payment.spent, 4, 0);
        assert_int_equal(folder.names().size(), 1);
    }
}

// ---- whatever is wrong in it ----

// A revocation that is gone, or a payment of which less is spent, is never
// silent.
bool says_all(Ledger &ledger)
{
    for (uint64_t i = 0; i < payments; i++) {
        Payment payment;

        if (!ledger.payment(numbered(i).data(), payment)
            || payment.spent.uses < i + 1)
        {
            return false;
        }
    }

    for (uint64_t i = 0; i < revocations; i++) {
        if (!ledger.has_revocation(i & 1 ? Subject::token : Subject::payment,
                numbered(i).data()))
        {
            return false;
        }
    }

    return true;
}

void random_damage_is_found_or_does_no_harm(void **)
{
    Folder folder;
    unit::Random random;
    size_t found = 0, harmless = 0;

    make_filled(folder);

    std::string whole = unit::read_file(folder.path);

    for (int i = 0; i < 500; i++) {
        std::string text = whole;
        size_t count = 1 + random.below(random.below(4) ? 3 : 300);

        for (size_t n = 0; n < count; n++) {
            // The header, the locks and what is in use, mostly.
            size_t at = random.below(3) ? random.below(text.size())
                                        : random.below(9000);

            text[at] = char(random.below(3) ? random.next() : 0);
        }

        if (random.below(20) == 0) {
            text.resize(random.below(text.size()));
        }

        folder.write(text);

        auto damaged = random.below(2) ? Damaged::salvage : Damaged::refuse;
        bool good = folder.check(small, damaged);
        auto file = folder.open(small, damaged);

        assert_true(good == (file != nullptr));

        if (file == nullptr || !folder.notes.empty()) {
            found++;
        }

        if (file) {
            User user(std::move(file));

            assert_whole(user.ledger);

            if (folder.notes.empty()) {
                harmless++;
                assert_true(says_all(user.ledger));
            }
        }

        for (const std::string &name : folder.names()) {
            unlink((folder.folder + "/" + name).c_str());
        }
    }

    print_message("# %zu found, %zu harmless\n", found, harmless);
    assert_true(found > 50 && harmless > 50);
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_new_one_is_told_of),
        cmocka_unit_test(what_was_counted_is_there_again),
        cmocka_unit_test(one_who_joins_sees_the_same),
        cmocka_unit_test(what_dead_processes_held_is_given_back),
        cmocka_unit_test(another_size_takes_all_over),
        cmocka_unit_test(a_size_that_is_too_small_is_refused),
        cmocka_unit_test(a_file_that_was_cut_off_is_found),
        cmocka_unit_test(an_empty_file_is_found),
        cmocka_unit_test(a_damaged_entry_is_found),
        cmocka_unit_test(an_entry_that_was_wiped_out_is_found),
        cmocka_unit_test(pages_that_were_never_written_are_found),
        cmocka_unit_test(the_same_after_a_start_of_the_machine_is_a_note),
        cmocka_unit_test(a_broken_header_is_found),
        cmocka_unit_test(another_version_is_found),
        cmocka_unit_test(what_is_no_ledger_is_left_alone),
        cmocka_unit_test(who_else_could_write_it_is_asked),
        cmocka_unit_test(a_start_of_the_machine_is_told_of),
        cmocka_unit_test(a_list_of_revocations_is_not_known_in_times_to_come),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(several_start_at_the_same_time),
        cmocka_unit_test(random_damage_is_found_or_does_no_harm),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
