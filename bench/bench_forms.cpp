// Accepting verifications by form and by number of caveats (cases.h).

#include "cases.h"
#include "forms.h"

namespace {

using namespace bench;

// The location measures one number of its requests.
class OneMeasure : public Measures {
public:
    size_t count() const noexcept override { return 1; }
    std::string_view condition(size_t) const noexcept override
    {
        return "bench_days";
    }
    bool value(size_t, int64_t &out) noexcept override
    {
        out = 5;
        return true;
    }
};

OneMeasure one_measure;

Facts request()
{
    Facts facts;

    facts.service = "bench";
    facts.capability = "write";
    facts.now = 1700000000;
    facts.client_address = {"\xc0\x00\x02\x07", 4};
    facts.host = "api.example.org";
    facts.path = "/weather/today/berlin";
    facts.method = "GET";
    return facts;
}

// Three; to ten what else is minted, and what clients append; to 64 what
// holders narrow again and again, of every kind.
std::vector<std::string> caveats_of(size_t count, const Hash &preimage)
{
    auto all = long_caveats("bench");

    for (const char *caveat : {"bench_days=30", "client_address=192.0.2.7",
             "request_host=api.example.org", "request_path=/weather/*",
             "request_method=GET,POST", "valid_until=4102440000"})
    {
        all.push_back(caveat);
    }

    all.push_back("preimage=" + to_hex(preimage));

    static const std::string path = "/weather/today/berlin";

    for (size_t i = 0; all.size() < count; i++) {
        all.insert(all.end(), {"services=bench:0",
            "bench_valid_until=" + std::to_string(4102440000 - i),
            "bench_capabilities=write", "bench_days=" + std::to_string(29 - i),
            "client_address=192.0.2.7", "request_host=api.example.org",
            "request_path=" + path.substr(0, 10 + i) + "*",
            "request_method=GET",
            "note=for the agent that fetches the forecast"});
    }

    all.resize(count);
    return all;
}

class Forms {
public:
    std::vector<Case> make()
    {
        std::string error;

        keys_.parse(std::string(64, '7') + "\n", error);
        by_caveats();
        by_form(3, "3 caveats");
        by_form(64, "64 caveats");
        several();
        return std::move(cases_);
    }

private:
    Token token(uint64_t number, size_t caveats)
    {
        return make_token(keys_, number,
            caveats_of(caveats, numbered(number, 'p')));
    }

    Case &add(const std::string &name, const std::string &what,
        const std::string &text, const std::string &macaroon)
    {
        Case c;

        c.name = name;
        c.what = what;
        c.keys = &keys_;
        c.facts = request();
        c.text = text;
        c.compressions = chain_compressions(parsed(macaroon))
                         + preimage_compressions();

        if (parsed(macaroon).caveat_count >= 10) {
            c.facts.measures = &one_measure;
        }

        cases_.push_back(std::move(c));
        return cases_.back();
    }

    void by_caveats()
    {
        for (size_t count : {0, 1, 3, 10, 64}) {
            Token t = token(count, count);
            std::string number = std::to_string(count);
            Case &c = add("v2-" + number, "V2, standard base64, " + number
                    + (count == 1 ? " caveat" : " caveats"),
                authorization(base64_encode(t.macaroon), t.preimage),
                t.macaroon);

            if (count == 0) {
                c.what += " (good, but opens nothing)";
                c.result = Result::wrong_service;
            }

            if (count >= 3) {
                c.at_most = 1.3;
            }
        }
    }

    void by_form(size_t count, const std::string &caveats)
    {
        Token t = token(count, count);
        std::string number = "-" + std::to_string(count);
        std::string base64 = base64_encode(t.macaroon);

        auto also = [&](const char *name, const char *what,
                        const std::string &text) {
            add(name + number, what + caveats, authorization(text, t.preimage),
                t.macaroon);
        };

        also("url", "V2, URL-safe base64, ", url_safe(base64));
        also("unpadded", "V2, base64 without padding, ", unpadded(base64));
        also("v1", "V1, standard base64, ", base64_encode(as_v1(t.macaroon)));

        add("doubled" + number, "V2, `L402 L402`, " + caveats,
            "L402 " + authorization(base64, t.preimage), t.macaroon);

        // It has its preimage within.
        std::string whole = count == 64 ? t.macaroon
            : with_caveat(t.macaroon, "preimage=" + to_hex(t.preimage));
        const char *more = count == 64 ? "" : " and preimage=";

        add("hex" + number, "V2 in hex, Macaroon, " + caveats + more,
            hex(whole), whole).field = CredentialField::macaroon;
        add("grpc" + number, "V2 in hex, Grpc-Metadata-Macaroon, " + caveats
                + more,
            hex(whole), whole).field = CredentialField::grpc_metadata_macaroon;
    }

    // Seven that are good, but of other payments.
    void several()
    {
        std::string list;
        size_t others = 0;

        for (uint64_t i = 0; i < max_macaroons - 1; i++) {
            Token other = token(100 + i, 3);

            others += chain_compressions(parsed(other.macaroon))
                      + preimage_compressions();
            list += base64_encode(other.macaroon) + ",";
        }

        Token t = token(3, 3);
        Case &all = add("of-8", "the last of 8 macaroons, all of them counted",
            authorization(list + base64_encode(t.macaroon), t.preimage),
            t.macaroon);
        Case one = all;

        all.compressions += others;
        one.name = "of-8-own";
        one.what = "the last of 8 macaroons, it alone counted";
        cases_.push_back(std::move(one));
    }

    Keyring           keys_;
    std::vector<Case> cases_;
};

}  // namespace

int main(int argc, char **argv)
{
    Forms forms;

    return run_cases([&] { return forms.make(); }, argc, argv);
}
