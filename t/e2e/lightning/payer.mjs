// The payer's control: POST /pay pays an invoice over the channels.

import { body, reply } from '../service.mjs';
import { ldk } from './ldk.mjs';
import { hex } from './network.mjs';

// Two channels carry 483 HTLCs each; more payments than this wait.
const most_in_flight = 200;

class Unpayable extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

export class Payer {
    #network;
    #under_way = new Map();
    #waiting = [];
    #paid = new Map();

    constructor(network) {
        this.#network = network;
        network.on('sent', (hash, preimage) => {
            this.#paid.set(hash, preimage);
            this.#finish(hash)?.resolve(preimage);
        });
        network.on('failed', (hash, reason) => {
            this.#finish(hash)?.reject(
                new Unpayable(502, `the payment failed (reason ${reason})`));
        });
    }

    get count() {
        return this.#paid.size;
    }

    handler(stats) {
        return async (request, response) => {
            try {
                const text = await body(request);
                if (request.method === 'GET' && request.url === '/stats') {
                    reply(response, 200, stats());
                } else if (request.method === 'POST'
                           && request.url === '/pay') {
                    reply(response, 200, await this.#pay(text));
                } else {
                    throw new Unpayable(404, 'POST /pay, GET /stats');
                }
            } catch (error) {
                reply(response, error.status ?? 500,
                      { error: error.message });
            }
        };
    }

    async #pay(text) {
        let wanted;
        try {
            wanted = JSON.parse(text);
        } catch {
            throw new Unpayable(400, 'the body is not JSON');
        }
        const parsed = ldk.Bolt11Invoice.constructor_from_str(
            String(wanted?.invoice));
        if (!parsed.is_ok()) {
            throw new Unpayable(400, 'not a BOLT 11 invoice');
        }

        const invoice = parsed.res;
        const hash = hex(invoice.payment_hash());

        // LDK leaves both to its caller.
        if (invoice.currency() !== ldk.Currency.LDKCurrency_Regtest) {
            throw new Unpayable(400, 'the invoice is for another network');
        }
        if (invoice.would_expire(BigInt(Math.floor(Date.now() / 1000)))) {
            throw new Unpayable(400, 'the invoice has expired');
        }
        if (this.#paid.has(hash) || this.#under_way.has(hash)) {
            throw new Unpayable(409, 'the invoice is already paid');
        }

        const preimage = await new Promise((resolve, reject) => {
            this.#under_way.set(hash, { resolve, reject });
            this.#waiting.push([hash, invoice]);
            this.#send();
        });
        return { preimage, payment_hash: hash };
    }

    #send() {
        while (this.#waiting.length > 0
               && this.#under_way.size - this.#waiting.length
                  < most_in_flight) {
            const [hash, invoice] = this.#waiting.shift();
            const route = ldk.UtilMethods
                .constructor_payment_parameters_from_invoice(invoice);
            if (!route.is_ok()) {
                this.#finish(hash).reject(
                    new Unpayable(400, 'the invoice names no amount'));
                continue;
            }
            const sent = this.#network.payer.channels.send_payment(
                invoice.payment_hash(), route.res.get_b(),
                invoice.payment_hash(), route.res.get_c(),
                ldk.Retry.constructor_attempts(3));
            if (!sent.is_ok()) {
                this.#finish(hash).reject(
                    new Unpayable(502, `no route (${sent.err})`));
            }
        }
        this.#network.wake();
    }

    #finish(hash) {
        const payment = this.#under_way.get(hash);
        this.#under_way.delete(hash);
        if (this.#waiting.length > 0) {
            setImmediate(() => this.#send());
        }
        return payment;
    }
}
