#include "ledger_disk.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace l402::ledger {

int Descriptor::release() noexcept
{
    int fd = fd_;

    fd_ = -1;
    return fd;
}

void Descriptor::reset(int fd) noexcept
{
    if (fd_ != -1) {
        close(fd_);
    }

    fd_ = fd;
}

void *Mapping::release() noexcept
{
    void *block = block_;

    block_ = nullptr;
    return block;
}

void Mapping::reset(void *block, size_t bytes) noexcept
{
    if (block_ != nullptr) {
        munmap(block_, bytes_);
    }

    block_ = block;
    bytes_ = bytes;
}

std::string failure(const std::string &path, const char *what)
{
    return "\"" + path + "\" " + what + ": " + std::strerror(errno);
}

Opened open_file(const std::string &path, int flags, Descriptor &out,
    std::string &error)
{
    // A FIFO would wait for its other end.
    out.reset(open(path.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
        0600));

    if (out.get() == -1) {
        if (errno == ENOENT && !(flags & O_CREAT)) {
            return Opened::absent;
        }

        error = errno == ELOOP
                    ? "\"" + path + "\" is a symbolic link: name the file "
                      "that it leads to"
                    : failure(path, "cannot be opened");
        return Opened::refused;
    }

    struct stat info;

    if (fstat(out.get(), &info) == -1) {
        error = failure(path, "cannot be read");

    } else if (!S_ISREG(info.st_mode)) {
        error = "\"" + path + "\" is not a regular file";

    } else if (info.st_mode & (S_IWGRP | S_IWOTH)) {
        error = "\"" + path + "\" can be written by others than its owner: "
                "take that right away (chmod 600)";

    } else if (info.st_uid != geteuid() && info.st_uid != 0) {
        error = "\"" + path + "\" belongs to another user: it has to belong "
                "to the one who starts nginx, or to root";

    } else {
        return Opened::yes;
    }

    return Opened::refused;
}

bool is_at(int fd, const std::string &path) noexcept
{
    struct stat ours, theirs;

    return fstat(fd, &ours) == 0 && lstat(path.c_str(), &theirs) == 0
           && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

namespace {

struct flock whole_file(short type) noexcept
{
    struct flock lock = {};

    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return lock;
}

bool set_lock(int fd, short type) noexcept
{
    struct flock lock = whole_file(type);

    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

}  // namespace

bool lock_alone(int fd) noexcept
{
    return set_lock(fd, F_WRLCK);
}

bool lock_shared(int fd) noexcept
{
    return set_lock(fd, F_RDLCK);
}

bool is_locked(int fd) noexcept
{
    struct flock lock = whole_file(F_WRLCK);

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool map_shared(int fd, size_t bytes, Mapping &out) noexcept
{
    void *block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
        0);

    if (block == MAP_FAILED) {
        return false;
    }

    out.reset(block, bytes);
    return true;
}

bool map_zeros(size_t bytes, Mapping &out) noexcept
{
    void *block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (block == MAP_FAILED) {
        return false;
    }

    out.reset(block, bytes);
    return true;
}

bool read_into(int fd, size_t bytes, void *to) noexcept
{
    for (size_t at = 0; at < bytes; /* void */ ) {
        ssize_t n = pread(fd, static_cast<char *>(to) + at, bytes - at,
            off_t(at));

        if (n > 0) {
            at += size_t(n);

        } else if (n == 0 || errno != EINTR) {
            return false;
        }
    }

    return true;
}

bool fill_up(int fd, size_t bytes) noexcept
{
    int failed;

    do {
        failed = posix_fallocate(fd, 0, off_t(bytes));
    } while (failed == EINTR);

    errno = failed;
    return failed == 0;
}

std::string folder_of(const std::string &path)
{
    size_t slash = path.rfind('/');

    if (slash == std::string::npos) {
        return ".";
    }

    return slash == 0 ? "/" : path.substr(0, slash);
}

bool sync_folder_of(const std::string &path) noexcept
{
    Descriptor folder;

    folder.reset(open(folder_of(path).c_str(),
        O_RDONLY | O_DIRECTORY | O_CLOEXEC));

    // Some file systems have no such thing.
    return folder.get() != -1
           && (fsync(folder.get()) == 0 || errno == EINVAL);
}

bool move_new(const std::string &from, const std::string &to) noexcept
{
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(),
            RENAME_NOREPLACE) == 0)
    {
        return true;
    }

    if (errno != EINVAL && errno != ENOSYS) {
        return false;
    }

    // A file system that cannot: nearly the same.
    struct stat info;

    if (lstat(to.c_str(), &info) == 0) {
        errno = EEXIST;
        return false;
    }

    return rename(from.c_str(), to.c_str()) == 0;
}

bool link_or_move(const std::string &from, const std::string &to) noexcept
{
    if (link(from.c_str(), to.c_str()) == 0) {
        return true;
    }

    return (errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK
            || errno == ENOSYS)
           && move_new(from, to);
}

std::string boot_id()
{
    Descriptor fd;
    char       text[37] = {};

    fd.reset(open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));

    return fd.get() != -1 && read(fd.get(), text, 36) == 36 ? text : "";
}

}  // namespace l402::ledger
