// A closed-loop HTTP/1.1 client for ratios: it sends to each side in turn, in
// short rounds, so that what slows the machine down slows both.
//
//   bench_load --pid <worker> [--connections n] [--requests n] [--rounds n]
//              [--sleep 1] [--from address] [--ask 1]
//              <name>:<port>:<status>[+<status>]:<file> ...
//
// A side's file holds its requests one behind the other; they are sent in
// turn, over all rounds. Each response must have one of the side's statuses.
// The first round of each side is for warming up and is not printed. Prints a
// line of JSON a round and side: requests, seconds, the worker's CPU
// nanoseconds, and quantiles of the time to the whole response in
// microseconds.
//
// With --ask it prints {"next":"<name>"} before a round, and waits for a line
// on its input.
//
// It never sleeps, but for --sleep: else the worker's system calls would wake
// it up, the more often the slower the worker is, and in a virtual machine
// that costs more than what is measured.
//
// wrk would do for one location; it cannot alternate between two, counts
// neither requests nor CPU time by rounds, and its Lua costs as much as nginx.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

[[noreturn]] void fail(const std::string &what)
{
    throw std::runtime_error(what);
}

uint64_t read_clock(clockid_t clock)
{
    timespec t;

    if (clock_gettime(clock, &t) != 0) {
        fail("the worker is gone");
    }

    return uint64_t(t.tv_sec) * 1000000000 + uint64_t(t.tv_nsec);
}

uint64_t now() { return read_clock(CLOCK_MONOTONIC); }

struct Connection {
    int      fd = -1;
    uint64_t sent_at = 0;
    size_t   filled = 0;
    char     buffer[65536];
};

struct Side {
    std::string                   name;
    std::vector<std::string>      statuses;
    uint16_t                      port = 0;
    std::string                   text;
    std::vector<std::string_view> requests;
    size_t                        next = 0;
    int                           epoll = -1;
    std::vector<Connection>       connections;
};

void load_requests(Side &side, const std::string &path)
{
    std::ifstream file(path);
    std::stringstream text;

    text << file.rdbuf();
    side.text = text.str();

    // Without bodies, but for those that say how long they are.
    for (size_t at = 0; at < side.text.size(); ) {
        size_t end = side.text.find("\r\n\r\n", at);

        if (end == std::string::npos) {
            fail(path + ": a request without an end");
        }

        end += 4;
        std::string_view head(side.text.data() + at, end - at);
        size_t length = head.find("Content-Length: ");

        if (length != head.npos) {
            end += strtoul(head.data() + length + 16, nullptr, 10);
        }

        side.requests.emplace_back(side.text.data() + at, end - at);
        at = end;
    }

    if (side.requests.empty()) {
        fail(path + ": no requests");
    }
}

Side parse_side(const std::string &text)
{
    Side side;
    std::stringstream parts(text);
    std::string port, statuses, status, file;

    std::getline(parts, side.name, ':');
    std::getline(parts, port, ':');
    std::getline(parts, statuses, ':');
    std::getline(parts, file);
    side.port = uint16_t(atoi(port.c_str()));

    for (std::stringstream list(statuses); std::getline(list, status, '+'); ) {
        side.statuses.push_back(status);
    }

    load_requests(side, file);
    return side;
}

