// A request, a chain of caveats, and both together as a case that some property
// may fail for. Needs no cmocka, so that fuzzers can use it.
#pragma once

#include "naive_caveats.h"

#include "l402/encoding.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace unit {

using l402::Facts;
using l402::Hash;
using l402::Result;
using l402::Verdict;
using Caveats = std::vector<std::string>;

inline std::string hex_of(std::string_view bytes)
{
    return l402::to_hex(reinterpret_cast<const uint8_t *>(bytes.data()),
        bytes.size());
}

class FixedMeasures final : public l402::Measures {
public:
    std::vector<std::pair<std::string, int64_t>> numbers;

    size_t count() const noexcept override { return numbers.size(); }

    std::string_view condition(size_t i) const noexcept override
    {
        return numbers[i].first;
    }

    // A negative one stands for a request that has none.
    bool value(size_t i, int64_t &out) noexcept override
    {
        out = numbers[i].second;
        return out >= 0;
    }
};

// Facts that own what they point to.
struct Request {
    std::string   service = "weather", capability, address, host, path = "/",
                  method = "GET";
    uint8_t       tier = 0;
    int64_t       time = 1700000000;
    bool          refuse_unknown = false;
    bool          needs_uses = false, needs_balance = false;
    FixedMeasures measures;

    Facts facts()
    {
        Facts f;

        f.service = service;
        f.tier = tier;
        f.capability = capability;
        f.now = time;
        f.refuse_unknown_caveats = refuse_unknown;
        f.needs_uses = needs_uses;
        f.needs_balance = needs_balance;
        f.measures = measures.numbers.empty() ? nullptr : &measures;
        f.client_address = address;
        f.host = host;
        f.path = path;
        f.method = method;
        return f;
    }

    nlohmann::json json() const
    {
        nlohmann::json numbers = nlohmann::json::object();

        for (const auto &[condition, value] : measures.numbers) {
            numbers[condition] = value;
        }
        return {{"service", service}, {"tier", tier},
            {"capability", capability}, {"now", time},
            {"refuse_unknown", refuse_unknown}, {"needs_uses", needs_uses},
            {"needs_balance", needs_balance}, {"measures", numbers},
            {"client_address_hex", hex_of(address)}, {"host", host},
            {"path", path}, {"method", method}};
    }
};

inline const Hash &chain_preimage()
{
    static const Hash preimage = [] {
        Hash out;
        for (size_t i = 0; i < out.size(); i++) {
            out[i] = uint8_t(i);
        }
        return out;
    }();
    return preimage;
}

inline std::vector<l402::Slice> slices(const Caveats &caveats)
{
    std::vector<l402::Slice> out;

    for (const std::string &caveat : caveats) {
        out.push_back({caveat.data(), caveat.size()});
    }
    return out;
}

inline Caveats caveats_of(const std::string &bytes)
{
    l402::Macaroon macaroon;
    Caveats        out;

    if (l402::parse_macaroon(bytes, macaroon)) {
        for (size_t i = 0; i < macaroon.caveat_count; i++) {
            out.emplace_back(macaroon.caveats[i].view());
        }
    }
    return out;
}

inline Verdict check(const Caveats &caveats, Request &request)
{
    auto    list = slices(caveats);
    Verdict verdict{};

    verdict.result = l402::check_caveats(list.data(), list.size(),
        request.facts(), chain_preimage().data(), verdict);
    return verdict;
}

inline bool opens(const Caveats &caveats, Request &request)
{
    return check(caveats, request).result == Result::ok;
}

inline naive::Answer check_naively(const Caveats &caveats, Request &request)
{
    return naive::decide(caveats, request.facts(),
        std::string(chain_preimage().begin(), chain_preimage().end()));
}

struct Case {
    Caveats minted;
    Caveats appended;
    Request request;

    Caveats all() const
    {
        Caveats out = minted;

        out.insert(out.end(), appended.begin(), appended.end());
        return out;
    }

    // JSON has no bytes: what is not plain text stands there in hex.
    std::string text() const
    {
        auto readable = [](const Caveats &caveats) {
            nlohmann::json out = nlohmann::json::array();

            for (const std::string &caveat : caveats) {
                bool plain = std::all_of(caveat.begin(), caveat.end(),
                    [](char c) { return c >= ' ' && c <= '~'; });

                out.push_back(plain ? caveat : "hex:" + hex_of(caveat));
            }
            return out;
        };
        return nlohmann::json{{"minted", readable(minted)},
            {"appended", readable(appended)}, {"request", request.json()}}
            .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
};

}  // namespace unit
