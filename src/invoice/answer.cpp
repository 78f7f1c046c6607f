#include "invoice/answer.h"

#include "l402/encoding.h"
#include "l402/utf8.h"

#include <algorithm>
#include <utility>

namespace l402 {

namespace {

// Longer than any word of an error message, shorter than any credential.
constexpr size_t max_word = 31;

constexpr std::string_view mask = "***";

char to_lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// Of hex and of base64, either alphabet.
bool is_token_character(char c) noexcept
{
    return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || (c >= '0' && c <= '9')
           || c == '+' || c == '/' || c == '-' || c == '_' || c == '=';
}

std::string without_long_words(const std::string &text)
{
    std::string out;

    for (size_t i = 0; i < text.size(); /* void */ ) {
        size_t end = i;

        while (end < text.size() && is_token_character(text[end])) {
            end++;
        }

        if (end - i > max_word) {
            out += mask;

        } else {
            end = std::max(end, i + 1);
            out.append(text, i, end - i);
        }

        i = end;
    }

    return out;
}

// Hex has two cases.
void mask_all(std::string &text, std::string_view secret)
{
    auto same = [](char a, char b) { return to_lower(a) == to_lower(b); };
    auto from = text.begin();

    while (!secret.empty()) {
        from = std::search(from, text.end(), secret.begin(), secret.end(),
            same);

        if (from == text.end()) {
            return;
        }

        size_t at = static_cast<size_t>(from - text.begin());

        text.replace(at, secret.size(), mask);
        from = text.begin() + static_cast<ptrdiff_t>(at + mask.size());
    }
}

bool is_too_deep(std::string_view json) noexcept
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < json.size(); i++) {
        char c = json[i];

        if (in_string) {
            i += c == '\\';
            in_string = c != '"';

        } else if (c == '"') {
            in_string = true;

        } else if (c == '{' || c == '[') {
            if (++depth > max_answer_depth) {
                return true;
            }

        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
    }

    return false;
}

}  // namespace

HttpCall json_call(const char *path, const nlohmann::json &object)
{
    HttpCall call;

    call.method = "POST";
    call.path = path;
    call.content_type = "application/json";
    call.body = object.dump();
    return call;
}

ProtocolStep send(HttpCall call)
{
    ProtocolStep step;

    step.kind = ProtocolStep::Kind::send;
    step.call = std::move(call);
    return step;
}

ProtocolStep failed(std::string error)
{
    ProtocolStep step;

    step.kind = ProtocolStep::Kind::failed;
    step.error = std::move(error);
    return step;
}

bool parse_answer(std::string_view body, nlohmann::json &out,
    std::string &error, size_t max_size)
{
    if (body.empty()) {
        error = "answered with an empty body";
        return false;
    }

    if (body.size() > max_size) {
        error = "answered with more than " + std::to_string(max_size)
                + " bytes";
        return false;
    }

    if (is_too_deep(body)) {
        error = "answered with JSON that is nested too deeply";
        return false;
    }

    out = nlohmann::json::parse(body.begin(), body.end(), nullptr, false);

    // nlohmann reads no further than a NUL, and finds nothing wrong with it.
    if (out.is_discarded() || body.find('\0') != body.npos) {
        error = "answered with a body that is not JSON";
        return false;
    }

    if (!out.is_object()) {
        error = "answered with JSON that is no object";
        return false;
    }

    return true;
}

const std::string *find_text(const nlohmann::json &object, const char *name)
{
    auto member = object.find(name);

    if (member == object.end() || !member->is_string()) {
        return nullptr;
    }

    auto &text = member->get_ref<const std::string &>();

    return text.empty() ? nullptr : &text;
}

ProtocolStep offered(const nlohmann::json &body, const char *invoice,
    const char *hash)
{
    const std::string *text = find_text(body, invoice);
    const std::string *digits = find_text(body, hash);

    if (!text || !digits) {
        return failed(std::string("answered with no ")
                      + (text ? hash : invoice));
    }

    ProtocolStep step;

    if (digits->size() != 2 * step.offer.payment_hash.size()
        || !hex_decode(*digits, step.offer.payment_hash.data()))
    {
        return failed(std::string("answered with a ") + hash
                      + " that is not 32 bytes of hex");
    }

    step.kind = ProtocolStep::Kind::done;
    step.offer.names_hash = true;
    step.offer.bolt11 = *text;
    return step;
}

std::string quote(std::string_view words, std::string_view credential)
{
    std::string text(words);

    for (char &c : text) {
        c = c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
        c = c < ' ' || c > '~' ? '?' : c;
    }

    mask_all(text, credential);
    text = without_long_words(text);

    if (text.size() > max_quote_size) {
        text.resize(max_quote_size - 3);
        text += "...";
    }

    return text;
}

std::string status_error(long status, const std::string *message,
    std::string_view credential)
{
    std::string error = "answered " + std::to_string(status);

    if (message) {
        error += ": " + quote(*message, credential);
    }

    return error;
}

std::string valid_utf8(std::string_view text, size_t max_size)
{
    constexpr std::string_view replacement = "\xef\xbf\xbd";
    std::string out;

    while (!text.empty()) {
        size_t size = utf8_character(text);
        std::string_view next = size ? text.substr(0, size) : replacement;

        if (out.size() + next.size() > max_size) {
            break;
        }

        out += next;
        text.remove_prefix(size ? size : 1);
    }

    return out;
}

}  // namespace l402
