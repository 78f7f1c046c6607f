// What is said of a ledger's file, in errors and notes.
#pragma once

#include "ledger_content.h"

#include <string>
#include <vector>

namespace l402::ledger {

std::string quoted(const std::string &path);
// "1 entry"
std::string counted_entries(uint64_t n);
// "2 payments and 1 revocation"
std::string carried(const Ledger::Found &found);

std::string too_small(const std::string &path, const Ledger::Found &found,
    size_t bytes);
std::string in_use(const std::string &path, size_t is, size_t wanted);

// Nothing where there is nothing to say.
void note_crash(const std::string &path, const Content &content,
    std::vector<std::string> &notes);
void note_reservations(const std::string &path, size_t count,
    std::vector<std::string> &notes);

}  // namespace l402::ledger
