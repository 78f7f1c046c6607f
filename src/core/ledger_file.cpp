// Who opens the file, who joins those who have it open, and what becomes of a
// file that is not whole.

#include "l402/ledger_file.h"

#include "ledger_content.h"
#include "ledger_words.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace l402 {

using namespace ledger;

namespace {

// For one who is just opening it: checks and moves take a moment.
constexpr unsigned wait_step = 20;  // ms
constexpr unsigned max_wait = 30000;

const char *const remedy = ": move it away to start with nothing, or add "
                           "\"damaged=salvage\" to carry over what is whole";

bool size_of(int fd, size_t &size) noexcept
{
    struct stat info;

    if (fstat(fd, &info) == -1) {
        return false;
    }

    size = size_t(info.st_size);
    return true;
}

// A ledger of ours has mode 0600: what has another and does not look like one
// may be anything, and is not touched.
bool may_be_set_aside(int fd, const Content &content) noexcept
{
    struct stat info;

    return !content.foreign
           || (fstat(fd, &info) == 0 && (info.st_mode & 0777) == 0600);
}

// Null, or why what a file holds is not taken over.
std::string refusal(const std::string &path, int fd, const Content &content,
    LedgerFile::Damaged damaged)
{
    if (!may_be_set_aside(fd, content)) {
        return quoted(path) + " is no ledger: give the name of another file";
    }

    return damaged == LedgerFile::Damaged::refuse
               ? quoted(path) + " " + content.damage + remedy : "";
}

bool fits(const Ledger::Found &found, size_t bytes) noexcept
{
    size_t entries = Layout(bytes).entries;

    return found.payments <= entries && found.revocations <= entries;
}

void mark_open(Header &header, int64_t now) noexcept
{
    std::string boot = boot_id();

    header.clean = 0;
    std::memset(header.boot_id, 0, sizeof(header.boot_id));
    std::memcpy(header.boot_id, boot.data(), boot.size());

    // A time to come would make an old list look fresh for ever.
    if (header.list_known_at < 0 || header.list_known_at > now) {
        header.list_known_at = 0;
    }
}

}  // namespace

// One attempt after the other, until the file at the path stays the same for as
// long as it takes to lock it.
class LedgerOpener {
public:
    enum class Step { done, failed, again, wait };

    LedgerOpener(const std::string &path, size_t bytes,
        LedgerFile::Damaged damaged, int64_t now,
        std::vector<std::string> &notes, std::string &error)
        : path_(path),
          new_path_(path + ".new"),
          bytes_(bytes),
          damaged_(damaged),
          now_(now),
          notes_(notes),
          error_(error)
    {
    }

    Step step();
    std::unique_ptr<LedgerFile> result() { return std::move(result_); }

private:
    Step start();
    Step join(Descriptor &fd);
    Step take_over(Descriptor &fd);
    Step use(Descriptor &fd);
    Step replace(Descriptor &fd, const Content &content);
    Step build(const Content *from, Ledger::Found &found);
    bool set_aside(std::string &aside);
    Step finish(Descriptor &fd, Mapping &mapping);

    Step fail(std::string text)
    {
        error_ = std::move(text);
        return Step::failed;
    }

    const std::string         &path_;
    const std::string          new_path_;
    size_t                     bytes_;
    LedgerFile::Damaged        damaged_;
    int64_t                    now_;
    std::vector<std::string>  &notes_;
    std::string               &error_;
    Descriptor                 new_fd_;
    Mapping                    new_mapping_;
    std::unique_ptr<LedgerFile> result_;
};

LedgerOpener::Step LedgerOpener::step()
{
    Descriptor fd;

    switch (open_file(path_, O_RDWR, fd, error_)) {
    case Opened::absent:
        return start();

    case Opened::refused:
        return Step::failed;

    case Opened::yes:
        break;
    }

    bool alone = lock_alone(fd.get());

    if (!alone && !lock_shared(fd.get())) {
        return errno == EAGAIN || errno == EACCES
                   ? Step::wait : fail(failure(path_, "cannot be locked"));
    }

    if (!is_at(fd.get(), path_)) {
        return Step::again;
    }

    return alone ? take_over(fd) : join(fd);
}

LedgerOpener::Step LedgerOpener::finish(Descriptor &fd, Mapping &mapping)
{
    size_t bytes = mapping.bytes();

    result_.reset(new LedgerFile(fd.get(), mapping.block(), bytes));
    (void) fd.release();
    (void) mapping.release();
    return Step::done;
}

