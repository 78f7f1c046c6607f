// The payee's REST, in the shape of lnd's: names, number formats, error
// bodies and the check of the macaroon are as lnd has them.
//
// Below /hold it is a node whose invoices are hold invoices: what pays one
// waits for POST /v2/invoices/settle or /v2/invoices/cancel, which are lnd's
// own. A look-up shows the preimage of these as well: lnd shows it of others.

import { createHash, timingSafeEqual } from 'node:crypto';
import { body, reply } from '../service.mjs';
import { ldk } from './ldk.mjs';
import { hex } from './network.mjs';

const default_expiry = 86400n;
const longest_expiry = 31536000n;

// Well above the blocks that pass while a payment is under way, one a second
// at most.
const final_cltv_delta = 144;

// gRPC's codes, as grpc-gateway puts them into a JSON error.
const refusals = {
    2: { status: 500, code: 2 },
    3: { status: 400, code: 3 },
    5: { status: 404, code: 5 },
    12: { status: 501, code: 12 },
};

class Refusal extends Error {
    constructor(code, message) {
        super(message);
        this.code = code;
    }
}

// protobuf's JSON writes 64-bit numbers as strings and reads both.
function integer(value, name) {
    if (value === undefined || value === null || value === '') {
        return 0n;
    }
    if (typeof value === 'number' && Number.isSafeInteger(value)
        || typeof value === 'string' && /^-?\d{1,19}$/.test(value)) {
        return BigInt(value);
    }
    throw new Refusal(3, `invalid value for ${name}: ${value}`);
}

// protobuf's JSON has bytes in base64.
function bytes(value, name) {
    if (value === undefined || value === null) {
        return Buffer.alloc(0);
    }
    if (typeof value === 'string'
        && /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3}={0,2})?$/.test(value)) {
        return Buffer.from(value, 'base64');
    }
    throw new Refusal(3, `invalid value for ${name}: ${value}`);
}

export class Rest {
    #network;
    #macaroon;
    #invoices = new Map();

    constructor(network, macaroon) {
        this.#network = network;
        this.#macaroon = Buffer.from(hex(macaroon));
        network.on('held', hash => {
            this.#invoices.get(hash).state = 'ACCEPTED';
        });
        network.on('claimed', (hash, amount_msat) => {
            const invoice = this.#invoices.get(hash);
            invoice.state = 'SETTLED';
            invoice.amt_paid_msat = String(amount_msat);
            invoice.settle_date = String(Math.floor(Date.now() / 1000));
        });
    }

    get count() {
        return this.#invoices.size;
    }

    handler() {
        return async (request, response) => {
            try {
                reply(response, 200, await this.#answer(request));
            } catch (error) {
                const { status, code } = refusals[error.code] ?? refusals[2];
                reply(response, status,
                      { code, message: error.message, details: [] });
            }
        };
    }

    async #answer(request) {
        const [, hold, path] = /^(\/hold)?(\/.*)$/
            .exec(request.url.split('?')[0]);
        const decide = /^\/v2\/invoices\/(settle|cancel)$/.exec(path);
        const lookup = /^\/v1\/invoice\/([0-9a-f]{64})$/i.exec(path);
        const text = await body(request);

        if (path === '/v1/invoices' && request.method === 'POST') {
            this.#authorize(request);
            return this.#create(text, hold !== undefined);
        }
        if (decide && request.method === 'POST') {
            this.#authorize(request);
            return this.#decide(decide[1], text);
        }
        if (lookup && request.method === 'GET') {
            this.#authorize(request);
            return this.#look_up(lookup[1].toLowerCase());
        }
        if (path === '/v1/invoices' || lookup) {
            throw new Refusal(12, 'Method Not Allowed');
        }
        throw new Refusal(5, 'Not Found');
    }

    #authorize(request) {
        const given = request.headers['grpc-metadata-macaroon'];
        if (given === undefined) {
            throw new Refusal(2, 'expected 1 macaroon, got 0');
        }
        const bytes = Buffer.from(given.toLowerCase());
        if (bytes.length !== this.#macaroon.length
            || !timingSafeEqual(bytes, this.#macaroon)) {
            throw new Refusal(2, 'verification failed: signature mismatch '
                                 + 'after caveat verification');
        }
    }

