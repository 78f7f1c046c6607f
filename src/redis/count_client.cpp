#include "l402/count_client.h"

#include "count_calls.h"
#include "count_reply.h"

namespace l402 {

using State = JournalEntry::State;

namespace {

constexpr size_t most_told_at_once = 32;
constexpr size_t most_forgotten_at_once = 512;

}  // namespace

CountClient::CountClient(RedisLink &link, Journal &journal,
    CountOptions options)
    : link_(link), journal_(journal), options_(std::move(options))
{
}

CountClient::~CountClient()
{
    for (std::unique_ptr<Call> &call : calls_) {
        link_.forget(*call);
    }

    calls_.clear();
}

// False: there is no connection, and the call is gone.
bool CountClient::start(std::unique_ptr<Call> call)
{
    Call &started = *call;

    calls_.push_back(std::move(call));
    started.at = std::prev(calls_.end());

    try {
        if (started.send()) {
            return true;
        }

    } catch (...) {
        end(started);
        throw;
    }

    end(started);
    return false;
}

void CountClient::end(Call &call) noexcept
{
    calls_.erase(call.at);
}

CountClient::Start CountClient::reserve(const Hash &payment_hash,
    const Allowance &allowance, Amount amount, const RequestId &id,
    int64_t now, CountWaiter &waiter, JournalRef &claim)
{
    JournalEntry entry;

    entry.payment_hash = payment_hash;
    entry.id = id;
    entry.amount = amount;
    entry.limit = allowance.limit;
    entry.expires = allowance.expires;
    claim = journal_.add(entry);

    if (!claim) {
        return Start::full;
    }

    JournalRef ref = claim;

    try {
        if (start(std::make_unique<Reserving>(*this, ref, entry, allowance,
            now, waiter)))
        {
            return Start::asked;
        }

    } catch (...) {
        journal_.remove(ref);
        claim = {};
        throw;
    }

    journal_.remove(ref);
    claim = {};
    return Start::no_connection;
}

void CountClient::settle(JournalRef &claim, Amount cost)
{
    JournalRef ref = claim;
    JournalEntry entry;

    if (!journal_.read(ref, entry) || entry.state != State::reserved
        || reserving_.count(ref.slot))
    {
        return;
    }

    claim = {};

    if (cost.uses == entry.amount.uses && cost.msat == entry.amount.msat) {
        journal_.remove(ref);
        forget(entry);
        return;
    }

    journal_.settle(ref, cost);
    owed_.push_back(ref);
    tell_owed();
}

void CountClient::give_back(JournalRef &claim)
{
    JournalRef ref = claim;
    JournalEntry entry;

    claim = {};

    if (!journal_.read(ref, entry) || entry.state != State::reserved) {
        return;
    }

    auto reserving = reserving_.find(ref.slot);

    // Its answer says whether there is anything.
    if (reserving != reserving_.end()) {
        journal_.give_back(ref);
        reserving->second->leave();
        return;
    }

    owe(ref);
    tell_owed();
}

void CountClient::owe(JournalRef ref)
{
    journal_.give_back(ref);
    owed_.push_back(ref);
}

// Stops where Redis turns out not to be there, until keep_house().
void CountClient::tell_owed()
{
    while (!owed_.empty() && !is_away_ && telling_ < most_told_at_once) {
        if (!tell(owed_.front())) {
            is_away_ = true;
            return;
        }

        owed_.pop_front();
    }
}

bool CountClient::tell(JournalRef ref)
{
    JournalEntry entry;

    if (!journal_.read(ref, entry)) {
        return true;
    }

    // The token is dead, and so is its count.
    if (entry.expires && entry.expires + margin < now_) {
        journal_.remove(ref);
        return true;
    }

    return start(std::make_unique<Telling>(*this, ref, entry));
}

void CountClient::keep_house(int64_t now)
{
    std::vector<JournalRef> found;

    now_ = now;
    is_away_ = false;
    journal_.adopt(found);
    owed_.insert(owed_.end(), found.begin(), found.end());
    owed_.insert(owed_.end(), later_.begin(), later_.end());
    later_.clear();
    tell_owed();
    forget_settled();
}

size_t CountClient::owed() const noexcept
{
    return owed_.size() + later_.size() + telling_;
}

void CountClient::forget(const JournalEntry &entry)
{
    if (settled_count_ >= 4 * most_forgotten_at_once) {
        return;
    }

    settled_[entry.payment_hash].push_back(entry.id);
    settled_count_++;

    if (settled_count_ >= most_forgotten_at_once) {
        forget_settled();
    }
}

void CountClient::forget_settled()
{
    if (settled_.empty() || is_forgetting_ || is_away_) {
        return;
    }

    std::string commands;

    for (const auto &[payment_hash, ids] : settled_) {
        std::vector<std::string> words = {"HDEL",
            count_key(options_, payment_hash)};

        for (const RequestId &id : ids) {
            words.push_back("r:" + count_id(id));
        }

        commands += count_command(words);
    }

    size_t replies = settled_.size();

    settled_.clear();
    settled_count_ = 0;
    (void) start(std::make_unique<Forgetting>(*this, std::move(commands),
        replies));
}

}  // namespace l402