void connect_side(Side &side, size_t count, in_addr from)
{
    sockaddr_in address{}, own{};

    address.sin_family = AF_INET;
    address.sin_port = htons(side.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    own.sin_family = AF_INET;
    own.sin_addr = from;

    side.epoll = epoll_create1(0);
    side.connections.resize(count);

    for (Connection &c : side.connections) {
        int on = 1;

        c.fd = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

        if (bind(c.fd, reinterpret_cast<sockaddr *>(&own), sizeof(own)) != 0
            || connect(c.fd, reinterpret_cast<sockaddr *>(&address),
                   sizeof(address)) != 0)
        {
            fail(side.name + ": no connection: " + strerror(errno));
        }

        epoll_event event{};

        event.events = EPOLLIN;
        event.data.ptr = &c;
        epoll_ctl(side.epoll, EPOLL_CTL_ADD, c.fd, &event);
    }
}

void send_next(Side &side, Connection &c)
{
    std::string_view request = side.requests[side.next];

    side.next = (side.next + 1) % side.requests.size();
    c.filled = 0;
    c.sent_at = now();

    if (send(c.fd, request.data(), request.size(), MSG_NOSIGNAL)
        != ssize_t(request.size()))
    {
        fail(side.name + ": could not send");
    }
}

bool has_status(const Side &side, std::string_view response)
{
    return std::find(side.statuses.begin(), side.statuses.end(),
               response.substr(9, 3))
           != side.statuses.end();
}

// Has the whole response come?
bool receive(Side &side, Connection &c)
{
    ssize_t n = recv(c.fd, c.buffer + c.filled, sizeof(c.buffer) - c.filled, 0);

    if (n <= 0) {
        fail(side.name + ": the connection was closed");
    }

    c.filled += size_t(n);
    std::string_view got(c.buffer, c.filled);
    size_t end = got.find("\r\n\r\n");

    if (end == got.npos) {
        return false;
    }

    size_t length = got.find("Content-Length: ");

    if (length > end) {
        length = got.find("content-length: ");
    }

    if (length > end) {
        fail(side.name + ": no Content-Length: "
            + std::string(got.substr(0, 400)));
    }

    size_t whole = end + 4 + strtoul(c.buffer + length + 16, nullptr, 10);

    if (whole > sizeof(c.buffer)) {
        fail(side.name + ": the response is too long");
    }

    if (c.filled < whole) {
        return false;
    }

    if (!has_status(side, got)) {
        fail(side.name + ": unexpected: " + std::string(got.substr(0, 400)));
    }

    return true;
}

struct Load {
    size_t    connections = 16, requests = 10000, rounds = 10;
    int       wait = 0;   // ms
    bool      ask = false;
    in_addr   from{};
    clockid_t worker = 0;
};

void ask(const Side &side)
{
    std::string line;

    printf("{\"next\":\"%s\"}\n", side.name.c_str());
    fflush(stdout);

    if (!std::getline(std::cin, line)) {
        fail("nobody says when to go on");
    }
}

void run_round(Side &side, const Load &load, bool print)
{
    std::vector<uint32_t> times;
    epoll_event events[64];
    size_t sent = 0, count = load.requests;

    times.reserve(count);

    if (load.ask) {
        ask(side);
    }

    uint64_t cpu = read_clock(load.worker);
    uint64_t start = now();

    for (Connection &c : side.connections) {
        if (sent < count) {
            send_next(side, c);
            sent++;
        }
    }

    uint64_t heard = start;

    while (times.size() < count) {
        int n = epoll_wait(side.epoll, events, 64, load.wait);

        if (n > 0) {
            heard = now();

        } else if (now() - heard > 60000000000) {
            fail(side.name + ": no answer within a minute");
        }

        for (int i = 0; i < n; i++) {
            auto &c = *static_cast<Connection *>(events[i].data.ptr);

            if (!receive(side, c)) {
                continue;
            }

            times.push_back(uint32_t((now() - c.sent_at) / 100));

            if (sent < count) {
                send_next(side, c);
                sent++;
            }
        }
    }

    double seconds = double(now() - start) / 1e9;

    // What the worker does behind the last response is part of the round.
    usleep(2000);
    cpu = read_clock(load.worker) - cpu;

    auto quantile = [&](double part) {
        auto at = times.begin() + ptrdiff_t(part * double(count - 1));

        std::nth_element(times.begin(), at, times.end());
        return *at / 10.0;
    };

    if (print) {
        printf("{\"side\":\"%s\",\"requests\":%zu,\"seconds\":%.6f,"
            "\"cpu_ns\":%llu,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
            side.name.c_str(), count, seconds,
            static_cast<unsigned long long>(cpu), quantile(0.5),
            quantile(0.99));
        fflush(stdout);
    }
}

void read_option(Load &load, const std::string &option, const char *text)
{
    long value = atol(text);

    if (option == "--pid") {
        if (clock_getcpuclockid(pid_t(value), &load.worker) != 0) {
            fail("no such worker");
        }
    } else if (option == "--connections") {
        load.connections = size_t(value);
    } else if (option == "--requests") {
        load.requests = size_t(value);
    } else if (option == "--sleep") {
        load.wait = value ? 1000 : 0;
    } else if (option == "--rounds") {
        load.rounds = size_t(value);
    } else if (option == "--ask") {
        load.ask = value;
    } else if (option == "--from") {
        if (inet_pton(AF_INET, text, &load.from) != 1) {
            fail("--from needs an IPv4 address");
        }
    } else {
        fail("unknown option " + option);
    }
}

void run(int argc, char **argv)
{
    std::vector<Side> sides;
    Load load;

    for (int i = 1; i < argc; i++) {
        std::string option = argv[i];

        if (option.compare(0, 2, "--") != 0) {
            sides.push_back(parse_side(option));
            continue;
        }

        if (i + 1 == argc) {
            fail(option + " needs a value");
        }

        read_option(load, option, argv[++i]);
    }

    if (load.worker == 0 || sides.empty()
        || load.requests < load.connections)
    {
        fail("--pid, a side, and as many requests as connections are needed");
    }

    for (Side &side : sides) {
        connect_side(side, load.connections, load.from);
    }

    for (size_t round = 0; round <= load.rounds; round++) {
        for (size_t i = 0; i < sides.size(); i++) {
            run_round(sides[round % 2 ? i : sides.size() - 1 - i], load,
                round > 0);
        }
    }
}

}  // namespace

int main(int argc, char **argv)
{
    try {
        run(argc, argv);
        return 0;

    } catch (const std::exception &e) {
        fprintf(stderr, "bench_load: %s\n", e.what());
        return 1;
    }
}
