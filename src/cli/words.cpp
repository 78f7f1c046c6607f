// Caveats in words: the table of docs/wire-format.md, for people.

#include "cli.h"

#include "core/caveats.h"
#include "l402/encoding.h"

namespace l402::cli {

namespace {

std::string join(const std::vector<std::string> &items)
{
    std::string out;

    for (const std::string &item : items) {
        out += (out.empty() ? "" : ", ") + item;
    }

    return out;
}

// "only <what> a, b", or that nothing is left.
std::string only(const std::string &what, const std::vector<std::string> &items)
{
    return items.empty() ? "nothing: the list is empty"
                         : "only " + what + join(items);
}

// %XX of request_* values.
std::string unescaped(std::string_view text)
{
    std::string out;

    for (size_t i = 0; i < text.size(); i++) {
        uint8_t byte;

        if (text[i] == '%' && i + 2 < text.size()
            && hex_decode(text.substr(i + 1, 2), &byte))
        {
            out += char(byte);
            i += 2;
        } else {
            out += text[i];
        }
    }

    return out;
}

std::string services_in_words(std::string_view value)
{
    std::vector<std::string> items;

    for (const std::string &item : split_list(value)) {
        size_t colon = item.find(':');

        items.push_back(item.substr(0, colon) + " up to tier "
            + (colon == item.npos ? "?" : item.substr(colon + 1)));
    }

    return items.empty() ? "opens nothing: the list is empty"
                         : "opens " + join(items);
}

std::string until_in_words(std::string_view value)
{
    int64_t seconds;

    return parse_number(value, seconds) ? "until " + utc(seconds)
                                        : "until a time that cannot be read";
}

std::string methods_in_words(std::string_view value)
{
    std::vector<std::string> items;

    for (const std::string &item : split_list(value)) {
        items.push_back(unescaped(item));
        if (item == "GET") {
            items.push_back("HEAD");
        }
    }

    return only("", items);
}

std::string hosts_in_words(std::string_view value)
{
    std::vector<std::string> items;

    for (const std::string &item : split_list(value)) {
        items.push_back(unescaped(item));
    }

    return only("at ", items);
}

std::string paths_in_words(std::string_view value)
{
    std::vector<std::string> items;

    for (std::string item : split_list(value)) {
        bool prefix = !item.empty() && item.back() == '*';

        if (prefix) {
            item.pop_back();
        }
        items.push_back((prefix ? "what begins with " : "") + unescaped(item));
    }

    return only("for ", items);
}

std::string addresses_in_words(std::string_view value)
{
    std::vector<std::string> items;

    for (const std::string &item : split_list(value)) {
        items.push_back(item == "unix:" ? "a unix socket" : item);
    }

    return only("from ", items);
}

// Of "weather_uses" the service, where the condition ends so.
bool take_service(std::string_view condition, std::string_view end,
    std::string &service)
{
    if (condition.size() <= end.size()
        || condition.substr(condition.size() - end.size()) != end)
    {
        return false;
    }

    service = condition.substr(0, condition.size() - end.size());
    return true;
}

std::string condition_in_words(std::string_view condition,
    std::string_view value)
{
    std::string service;
    std::string text(value);
    int64_t     number;

    if (condition == "services") {
        return services_in_words(value);
    }
    if (condition == "valid_until") {
        return until_in_words(value);
    }
    if (condition == "preimage") {
        return "only with this preimage";
    }
    if (condition == "client_address") {
        return addresses_in_words(value);
    }
    if (condition == "request_host") {
        return hosts_in_words(value);
    }
    if (condition == "request_path") {
        return paths_in_words(value);
    }
    if (condition == "request_method") {
        return methods_in_words(value);
    }
    if (take_service(condition, "_valid_until", service)) {
        return service + ": " + until_in_words(value);
    }
    if (take_service(condition, "_capabilities", service)) {
        return service + ": " + only("", split_list(value));
    }
    if (take_service(condition, "_uses", service)) {
        return service + ": until the payment has had " + text + " requests";
    }
    if (take_service(condition, "_balance", service)) {
        return service + ": until " + text + " msat of the payment are spent";
    }
    if (parse_number(value, number)) {
        return "at most " + text + ", where a location asks for "
            + std::string(condition);
    }

    return "unknown here: skipped, or refused where l402_unknown_caveats says"
           " so";
}

}  // namespace

std::string in_words(std::string_view caveat)
{
    std::string_view condition, value;

    if (!split_caveat(caveat, condition, value)) {
        return "no condition: skipped, or refused where l402_unknown_caveats"
               " says so";
    }

    return printable(condition_in_words(condition, value));
}

std::string expected_value(std::string_view condition)
{
    std::string service;

    if (condition == "services") {
        return "services as name:tier,... with tiers of 0 to 255";
    }
    if (condition == "preimage") {
        return "64 hex digits";
    }
    if (condition == "client_address") {
        return "addresses or networks (192.0.2.7, 2001:db8::/48, unix:) with"
               " commas";
    }
    if (condition == "request_host" || condition == "request_method"
        || condition == "request_path")
    {
        return "a comma list of values in which all but letters, digits and"
               " -._~/ is written %XX; hosts in lower case, methods in upper"
               " case, paths from \"/\" on and with \"*\" at most at the end";
    }
    if (take_service(condition, "_capabilities", service)) {
        return "a comma list of names, each 1 to 64 letters, digits, \"_\" and"
               " \"-\"";
    }
    if (take_service(condition, "_balance", service)) {
        return "msat, a whole number";
    }
    if (condition == "valid_until"
        || take_service(condition, "_valid_until", service))
    {
        return "unix seconds, a whole number";
    }

    return "a whole number";
}

}  // namespace l402::cli
