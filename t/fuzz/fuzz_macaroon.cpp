// A macaroon's bytes: whatever is accepted lies within the input, has one
// encoding, and is not accepted with a byte more or less.
#include "l402/macaroon.h"

#include "require.h"

#include <algorithm>

using namespace l402;

namespace {

void check_v2(std::string_view bytes, const Macaroon &macaroon)
{
    std::vector<std::string> caveats;
    std::string_view location = macaroon.location.view();

    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        caveats.emplace_back(macaroon.caveats[i].view());
    }

    std::string again = encode_macaroon(macaroon.identifier.view(), caveats,
        macaroon.signature, location);

    // An empty location may stand there or be left out.
    if (location.empty() && bytes[1] == 1) {
        again.insert(1, std::string("\1\0", 2));
    }

    require(again == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string_view bytes(reinterpret_cast<const char *>(data), size);
    Macaroon macaroon;
    Identifier identifier;

    if (!parse_macaroon(bytes, macaroon)) {
        return 0;
    }

    require(size <= max_macaroon_size);
    require(macaroon.caveat_count <= max_caveats);
    require(macaroon.location.size == 0
            || lies_within(macaroon.location.view(), bytes));
    require(lies_within(macaroon.identifier.view(), bytes));
    require(lies_within({reinterpret_cast<const char *>(macaroon.signature),
        32}, bytes));

    for (size_t i = 0; i < macaroon.caveat_count; i++) {
        require(lies_within(macaroon.caveats[i].view(), bytes));
    }

    if (parse_identifier(macaroon.identifier.view(), identifier)) {
        Hash hash, id;

        std::copy_n(identifier.payment_hash, 32, hash.begin());
        std::copy_n(identifier.token_id, 32, id.begin());
        require(make_identifier(hash, id) == macaroon.identifier.view());
    }

    if (data[0] == 2 && !macaroon.third_party) {
        check_v2(bytes, macaroon);
    }

    Macaroon other;

    require(!parse_macaroon(bytes.substr(0, size - 1), other));
    require(!parse_macaroon(std::string(bytes) + '\0', other));
    return 0;
}
