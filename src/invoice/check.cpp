#include "l402/invoice.h"

namespace l402 {

namespace {

std::string text(uint64_t number)
{
    return std::to_string(number);
}

}  // namespace

bool check_offer(const OfferedInvoice &offer, const InvoiceRequest &request,
    Network network, int64_t now, Invoice &out, std::string &error)
{
    Bolt11 invoice;
    const char *reason = "";

    if (!decode_bolt11(offer.bolt11, invoice, reason)) {
        error = std::string("invoice cannot be used: ") + reason;
        return false;
    }

    if (invoice.network != network) {
        error = std::string("invoice is for ") + network_name(invoice.network)
                + ", configured is " + network_name(network);
        return false;
    }

    if (!invoice.has_amount) {
        error = "invoice has no amount";
        return false;
    }

    if (invoice.amount_msat != request.amount_msat) {
        error = "invoice is for " + text(invoice.amount_msat)
                + " msat, asked for " + text(request.amount_msat);
        return false;
    }

    if (offer.names_hash && offer.payment_hash != invoice.payment_hash) {
        error = "payment hash is not the one the service named";
        return false;
    }

    // Where it has none, the service has spared itself the hash (LUD-06 has
    // not asked for it since 2023).
    if (offer.has_description_hash && invoice.has_description_hash
        && offer.description_hash != invoice.description_hash)
    {
        error = "description hash is not that of what the service described";
        return false;
    }

    int64_t expires_at = invoice.expires_at();

    if (expires_at <= now) {
        error = "invoice has expired";
        return false;
    }

    // Counted from now, not from the service's clock: what matters is when
    // somebody could still pay it.
    if (expires_at - now > request.expiry + max_clock_difference) {
        error = "invoice lives " + std::to_string(expires_at - now)
                + " s, asked for " + text(request.expiry);
        return false;
    }

    out.bolt11.clear();

    // Bech32 knows both cases, but not every client does.
    for (char c : offer.bolt11) {
        out.bolt11 += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    }

    out.payment_hash = invoice.payment_hash;
    out.amount_msat = invoice.amount_msat;
    out.created_at = invoice.timestamp;
    out.expires_at = expires_at;
    return true;
}

}  // namespace l402
