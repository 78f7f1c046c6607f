// Files and locks, as ledger_file.cpp needs them.
#pragma once

#include <cstddef>
#include <string>

namespace l402::ledger {

class Descriptor {
public:
    Descriptor() = default;
    ~Descriptor() { reset(-1); }
    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;

    int get() const noexcept { return fd_; }
    int release() noexcept;
    void reset(int fd) noexcept;

private:
    int fd_ = -1;
};

class Mapping {
public:
    Mapping() = default;
    ~Mapping() { reset(nullptr, 0); }
    Mapping(const Mapping &) = delete;
    Mapping &operator=(const Mapping &) = delete;

    void *block() const noexcept { return block_; }
    size_t bytes() const noexcept { return bytes_; }
    void *release() noexcept;
    void reset(void *block, size_t bytes) noexcept;

private:
    void   *block_ = nullptr;
    size_t  bytes_ = 0;
};

// `"<path>" <what>: <the last system call's error>`
std::string failure(const std::string &path, const char *what);

enum class Opened { yes, absent, refused };

// A regular file that nobody but its owner can write, and whose owner is this
// process's user or root.
Opened open_file(const std::string &path, int flags, Descriptor &out,
    std::string &error);

// False where another file has taken its place.
bool is_at(int fd, const std::string &path) noexcept;

// Locks belong to what was opened: forked processes share them, and the kernel
// gives them back when the last of these is gone. Going from one kind to the
// other leaves no moment without a lock.
bool lock_alone(int fd) noexcept;
bool lock_shared(int fd) noexcept;
// The same, from without.
bool is_locked(int fd) noexcept;

bool map_shared(int fd, size_t bytes, Mapping &out) noexcept;
// Zeros that are not there before they are written.
bool map_zeros(size_t bytes, Mapping &out) noexcept;

// A bad sector is an error here, where a mapping would end the process.
bool read_into(int fd, size_t bytes, void *to) noexcept;

// So that a full disk is an error now.
bool fill_up(int fd, size_t bytes) noexcept;

// A new name is there after a crash.
bool sync_folder_of(const std::string &path) noexcept;
std::string folder_of(const std::string &path);

// Neither replaces a file at `to`.
bool move_new(const std::string &from, const std::string &to) noexcept;
bool link_or_move(const std::string &from, const std::string &to) noexcept;

// Another one after each start of the machine. Empty: unknown.
std::string boot_id();

}  // namespace l402::ledger
