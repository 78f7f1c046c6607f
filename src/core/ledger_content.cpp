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

uint64_t in_use(const Header &header, uint32_t entries) noexcept
{
    auto count = [entries](const Table &table) {
        uint64_t used = table.used;

        return used <= entries ? used : 0;
    };

    return count(header.payments) + count(header.revocations);
}

}  // namespace

bool Content::read(int fd, size_t size, size_t expected)
{
    alignas(Header) char head[sizeof(Header)] = {};
    auto &claimed = *reinterpret_cast<const Header *>(head);

    (void) read_into(fd, std::min(size, sizeof(head)), head);
    bytes = std::max(believable(claimed, size, expected), Ledger::min_bytes);

    if (!map_zeros(std::max(bytes, size), copy)) {
        return false;
    }

    bool all = read_into(fd, size, copy.block());
    bool known = has_magic(header());

    readable = !known || header().version == layout_version;

    if (readable) {
        found = Ledger::inspect(copy.block(), bytes);
    }

    uint64_t good = found.payments + found.revocations;

    if (readable) {
        uint64_t used = known ? in_use(header(), Layout(bytes).entries) : 0;

        lost = std::max<uint64_t>(found.damaged, used > good ? used - good : 0);
    }

    if (size == 0) {
        damage = "is empty";

    } else if (!all) {
        damage = "cannot be read whole";

    } else if (!known) {
        damage = "does not begin as a ledger";
        foreign = good == 0 && !is_zero(head, std::min(size, sizeof(head)));

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
                 + number(good) + " good ones";
    }

    return true;
}

}  // namespace l402::ledger
