// The two lnd of nodes.mjs, as the tests see them.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { env, read_challenge, request, secrets, sha256_of_hex }
    from '../lib.mjs';
import { Lnd, until } from './lnd.mjs';

const node = name => new Lnd(...JSON.parse(env(name)));

export const seller = node('L402_LND_SELLER');
export const buyer = node('L402_LND_BUYER');

// A macaroon of the seller's, which must not stand in a log.
export function bake(name, ...permissions) {
    return guarded(seller.bake(name, ...permissions));
}

export function guarded(file) {
    const bytes = fs.readFileSync(file);
    secrets.add(bytes.toString('hex'));
    secrets.add(bytes.toString('base64'));
    return file;
}

// One of nodes.mjs' actions on the seller.
export async function control(action) {
    const answer = await request(env('L402_LND_CONTROL_URL') + action,
                                 { method: 'POST', timeout: 150_000 });
    assert.equal(answer.status, 200, answer.text);
}

export function lnd_service(name, { macaroon, url = seller.url,
                                    cert = seller.cert, more = '' }) {
    return `
    l402_invoice_service ${name} {
        protocol lnd;
        url ${url};
        ca_file ${cert};
        ${macaroon ? `credential_file ${macaroon};` : ''}
        ${/\bnetwork /.test(more) ? '' : 'network regtest;'}
        ${more}
    }`;
}

// Asked again while the channel comes back after a restart.
export async function pay(invoice) {
    const { payment_hash, payment_preimage } = await until(
        'a payment', async () => {
            const result = await buyer.send(invoice);
            assert.equal(result.status, 'SUCCEEDED', result.failure_reason);
            return result;
        }, 30);
    assert.equal(sha256_of_hex(payment_preimage), payment_hash);
    secrets.add(payment_preimage);
    return payment_preimage;
}

export async function buy(url) {
    const { macaroon, invoice } = read_challenge(await request(url));
    const preimage = await pay(invoice);
    return { Authorization: `L402 ${macaroon}:${preimage}` };
}
