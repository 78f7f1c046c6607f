// What the tests of the invoice protocols share: one protocol with its
// service's own credential, status and answer, and the answers that none of
// them may take for an invoice.
#pragma once

#include "l402/bolt11.h"
#include "l402/invoice.h"

#include "cmocka_cpp.h"

#include <nlohmann/json.hpp>

#include <string>

namespace protocol_test {

using namespace l402;
using Kind = ProtocolStep::Kind;
using nlohmann::json;

inline InvoiceRequest request(const std::string &memo = "weather")
{
    InvoiceRequest out;

    out.amount_msat = 10000;
    out.memo = memo;
    out.expiry = 600;
    return out;
}

struct Service {
    const char *name;
    std::string credential;
    long        success;     // the status that it documents
    json        answer;      // as the service's documentation has it
    const char *invoice;     // members of the answer
    const char *hash;

    const Protocol &protocol() const
    {
        const Protocol *found = find_protocol(name);

        assert_non_null(found);
        assert_string_equal(found->name, name);
        return *found;
    }

    HttpCall call(const InvoiceRequest &what, const std::string &with) const
    {
        ProtocolStep step = protocol().attempt(with, what)->start();

        assert_true(step.kind == Kind::send);
        return step.call;
    }

    HttpCall call(const InvoiceRequest &what) const
    {
        return call(what, credential);
    }

    ProtocolStep answered(long status, const std::string &body,
        const std::string &with) const
    {
        return protocol().attempt(with, request())->answered({status, body});
    }

    ProtocolStep answered(long status, const std::string &body) const
    {
        return answered(status, body, credential);
    }

    void fails(long status, const std::string &body,
        const std::string &error) const
    {
        ProtocolStep step = answered(status, body);

        assert_true(step.kind == Kind::failed);
        assert_string_equal(step.error.c_str(), error.c_str());
    }

    std::string refused(const std::string &file) const
    {
        std::string out = "untouched", error;

        assert_false(protocol().read_credential(file, out, error));
        assert_string_equal(out.c_str(), "untouched");
        return error;
    }

    std::string read(const std::string &file) const
    {
        std::string out, error;

        if (!protocol().read_credential(file, out, error)) {
            fail_msg("%s", error.c_str());
        }

        return out;
    }
};

inline void assert_header(const HttpCall &call, const char *name,
    const char *value)
{
    assert_int_equal(call.headers.size(), 1);
    assert_string_equal(call.headers[0].first.c_str(), name);
    assert_string_equal(call.headers[0].second.c_str(), value);
}

// The published answer is an offer that check_offer takes, for that amount,
// on that network and with that hash alone.
inline void check_published(const Service &service, uint64_t amount_msat,
    uint32_t expiry, Network network)
{
    ProtocolStep step = service.answered(service.success,
        service.answer.dump());

    assert_true(step.kind == Kind::done);
    assert_true(step.offer.names_hash);

    Bolt11 bolt11;
    const char *reason = "";

    if (!decode_bolt11(step.offer.bolt11, bolt11, reason)) {
        fail_msg("%s", reason);
    }

    InvoiceRequest wanted;
    Invoice invoice;
    std::string error;
    int64_t now = bolt11.expires_at() - expiry;

    wanted.amount_msat = amount_msat;
    wanted.expiry = expiry;

    if (!check_offer(step.offer, wanted, network, now, invoice, error)) {
        fail_msg("%s", error.c_str());
    }

    json other = service.answer;
    std::string hash = other[service.hash];

    hash[5] = hash[5] == '0' ? '1' : '0';
    other[service.hash] = hash;
    step = service.answered(service.success, other.dump());
    assert_true(step.kind == Kind::done);
    assert_false(check_offer(step.offer, wanted, network, now, invoice,
        error));
    assert_string_equal(error.c_str(),
        "payment hash is not the one the service named");
}

inline void check_bad_answers(const Service &service)
{
    long status = service.success;
    std::string good = service.answer.dump();

    for (const char *name : {service.invoice, service.hash}) {
        json body = service.answer;
        std::string error = std::string("answered with no ") + name;

        body.erase(name);
        service.fails(status, body.dump(), error);

        for (json value : {json(nullptr), json(1), json(true), json(""),
                 json::array({"x"}), json::object({{"x", "y"}}), json(1.5)})
        {
            body[name] = value;
            service.fails(status, body.dump(), error);
        }
    }

    for (const std::string &hash : {std::string("x"), std::string(63, 'a'),
             std::string(65, 'a'), std::string(66, 'a'), std::string(62, 'a'),
             std::string(63, 'a') + 'g', std::string(5000, 'a'),
             "0x" + std::string(64, 'a'), std::string(64, '\0')})
    {
        json body = service.answer;

        body[service.hash] = hash;
        service.fails(status, body.dump(), std::string("answered with a ")
            + service.hash + " that is not 32 bytes of hex");
    }

    service.fails(status, "", "answered with an empty body");
    service.fails(status, std::string(65000, '['),
        "answered with JSON that is nested too deeply");
    service.fails(status, good + std::string(65537 - good.size(), ' '),
        "answered with more than 65536 bytes");

    for (const std::string &body : {std::string("garbage"),
             std::string("<html></html>"), good.substr(0, good.size() / 2),
             good.substr(0, good.size() - 1), good + "x", good + good,
             good + '\0', good + std::string("\0x", 2), std::string(10, '\0'), std::string("{\"a\":\"\xff\"}")})
    {
        service.fails(status, body, "answered with a body that is not JSON");
    }

    for (const char *body : {"[]", "null", "1", "\"lnbcrt1\"", "true"}) {
        service.fails(status, body, "answered with JSON that is no object");
    }
}

// An invoice in an answer of any other status is none.
inline void check_other_statuses(const Service &service)
{
    std::string good = service.answer.dump();

    for (long status : {0L, 100L, 200L, 201L, 202L, 204L, 301L, 302L, 307L,
             400L, 401L, 403L, 404L, 429L, 500L, 502L, 503L})
    {
        ProtocolStep step = service.answered(status, good);

        if (status == 200 || status == 201) {
            assert_true(step.kind == Kind::done);
            continue;
        }

        std::string start = "answered " + std::to_string(status);

        assert_true(step.kind == Kind::failed);
        assert_true(step.error.compare(0, start.size(), start) == 0);
        service.fails(status, "", start);
    }
}

// What goes out as a memo of 639 bytes at most: escaped, mended, cut.
inline void check_memos(std::string (*memo_of)(const std::string &memo))
{
    const std::string memo = "a\"b\\c\n{}\x01/\xc3\xa4\xf0\x9f\x8c\xa6";
    std::string limit(639, 'a'), nearly(638, 'a');

    assert_string_equal(memo_of(memo).c_str(), memo.c_str());
    assert_string_equal(memo_of("a\xff" "b").c_str(), "a\ufffdb");
    assert_string_equal(memo_of(limit + "b").c_str(), limit.c_str());
    assert_string_equal(memo_of(nearly + "\u00e4").c_str(), nearly.c_str());
}

}  // namespace protocol_test
