// Which form of an answer does the caller read?

#include "l402/challenge.h"

namespace l402 {

namespace {

char lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? char(c + 32) : c;
}

bool equals(std::string_view text, std::string_view lower_case) noexcept
{
    if (text.size() != lower_case.size()) {
        return false;
    }
    for (size_t i = 0; i < text.size(); i++) {
        if (lower(text[i]) != lower_case[i]) {
            return false;
        }
    }
    return true;
}

std::string_view trim(std::string_view text) noexcept
{
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

// Takes off and returns what stands before the next separator that is not
// inside of a quoted string.
std::string_view take(std::string_view &rest, char separator) noexcept
{
    bool   quoted = false;
    size_t i = 0;

    for (; i < rest.size(); i++) {
        char c = rest[i];
        if (quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == separator && !quoted) {
            break;
        }
    }

    std::string_view taken = rest.substr(0, i);
    rest.remove_prefix(i < rest.size() ? i + 1 : rest.size());
    return taken;
}

// qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ), in
// thousandths; -1 where the text is none.
int parse_q(std::string_view text) noexcept
{
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')
        || (text.size() > 1 && text[1] != '.'))
    {
        return -1;
    }

    int q = (text[0] - '0') * 1000;
    int unit = 100;
    for (size_t i = 2; i < text.size(); i++, unit /= 10) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        q += (text[i] - '0') * unit;
    }

    return q <= 1000 ? q : -1;
}

// The q of a media range's parameters; -1 where it cannot be read.
int quality(std::string_view parameters) noexcept
{
    while (!parameters.empty()) {
        std::string_view value = take(parameters, ';');
        std::string_view name = trim(take(value, '='));
        if (equals(name, "q")) {
            return parse_q(trim(value));
        }
    }
    return 1000;
}

// What an Accept value says about one form. A closer range overrides a wider
// one, whichever stands first (RFC 9110, 12.5.1).
struct Wish {
    enum Closeness { none, any, type, exact };

    Closeness closeness = none;
    int       q = 0;
    size_t    position = 0;

    void say(Closeness how_close, int how_much, size_t where) noexcept
    {
        if (how_close > closeness || (how_close == closeness && how_much > q))
        {
            closeness = how_close;
            q = how_much;
            position = where;
        }
    }
};

}  // namespace

// Equal wishes: the form that is named more closely wins, and of two that are
// named outright the first. JSON wins where nothing tells them apart.
bool prefers_html(std::string_view accept) noexcept
{
    Wish   html, json;
    size_t position = 0;

    while (!accept.empty()) {
        std::string_view parameters = take(accept, ',');
        std::string_view range = trim(take(parameters, ';'));
        int              q = quality(parameters);

        position++;
        if (q < 0) {
            continue;
        }

        if (equals(range, "text/html")) {
            html.say(Wish::exact, q, position);
        } else if (equals(range, "text/*")) {
            html.say(Wish::type, q, position);
        } else if (equals(range, "application/json")
                   || equals(range, "application/problem+json"))
        {
            json.say(Wish::exact, q, position);
        } else if (equals(range, "application/*")) {
            json.say(Wish::type, q, position);
        } else if (equals(range, "*/*")) {
            html.say(Wish::any, q, position);
            json.say(Wish::any, q, position);
        }
    }

    if (html.q != json.q) {
        return html.q > json.q;
    }
    if (html.q == 0) {
        return false;
    }
    if (html.closeness != json.closeness) {
        return html.closeness > json.closeness;
    }
    return html.closeness == Wish::exact && html.position < json.position;
}

bool is_grpc(std::string_view content_type) noexcept
{
    constexpr std::string_view prefix = "application/grpc";
    return equals(content_type.substr(0, prefix.size()), prefix);
}

}  // namespace l402
