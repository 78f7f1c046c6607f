// Forged tokens beside the good one of the same form, with one key and with 16
// (cases.h).

#include "cases.h"
#include "forms.h"

namespace {

using namespace bench;

enum class Form { v2, v1, hex };

const char *form_name(Form form)
{
    return form == Form::v2 ? "V2" : form == Form::v1 ? "V1" : "hex";
}

std::string sixteen_keys()
{
    std::string text;

    for (char digit : std::string_view("0123456789abcdef")) {
        text += std::string(64, digit) + "\n";
    }

    return text;
}

// A good token whose id names no key: 32 bytes of another program's.
Token unstamped(const Keyring &keys, size_t key, uint64_t number)
{
    auto caveats = long_caveats("bench");
    Token token;
    Hash payment_hash;
    uint8_t root[32], signature[32];

    token.preimage = numbered(number, 'p');
    sha256(token.preimage.data(), token.preimage.size(), payment_hash.data());

    std::string identifier = make_identifier(payment_hash,
        numbered(number, 'i'));

    keys.root_key(key, identifier, root);
    first_signature(root, identifier, signature);

    for (const std::string &caveat : caveats) {
        extend_signature(signature, caveat);
    }

    token.macaroon = encode_macaroon(identifier, caveats, signature);
    return token;
}

class Refusals {
public:
    std::vector<Case> make()
    {
        std::string error;

        one_.parse(std::string(64, '7') + "\n", error);
        sixteen_.parse(sixteen_keys(), error);

        for (Form form : {Form::v2, Form::v1, Form::hex}) {
            with_one_key(form);
        }

        with_sixteen_keys();
        return std::move(cases_);
    }

private:
    // `change` is made to the binary token.
    template <typename Change>
    Case &add(Form form, const Keyring &keys, const std::string &name,
        const std::string &what, Token token, Change change)
    {
        Case c;

        // Its preimage is the last caveat of a hex token.
        if (form == Form::hex) {
            token.macaroon = with_caveat(token.macaroon,
                "preimage=" + to_hex(token.preimage));
        }

        c.compressions = chain_compressions(parsed(token.macaroon))
                         + preimage_compressions();

        if (form == Form::v1) {
            token.macaroon = as_v1(token.macaroon);
        }

        change(token);
        c.name = name;
        c.what = what;
        c.keys = &keys;
        c.facts.service = "bench";
        c.facts.now = 1700000000;
        c.text = form == Form::hex ? hex(token.macaroon)
            : authorization(base64_encode(token.macaroon), token.preimage);

        if (form == Form::hex) {
            c.field = CredentialField::macaroon;
        }

        cases_.push_back(std::move(c));
        return cases_.back();
    }

    template <typename Change>
    void forged(Form form, const Keyring &keys, const std::string &name,
        const std::string &what, const Token &token, Result result,
        const std::string &good, Change change)
    {
        Case &c = add(form, keys, name, what, token, change);

        c.result = result;
        c.beside = good;
        c.at_most = 1;
    }

    void with_one_key(Form form)
    {
        std::string name = form_name(form);
        std::string what = ", " + name + ", 1 key";
        Token token = make_token(one_, 1, long_caveats("bench"));
        std::string good = name + "-good";

        // V1 ends in a line break behind the signature.
        size_t last = form == Form::v1 ? 2 : 1;

        add(form, one_, good, "the good one" + what, token, [](Token &) {});

        forged(form, one_, name + "-last-byte",
            "signature's last byte changed" + what, token,
            Result::bad_signature, good, [last](Token &t) {
                t.macaroon[t.macaroon.size() - last] ^= 1;
            });
        forged(form, one_, name + "-first-byte",
            "signature's first byte changed" + what, token,
            Result::bad_signature, good, [last](Token &t) {
                t.macaroon[t.macaroon.size() - last - 31] ^= 1;
            });
        forged(form, one_, name + "-truncated", "last byte cut off" + what,
            token, Result::malformed, good, [](Token &t) {
                t.macaroon.pop_back();
            });
        forged(form, one_, name + "-random-id", "random token id" + what,
            token, Result::bad_signature, good, [](Token &t) {
                Hash id = numbered(2, 'i');
                Macaroon macaroon = parsed(t.macaroon);

                std::memcpy(const_cast<char *>(macaroon.identifier.data) + 34,
                    id.data(), id.size());
            });

        // Of a hex token it is a caveat, and signed.
        if (form != Form::hex) {
            forged(form, one_, name + "-preimage", "another preimage" + what,
                token, Result::bad_preimage, good, [](Token &t) {
                    t.preimage[31] ^= 1;
                });
        }
    }

    void with_sixteen_keys()
    {
        auto unchanged = [](Token &) {};
        auto last_byte = [](Token &t) { t.macaroon.back() ^= 1; };
        Token first = make_token(sixteen_, 1, long_caveats("bench"));
        Token last = make_token(sixteen_, 1, long_caveats("bench"), 15);

        add(Form::v2, sixteen_, "first-key", "good, the first of 16 keys",
            first, unchanged).beside = "V2-good";
        add(Form::v2, sixteen_, "last-key", "good, the last of 16 keys", last,
            unchanged).beside = "first-key";
        add(Form::v2, sixteen_, "last-key-unstamped",
            "good, the last of 16 keys, an id that names none",
            unstamped(sixteen_, 15, 1), unchanged).beside = "last-key";
        forged(Form::v2, sixteen_, "last-key-forged",
            "signature's last byte changed, the last of 16 keys", last,
            Result::bad_signature, "last-key", last_byte);
        forged(Form::v2, sixteen_, "unstamped-forged",
            "signature's last byte changed, 16 keys, an id that names none",
            unstamped(sixteen_, 15, 1), Result::bad_signature, "last-key",
            last_byte);
        cases_.back().at_most = 0;
    }

    Keyring           one_, sixteen_;
    std::vector<Case> cases_;
};

}  // namespace

int main(int argc, char **argv)
{
    Refusals refusals;

    return run_cases([&] { return refusals.make(); }, argc, argv);
}
