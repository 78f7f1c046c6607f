// The decision once more, slowly and apart from src/: header fields taken
// apart by hand, OpenSSL's own HMAC, and the rules of naive_caveats.h.
#pragma once

#include "naive_caveats.h"
#include "naive_token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

namespace naive {

inline std::string hmac(const std::string &key, const std::string &data)
{
    std::string out(32, '\0');

    HMAC(EVP_sha256(), key.data(), int(key.size()),
        reinterpret_cast<const unsigned char *>(data.data()), data.size(),
        reinterpret_cast<unsigned char *>(&out[0]), nullptr);
    return out;
}

inline std::string sha256(const std::string &data)
{
    std::string out(32, '\0');

    SHA256(reinterpret_cast<const unsigned char *>(data.data()), data.size(),
        reinterpret_cast<unsigned char *>(&out[0]));
    return out;
}

// ---- keys ----

struct Masters {
    Texts keys;  // 32 bytes each

    static std::string hint(const std::string &master)
    {
        return hmac(master, "l402 key hint v0").substr(0, 4);
    }

    static std::string sign(const std::string &master,
        const std::string &identifier, const Texts &caveats)
    {
        std::string root = hmac(master, "l402 root key v0" + identifier);
        std::string s = hmac(hmac("macaroons-key-generator", root),
            identifier);

        for (const std::string &caveat : caveats) {
            s = hmac(s, caveat);
        }
        return s;
    }

    bool signed_by_us(const Token &token) const
    {
        std::string named = token.identifier.substr(62);
        Texts       tried = keys;

        for (const std::string &master : keys) {
            if (hint(master) == named) {
                tried = {master};
            }
        }
        for (const std::string &master : tried) {
            if (sign(master, token.identifier, token.caveats)
                == token.signature)
            {
                return true;
            }
        }
        return false;
    }
};

inline bool is_l402_identifier(const std::string &identifier)
{
    return identifier.size() == 66 && identifier[0] == 0 && identifier[1] == 0;
}

inline Answer refuse(Result reason)
{
    Answer out;

    out.result = reason;
    return out;
}

inline Answer decide_token(const Masters &masters, const Facts &facts,
    const Token &token, const std::string &preimage)
{
    if (!is_l402_identifier(token.identifier)
        || (token.location != "" && token.location != "lsat")
        || !masters.signed_by_us(token))
    {
        return refuse(Result::bad_signature);
    }
    if (sha256(preimage) != token.identifier.substr(2, 32)) {
        return refuse(Result::bad_preimage);
    }
    if (token.third_party) {
        return refuse(Result::caveat_refused);
    }
    return decide(token.caveats, facts, preimage);
}

// ---- header fields ----

inline std::string trimmed(std::string text)
{
    while (!text.empty() && (text[0] == ' ' || text[0] == '\t')) {
        text.erase(0, 1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.pop_back();
    }
    return text;
}

inline bool take_scheme(std::string &text)
{
    std::string word = text.substr(0, 4);

    for (char &c : word) {
        c = char(std::toupper(static_cast<unsigned char>(c)));
    }
    if ((word != "L402" && word != "LSAT")
        || (text.size() > 4 && text[4] != ' ' && text[4] != '\t'))
    {
        return false;
    }
    text = trimmed(text.substr(4));
    return true;
}

// One answer a macaroon; none where the value is not ours.
inline std::vector<Answer> decide_authorization(const Masters &masters,
    const Facts &facts)
{
    std::string         text = trimmed(std::string(facts.authorization));
    std::vector<Answer> out;

    if (!take_scheme(text)) {
        return out;
    }
    take_scheme(text);
    out.push_back(refuse(Result::malformed));
    if (text.size() > 16384 || text.size() < 65
        || text[text.size() - 65] != ':')
    {
        return out;
    }

    auto preimage = from_hex(text.substr(text.size() - 64));

    text = text.substr(0, text.size() - 65);

    Texts tokens{""};

    for (char c : text) {
        if (c == ',') {
            tokens.emplace_back();
        } else {
            tokens.back() += c;
        }
    }
    for (std::string &token : tokens) {
        token = trimmed(token);
        if (token.empty()) {
            return out;
        }
    }
    if (!preimage || tokens.size() > 8) {
        return out;
    }
    out.clear();
    for (const std::string &one : tokens) {
        auto bytes = from_base64(one);
        auto token = bytes ? read_token(*bytes) : std::nullopt;

        out.push_back(token ? decide_token(masters, facts, *token, *preimage)
                            : refuse(Result::malformed));
    }
    return out;
}

inline Answer decide_hex(const Masters &masters, const Facts &facts,
    std::string_view text)
{
    auto bytes = from_hex(std::string(text));
    auto token = bytes ? read_token(*bytes) : std::nullopt;

    if (!token) {
        return refuse(Result::malformed);
    }
    if (!is_l402_identifier(token->identifier)) {
        return refuse(Result::absent);
    }
    for (size_t i = token->caveats.size(); i > 0; i--) {
        const std::string &caveat = token->caveats[i - 1];

        if (caveat.compare(0, 9, "preimage=") == 0) {
            auto preimage = from_hex(caveat.substr(9));

            return preimage && preimage->size() == 32
                ? decide_token(masters, facts, *token, *preimage)
                : refuse(Result::malformed);
        }
    }
    return refuse(Result::malformed);
}

// All answers, in the order in which they are asked for.
inline std::vector<Answer> verify(const Masters &masters, const Facts &facts)
{
    std::vector<Answer> answers = decide_authorization(masters, facts);

    for (std::string_view text : {facts.macaroon, facts.grpc_metadata_macaroon})
    {
        if (!text.empty()) {
            answers.push_back(decide_hex(masters, facts, text));
        }
    }
    return answers;
}

}  // namespace naive
