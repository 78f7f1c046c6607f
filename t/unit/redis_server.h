// A real redis-server for a test: in a folder of its own, on a unix socket,
// gone with the object. Include it after unit.h.
#pragma once

#include "command.h"

#include "l402/redis_link.h"

#include <hiredis/hiredis.h>

#include <deque>
#include <memory>

#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

namespace unit {

struct ReplyFree {
    void operator()(redisReply *reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, ReplyFree>;

struct ContextFree {
    void operator()(redisContext *context) const { redisFree(context); }
};
using Context = std::unique_ptr<redisContext, ContextFree>;

// One that nobody had a moment ago.
inline int free_port()
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    socklen_t size = sizeof(address);

    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, reinterpret_cast<sockaddr *>(&address), size),
        0);
    assert_int_equal(getsockname(fd, reinterpret_cast<sockaddr *>(&address),
        &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

class RedisServer {
public:
    explicit RedisServer(std::vector<std::string> options = {}, int port = 0)
        : socket(folder_.path + "/redis.sock"), port(port)
    {
        std::vector<std::string> words = {"redis-server", "--port",
            std::to_string(port), "--bind", "127.0.0.1", "--unixsocket",
            socket, "--dir", folder_.path, "--save", "", "--appendonly", "no",
            "--logfile", folder_.path + "/log", "--daemonize", "no"};

        words.insert(words.end(), options.begin(), options.end());
        start(words);

        for (int i = 0; i < 1200; i++) {
            Reply reply = call({"PING"});

            if (reply && reply->type == REDIS_REPLY_STATUS) {
                return;
            }
            usleep(25000);
        }
        fail_msg("redis-server does not start: %s",
            read_file(folder_.path + "/log").c_str());
    }

    ~RedisServer() { stop(); }

    void stop()
    {
        if (pid_ > 0) {
            kill(pid_, SIGCONT);
            kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
            pid_ = 0;
        }
    }

    void freeze() const { kill(pid_, SIGSTOP); }
    void thaw() const { kill(pid_, SIGCONT); }

    Context connect() const
    {
        timeval limit = {60, 0};
        Context context(redisConnectUnixWithTimeout(socket.c_str(), limit));

        if (context && !context->err) {
            redisSetTimeout(context.get(), limit);
        }
        return context;
    }

    // Null: no answer.
    Reply call(const std::vector<std::string> &words)
    {
        if (!context_ || context_->err) {
            context_ = connect();
        }
        return call(*context_, words);
    }

    static Reply call(redisContext &context,
        const std::vector<std::string> &words)
    {
        std::vector<const char *> texts;
        std::vector<size_t> sizes;

        for (const std::string &word : words) {
            texts.push_back(word.data());
            sizes.push_back(word.size());
        }
        if (context.err) {
            return nullptr;
        }
        return Reply(static_cast<redisReply *>(redisCommandArgv(&context,
            int(texts.size()), texts.data(), sizes.data())));
    }

    // For what has to work.
    std::string text(const std::vector<std::string> &words)
    {
        Reply reply = call(words);

        if (!reply || reply->type == REDIS_REPLY_ERROR) {
            fail_msg("%s: %s", words[0].c_str(),
                reply ? reply->str : "no answer");
        }
        if (reply->type == REDIS_REPLY_INTEGER) {
            return std::to_string(reply->integer);
        }
        return reply->str ? std::string(reply->str, size_t(reply->len)) : "";
    }

    std::string field(const std::string &key, const std::string &name)
    {
        return text({"HGET", key, name});
    }

    long number(const std::vector<std::string> &words)
    {
        return std::stol(text(words));
    }

private:
    Folder folder_;

public:
    const std::string socket;
    const int         port;

private:
    void start(std::vector<std::string> &words)
    {
        std::vector<char *> argv;

        for (std::string &word : words) {
            argv.push_back(&word[0]);
        }
        argv.push_back(nullptr);
        pid_ = fork();
        assert_true(pid_ >= 0);

        if (pid_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            execvp(argv[0], argv.data());
            _exit(127);
        }
    }

    pid_t   pid_ = 0;
    Context context_;
};

// A connection to it, one batch of commands after the other: run() waits for
// the answers.
class BlockingLink final : public l402::RedisLink {
public:
    explicit BlockingLink(const RedisServer &server)
        : server_(server), context_(server.connect())
    {
    }

    bool send(std::string_view commands, size_t replies, uint64_t,
        l402::RedisWaiter &waiter) override
    {
        if (!context_ || context_->err) {
            return false;
        }
        redisAppendFormattedCommand(context_.get(), commands.data(),
            commands.size());
        waits_.push_back({replies, &waiter});
        sent += replies;
        batches++;
        return true;
    }

    void forget(l402::RedisWaiter &waiter) noexcept override
    {
        for (Wait &wait : waits_) {
            if (wait.waiter == &waiter) {
                wait.waiter = nullptr;
            }
        }
    }

    std::string_view why_not() const noexcept override
    {
        return "not connected";
    }

    // Until nobody waits any more.
    void run()
    {
        while (!waits_.empty()) {
            run_one();
        }
    }

    void run_one()
    {
        std::vector<Reply> replies;
        std::vector<const redisReply *> plain;
        Wait wait = waits_.front();

        waits_.pop_front();

        for (size_t i = 0; i < wait.replies; i++) {
            void *reply = nullptr;

            if (redisGetReply(context_.get(), &reply) != REDIS_OK) {
                break;
            }
            replies.emplace_back(static_cast<redisReply *>(reply));
            plain.push_back(replies.back().get());
        }
        if (wait.waiter && plain.size() == wait.replies) {
            wait.waiter->replied(plain.data(), plain.size());
        } else if (wait.waiter) {
            wait.waiter->replied(nullptr, 0);
        }
    }

    // The commands are on their way, and nobody will hear of them.
    Context lose()
    {
        int done = 0;

        while (context_ && !done
               && redisBufferWrite(context_.get(), &done) == REDIS_OK)
        {
        }

        Context old = std::move(context_);
        std::deque<Wait> waits;

        waits.swap(waits_);

        for (const Wait &wait : waits) {
            if (wait.waiter) {
                wait.waiter->replied(nullptr, 0);
            }
        }
        return old;
    }

    // None of the commands ever arrives, and the connection is a new one.
    void forget_commands()
    {
        std::deque<Wait> waits;

        context_ = server_.connect();
        waits.swap(waits_);

        for (const Wait &wait : waits) {
            if (wait.waiter) {
                wait.waiter->replied(nullptr, 0);
            }
        }
    }

    void reconnect() { context_ = server_.connect(); }

    // How many would be told something.
    size_t listening() const
    {
        size_t count = 0;

        for (const Wait &wait : waits_) {
            count += wait.waiter != nullptr;
        }
        return count;
    }

    size_t sent = 0;     // commands
    size_t batches = 0;  // that is, round trips

private:
    struct Wait {
        size_t              replies;
        l402::RedisWaiter  *waiter;
    };

    const RedisServer &server_;
    Context            context_;
    std::deque<Wait>   waits_;
};

}  // namespace unit
