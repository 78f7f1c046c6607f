// Over random tokens of a lower tier: what raising them keeps.

#include "chains.h"
#include "raising.h"

using namespace unit;

namespace {

constexpr size_t sales = 6000;

Sale random_sale(Random &random)
{
    Sale sale;

    sale.buyer = random_request(random);
    sale.buyer.service = "weather";
    sale.buyer.tier = 2;
    sale.buyer.time = now;
    sale.has_expiry = random.below(4);
    sale.has_capabilities = random.below(2);
    sale.has_constraint = random.below(2);
    sale.uses = random.below(2) ? 1 + random.below(10) : 0;
    sale.balance = random.below(4) ? 0 : 1 + random.below(1000);
    sale.closes = random.below(2);
    sale.buyer.needs_uses = sale.uses != 0;
    sale.buyer.needs_balance = sale.balance != 0;
    for (bool &bind : sale.binds) {
        bind = random.below(4) == 0;
    }
    for (const std::string &condition : sale.conditions_minted_anew()) {
        if (random.below(3) == 0) {
            sale.only_here.push_back(condition);
        }
    }
    return sale;
}

// The lower tier's location often mints what the higher one's does.
Caveats bought_before(Random &random, const Sale &sale)
{
    l402::Terms terms = sale.terms();

    terms.tier = uint8_t(random.below(2));
    terms.valid_until = random.below(3) ? now + 60 : 0;
    // Sold another way, or cheaper.
    terms.uses = random.below(2) ? 1 + random.below(10) : 0;
    terms.balance_msat = random.below(4) ? 0 : 1 + random.below(1000);
    terms.closes_grants = random.below(2);
    if (random.below(3) == 0) {
        terms.has_capabilities = !terms.has_capabilities;
        terms.bind_path = !terms.bind_path;
        terms.constraints.clear();
    }
    return l402::minted_caveats(terms);
}

void a_raised_token_opens_nothing_else(void **)
{
    Random random;
    size_t found = 0, opened = 0;

    for (size_t n = 0; n < sales; n++) {
        Sale sale = random_sale(random);
        Case c;

        c.minted = bought_before(random, sale);
        for (size_t more = random.below(4); more > 0; more--) {
            std::string caveat = random_caveat(random);
            Case        next = c;

            // What forbids the sale anyway says nothing.
            next.appended.push_back(caveat);
            if (raise(next, sale).found || random.below(8) == 0) {
                c = next;
            }
        }

        auto fails = [&](Case &tried) { return raising_gains(tried, sale); };
        auto in_vain = [&](Case &tried) {
            return raising_is_in_vain(tried, sale);
        };
        std::string at = "raised at " + sale.text();

        found += raise(c, sale).found;
        assert_never(in_vain, c, at.c_str());
        for (int i = 0; i < 8; i++) {
            c.request = i % 2 ? random_request(random) : sale.buyer;
            c.request.tier = uint8_t(random.below(3));
            c.request.path = random.below(2) ? "/" : c.request.path;
            assert_never(fails, c, at.c_str());
            opened += check(caveats_of(raise(c, sale).bytes), c.request).result
                == Result::ok;
        }
    }
    print_message("# raised %zu, opened %zu\n", found, opened);
    assert_true(found > sales / 3 && opened > sales / 2);
}

// As it was minted, with whatever the location mints: it can be raised.
bool cannot_be_raised(Case &c, Sale &sale)
{
    return !raise(c, sale).found;
}

void what_was_bought_at_the_lower_tier_can_be_raised(void **)
{
    Random random;

    for (size_t n = 0; n < sales; n++) {
        Sale        sale = random_sale(random);
        l402::Terms terms = sale.terms();
        Case        c;

        terms.tier = uint8_t(random.below(2));
        terms.valid_until = random.below(2) ? now + 60 : 0;
        terms.uses = random.below(2) ? 1 + random.below(10) : 0;
        terms.balance_msat = random.below(3) ? 0 : 1 + random.below(1000);
        terms.closes_grants = random.below(2);
        sale.buyer.capability = "read";
        sale.buyer.refuse_unknown = false;
        c.minted = l402::minted_caveats(terms);
        if (cannot_be_raised(c, sale)) {
            fail_msg("%s at %s", c.text().c_str(), sale.text().c_str());
        }
        if (random.below(2)) {
            c.appended = {"preimage=" + l402::to_hex(chain_preimage()),
                "valid_until=" + std::to_string(now + 5),
                "weather_uses=1"};
            assert_false(cannot_be_raised(c, sale));
        }
    }
}

}  // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_raised_token_opens_nothing_else),
        cmocka_unit_test(what_was_bought_at_the_lower_tier_can_be_raised),
    };

    return cmocka_run_group_tests_name("property_upgrade", tests, nullptr,
        nullptr);
}
