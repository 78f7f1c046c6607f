// The client's side of L402, with decoders that share nothing with the
// module's.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { load } from '../packages.mjs';
import { request } from './http.mjs';

const { decode } = await load('.', 'light-bolt11-decoder');
const { importMacaroon } = await load('.', 'macaroon');

// Whatever must not stand in a log: see Nginx.stop().
export const secrets = new Set();

const header_form = new RegExp(
    '^L402 macaroon="([A-Za-z0-9+/]+={0,2})", invoice="(ln[a-z0-9]+)", '
    + 'version="0", token="([A-Za-z0-9+/]+={0,2})"$');

// Takes a 402 apart; the header must have the wire format to the letter.
export function read_challenge(response) {
    assert.equal(response.status, 402, response.text);
    const value = response.headers['www-authenticate'];
    assert.match(value, header_form);
    const [, macaroon, invoice, token] = header_form.exec(value);
    assert.equal(token, macaroon);
    secrets.add(macaroon);
    return { macaroon, invoice };
}

export function read_invoice(text) {
    const decoded = decode(text);
    const value = name =>
        decoded.sections.find(section => section.name === name)?.value;
    const time = value('timestamp');
    const expiry = value('expiry') ?? 3600;
    return {
        payment_hash: value('payment_hash'),
        msat: Number(value('amount')),
        memo: value('description'),
        network: value('coin_network')?.bech32,
        time,
        expiry,
        expires_at: time + expiry,
    };
}

export function read_macaroon(base64) {
    const macaroon = importMacaroon(Buffer.from(base64, 'base64'));
    const identifier = Buffer.from(macaroon.identifier);
    return {
        location: macaroon.location,
        version: identifier.readUInt16BE(0),
        payment_hash: identifier.subarray(2, 34).toString('hex'),
        token_id: identifier.subarray(34).toString('hex'),
        caveats: macaroon.caveats.map(
            caveat => Buffer.from(caveat.identifier).toString()),
    };
}

export const sha256_of_hex = hex =>
    createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex');

// Pays with the second node and returns the preimage.
export async function pay(invoice) {
    const response = await request(process.env.L402_PAYER_URL + '/pay', {
        method: 'POST', body: JSON.stringify({ invoice }),
    });
    assert.equal(response.status, 200, response.text);
    const { preimage, payment_hash } = response.json();
    assert.equal(sha256_of_hex(preimage), payment_hash);
    secrets.add(preimage);
    return preimage;
}

// From 402 to a credential.
export async function buy(url, options = {}) {
    const challenge = read_challenge(await request(url, options));
    const preimage = await pay(challenge.invoice);
    return {
        ...challenge,
        preimage,
        headers: {
            Authorization: `L402 ${challenge.macaroon}:${preimage}`,
        },
    };
}

// 503 as it must be when no invoice can be had.
export function assert_no_invoice(response) {
    assert.equal(response.status, 503, response.text);
    assert.match(response.headers['retry-after'] ?? '', /^[1-9][0-9]*$/);
    assert.equal(response.headers['www-authenticate'], undefined);
}
