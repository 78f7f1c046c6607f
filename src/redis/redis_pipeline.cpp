#include "l402/redis_pipeline.h"

#include <algorithm>

namespace l402 {

void RedisPipeline::add(size_t replies, uint64_t deadline, RedisWaiter &waiter)
{
    queue_.push_back({replies, deadline, &waiter, {}});
}

bool RedisPipeline::replied(RedisReplyPtr reply)
{
    if (queue_.empty()) {
        return false;
    }

    Wait &first = queue_.front();

    first.got.push_back(std::move(reply));

    if (first.got.size() < first.replies) {
        return true;
    }

    std::vector<const redisReply *> replies;

    for (const RedisReplyPtr &one : first.got) {
        replies.push_back(one.get());
    }

    // The waiter may come back in here.
    Wait done = std::move(first);

    queue_.pop_front();

    if (done.waiter) {
        done.waiter->replied(replies.data(), replies.size());
    }

    return true;
}

void RedisPipeline::fail() noexcept
{
    // A waiter that is told may forget others. Swapped out, not moved one by
    // one: nothing here may run out of memory.
    if (failed_.empty()) {
        failed_.swap(queue_);
    }

    while (!failed_.empty()) {
        RedisWaiter *waiter = failed_.front().waiter;

        failed_.pop_front();

        if (waiter) {
            waiter->replied(nullptr, 0);
        }
    }
}

void RedisPipeline::forget(const RedisWaiter &waiter) noexcept
{
    for (std::deque<Wait> *queue : {&queue_, &failed_}) {
        for (Wait &wait : *queue) {
            if (wait.waiter == &waiter) {
                wait.waiter = nullptr;
            }
        }
    }
}

uint64_t RedisPipeline::first_deadline() const noexcept
{
    uint64_t first = UINT64_MAX;

    for (const Wait &wait : queue_) {
        first = std::min(first, wait.deadline);
    }

    return first;
}

}  // namespace l402
