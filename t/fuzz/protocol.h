// What the fuzzers of the invoice protocols share. An input's first byte
// chooses the status, the rest is the body of an answer; the same bytes also
// serve as a memo and as a credential file.
#pragma once

#include "l402/encoding.h"
#include "l402/invoice.h"
#include "l402/utf8.h"

#include "require.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace protocol_fuzz {

using namespace l402;
using Kind = ProtocolStep::Kind;

inline const std::string credential = "c0ffee4ever";

inline bool contains_credential(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(),
        [](unsigned char c) { return static_cast<char>(tolower(c)); });
    return text.find(credential) != text.npos;
}

inline void check_error(const std::string &error, const std::string &header)
{
    require(!error.empty() && error.size() < 200);
    require(!contains_credential(error));
    require(error.find(header) == error.npos);

    for (char c : error) {
        require(c >= ' ' && c <= '~');
    }
}

// The header's last word is the credential as this service wants it.
inline std::string sent_credential(const char *protocol)
{
    HttpCall call = find_protocol(protocol)->attempt(credential, {})->start()
        .call;

    require(call.headers.size() == 1);

    std::string value = call.headers[0].second;

    return value.substr(value.rfind(' ') + 1);
}

inline void check_answer(const char *protocol, long success, long status,
    std::string_view body)
{
    std::string header = sent_credential(protocol);
    InvoiceRequest request;

    request.amount_msat = 1000;
    request.expiry = 600;

    ProtocolStep step = find_protocol(protocol)->attempt(credential, request)
        ->answered({status, body});

    require(step.kind != Kind::send);

    if (step.kind == Kind::failed) {
        check_error(step.error, header);
        return;
    }

    Invoice invoice;
    std::string error;

    require(status == success && step.offer.names_hash);
    require(!step.offer.bolt11.empty());

    if (!check_offer(step.offer, request, Network::regtest, 1700000000,
            invoice, error))
    {
        check_error(error, header);
        return;
    }

    require(invoice.amount_msat == 1000);
    require(invoice.payment_hash == step.offer.payment_hash);
    require(invoice.expires_at > 1700000000);
    require(invoice.expires_at <= 1700000000 + 600 + max_clock_difference);
}

// Whatever is accepted can stand in a header.
inline void check_file(const char *protocol, std::string_view file)
{
    std::string secret, error;

    if (!find_protocol(protocol)->read_credential(file, secret, error)) {
        require(!error.empty() && secret.empty());
        return;
    }

    require(!secret.empty() && secret.size() <= file.size());

    for (unsigned char c : secret) {
        require(c >= ' ' && c != 0x7f);
    }
}

inline HttpCall call_for(const char *protocol, std::string_view memo)
{
    InvoiceRequest request;

    request.amount_msat = 1000;
    request.expiry = 600;
    request.memo = memo;

    ProtocolStep step = find_protocol(protocol)->attempt(credential, request)
        ->start();

    require(step.kind == Kind::send);
    return step.call;
}

// The value between `before` and `after`, which are the rest of the form.
inline std::string form_value(const std::string &form, std::string_view before,
    std::string_view after)
{
    require(form.size() >= before.size() + after.size());
    require(form.compare(0, before.size(), before) == 0);
    require(form.compare(form.size() - after.size(), after.size(), after)
            == 0);

    std::string text = form.substr(before.size(),
        form.size() - before.size() - after.size()), out;

    for (size_t i = 0; i < text.size(); i++) {
        uint8_t byte = static_cast<uint8_t>(text[i]);

        require(isalnum(byte) || strchr("-._%", byte));

        if (byte == '%') {
            require(hex_decode(text.substr(i + 1, 2), &byte));
            i += 2;
        }

        out += static_cast<char>(byte);
    }

    require(is_utf8(out));
    return out;
}

inline void fuzz(const char *protocol, long success, std::string_view bytes)
{
    check_file(protocol, bytes);

    if (!bytes.empty()) {
        const long statuses[] = {success, 500, 0, 401};

        check_answer(protocol, success, statuses[bytes[0] & 3],
            bytes.substr(1));
    }
}

}  // namespace protocol_fuzz
