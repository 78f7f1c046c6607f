#include "count_calls.h"

#include "count_reply.h"

#include "l402/encoding.h"

#include <algorithm>

namespace l402 {

namespace {

std::string limit_text(uint64_t limit)
{
    return limit == no_limit ? "" : std::to_string(limit);
}

}  // namespace

std::string count_key(const CountOptions &options, const Hash &payment_hash)
{
    return options.prefix + "payment:" + to_hex(payment_hash);
}

std::string count_id(const RequestId &id)
{
    return to_hex(id.data(), id.size());
}

bool CountClient::Call::send_script(const CountScript &script,
    const Hash &payment_hash, const std::vector<std::string> &arguments)
{
    const CountOptions &options = client_.options_;
    std::vector<std::string> words = {whole_ ? "EVAL" : "EVALSHA",
        whole_ ? script.text : script.sha1, "1",
        count_key(options, payment_hash)};

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

bool CountClient::Reserving::send()
{
    return send_script(reserve_script(), entry_.payment_hash,
        {count_id(entry_.id), std::to_string(entry_.amount.uses),
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

bool CountClient::Telling::send()
{
    if (entry_.state == JournalEntry::State::giving_back) {
        return send_script(give_back_script(), entry_.payment_hash,
            {count_id(entry_.id)});
    }

    return send_script(settle_script(), entry_.payment_hash,
        {count_id(entry_.id), std::to_string(entry_.cost.uses),
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

        if (entry_.state == JournalEntry::State::settling) {
            client.forget(entry_);
        }

    } else {
        client.later_.push_back(ref_);
        client.is_away_ = client.is_away_ || reply.is_about_server;
    }

    client.end(*this);
    client.tell_owed();
}

}  // namespace l402
