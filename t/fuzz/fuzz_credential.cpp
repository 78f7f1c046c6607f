// A header's text: whatever is accepted lies within it, base64 has one text
// but for alphabet and padding, and nothing that was not minted here is good.
#include "l402/challenge.h"
#include "l402/credential.h"
#include "l402/encoding.h"
#include "l402/verify.h"

#include "require.h"

#include <algorithm>

using namespace l402;

namespace {

// A worker that has seen one good credential. The corpus does not hold it.
struct Worker {
    Keyring        keys;
    VerifiedMemory memory{1 << 16};
    Facts          facts;

    Worker()
    {
        std::string error, preimage(32, 'p');
        Hash hash, id;
        Terms terms;

        require(keys.parse(std::string(64, '7'), error));
        sha256(preimage, hash.data());
        id.fill(1);
        terms.service = "svc";

        std::string good = "L402 " + base64_encode(mint(keys, 0, hash, id,
            minted_caveats(terms))) + ":" + to_hex(
            reinterpret_cast<const uint8_t *>(preimage.data()), 32);
        Verdict verdict;

        facts.service = "svc";
        facts.now = 1700000000;
        facts.authorization = good;
        verify(keys, facts, &memory, verdict);
        require(verdict.result == Result::ok);
        facts.authorization = {};
    }
};

std::string standard_alphabet(std::string_view text)
{
    std::string out(text);

    std::replace(out.begin(), out.end(), '-', '+');
    std::replace(out.begin(), out.end(), '_', '/');

    while (out.size() % 4) {
        out += '=';
    }

    return out;
}

void check_token(std::string_view token)
{
    std::string bytes(base64_decoded_max(token.size()), '\0');
    ptrdiff_t size = base64_decode(token,
        reinterpret_cast<uint8_t *>(bytes.data()));

    if (size < 0) {
        return;
    }

    bytes.resize(static_cast<size_t>(size));
    require(base64_encode(bytes) == standard_alphabet(token));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Worker worker;
    std::string_view text(reinterpret_cast<const char *>(data), size);
    Credential credential;

    check_token(text);

    if (parse_credential(text, credential)) {
        require(is_l402_scheme(text));
        require(size <= max_credential_size);
        require(credential.macaroon_count > 0);
        require(credential.macaroon_count <= max_macaroons);
        require(credential.preimage.size == 64);
        require(lies_within(credential.preimage.view(), text));

        for (size_t i = 0; i < credential.macaroon_count; i++) {
            std::string_view token = credential.macaroons[i].view();

            require(!token.empty());
            require(lies_within(token, text));
            check_token(token);
        }
    }

    Verdict verdict;
    Facts facts = worker.facts;

    facts.authorization = text;
    verify(worker.keys, facts, &worker.memory, verdict);
    require(verdict.result != Result::ok && verdict.result != Result::free);

    facts = worker.facts;
    facts.macaroon = text;
    verify(worker.keys, facts, &worker.memory, verdict);
    require(verdict.result != Result::ok && verdict.result != Result::free);
    return 0;
}
