// A node for the figures: of lnd's REST what the module asks for. It makes
// invoices faster than any node, each a real BOLT 11 one with a hash of its
// own, and answers when it is told to.
//
//   bench_node
//
// Listens on a free port of 127.0.0.1, which it prints as {"port":n}, until
// its input ends.
//
//   POST /<ms>/v1/invoices    an invoice, so many milliseconds later
//   POST /<ms>~/v1/invoices   up to a fifth sooner or later than that
//   POST /hang/v1/invoices    no answer
//   GET  /stats               {"made":n,"waiting":n}: invoices so far, and
//                             calls that have no answer yet

#include "invoices.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>

namespace {

[[noreturn]] void fail(const char *what)
{
    throw std::runtime_error(std::string(what) + ": " + strerror(errno));
}

uint64_t now()
{
    timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return uint64_t(t.tv_sec) * 1000000000 + uint64_t(t.tv_nsec);
}

struct Connection {
    int         fd = -1;
    bool        waits = false;
    std::string input;
    std::string body;   // of the call that waits
};

class Node {
public:
    Node();
    void run();

private:
    void listen_on_any_port();
    void accept_all();
    void read(Connection &c);
    void call(Connection &c, std::string_view path);
    void answer(Connection &c, int status, const std::string &body);
    void answer_due();
    void set_timer();
    void close(Connection &c);

    using Due = std::multimap<uint64_t, Connection *>;

    int                                        epoll_, listener_, timer_;
    std::map<int, std::unique_ptr<Connection>> connections_;
    Due                                        due_;
    size_t                                     waiting_ = 0;
    bench::Invoices                            invoices_;
    std::minstd_rand                           random_;
};

Node::Node()
    : epoll_(epoll_create1(0)),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK))
{
    listen_on_any_port();

    for (int fd : {listener_, timer_, STDIN_FILENO}) {
        epoll_event event{};

        event.events = EPOLLIN;
        event.data.fd = fd;

        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
            fail("epoll_ctl");
        }
    }
}

void Node::listen_on_any_port()
{
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    auto any = reinterpret_cast<sockaddr *>(&address);

    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    if (bind(listener_, any, size) != 0 || listen(listener_, 4096) != 0
        || getsockname(listener_, any, &size) != 0)
    {
        fail("listen");
    }

    printf("{\"port\":%d}\n", ntohs(address.sin_port));
    fflush(stdout);
}

void Node::accept_all()
{
    for ( ;; ) {
        int on = 1, fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);

        if (fd < 0) {
            return;
        }

        epoll_event event{};

        event.events = EPOLLIN;
        event.data.fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
        connections_[fd] = std::make_unique<Connection>();
        connections_[fd]->fd = fd;
    }
}

void Node::close(Connection &c)
{
    for (auto at = due_.begin(); at != due_.end(); ++at) {
        if (at->second == &c) {
            due_.erase(at);
            break;
        }
    }

    waiting_ -= c.waits;
    ::close(c.fd);
    connections_.erase(c.fd);
}

void Node::read(Connection &c)
{
    char buffer[16384];
    ssize_t n = recv(c.fd, buffer, sizeof(buffer), 0);

    if (n < 0 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        close(c);
        return;
    }

    c.input.append(buffer, size_t(n));

    size_t end = c.input.find("\r\n\r\n");

    if (end == c.input.npos) {
        return;
    }

    size_t length = c.input.find("Content-Length: ");
    size_t size = length < end
        ? strtoul(c.input.c_str() + length + 16, nullptr, 10) : 0;

    if (c.input.size() < end + 4 + size) {
        return;
    }

    size_t path = c.input.find(' ') + 1;
    std::string target = c.input.substr(path, c.input.find(' ', path) - path);

    c.body = c.input.substr(end + 4, size);
    c.input.clear();
    call(c, target);
}

void Node::call(Connection &c, std::string_view path)
{
    constexpr std::string_view invoices = "/v1/invoices";

    if (path == "/stats") {
        answer(c, 200, "{\"made\":" + std::to_string(invoices_.made())
            + ",\"waiting\":" + std::to_string(waiting_) + "}");
        return;
    }

    if (path.size() < invoices.size()
        || path.substr(path.size() - invoices.size()) != invoices)
    {
        answer(c, 404, "{}");
        return;
    }

    std::string_view when = path.substr(1, path.size() - invoices.size() - 1);
    uint64_t delay = bench::number(when) * 1000000;

    if (!when.empty() && when.back() == '~') {
        std::uniform_int_distribution<uint64_t> percent(80, 120);

        delay = delay * percent(random_) / 100;
    }

    if (when == "hang" || delay) {
        c.waits = true;
        waiting_++;
    }

    if (when == "hang") {
        return;
    }

    if (delay) {
        due_.emplace(now() + delay, &c);
        return;
    }

    answer(c, 200, invoices_.make(c.body));
}

void Node::answer(Connection &c, int status, const std::string &body)
{
    std::string text = "HTTP/1.1 " + std::to_string(status)
        + " X\r\nContent-Type: application/json\r\nContent-Length: "
        + std::to_string(body.size()) + "\r\n\r\n" + body;

    waiting_ -= c.waits;
    c.waits = false;

    if (send(c.fd, text.data(), text.size(), MSG_NOSIGNAL)
        != ssize_t(text.size()))
    {
        // Whoever asked is gone: read() is told so, too.
        shutdown(c.fd, SHUT_RDWR);
    }
}

void Node::answer_due()
{
    uint64_t expirations;

    (void) !::read(timer_, &expirations, sizeof(expirations));

    while (!due_.empty() && due_.begin()->first <= now()) {
        Connection &c = *due_.begin()->second;

        due_.erase(due_.begin());
        answer(c, 200, invoices_.make(c.body));
    }
}

void Node::set_timer()
{
    itimerspec at{};

    if (!due_.empty()) {
        at.it_value.tv_sec = time_t(due_.begin()->first / 1000000000);
        at.it_value.tv_nsec = long(due_.begin()->first % 1000000000);
    }

    timerfd_settime(timer_, TFD_TIMER_ABSTIME, &at, nullptr);
}

void Node::run()
{
    epoll_event events[256];

    for ( ;; ) {
        int n = epoll_wait(epoll_, events, 256, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd == STDIN_FILENO) {
                return;

            } else if (fd == listener_) {
                accept_all();

            } else if (fd == timer_) {
                answer_due();

            } else if (connections_.count(fd)) {
                read(*connections_[fd]);
            }
        }

        set_timer();
    }
}

}  // namespace

int main()
{
    try {
        Node().run();
        return 0;

    } catch (const std::exception &e) {
        fprintf(stderr, "bench_node: %s\n", e.what());
        return 1;
    }
}
