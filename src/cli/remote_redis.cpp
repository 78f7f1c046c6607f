// Redis itself: the sorted set and the channel of the module's contract.

#include "remote.h"

#include "l402/admin.h"
#include "l402/redis_feed.h"
#include "l402/redis_greeting.h"
#include "l402/redis_link.h"
#include "l402/redis_payment.h"
#include "l402/redis_url.h"

#include <hiredis/hiredis.h>

#include <set>

namespace l402::cli {

namespace {

constexpr timeval timeout = {10, 0};  // of each step

// A connection on which commands are written as they are.
class Connection {
public:
    Connection(const RedisUrl &url, const std::string &host, uint16_t port)
        : context_(url.unix_socket.empty()
                  ? redisConnectWithTimeout(host.c_str(), port, timeout)
                  : redisConnectUnixWithTimeout(url.unix_socket.c_str(),
                      timeout),
              redisFree)
    {
        if (context_ == nullptr || context_->err) {
            throw Failure(std::string("redis: ")
                + (context_ ? context_->errstr : "out of memory"));
        }

        redisSetTimeout(context_.get(), timeout);
    }

    void write(const std::string &commands)
    {
        if (redisAppendFormattedCommand(context_.get(), commands.data(),
                commands.size())
            != REDIS_OK)
        {
            fail();
        }
    }

    RedisReplyPtr read()
    {
        void *reply = nullptr;

        if (redisGetReply(context_.get(), &reply) != REDIS_OK) {
            fail();
        }

        return RedisReplyPtr(static_cast<redisReply *>(reply));
    }

private:
    [[noreturn]] void fail() const
    {
        throw Failure(std::string("redis: ")
            + (context_->err == REDIS_ERR_IO && errno == EAGAIN
                    ? "no answer within 10 s" : context_->errstr));
    }

    std::unique_ptr<redisContext, void (*)(redisContext *)> context_;
};

class Redis final : public Remote {
public:
    explicit Redis(const RemoteOptions &options);

    bool revoke(const Revocation &revocation) override
    {
        return change(revoke_commands(prefix_, revocation));
    }

    bool unrevoke(const Revocation &revocation) override
    {
        return change(unrevoke_commands(prefix_, revocation));
    }

    void list(const std::function<void(const Revocation &)> &each) override;
    Json payment(const Hash &hash) override;

private:
    void find_master();
    void greet();
    bool change(const std::string &commands);
    RedisReplyPtr ask(const std::string &command);

    RedisUrl                    url_;
    RedisLogin                  login_;
    std::string                 prefix_;
    std::unique_ptr<Connection> connection_;
};

Redis::Redis(const RemoteOptions &options)
    : prefix_(options.prefix.value_or("l402:"))
{
    std::string error;

    if (!parse_redis_url(*options.redis, url_, error)) {
        throw Failure("--redis: " + error);
    }

    if (url_.tls) {
        throw Failure("--redis: l402ctl speaks no TLS with Redis; use --admin,"
            " whose nginx does");
    }

    login_.username = options.username.value_or("");
    login_.database = url_.database;

    if (options.password_file) {
        login_.password = read_secret_line(*options.password_file);
    }

    if (url_.master.empty()) {
        connection_ = std::make_unique<Connection>(url_,
            url_.hosts.empty() ? "" : url_.hosts[0].name,
            url_.hosts.empty() ? 0 : url_.hosts[0].port);
    } else {
        find_master();
    }

    greet();
}

// The first Sentinel that answers is believed.
void Redis::find_master()
{
    std::string error = "no Sentinel";

    for (const RedisHost &sentinel : url_.hosts) {
        std::string host;
        uint16_t    port = 0;

        try {
            Connection connection(url_, sentinel.name, sentinel.port);
            RedisLogin none;
            bool       good = true;

            connection.write(sentinel_commands(none, url_.master));
            for (size_t i = 0; good && i < sentinel_replies(none); i++) {
                good = read_sentinel(none, url_.master, i, *connection.read(),
                    host, port, error);
            }
            if (good) {
                connection_ = std::make_unique<Connection>(url_, host, port);
                return;
            }
        } catch (const Failure &e) {
            error = e.what();
        }
    }

    throw Failure("sentinel: " + printable(error));
}

void Redis::greet()
{
    RedisGreeting greeting(login_);
    auto          state = RedisGreeting::State::waiting;

    connection_->write(RedisGreeting::commands(login_));
    while (state == RedisGreeting::State::waiting) {
        state = greeting.replied(*connection_->read());
    }

    if (state != RedisGreeting::State::good) {
        throw Failure("redis: " + printable(greeting.error()));
    }
}

bool Redis::change(const std::string &commands)
{
    RedisReplyPtr     kept[redis_change_replies];
    const redisReply *replies[redis_change_replies];
    std::string       error;

    connection_->write(commands);
    for (size_t i = 0; i < redis_change_replies; i++) {
        kept[i] = connection_->read();
        replies[i] = kept[i].get();
    }

    switch (read_redis_change(replies, redis_change_replies, error)) {
    case RedisChange::made:
        return true;
    case RedisChange::stood:
        return false;
    default:
        throw Failure(printable(error));
    }
}

RedisReplyPtr Redis::ask(const std::string &command)
{
    connection_->write(command);

    RedisReplyPtr reply = connection_->read();

    if (is_redis_error(*reply)) {
        throw Failure("redis: " + shown_redis_text(redis_text(*reply)));
    }

    return reply;
}

// A scan may come upon an entry twice.
void Redis::list(const std::function<void(const Revocation &)> &each)
{
    std::set<std::pair<Subject, Hash>> seen;
    std::string                        cursor = "0";
    int64_t                            now = unix_now();

    do {
        auto reply = ask(redis_command({"ZSCAN", prefix_ + "revoked", cursor,
            "COUNT", "1000"}));
        const redisReply *next = redis_element(*reply, 0);
        const redisReply *page = redis_element(*reply, 1);

        if (next == nullptr || page == nullptr) {
            throw Failure("redis answered with no list");
        }

        cursor = redis_text(*next);
        for (size_t i = 0; i + 1 < page->elements; i += 2) {
            Revocation revocation;

            if (parse_revocation_member(redis_text(*redis_element(*page, i)),
                    revocation)
                && parse_revocation_score(
                    redis_text(*redis_element(*page, i + 1)),
                    revocation.until)
                && (revocation.until == 0 || revocation.until > now)
                && seen.insert({revocation.subject, revocation.id}).second)
            {
                each(revocation);
            }
        }
    } while (cursor != "0");
}

Json Redis::payment(const Hash &hash)
{
    Payment    payment;
    Revocation revocation;
    auto       reply = ask(redis_payment_command(prefix_, hash));

    switch (read_redis_payment(*reply, hash, payment)) {
    case RedisPayment::known:
        break;
    case RedisPayment::unknown:
        return nullptr;
    default:
        throw Failure("redis answered with nothing about a payment");
    }

    revocation.subject = Subject::payment;
    revocation.id = hash;
    reply = ask(redis_command({"ZSCORE", prefix_ + "revoked",
        revocation_member(revocation)}));

    return Json::parse(payment_json(payment,
        reply->type == REDIS_REPLY_STRING));
}

}  // namespace

std::unique_ptr<Remote> connect_redis(const RemoteOptions &options)
{
    return std::make_unique<Redis>(options);
}

}  // namespace l402::cli
