// A ledger in a file that all processes map, so that what costs money outlives
// a restart, kill -9 of them all, and a crash of the machine as far as the
// kernel had written it.
#pragma once

#include "l402/ledger.h"

#include <memory>

namespace l402 {

class LedgerFile {
public:
    enum class Damaged : uint8_t {
        refuse,   // a file that is not whole is an error, and stays as it is
        salvage,  // it is set aside, and what is whole of it is carried over
    };

    // Opens or makes the file (mode 0600) and maps it. Where another process
    // has it open it is joined as it is; else it is checked, what was reserved
    // is given back, and a file of another size is moved into one of this size.
    // Null: `error` says what is wrong and what would be right, without a full
    // stop. `notes` are lines for the log, in plain words.
    static std::unique_ptr<LedgerFile> open(const std::string &path,
        size_t bytes, Damaged damaged, int64_t now,
        std::vector<std::string> &notes, std::string &error);

    // For nginx -t: says what open() would say, and changes nothing.
    static bool check(const std::string &path, size_t bytes, Damaged damaged,
        std::vector<std::string> &notes, std::string &error);

    // Before the last process that uses it ends in good order: writes all to
    // the disk, and that it is all there. Without it the next open() after a
    // start of the machine notes that the last changes may be missing. Nothing
    // where others have opened the file, too.
    void end() noexcept;

    // Unmaps it, for which its Ledger has to be detached.
    ~LedgerFile();
    LedgerFile(const LedgerFile &) = delete;
    LedgerFile &operator=(const LedgerFile &) = delete;

    void *block() const noexcept { return block_; }
    size_t bytes() const noexcept { return bytes_; }

private:
    LedgerFile(int fd, void *block, size_t bytes) noexcept
        : fd_(fd), block_(block), bytes_(bytes)
    {
    }

    friend class LedgerOpener;

    int     fd_ = -1;
    void   *block_ = nullptr;
    size_t  bytes_ = 0;
};

}  // namespace l402
