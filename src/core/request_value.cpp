#include "request_value.h"

#include "characters.h"

namespace l402 {

namespace {

constexpr char digits[] = "0123456789ABCDEF";

// A request without a host: no host is called so.
constexpr std::string_view no_host = ".";

bool is_lower(char c) noexcept
{
    return c >= 'a' && c <= 'z';
}

bool is_upper(char c) noexcept
{
    return c >= 'A' && c <= 'Z';
}

constexpr Characters plain_characters("-._~/");

bool stands_for_itself(char c) noexcept
{
    return plain_characters.has(c);
}

int digit_value(char c) noexcept
{
    return c >= '0' && c <= '9' ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int take_plain(std::string_view &text) noexcept
{
    int byte = static_cast<unsigned char>(text[0]);

    text.remove_prefix(1);
    return byte;
}

// Takes %XX off a text; -1 where it is not spelled as above.
int take_escaped(std::string_view &text) noexcept
{
    if (text[0] != '%' || text.size() < 3) {
        return -1;
    }

    int high = digit_value(text[1]), low = digit_value(text[2]);

    if (high < 0 || low < 0
        || stands_for_itself(static_cast<char>(high * 16 + low)))
    {
        return -1;
    }

    text.remove_prefix(3);
    return high * 16 + low;
}

template <typename Refuses>
bool is_escaped(std::string_view text, Refuses refuses) noexcept
{
    if (text.empty()) {
        return false;
    }

    while (!text.empty()) {
        if (refuses(text[0])) {
            return false;
        }

        if (stands_for_itself(text[0])) {
            text.remove_prefix(1);

        } else if (take_escaped(text) < 0) {
            return false;
        }
    }

    return true;
}

// Does `raw` begin with what `text` stands for? Leaves the rest of it.
bool take_prefix(std::string_view text, std::string_view &raw) noexcept
{
    while (!text.empty()) {
        int byte = stands_for_itself(text[0]) ? take_plain(text)
                                              : take_escaped(text);

        if (byte < 0 || raw.empty()
            || static_cast<unsigned char>(raw[0]) != byte)
        {
            return false;
        }

        raw.remove_prefix(1);
    }

    return true;
}

bool matches(std::string_view item, std::string_view raw) noexcept
{
    return take_prefix(item, raw) && raw.empty();
}

bool take_wildcard(std::string_view &item) noexcept
{
    if (item.empty() || item.back() != '*') {
        return false;
    }

    item.remove_suffix(1);
    return true;
}

std::string escape(std::string_view raw)
{
    std::string out;

    for (char c : raw) {
        if (stands_for_itself(c)) {
            out += c;

        } else {
            auto byte = static_cast<unsigned char>(c);

            out += '%';
            out += digits[byte >> 4];
            out += digits[byte & 15];
        }
    }

    return out;
}

}  // namespace

bool is_host_item(std::string_view item) noexcept
{
    return is_escaped(item, is_upper);
}

bool is_path_item(std::string_view item) noexcept
{
    (void) take_wildcard(item);

    return !item.empty() && item[0] == '/'
           && is_escaped(item, [](char) { return false; });
}

bool is_method_item(std::string_view item) noexcept
{
    return is_escaped(item, is_lower);
}

// One value has one spelling, so that the texts can be compared.
bool path_within(std::string_view outer, std::string_view inner) noexcept
{
    if (!take_wildcard(outer)) {
        return outer == inner;
    }

    (void) take_wildcard(inner);
    return inner.substr(0, outer.size()) == outer;
}

bool method_within(std::string_view outer, std::string_view inner) noexcept
{
    return outer == inner || (outer == "GET" && inner == "HEAD");
}

bool host_matches(std::string_view item, std::string_view host) noexcept
{
    return matches(item, host.empty() ? no_host : host);
}

bool path_matches(std::string_view item, std::string_view path) noexcept
{
    bool prefix = take_wildcard(item);

    return take_prefix(item, path) && (prefix || path.empty());
}

bool method_matches(std::string_view item, std::string_view method) noexcept
{
    return matches(item, method) || (item == "GET" && method == "HEAD");
}

std::string host_item(std::string_view host)
{
    return escape(host.empty() ? no_host : host);
}

std::string path_item(std::string_view path)
{
    return escape(path);
}

// Who asked for the price with HEAD wants to GET.
std::string method_item(std::string_view method)
{
    return escape(method == "HEAD" ? "GET" : method);
}

}  // namespace l402
