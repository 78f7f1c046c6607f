#include "l402/count_client.h"

#include "count_reply.h"
#include "count_scripts.h"

#include "l402/encoding.h"

#include <algorithm>

namespace l402 {

using State = JournalEntry::State;

namespace {

constexpr size_t most_told_at_once = 32;
constexpr size_t most_forgotten_at_once = 512;

std::string limit_text(uint64_t limit)
{
    return limit == no_limit ? "" : std::to_string(limit);
}

std::string id_text(const RequestId &id)
{
    return to_hex(id.data(), id.size());
}

std::string key_of(const CountOptions &options, const Hash &payment_hash)
{
    return options.prefix + "payment:" + to_hex(payment_hash);
}

}  // namespace

// Commands that are under way.
class CountClient::Call : public RedisWaiter {
public:
    explicit Call(CountClient &client) : client_(client) {}

    virtual bool send() = 0;

    // In the client's list.
    std::list<std::unique_ptr<Call>>::iterator at;

protected:
    CountClient &client_;

    // A script whose text is sent where Redis does not know it yet. With it,
    // where it counts only when a replica has it, whether one has.
    bool send_script(const CountScript &script, const Hash &payment_hash,
        const std::vector<std::string> &arguments);
    // True: the text is on its way.
    bool send_text(const redisReply *const *replies, size_t count) noexcept;

private:
    bool whole_ = false;
};

bool CountClient::Call::send_script(const CountScript &script,
    const Hash &payment_hash, const std::vector<std::string> &arguments)
{
    const CountOptions &options = client_.options_;
    std::vector<std::string> words = {whole_ ? "EVAL" : "EVALSHA",
        whole_ ? script.text : script.sha1, "1",
        key_of(options, payment_hash)};

    words.insert(words.end(), arguments.begin(), arguments.end());

    std::string commands = count_command(words);

    if (options.replicated) {
        commands += count_command({"WAIT", "1",
            std::to_string(std::max<uint64_t>(options.wait, 1))});
    }

    return client_.link_.send(commands, options.replicated ? 2 : 1,
        options.timeout, *this);
}

bool CountClient::Call::send_text(const redisReply *const *replies,
    size_t count) noexcept
{
    if (whole_ || !is_no_script(replies, count)) {
        return false;
    }

    whole_ = true;

    try {
        return send();

    } catch (...) {
        return false;
    }
}

class CountClient::Reserving final : public Call {
public:
    Reserving(CountClient &client, JournalRef ref, const JournalEntry &entry,
        const Allowance &allowance, int64_t now, CountWaiter &waiter)
        : Call(client),
          ref_(ref),
          entry_(entry),
          minted_(allowance.minted),
          ttl_(entry.expires
                   ? std::max<int64_t>(entry.expires - now, 0) + margin : 0),
          waiter_(&waiter)
    {
        client.reserving_[ref.slot] = this;
    }

    ~Reserving() override { client_.reserving_.erase(ref_.slot); }

    bool send() override;
    void replied(const redisReply *const *replies, size_t count) noexcept
        override;
    // Nobody waits for it any more.
    void leave() noexcept { waiter_ = nullptr; }

private:
    JournalRef    ref_;
    JournalEntry  entry_;
    Amount        minted_;
    int64_t       ttl_;
    CountWaiter  *waiter_;
};

bool CountClient::Reserving::send()
{
    return send_script(reserve_script(), entry_.payment_hash,
        {id_text(entry_.id), std::to_string(entry_.amount.uses),
            std::to_string(entry_.amount.msat),
            limit_text(entry_.limit.uses), limit_text(entry_.limit.msat),
            std::to_string(minted_.uses), std::to_string(minted_.msat),
            std::to_string(entry_.expires), std::to_string(ttl_)});
}

// What Redis has refused, or has too little left of, holds nothing there. What
// it has not answered may be there, or may still come: it is given back.
void CountClient::Reserving::replied(const redisReply *const *replies,
    size_t count) noexcept
{
    if (send_text(replies, count)) {
        return;
    }

    CountClient &client = client_;
    CountReply reply(replies, count, client.options_.replicated);
    CountWaiter *waiter = waiter_;
    JournalRef ref = ref_;
    CountAnswer answer;
    bool is_charged = reply.kind == CountReply::answered && reply.code == 1;

    answer.left = reply.left;
    answer.error = reply.error;

    if (is_charged && reply.is_acknowledged && waiter) {
        answer.kind = CountAnswer::Kind::held;

    } else if (is_charged || reply.kind == CountReply::none) {
        client.owe(ref);

    } else {
        client.journal_.remove(ref);
    }

    if (reply.kind == CountReply::answered && reply.code == 0) {
        answer.kind = CountAnswer::Kind::used_up;
    }

    client.end(*this);

    if (waiter) {
        waiter->count_told(answer);
    }

    client.tell_owed();
}

// A giving back, or a cost that is not what was reserved.
class CountClient::Telling final : public Call {
public:
    Telling(CountClient &client, JournalRef ref, const JournalEntry &entry)
        : Call(client), ref_(ref), entry_(entry)
    {
        client.telling_++;
    }

    ~Telling() override { client_.telling_--; }

    bool send() override;
    void replied(const redisReply *const *replies, size_t count) noexcept
        override;

private:
    JournalRef   ref_;
    JournalEntry entry_;
};

bool CountClient::Telling::send()
{
    if (entry_.state == State::giving_back) {
        return send_script(give_back_script(), entry_.payment_hash,
            {id_text(entry_.id)});
    }

    return send_script(settle_script(), entry_.payment_hash,
        {id_text(entry_.id), std::to_string(entry_.cost.uses),
            std::to_string(entry_.cost.msat), limit_text(entry_.limit.uses),
            limit_text(entry_.limit.msat)});
}

void CountClient::Telling::replied(const redisReply *const *replies,
    size_t count) noexcept
{
    if (send_text(replies, count)) {
        return;
    }

    CountClient &client = client_;
    CountReply reply(replies, count, client.options_.replicated);

    if (reply.kind == CountReply::answered && reply.is_acknowledged) {
        client.journal_.remove(ref_);

        if (entry_.state == State::settling) {
            client.forget(entry_);
        }

    } else {
        client.later_.push_back(ref_);
        client.is_away_ = client.is_away_ || reply.is_about_server;
    }

    client.end(*this);
    client.tell_owed();
}

// Records of what is settled. Whether they are gone does not matter: Redis
// sweeps what is old.
class CountClient::Forgetting final : public Call {
public:
    Forgetting(CountClient &client, std::string commands, size_t replies)
        : Call(client), commands_(std::move(commands)), replies_(replies)
    {
        client.is_forgetting_ = true;
    }

    ~Forgetting() override { client_.is_forgetting_ = false; }

    bool send() override
    {
        return client_.link_.send(commands_, replies_,
            client_.options_.timeout, *this);
    }

    void replied(const redisReply *const *, size_t) noexcept override
    {
        client_.end(*this);
    }

private:
    std::string commands_;
    size_t      replies_;
};

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
            key_of(options_, payment_hash)};

        for (const RequestId &id : ids) {
            words.push_back("r:" + id_text(id));
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
