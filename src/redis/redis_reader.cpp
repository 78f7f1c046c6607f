#include "l402/redis_reader.h"

#include <hiredis/hiredis.h>

#include <new>
#include <stdexcept>

namespace l402 {

namespace {

using Functions = redisReplyObjectFunctions;

// Those that hiredis makes replies with by itself.
const Functions &usual_functions()
{
    static const Functions functions = [] {
        redisReader *reader = redisReaderCreate();

        if (reader == nullptr) {
            throw std::bad_alloc();
        }

        Functions copy = *reader->fn;

        redisReaderFree(reader);
        return copy;
    }();

    return functions;
}

// The room for an array is taken when its head has come: eight bytes an element
// that need never be sent. The number's type differs between versions.
template <typename Number>
void *create_array(const redisReadTask *task, Number elements)
{
    return static_cast<size_t>(elements) <= RedisReader::max_elements
               ? usual_functions().createArray(task, elements) : nullptr;
}

Functions *bounded_functions()
{
    static Functions functions = [] {
        Functions copy = usual_functions();

        copy.createArray = create_array;
        return copy;
    }();

    return &functions;
}

}  // namespace

void FreeRedisReply::operator()(redisReply *reply) const noexcept
{
    freeReplyObject(reply);
}

RedisReader::RedisReader(size_t max_reply)
    : reader_(redisReaderCreateWithFunctions(bounded_functions())),
      max_reply_(max_reply)
{
    if (reader_ == nullptr) {
        throw std::bad_alloc();
    }
}

RedisReader::~RedisReader()
{
    redisReaderFree(reader_);
}

void RedisReader::feed(std::string_view bytes)
{
    if (error_) {
        return;
    }

    unread_ += bytes.size();

    if (redisReaderFeed(reader_, bytes.data(), bytes.size()) != REDIS_OK) {
        throw std::bad_alloc();
    }
}

RedisReplyPtr RedisReader::next()
{
    void *reply = nullptr;

    if (error_) {
        return nullptr;
    }

    if (redisReaderGetReply(reader_, &reply) != REDIS_OK) {
        error_ = reader_->err == REDIS_ERR_OOM
                     ? "sends an answer that is too large"
                     : "does not speak Redis's protocol";
        return nullptr;
    }

    if (reply) {
        unread_ = reader_->len - reader_->pos;
        return RedisReplyPtr(static_cast<redisReply *>(reply));
    }

    if (unread_ > max_reply_) {
        error_ = "sends an answer that is too large";
    }

    return nullptr;
}

std::string_view redis_text(const redisReply &reply) noexcept
{
    switch (reply.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        return {reply.str, static_cast<size_t>(reply.len)};

    default:
        return {};
    }
}

bool is_redis_error(const redisReply &reply) noexcept
{
    return reply.type == REDIS_REPLY_ERROR;
}

bool is_redis_error(const redisReply &reply, std::string_view code) noexcept
{
    std::string_view text = redis_text(reply);

    return is_redis_error(reply) && text.substr(0, code.size()) == code
           && (text.size() == code.size() || text[code.size()] == ' ');
}

const redisReply *redis_element(const redisReply &reply, size_t i) noexcept
{
    return reply.type == REDIS_REPLY_ARRAY && i < reply.elements
               ? reply.element[i] : nullptr;
}

std::string shown_redis_text(std::string_view text)
{
    constexpr size_t longest = 100;
    std::string shown(text.substr(0, longest));

    for (char &c : shown) {
        if (static_cast<unsigned char>(c) < ' '
            || static_cast<unsigned char>(c) > '~')
        {
            c = '?';
        }
    }

    if (text.size() > longest) {
        shown += "...";
    }

    return shown;
}

}  // namespace l402
