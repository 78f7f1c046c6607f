// What a Lightning address's service says that it sells, what it answers to its
// callback, and what `url` may say. An input's first byte chooses the status;
// the two answers are parted by an empty line, and the same bytes also serve as
// a url, as a callback and as a memo.
#include "protocol.h"

using namespace protocol_fuzz;

namespace {

InvoiceRequest request(std::string_view memo = "weather")
{
    InvoiceRequest out;

    out.amount_msat = 1000;
    out.expiry = 86400;
    out.memo = memo;
    return out;
}

// There is no credential that could be in it.
void check_line(const std::string &error)
{
    require(!error.empty() && error.size() < 200);

    for (char c : error) {
        require(c >= ' ' && c <= '~');
    }
}

// What goes to libcurl is one line of printable ASCII and no other scheme.
void check_url(const ServiceUrl &url)
{
    std::string text = url.join("");

    require(text.compare(0, 7, "http://") == 0
            || text.compare(0, 8, "https://") == 0);
    require(!url.host.empty() && url.port != 0);

    for (char c : text) {
        require(c > ' ' && c <= '~' && c != '#' && c != '"');
    }
}

void check_urls(std::string_view text)
{
    ServiceUrl url, from, to;
    std::string error;

    if (find_protocol("lnurl")->read_url(text, url, error)) {
        check_url(url);
        require(url.base.size() > 1);

    } else {
        check_line(error);
        require(url.host.empty());
    }

    from.host = "service.example";
    from.port = 443;
    from.https = true;

    if (parse_callback_url(text, from, to, error)) {
        check_url(to);
        require(to.unix_socket.empty());
        require(to.https || (to.host.size() > 6 && to.host.substr(
            to.host.size() - 6) == ".onion"));
    }
}

void check_callback(const HttpCall &call, std::string_view body)
{
    size_t at = call.url.rfind("amount=1000&nonce=");

    require(call.method == "GET" && call.headers.empty());
    require(call.content_type.empty() && call.path.empty());
    require(at != call.url.npos && at > 0);
    require(call.url[at - 1] == '?' || call.url[at - 1] == '&');

    // What is appended adds no parameter that it does not name.
    std::string tail = call.url.substr(at + 18);

    require(tail.size() >= 16);
    tail = tail.substr(16);
    require(tail.empty() || tail.compare(0, 9, "&comment=") == 0);
    require(tail.size() <= 9 + 3 * 639);

    for (char c : tail.substr(std::min<size_t>(tail.size(), 9))) {
        require(isalnum(static_cast<unsigned char>(c)) || strchr("-._%", c));
    }

    require(body.find("payRequest") != body.npos
            || body.find('\\') != body.npos);
}

void check_answers(long status, std::string_view bytes)
{
    size_t line = bytes.find("\n\n");
    std::string_view first = bytes.substr(0, line);
    std::string_view second = line == bytes.npos ? std::string_view()
                                                 : bytes.substr(line + 2);
    auto attempt = find_protocol("lnurl")->attempt("", request(second));
    ProtocolStep step = attempt->answered({200, first});

    if (step.kind == Kind::send) {
        check_callback(step.call, first);
        step = attempt->answered({status, second});
        require(step.kind != Kind::send);
    }

    if (step.kind == Kind::failed) {
        check_line(step.error);
        return;
    }

    Invoice invoice;
    std::string error;

    require(status == 200 && step.offer.has_description_hash);
    require(!step.offer.bolt11.empty());

    if (!check_offer(step.offer, request(), Network::regtest, 1700000000,
            invoice, error))
    {
        check_line(error);
        return;
    }

    require(invoice.amount_msat == 1000);
    require(invoice.expires_at > 1700000000);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view bytes(reinterpret_cast<const char *>(data), size);

    check_urls(bytes);

    if (size) {
        const long statuses[] = {200, 500, 0, 302};

        check_answers(statuses[data[0] & 3], bytes.substr(1));
    }

    return 0;
}
