// What a holder appends: the attenuator's judgement against the gate's, the
// appended token's bytes and signature, and that nothing is gained by it.
//
// Beyond the lines of script.h: c the token's caveats, A appended ones.
#include "script.h"

#include "../unit/naive_verify.h"
#include "../unit/properties.h"

#include "require.h"

#include <stdexcept>

using namespace l402;

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
    size_t max, unsigned seed)
{
    return fuzz::mutate(data, size, max, seed);
}

namespace {

void require_good_append(const unit::Case &c)
{
    const std::string master(32, '\x11');
    std::string identifier(identifier_size, 'i'),
        signature = naive::Masters::sign(master, identifier, c.minted);
    std::string bytes = encode_macaroon(identifier, c.minted,
        reinterpret_cast<const uint8_t *>(signature.data()));
    Macaroon macaroon;
    bool is_macaroon = parse_macaroon(bytes, macaroon);
    std::string longer;

    require(is_macaroon
            == (c.minted.size() <= max_caveats
                && bytes.size() <= max_macaroon_size));
    if (!is_macaroon) {
        return;
    }

    try {
        longer = attenuate(macaroon, c.appended);

    } catch (const std::length_error &) {
        size_t size = bytes.size();

        for (const std::string &caveat : c.appended) {
            size += caveat.size() + 4;
        }
        require(c.all().size() > max_caveats || size > max_macaroon_size);
        return;
    }

    auto read = naive::read_token(longer);

    require(read && read->caveats == c.all());
    require(read->identifier == identifier && read->location == "lsat");
    require(read->signature
            == naive::Masters::sign(master, identifier, c.all()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unit::Case c;
    unit::Caveats appended;

    for (const std::string &line : fuzz::lines_of(data, size)) {
        if (!fuzz::read_fact(c.request, line) && !line.empty()) {
            if (line[0] == 'c') {
                c.minted.push_back(line.substr(1));
            } else if (line[0] == 'A') {
                appended.push_back(line.substr(1));
            }
        }
    }
    fuzz::drop_reserved(c.request);

    c.appended = appended;
    require_good_append(c);
    require(!unit::gains(c));
    require(!unit::differs_from_the_table(c));
    require(!unit::moves_what_was_minted(c));

    // One at a time, each behind those before it.
    for (const std::string &caveat : appended) {
        c.appended = {caveat};
        require(!unit::gains(c));
        require(!unit::is_spoilt(c));
        require(!unit::is_refused_for_nothing(c));
        require(!unit::is_known_after_all(c));
        c.minted.push_back(caveat);
    }
    return 0;
}
