import { load } from '../../packages.mjs';
import { ask_twice, pay } from './payer.mjs';

const { MemoryTokenStore, PaymentResult, Wallet, setupL402Interceptor } =
    await load('clients', 'l402');
const axios = await load('clients', 'axios');

class Payer extends Wallet {
    async payInvoice(invoice) {
        return new PaymentResult(await pay(invoice), true);
    }
}

const client = axios.create();
setupL402Interceptor(client, new Payer(), new MemoryTokenStore());

await ask_twice(async url => {
    const { status, data } = await client.get(url);
    return { status, text: data };
});
