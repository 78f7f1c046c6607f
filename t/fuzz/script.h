// Inputs of the fuzzers that need more than bytes: lines of which the first
// character says what the rest is. Most changed bytes leave most lines as they
// are, and a corpus can be read.
//
//   s service   t tier    k capability    n unix seconds    r (refuse unknown)
//   u (needs minted uses)   b (needs a minted balance)
//   a address   h host    p path          m method          M condition number
#pragma once

#include "../unit/request.h"

#include <random>

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

namespace fuzz {

using Lines = std::vector<std::string>;

inline Lines lines_of(const uint8_t *data, size_t size)
{
    Lines out{""};

    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n') {
            out.emplace_back();
        } else {
            out.back() += char(data[i]);
        }
    }
    return out;
}

inline int64_t number_of(const std::string &text)
{
    return std::strtoll(text.c_str(), nullptr, 10);
}

inline std::string address_of(const std::string &text)
{
    std::string bytes(16, '\0');

    if (inet_pton(AF_INET, text.c_str(), &bytes[0]) == 1) {
        return bytes.substr(0, 4);
    }
    return inet_pton(AF_INET6, text.c_str(), &bytes[0]) == 1 ? bytes : "";
}

// What a configuration may not measure: docs/directives.md (l402_constraint).
inline bool is_reserved(const std::string &condition,
    const std::string &service)
{
    for (const char *own : {"valid_until", "capabilities", "uses", "balance"})
    {
        if (condition == service + "_" + own) {
            return true;
        }
    }
    return condition == "services" || condition == "valid_until"
        || condition == "preimage" || naive::list_reader(condition);
}

// True where the line was one of the request's.
inline bool read_fact(unit::Request &request, const std::string &line)
{
    std::string rest = line.empty() ? "" : line.substr(1);
    size_t      space;

    switch (line.empty() ? 0 : line[0]) {
    case 's':
        if (naive::is_name(rest)) {
            request.service = rest;
        }
        return true;
    case 't':
        request.tier = uint8_t(number_of(rest));
        return true;
    case 'k':
        request.capability = rest;
        return true;
    case 'n':
        request.time = number_of(rest) % 2000000000000;
        return true;
    case 'r':
        request.refuse_unknown = true;
        return true;
    case 'u':
        request.needs_uses = true;
        return true;
    case 'b':
        request.needs_balance = true;
        return true;
    case 'a':
        request.address = address_of(rest);
        return true;
    case 'h':
        request.host = rest;
        return true;
    case 'p':
        request.path = rest;
        return true;
    case 'm':
        request.method = rest;
        return true;
    case 'M':
        space = rest.find(' ');
        if (space != rest.npos
            && request.measures.numbers.size() < l402::max_measures)
        {
            request.measures.numbers.emplace_back(rest.substr(0, space),
                number_of(rest.substr(space + 1)));
        }
        return true;
    }
    return false;
}

// After all lines, when the service is known.
inline void drop_reserved(unit::Request &request)
{
    auto &numbers = request.measures.numbers;

    numbers.erase(std::remove_if(numbers.begin(), numbers.end(),
                      [&](const auto &n) {
                          return is_reserved(n.first, request.service);
                      }),
        numbers.end());
}

// ---- changing an input by lines ----

inline const char *const known_lines[] = {
    "cservices=weather:1", "cservices=weather:2,maps:0", "cservices=weather:0",
    "cweather_valid_until=1700003600", "cvalid_until=1700000001",
    "cweather_capabilities=read,write", "cweather_capabilities=read",
    "cweather_uses=10", "cweather_uses=3", "cweather_balance=1000", "u", "b",
    "cservices=weather:01", "Aweather_uses=5", "Aweather_balance=500",
    "cupload_max_bytes=10", "cupload_max_bytes=5", "Mupload_max_bytes 5",
    "cclient_address=203.0.113.0/24,2001:db8::/32,unix:",
    "cclient_address=203.0.113.7", "a203.0.113.7", "a2001:db8::1",
    "crequest_host=a.example", "ha.example", "crequest_path=/a*,/b",
    "crequest_path=/a/b", "p/a/b", "crequest_method=GET,POST",
    "crequest_method=HEAD", "mHEAD", "t1", "t2", "kread", "r", "cx=y", "c",
    "A=", "Ax=y", "Bt2", "Tcnahpm", "Tcnahpmx", "Tub", "Tul", "Tl",
    ("cpreimage=000102030405060708090a0b0c0d0e0f"
     "101112131415161718191a1b1c1d1e1f"),
    "Aservices=weather:0", "Avalid_until=1700000000", "Aupload_max_bytes=5",
    "Arequest_path=/a/b", "Aweather_capabilities=read", "+", "f1", "fub", "fm",
    "fg", "i", "w", "K1", "x70",
};

inline size_t mutate(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    std::minstd_rand random(seed);
    Lines            lines = lines_of(data, size);
    std::string      out;

    auto below = [&](size_t n) { return size_t(random()) % n; };
    auto any = [&]() -> std::string & { return lines[below(lines.size())]; };

    switch (below(10)) {
    case 0:
        lines.insert(lines.begin() + long(below(lines.size() + 1)),
            known_lines[below(std::size(known_lines))]);
        break;
    case 1:
        lines.erase(lines.begin() + long(below(lines.size())));
        break;
    case 2:
        lines.insert(lines.begin() + long(below(lines.size() + 1)),
            std::string(any()));
        break;
    case 3:
        std::swap(any(), any());
        break;
    case 4:
    case 5:
    case 6: {
        std::string &line = any();
        size_t       had = line.size();

        line.resize(had + 32);
        line.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t *>(&line[0]),
            had, line.size()));
        break;
    }
    default:
        return LLVMFuzzerMutate(data, size, max);
    }

    for (const std::string &line : lines) {
        out += (&line == &lines[0] ? "" : "\n") + line;
    }
    out.resize(std::min(out.size(), max));
    std::copy(out.begin(), out.end(), data);
    return out.size();
}

}  // namespace fuzz
