#include "ledger_words.h"

namespace l402::ledger {

namespace {

std::string counted(uint64_t n, const char *what)
{
    return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

}  // namespace

std::string counted_entries(uint64_t n)
{
    return std::to_string(n) + (n == 1 ? " entry" : " entries");
}

std::string carried(const Ledger::Found &found)
{
    return counted(found.payments, "payment") + " and "
           + counted(found.revocations, "revocation");
}

std::string quoted(const std::string &path)
{
    return "\"" + path + "\"";
}

std::string too_small(const std::string &path, const Ledger::Found &found,
    size_t bytes)
{
    return quoted(path) + " holds " + carried(found) + ", which do not fit "
           "into the " + std::to_string(Layout(bytes).entries)
           + " of either that the zone has room for: make the zone larger";
}

std::string in_use(const std::string &path, size_t is, size_t wanted)
{
    return quoted(path) + " is in use with " + std::to_string(is)
           + " bytes, and would have " + std::to_string(wanted) + " now: stop "
           "nginx and start it again to change the size of the zone";
}

void note_crash(const std::string &path, const Content &content,
    std::vector<std::string> &notes)
{
    if (content.was_cut_short()) {
        notes.push_back("the machine was started anew while " + quoted(path)
            + " was in use: what was counted in the last half a minute before "
              "may be missing"
            + (content.lost()
                   ? ", about " + counted_entries(content.lost()) + " "
                         + (content.lost() == 1 ? "is" : "are") + " missing"
                   : ""));
    }
}

void note_reservations(const std::string &path, size_t count,
    std::vector<std::string> &notes)
{
    if (count) {
        notes.push_back(counted(count, "request") + " that had not been "
            "answered when all processes ended " + (count == 1 ? "is" : "are")
            + " given back in " + quoted(path));
    }
}

}  // namespace l402::ledger
