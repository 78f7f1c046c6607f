// Raising a token of a lower tier: find_upgrade() and mint_upgrade().
//
// The lines of script.h are the request that is tried with the new token.
// Beyond them: B and such a line: the buyer's request, c the old token's
// caveats, A appended ones, T what the location mints (v no expiry,
// c capabilities, n a constraint, u uses, b a balance, l closed grants,
// a h p m binds), and x: no lower tier does.
#include "script.h"

#include "../unit/raising.h"

#include "require.h"

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
    size_t max, unsigned seed)
{
    return fuzz::mutate(data, size, max, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unit::Case c;
    unit::Sale sale;

    for (const std::string &line : fuzz::lines_of(data, size)) {
        if (fuzz::read_fact(c.request, line) || line.empty()) {
            continue;
        }

        std::string rest = line.substr(1);

        switch (line[0]) {
        case 'B':
            (void) fuzz::read_fact(sale.buyer, rest);
            break;
        case 'c':
            c.minted.push_back(rest);
            break;
        case 'A':
            c.appended.push_back(rest);
            break;
        case 'T':
            sale.has_expiry = rest.find('v') == rest.npos;
            sale.has_capabilities = rest.find('c') != rest.npos;
            sale.has_constraint = rest.find('n') != rest.npos;
            for (size_t i = 0; i < 4; i++) {
                sale.binds[i] = rest.find("ahpm"[i]) != rest.npos;
            }
            sale.uses = rest.find('u') != rest.npos ? 3 : 0;
            sale.balance = rest.find('b') != rest.npos ? 500 : 0;
            sale.closes = rest.find('l') != rest.npos;
            sale.buyer.needs_uses = sale.uses != 0;
            sale.buyer.needs_balance = sale.balance != 0;
            if (rest.find('x') != rest.npos) {
                sale.only_here = sale.conditions_minted_anew();
            }
            break;
        }
    }
    fuzz::drop_reserved(c.request);
    fuzz::drop_reserved(sale.buyer);

    require(!unit::raising_gains(c, sale));
    require(!unit::raising_is_in_vain(c, sale));
    return 0;
}
