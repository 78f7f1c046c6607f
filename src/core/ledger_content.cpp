#include "ledger_content.h"

#include <algorithm>
#include <cstring>

namespace l402::ledger {

namespace {

bool has_magic(const Header &header) noexcept
{
    return std::memcmp(header.magic, magic, sizeof(magic)) == 0;
}

bool is_zero(const void *data, size_t size) noexcept
{
    auto bytes = static_cast<const char *>(data);

    return std::all_of(bytes, bytes + size, [](char c) { return c == 0; });
}

std::string number(uint64_t n)
{
    return std::to_string(n);
}

// What a header says may be wrong: no more than a few times what is known.
size_t believable(const Header &header, size_t size, size_t expected) noexcept
{
    uint64_t most = 16 * static_cast<uint64_t>(std::max(size, expected));

    return has_magic(header) && header.bytes >= Ledger::min_bytes
                   && header.bytes <= most
               ? header.bytes : size;
}

}  // namespace

bool Content::read(int fd, size_t size, size_t expected)
{
    alignas(Header) char head[sizeof(Header)] = {};

    (void) read_into(fd, std::min(size, sizeof(head)), head);
    bytes = std::max(believable(*reinterpret_cast<const Header *>(head), size,
        expected), Ledger::min_bytes);

    if (!map_zeros(std::max(bytes, size), copy)) {
        return false;
    }

    bool all_was_read = read_into(fd, size, copy.block());

    readable = !has_magic(header()) || header().version == layout_version;

    if (readable) {
        found = Ledger::inspect(copy.block(), bytes);
    }

    // A size that is wrong in the header.
    if (readable && size != bytes && size >= Ledger::min_bytes) {
        Ledger::Found other = Ledger::inspect(copy.block(), size);

        if (other.payments + other.revocations > 0
            && other.payments + other.revocations >= good())
        {
            found = other;
            bytes = size;
        }
    }

    judge(size, all_was_read);
    return true;
}

void Content::judge(size_t size, bool all_was_read)
{
    if (size == 0) {
        damage = "is empty";

    } else if (!all_was_read) {
        damage = "cannot be read whole";

    } else if (!has_magic(header())) {
        damage = "does not begin as a ledger";
        foreign = good() == 0
                  && !is_zero(copy.block(), std::min(size, sizeof(Header)));

    } else if (!readable) {
        damage = "has the layout of another version of this module ("
                 + number(header().version) + ", here "
                 + number(layout_version) + ")";

    } else if (size < bytes) {
        damage = "is cut off: it has " + number(size) + " of "
                 + number(bytes) + " bytes";

    } else if (!Ledger::is_formatted(copy.block(), size)) {
        damage = "has " + number(size) + " bytes, its header says "
                 + number(header().bytes);

    } else if (found.damaged) {
        damage = "has damaged entries: " + number(found.damaged) + ", and "
                 + number(good()) + " good ones";

    } else if (found.missing && !was_cut_short()) {
        damage = "has " + number(good()) + " entries, and about "
                 + number(found.missing) + " are missing";
    }
}

bool Content::was_cut_short() const
{
    const char *text = header().boot_id;

    return !header().clean
           && boot_id() != std::string(text,
                  strnlen(text, sizeof(header().boot_id)));
}

}  // namespace l402::ledger
