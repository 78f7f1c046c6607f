import { load } from '../../packages.mjs';
import { ask_twice, pay } from './payer.mjs';

const { fetchWithL402 } = await load(
    'clients', '@getalby/lightning-tools/402/l402');

const wallet = {
    payInvoice: async ({ invoice }) => ({ preimage: await pay(invoice) }),
};
// It leaves the token to its caller.
let credentials;

await ask_twice(async url => {
    const response = await fetchWithL402(url, {}, { wallet, credentials });
    credentials = response.payment?.credentials;
    return { status: response.status, text: await response.text() };
});
