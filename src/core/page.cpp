// The page for people.

#include "l402/challenge.h"

#include <cstdio>
#include <ctime>

namespace l402 {

namespace {

constexpr const char *style =
    ":root{color-scheme:light dark}"
    "body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:#1a1a1a;"
    "background:#fff}"
    "main{max-width:42rem;margin:0 auto;padding:1.5rem}"
    "h1{margin:0 0 .5rem;font-size:1.6rem}"
    "h2{margin:2rem 0 .5rem;font-size:1.1rem}"
    ".reason{padding:.5rem .75rem;border-left:.25rem solid #b3261e}"
    ".pay{display:inline-block;padding:.6rem 1rem;border-radius:.4rem;"
    "background:#0b57d0;color:#fff;font-weight:600;text-decoration:none}"
    "pre,code{font:.85rem/1.45 ui-monospace,monospace;"
    "overflow-wrap:anywhere}"
    "pre{margin:.5rem 0;padding:.75rem;white-space:pre-wrap;"
    "border:1px solid #767676;border-radius:.4rem;background:#f3f3f3;"
    "user-select:all;-webkit-user-select:all}"
    "dt{margin-top:.5rem;font-weight:600}"
    "dd{margin:0}"
    "a:focus-visible,pre:focus-visible{outline:.2rem solid #e37400;"
    "outline-offset:.15rem}"
    "@media(prefers-color-scheme:dark){"
    "body{color:#e8e8e8;background:#121212}"
    "pre{background:#1e1e1e;border-color:#8a8a8a}"
    ".pay{background:#a8c7fa;color:#062e6f}"
    ".reason{border-color:#f2b8b5}}";

void add_escaped(std::string &out, std::string_view text)
{
    for (unsigned char c : text) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        case '\'':
            out += "&#39;";
            break;
        default:
            if (c < 0x20 || c == 0x7f) {  // a path may hold any byte
                char hex[4];
                std::snprintf(hex, sizeof(hex), "%%%02X", c);
                out += hex;
            } else {
                out += char(c);
            }
        }
    }
}

// 1500 msat is "1.5 sat".
std::string sats(uint64_t msat)
{
    std::string text = std::to_string(msat / 1000);
    unsigned    rest = unsigned(msat % 1000);

    if (rest != 0) {
        char fraction[8];
        std::snprintf(fraction, sizeof(fraction), ".%03u", rest);
        text += fraction;
        text.erase(text.find_last_not_of('0') + 1);
    }

    return text + " sat";
}

void add_time(std::string &out, int64_t seconds)
{
    time_t t = time_t(seconds);
    tm     utc;
    char   machine[48], people[48];

    if (gmtime_r(&t, &utc) == nullptr
        || strftime(machine, sizeof(machine), "%Y-%m-%dT%H:%M:%SZ", &utc) == 0
        || strftime(people, sizeof(people), "%Y-%m-%d %H:%M:%S UTC", &utc)
            == 0)
    {
        out += std::to_string(seconds);
        return;
    }

    out += "<time datetime=\"";
    out += machine;
    out += "\">";
    out += people;
    out += "</time>";
}

// Reachable by keyboard, and one click selects the whole of it.
void add_block(std::string &out, const char *label, std::string_view text)
{
    out += "<pre tabindex=\"0\" aria-label=\"";
    out += label;
    out += "\">";
    add_escaped(out, text);
    out += "</pre>\n";
}

void add_offer(std::string &out, const Challenge &c, std::string_view what)
{
    out += "<p><bdi><code>";
    add_escaped(out, what);
    out += "</code></bdi> costs <strong>" + sats(c.price_msat)
        + "</strong>, paid with Lightning.</p>\n<p><a class=\"pay\""
          " href=\"lightning:";
    add_escaped(out, c.invoice);
    out += "\">Open in a wallet</a></p>\n<h2>Invoice</h2>\n";
    add_block(out, "Invoice", c.invoice);

    out += "<dl>\n<dt>Pay before</dt><dd>";
    add_time(out, c.invoice_expires_at);
    out += "</dd>\n<dt>Access until</dt><dd>";
    if (c.token_expires_at != 0) {
        add_time(out, c.token_expires_at);
    } else {
        out += "no end";
    }
    out += "</dd>\n<dt>Payment hash</dt><dd><code>";
    add_escaped(out, c.payment_hash);
    out += "</code></dd>\n</dl>\n";

    out += "<h2>How a program pays</h2>\n"
           "<p>Pay the invoice, then send the request again with the macaroon"
           " below and the preimage (64 hex digits) that the payment"
           " revealed:</p>\n";
    add_block(out, "Header field",
        "Authorization: L402 <macaroon>:<preimage>");
    out += "<h2>Macaroon</h2>\n";
    add_block(out, "Macaroon", c.token);
}

const char *heading(unsigned status) noexcept
{
    switch (status) {
    case 401:
        return "Unauthorized";
    case 402:
        return "Payment required";
    case 414:
        return "URI too long";
    case 503:
        return "Service unavailable";
    default:
        return "Internal server error";
    }
}

}  // namespace

std::string html_page(Result reason, unsigned status,
    const Challenge *challenge, std::string_view what)
{
    const ResultInfo &info = describe(reason);
    std::string       out;

    out.reserve(4096 + (challenge ? 2 * challenge->invoice.size() : 0));

    out += "<!doctype html>\n<html lang=\"en\">\n<head>\n"
           "<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\""
           " content=\"width=device-width, initial-scale=1\">\n"
           "<meta name=\"robots\" content=\"noindex\">\n<title>";
    out += heading(status);
    if (challenge != nullptr) {
        out += ": " + sats(challenge->price_msat);
    }
    out += "</title>\n<style>";
    out += style;
    out += "</style>\n</head>\n<body>\n<main>\n<h1>";
    out += heading(status);
    out += "</h1>\n";

    if (reason != Result::absent || challenge == nullptr) {
        out += "<p class=\"reason\" role=\"status\">";
        add_escaped(out, info.title);
        out += " (<code>";
        out += info.word;
        out += "</code>).</p>\n";
    }

    if (challenge != nullptr) {
        add_offer(out, *challenge, what);
    } else {
        out += "<p><bdi><code>";
        add_escaped(out, what);
        out += "</code></bdi></p>\n";
    }

    out += "</main>\n</body>\n</html>\n";
    return out;
}

}  // namespace l402
