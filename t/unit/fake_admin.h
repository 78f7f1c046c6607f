// A server that answers as l402_admin does, for what speaks with it.
#pragma once

#include "l402/encoding.h"

#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace unit {

struct Asked {
    std::string method;
    std::string path;   // with the query
    std::string head;   // all of it
    std::string body;
};

struct Answered {
    int         status = 200;
    std::string body = "";
    std::string type = "application/json";
};

inline Answered problem(int status, const std::string &reason)
{
    return {status, "{\"title\":\"Because of " + reason + "\",\"status\":"
            + std::to_string(status) + ",\"reason\":\"" + reason + "\"}",
        "application/problem+json"};
}

// One connection after the other, one request a connection.
class FakeAdmin {
public:
    using Handler = std::function<Answered(const Asked &)>;

    // At a port of its own, or at a unix socket.
    explicit FakeAdmin(Handler handler, const std::string &path = "")
        : handler_(std::move(handler)),
          fd_(socket(path.empty() ? AF_INET : AF_UNIX,
              SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        assert_true(fd_ >= 0);

        if (path.empty()) {
            sockaddr_in at{};
            socklen_t   size = sizeof(at);

            at.sin_family = AF_INET;
            at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            assert_int_equal(bind(fd_, (sockaddr *) &at, size), 0);
            assert_int_equal(getsockname(fd_, (sockaddr *) &at, &size), 0);
            url = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port))
                + "/l402/";
        } else {
            sockaddr_un at{};

            at.sun_family = AF_UNIX;
            assert_true(path.size() < sizeof(at.sun_path));
            path.copy(at.sun_path, path.size());
            assert_int_equal(bind(fd_, (sockaddr *) &at, sizeof(at)), 0);
            url = "http://unix:" + path + ":/l402/";
        }

        assert_int_equal(listen(fd_, 16), 0);
        thread_ = std::thread([this] { serve(); });
    }

    ~FakeAdmin()
    {
        shutdown(fd_, SHUT_RDWR);
        thread_.join();
        close(fd_);
    }

    std::vector<Asked> asked()
    {
        std::lock_guard<std::mutex> lock(mutex_);
        return asked_;
    }

    std::string url;

private:
    void serve()
    {
        for (int fd; (fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;
             close(fd))
        {
            Asked asked = read_request(fd);
            Answered answer = handler_(asked);

            {
                std::lock_guard<std::mutex> lock(mutex_);
                asked_.push_back(asked);
            }

            std::string text = "HTTP/1.1 " + std::to_string(answer.status)
                + " X\r\nContent-Type: " + answer.type
                + "\r\nConnection: close\r\nContent-Length: "
                + std::to_string(answer.body.size()) + "\r\n\r\n"
                + answer.body;
            send_all(fd, text);
        }
    }

    static void send_all(int fd, std::string_view text)
    {
        while (!text.empty()) {
            ssize_t n = send(fd, text.data(), text.size(), MSG_NOSIGNAL);

            if (n <= 0) {
                return;
            }
            text.remove_prefix(size_t(n));
        }
    }

    static Asked read_request(int fd)
    {
        std::string in;
        char        bytes[4096];
        size_t      end = in.npos, length = 0;
        Asked       asked;

        while (end == in.npos || in.size() < end + 4 + length) {
            ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

            if (n <= 0) {
                return asked;
            }
            in.append(bytes, size_t(n));
            end = in.find("\r\n\r\n");

            size_t at = in.find("Content-Length: ");
            length = at < end ? strtoul(&in[at + 16], nullptr, 10) : 0;
        }

        asked.head = in.substr(0, end);
        asked.body = in.substr(end + 4);
        asked.method = in.substr(0, in.find(' '));
        in.erase(0, asked.method.size() + 1);
        asked.path = in.substr(0, in.find(' '));
        return asked;
    }

    Handler            handler_;
    int                fd_;
    std::thread        thread_;
    std::mutex         mutex_;
    std::vector<Asked> asked_;
};

// A list in memory, and a payment of which something is known.
class AdminState {
public:
    Answered operator()(const Asked &asked)
    {
        const std::string list = "/l402/revocations", payments =
            "/l402/payments/";
        std::string path = asked.path.substr(0, asked.path.find('?'));

        if (path.substr(0, payments.size()) == payments) {
            return {200, R"({"payment_hash":")" + path.substr(payments.size())
                + R"(","uses":3,"uses_held":1,"uses_limit":10,"uses_left":6,)"
                  R"("balance_msat":25000,"credited_msat":50000,)"
                  R"("spent_msat":20000,"held_msat":5000,)"
                  R"("expires":1700000000,"revoked":false})"};
        }
        if (path == list) {
            return {200, page(asked.path)};
        }
        if (path.substr(0, list.size()) != list) {
            return {404, "<html>", "text/html"};
        }

        std::string what = path.substr(list.size() + 1);
        bool        stood = revoked.count(what) != 0;

        if (asked.method == "PUT") {
            revoked[what] = asked.body;
            return {stood ? 200 : 201};
        }

        revoked.erase(what);
        return stood ? Answered{204} : problem(404, "not_revoked");
    }

    std::map<std::string, std::string> revoked;  // "token/<hex>" -> body
    size_t                             page_size = 1000;

private:
    std::string page(const std::string &path)
    {
        size_t      at = path.find("after="), first = 0, i = 0;
        std::string out;

        if (at != path.npos) {
            first = std::stoul(path.substr(at + 6));
        }

        for (const auto &[what, body] : revoked) {
            if (i++ < first || i > first + page_size) {
                continue;
            }

            size_t slash = what.find('/');

            out += out.empty() ? "{\"" : ",{\"";
            out += what.substr(0, slash) == "token" ? "token_id"
                                                    : "payment_hash";
            out += "\":\"" + what.substr(slash + 1) + "\","
                + (body.size() > 2 ? body.substr(1) : "\"until\":null}");
        }

        return "{\"revocations\":[" + out + "],\"next\":"
            + (first + page_size < revoked.size()
                    ? '"' + std::to_string(first + page_size) + '"' : "null")
            + ",\"redis\":null}";
    }
};

}  // namespace unit
