#include "invoice/form.h"

#include "invoice/answer.h"

#include "l402/encoding.h"

namespace l402 {

namespace {

constexpr std::string_view basic = "Basic ";

// Everything else is escaped, the space too: some decoders leave "+" alone.
bool stands_for_itself(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

void append_escaped(std::string &out, std::string_view text)
{
    constexpr char digits[] = "0123456789ABCDEF";

    for (char c : text) {
        if (stands_for_itself(c)) {
            out += c;
            continue;
        }

        auto byte = static_cast<uint8_t>(c);

        out += '%';
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
}

}  // namespace

std::string encode_form(const FormFields &fields)
{
    std::string out;

    for (const auto &[name, value] : fields) {
        out += out.empty() ? "" : "&";
        append_escaped(out, name);
        out += '=';
        append_escaped(out, value);
    }

    return out;
}

std::string basic_authorization(std::string_view password)
{
    return std::string(basic) + base64_encode(":" + std::string(password));
}

HttpCall form_call(const char *path, const FormFields &fields,
    const std::string &password)
{
    HttpCall call;

    call.method = "POST";
    call.path = path;
    call.content_type = "application/x-www-form-urlencoded";
    call.body = encode_form(fields);
    call.headers.emplace_back("Authorization", basic_authorization(password));
    return call;
}

std::string form_error(long status, const std::string *message,
    const std::string &password)
{
    if (message == nullptr) {
        return status_error(status, message, password);
    }

    // Before the text is cut short, which could leave a part of it.
    std::string encoded = basic_authorization(password).substr(basic.size());
    std::string text = *message;

    for (size_t at = text.find(encoded); at != text.npos;
         at = text.find(encoded))
    {
        text.replace(at, encoded.size(), "***");
    }

    return status_error(status, &text, password);
}

}  // namespace l402