    #decide(what, text) {
        const wanted = JSON.parse(text);
        const hash = what === 'settle'
            ? createHash('sha256').update(bytes(wanted.preimage, 'preimage'))
                .digest('hex')
            : bytes(wanted.payment_hash, 'payment_hash').toString('hex');
        const invoice = this.#invoices.get(hash);
        if (!invoice) {
            throw new Refusal(5, 'unable to locate invoice');
        }
        if (what === 'settle') {
            if (invoice.state !== 'ACCEPTED') {
                throw new Refusal(2, 'invoice still open');
            }
            this.#network.claim(hash);
        } else {
            if (invoice.state === 'SETTLED') {
                throw new Refusal(2, 'invoice already settled');
            }
            invoice.state = 'CANCELED';
            this.#network.refuse(hash);
        }
        return {};
    }

    #create(text, hold) {
        let wanted;
        try {
            wanted = JSON.parse(text || '{}');
        } catch (error) {
            throw new Refusal(3, error.message);
        }

        const memo = wanted.memo ?? '';
        const value = integer(wanted.value, 'value');
        let msat = integer(wanted.value_msat, 'value_msat');
        const expiry = integer(wanted.expiry, 'expiry') || default_expiry;

        const description_hash =
            bytes(wanted.description_hash, 'description_hash');

        if (typeof memo !== 'string' || Buffer.byteLength(memo) > 639) {
            throw new Refusal(2, 'memo too large');
        }
        if (![0, 32].includes(description_hash.length)) {
            throw new Refusal(2, 'description hash is '
                + `${description_hash.length} bytes, must be 32`);
        }
        if (value !== 0n && msat !== 0n) {
            throw new Refusal(2, 'the sat and msat arguments are mutually '
                                 + 'exclusive');
        }
        msat ||= value * 1000n;
        if (msat < 0n) {
            throw new Refusal(2, 'payments of negative value are not '
                                 + `allowed, value is ${msat}`);
        }
        if (expiry < 0n || expiry > longest_expiry) {
            throw new Refusal(2, `expiry of ${expiry} seconds out of range`);
        }

        return this.#add({ memo, description_hash }, msat, expiry, hold);
    }

    #add({ memo, description_hash }, msat, expiry, hold) {
        this.#network.keep_time();

        // Where there is a hash, lnd writes that and keeps the memo.
        const description = description_hash.length > 0
            ? ldk.Bolt11InvoiceDescription.constructor_hash(
                ldk.Sha256.constructor_from_bytes(description_hash))
            : ldk.Bolt11InvoiceDescription.constructor_direct(
                ldk.Description.constructor_new(memo).res);
        const created = this.#network.payee.channels.create_bolt11_invoice(
            msat > 0n ? ldk.Option_u64Z.constructor_some(msat)
                      : ldk.Option_u64Z.constructor_none(),
            description,
            ldk.Option_u32Z.constructor_some(Number(expiry)),
            ldk.Option_u16Z.constructor_some(final_cltv_delta),
            ldk.Option_ThirtyTwoBytesZ.constructor_none());
        if (!created.is_ok()) {
            throw new Refusal(2, 'the node could not make this invoice');
        }

        const invoice = created.res;
        const hash = Buffer.from(invoice.payment_hash());
        if (hold) {
            this.#network.held.set(hash.toString('hex'), null);
        }
        const preimage = this.#network.payee.channels.get_payment_preimage(
            invoice.payment_hash(), invoice.payment_secret());
        const kept = {
            memo,
            description_hash: description_hash.toString('base64'),
            r_preimage: Buffer.from(preimage.res).toString('base64'),
            r_hash: hash.toString('base64'),
            value: String(msat / 1000n),
            value_msat: String(msat),
            creation_date: String(invoice.duration_since_epoch()),
            settle_date: '0',
            payment_request: invoice.to_str(),
            expiry: String(expiry),
            add_index: String(this.#invoices.size + 1),
            amt_paid_msat: '0',
            state: 'OPEN',
            payment_addr: Buffer.from(invoice.payment_secret())
                .toString('base64'),
        };
        this.#invoices.set(hash.toString('hex'), kept);

        const { r_hash, payment_request, add_index, payment_addr } = kept;
        return { r_hash, payment_request, add_index, payment_addr };
    }

    #look_up(hash) {
        const invoice = this.#invoices.get(hash);
        if (!invoice) {
            throw new Refusal(5, 'unable to locate invoice');
        }
        return { ...invoice, settled: invoice.state === 'SETTLED' };
    }
}
