// An invoice's text, as it is and with its checksum put right: without that,
// nearly no input would get past bech32.
#include "l402/bolt11.h"
#include "l402/utf8.h"

#include "../unit/make_bolt11.h"
#include "require.h"

using namespace l402;

namespace {

std::string upper(std::string text)
{
    for (char &c : text) {
        c = static_cast<char>(toupper(static_cast<unsigned char>(c)));
    }

    return text;
}

void check(const std::string &text)
{
    Bolt11 invoice, again;
    const char *error = nullptr;

    if (!decode_bolt11(text, invoice, error)) {
        require(error && *error);
        return;
    }

    require(invoice.has_amount == (invoice.amount_msat > 0));
    require(invoice.amount_msat <= max_amount_msat);
    require(invoice.timestamp >= 0 && invoice.expiry >= 0);
    require(invoice.expires_at() >= invoice.timestamp);
    require(is_utf8(invoice.description));
    require(!invoice.has_description_hash || invoice.description.empty());
    require(text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
            == text.npos);

    require(decode_bolt11(upper(text), again, error));
    require(again.payment_hash == invoice.payment_hash);

    // One changed character is always found.
    std::string changed = upper(text);

    changed.back() = changed.back() == 'Q' ? 'P' : 'Q';
    require(!decode_bolt11(changed, again, error));
}

// The last six characters replaced by the checksum of those before them.
std::string put_right(const std::string &text)
{
    constexpr std::string_view charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    size_t separator = text.rfind('1');
    l402_test::Words words;

    if (separator == text.npos || text.size() < separator + 7) {
        return text;
    }

    for (char c : text.substr(separator + 1, text.size() - separator - 7)) {
        size_t value = charset.find(c);

        words.push_back(static_cast<uint8_t>(value == charset.npos
            ? static_cast<uint8_t>(c) & 31 : value));
    }

    return l402_test::bech32(text.substr(0, separator), words);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string text(reinterpret_cast<const char *>(data), size);

    check(text);
    check(put_right(text));
    return 0;
}
