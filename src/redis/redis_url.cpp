#include "l402/redis_url.h"

#include "l402/url.h"

namespace l402 {

namespace {

constexpr const char *forms =
    "\"redis://host:port\", \"rediss://host:port\", \"unix:/path\" or "
    "\"sentinel://host:port,host:port/name\" is right";

constexpr uint16_t redis_port = 6379;
constexpr uint16_t sentinel_port = 26379;

bool take(std::string_view &text, std::string_view start)
{
    if (text.substr(0, start.size()) != start) {
        return false;
    }

    text.remove_prefix(start.size());
    return true;
}

bool read_database(std::string_view text, RedisUrl &out, std::string &error)
{
    constexpr uint64_t largest = 1000000;
    uint64_t number = 0;
    bool good = !text.empty() && text.size() <= 7;

    for (char c : text) {
        good = good && c >= '0' && c <= '9';
        number = number * 10 + static_cast<uint64_t>(c - '0');
    }

    if (!good || number > largest) {
        error = "has a database that is no number";
        return false;
    }

    out.database = number;
    return true;
}

bool read_host(std::string_view text, uint16_t usual_port, RedisUrl &out,
    std::string &error)
{
    size_t end = !text.empty() && text.front() == '['
                     ? text.find(']') : size_t{0};
    bool has_port = end != text.npos && text.find(':', end) != text.npos;
    ServiceUrl url;

    // A host and a port are what they are in any url.
    std::string http = "http://" + std::string(text);

    if (!has_port) {
        http += ":" + std::to_string(usual_port);
    }

    if (text.empty() || text.find_first_of("/?#@") != text.npos
        || !parse_service_url(http, url, error))
    {
        error = std::string("has no host, or one that cannot be: ") + forms;
        return false;
    }

    out.hosts.push_back({url.host, url.host_is_address, url.port});
    return true;
}

bool read_socket(std::string_view text, RedisUrl &out, std::string &error)
{
    constexpr size_t longest = 107;  // of sockaddr_un
    size_t query = text.find('?');
    std::string_view path = text.substr(0, query);

    if (path.empty() || path.front() != '/' || path.size() > longest) {
        error = "has no absolute path of up to 107 characters behind \"unix:\"";
        return false;
    }

    out.unix_socket = path;

    if (query == text.npos) {
        return true;
    }

    text.remove_prefix(query + 1);

    if (!take(text, "db=")) {
        error = "goes on after its path: \"unix:/path?db=1\" is right";
        return false;
    }

    return read_database(text, out, error);
}

bool read_server(std::string_view text, RedisUrl &out, std::string &error)
{
    size_t slash = text.find('/');

    if (!read_host(text.substr(0, slash), redis_port, out, error)) {
        return false;
    }

    if (slash == text.npos || slash + 1 == text.size()) {
        return true;
    }

    return read_database(text.substr(slash + 1), out, error);
}

bool is_master_name(std::string_view name)
{
    if (name.empty()) {
        return false;
    }

    for (char c : name) {
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_')
        {
            return false;
        }
    }

    return true;
}

bool read_sentinels(std::string_view text, RedisUrl &out, std::string &error)
{
    size_t slash = text.find('/');
    std::string_view hosts = text.substr(0, slash);
    std::string_view name = slash == text.npos ? std::string_view()
                                               : text.substr(slash + 1);
    size_t second = name.find('/');

    while (true) {
        size_t comma = hosts.find(',');

        if (!read_host(hosts.substr(0, comma), sentinel_port, out, error)) {
            return false;
        }

        if (comma == hosts.npos) {
            break;
        }

        hosts.remove_prefix(comma + 1);
    }

    if (!is_master_name(name.substr(0, second))) {
        error = "has no name of the master, as the Sentinels know it: "
                "\"sentinel://host:port,host:port/name\" is right";
        return false;
    }

    out.master = name.substr(0, second);
    return second == name.npos
           || read_database(name.substr(second + 1), out, error);
}

}  // namespace

bool parse_redis_url(std::string_view text, RedisUrl &out, std::string &error)
{
    RedisUrl url;
    bool good;

    for (char c : text) {
        if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') {
            error = "has a space or a control character in it";
            return false;
        }
    }

    // A path may have one.
    if (text.substr(0, 5) != "unix:" && text.find('@') != text.npos) {
        error = "has a user or a password in it, where others can read it: "
                "they belong into \"username\" and the file of "
                "\"password_file\"";
        return false;
    }

    if (take(text, "unix:")) {
        good = read_socket(text, url, error);

    } else if (take(text, "redis://")) {
        good = read_server(text, url, error);

    } else if (take(text, "rediss://")) {
        url.tls = true;
        good = read_server(text, url, error);

    } else if (take(text, "sentinel://")) {
        good = read_sentinels(text, url, error);

    } else if (take(text, "sentinels://")) {
        url.tls = true;
        good = read_sentinels(text, url, error);

    } else {
        error = std::string("is no address of a Redis: ") + forms;
        good = false;
    }

    if (good) {
        out = std::move(url);
    }

    return good;
}

}  // namespace l402