// There is none.
LedgerOpener::Step LedgerOpener::start()
{
    Ledger::Found found;
    Step step = build(nullptr, found);

    if (step != Step::done) {
        return step;
    }

    if (!move_new(new_path_, path_)) {
        step = errno == EEXIST ? Step::again
                               : fail(failure(path_, "cannot be made"));
        // Still locked: nobody else makes anything of it.
        (void) unlink(new_path_.c_str());
        return step;
    }

    if (!sync_folder_of(path_)) {
        return fail(failure(path_, "cannot be written to the disk"));
    }

    notes_.push_back(quoted(path_) + " was not there: a new one was made, with "
        "nothing counted and nothing revoked");
    (void) lock_shared(new_fd_.get());
    return finish(new_fd_, new_mapping_);
}

// Others use it: it stays as it is.
LedgerOpener::Step LedgerOpener::join(Descriptor &fd)
{
    Mapping mapping;
    size_t size;

    if (!size_of(fd.get(), size)) {
        return fail(failure(path_, "cannot be read"));
    }

    if (size != bytes_) {
        return fail(in_use(path_, size, bytes_));
    }

    if (!map_shared(fd.get(), size, mapping)) {
        return fail(failure(path_, "cannot be mapped"));
    }

    if (!Ledger::is_formatted(mapping.block(), size)) {
        return fail(quoted(path_) + " is in use, and is no ledger of this "
            "version: stop nginx and start it again");
    }

    return finish(fd, mapping);
}

LedgerOpener::Step LedgerOpener::take_over(Descriptor &fd)
{
    Content content;
    size_t size;

    if (!size_of(fd.get(), size)) {
        return fail(failure(path_, "cannot be read"));
    }

    if (!content.read(fd.get(), size, bytes_)) {
        return fail(failure(path_, "is too large for the memory"));
    }

    if (content.is_good()) {
        note_crash(path_, content, notes_);
        note_reservations(path_, content.found.reservations, notes_);
        return size == bytes_ ? use(fd) : replace(fd, content);
    }

    std::string why = refusal(path_, fd.get(), content, damaged_);

    return why.empty() ? replace(fd, content) : fail(why);
}

LedgerOpener::Step LedgerOpener::use(Descriptor &fd)
{
    Mapping mapping;

    // A copy of it may have holes.
    if (!fill_up(fd.get(), bytes_)) {
        return fail(failure(path_, "cannot have its place on the disk"));
    }

    if (!map_shared(fd.get(), bytes_, mapping)) {
        return fail(failure(path_, "cannot be mapped"));
    }

    (void) Ledger::rebuild(mapping.block(), bytes_);
    mark_open(*static_cast<Header *>(mapping.block()), now_);

    // The rest of what was made anew can be made once more.
    if (msync(mapping.block(), page, MS_SYNC) == -1) {
        return fail(failure(path_, "cannot be written to the disk"));
    }

    (void) lock_shared(fd.get());
    return finish(fd, mapping);
}

// A new file of the right size, not at its place yet, and locked.
LedgerOpener::Step LedgerOpener::build(const Content *from,
    Ledger::Found &found)
{
    Descriptor fd;

    if (open_file(new_path_, O_RDWR | O_CREAT, fd, error_)
        != Opened::yes)
    {
        return Step::failed;
    }

    if (!lock_alone(fd.get())) {
        return Step::wait;
    }

    if (!is_at(fd.get(), new_path_)) {
        return Step::again;
    }

    if (ftruncate(fd.get(), 0) == -1 || fchmod(fd.get(), 0600) == -1
        || !fill_up(fd.get(), bytes_))
    {
        (void) fail(failure(new_path_, ("cannot have its "
            + std::to_string(bytes_) + " bytes on the disk").c_str()));
        (void) unlink(new_path_.c_str());
        return Step::failed;
    }

    Mapping mapping;

    if (!map_shared(fd.get(), bytes_, mapping)) {
        return fail(failure(new_path_, "cannot be mapped"));
    }

    Ledger::format(mapping.block(), bytes_);

    if (from && from->readable
        && !Ledger::move(from->copy.block(), from->bytes, mapping.block(),
               bytes_, found))
    {
        (void) unlink(new_path_.c_str());
        return fail(too_small(path_, from->found, bytes_));
    }

    mark_open(*static_cast<Header *>(mapping.block()), now_);

    if (msync(mapping.block(), bytes_, MS_SYNC) == -1
        || fsync(fd.get()) == -1)
    {
        return fail(failure(new_path_, "cannot be written to the disk"));
    }

    new_fd_.reset(fd.release());
    new_mapping_.reset(mapping.block(), bytes_);
    (void) mapping.release();
    return Step::done;
}

bool LedgerOpener::set_aside(std::string &aside)
{
    for (int i = 0; i < 100; i++) {
        aside = path_ + ".damaged." + std::to_string(now_)
                + (i ? "." + std::to_string(i) : "");

        if (link_or_move(path_, aside)) {
            return true;
        }

        if (errno != EEXIST) {
            return false;
        }
    }

    return false;
}

// By a new file with what is whole of it. There is a file at the path all the
// time: one of them.
LedgerOpener::Step LedgerOpener::replace(Descriptor &fd, const Content &content)
{
    Ledger::Found found;
    std::string aside;
    Step step = build(&content, found);

    if (step != Step::done) {
        return step;
    }

    if ((!content.is_good() && !set_aside(aside))
        || rename(new_path_.c_str(), path_.c_str()) == -1)
    {
        step = fail(failure(path_, "cannot be replaced by a new file"));
        (void) unlink(new_path_.c_str());
        return step;
    }

    if (!sync_folder_of(path_)) {
        return fail(failure(path_, "cannot be written to the disk"));
    }

    if (content.is_good()) {
        notes_.push_back(quoted(path_) + " has " + std::to_string(bytes_)
            + " bytes now, " + carried(found) + " were carried over");

    } else {
        notes_.push_back(quoted(path_) + " " + content.damage
            + ": it was set aside as " + quoted(aside) + ", "
            + carried(found) + " were carried over, "
            + (content.readable
                   ? "about " + counted_entries(content.lost())
                   : "all that it held") + " lost");
    }

    fd.reset(-1);
    (void) lock_shared(new_fd_.get());
    return finish(new_fd_, new_mapping_);
}

std::unique_ptr<LedgerFile> LedgerFile::open(const std::string &path,
    size_t bytes, Damaged damaged, int64_t now,
    std::vector<std::string> &notes, std::string &error)
{
    LedgerOpener opener(path, bytes, damaged, now, notes, error);
    unsigned waited = 0;

    for ( ;; ) {
        switch (opener.step()) {
        case LedgerOpener::Step::done:
            return opener.result();

        case LedgerOpener::Step::failed:
            return nullptr;

        case LedgerOpener::Step::again:
        case LedgerOpener::Step::wait:
            break;
        }

        if (waited >= max_wait) {
            error = quoted(path) + " is being opened by another process for "
                    "more than half a minute";
            return nullptr;
        }

        usleep(wait_step * 1000);
        waited += wait_step;
    }
}

bool LedgerFile::check(const std::string &path, size_t bytes, Damaged damaged,
    std::vector<std::string> &notes, std::string &error)
{
    Descriptor fd;
    size_t size;

    switch (open_file(path, O_RDONLY, fd, error)) {
    case Opened::refused:
        return false;

    case Opened::absent:
        if (access(folder_of(path).c_str(), W_OK | X_OK) == 0) {
            return true;
        }

        error = failure(path, "cannot be made");
        return false;

    case Opened::yes:
        break;
    }

    if (!size_of(fd.get(), size)) {
        error = failure(path, "cannot be read");
        return false;
    }

    // What is being changed cannot be judged.
    if (is_locked(fd.get())) {
        if (size != bytes) {
            notes.push_back(in_use(path, size, bytes));
        }

        return true;
    }

    Content content;

    if (!content.read(fd.get(), size, bytes)) {
        error = failure(path, "is too large for the memory");
        return false;
    }

    if (!content.is_good()) {
        error = refusal(path, fd.get(), content, damaged);

        if (!error.empty()) {
            return false;
        }

        notes.push_back(quoted(path) + " " + content.damage
            + ": it would be set aside, and " + carried(content.found)
            + " carried over");
    }

    if (!fits(content.found, bytes)) {
        error = too_small(path, content.found, bytes);
        return false;
    }

    return true;
}

void LedgerFile::end() noexcept
{
    // Whoever was forked has the same lock.
    if (!lock_alone(fd_)) {
        return;
    }

    auto header = static_cast<Header *>(block_);

    if (msync(block_, bytes_, MS_SYNC) == 0) {
        header->clean = 1;
        (void) msync(block_, page, MS_SYNC);
    }

    (void) lock_shared(fd_);
}

LedgerFile::~LedgerFile()
{
    munmap(block_, bytes_);
    close(fd_);
}

}  // namespace l402
