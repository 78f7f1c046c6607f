// What the services that are as strict as their documentation have in common.

import fs from 'node:fs';
import { env } from '../lib.mjs';
import { request as call } from './http.mjs';

// What a service answers instead of an invoice.
export class Refusal extends Error {
    constructor(status, body, headers = {}) {
        super(`${status} ${JSON.stringify(body)}`);
        Object.assign(this, { status, body, headers });
    }
}

export const need = (condition, ...refusal) => {
    if (!condition) {
        throw new Refusal(...refusal);
    }
};

// `refuse` makes what is thrown for a member that the service does not know.
export const no_others = (object, known, refuse) => {
    for (const name of Object.keys(object)) {
        if (!known.includes(name)) {
            throw refuse(name);
        }
    }
};

export const is_integer = text => /^-?\d{1,19}$/.test(text);
export const bytes = text => Buffer.byteLength(text);

// What a BOLT 11 field holds.
export const longest_description = 639;

// As `type` for a text, as JSON for everything else.
export function send(response, service, status, value, headers = {}) {
    const is_text = typeof value === 'string';
    const text = is_text ? value : JSON.stringify(value, null, 4);
    response.writeHead(status, {
        'Content-Type': is_text ? service.type : 'application/json',
        'Content-Length': bytes(text),
        ...headers,
    });
    response.end(text);
}

// An invoice of the real node for what was asked.
export async function real_invoice({ msat, memo, expiry,
                                     description_hash }) {
    const macaroon = fs.readFileSync(env('L402_NODE_MACAROON'));
    const response = await call(env('L402_NODE_URL') + '/v1/invoices', {
        method: 'POST',
        headers: { 'Grpc-Metadata-macaroon': macaroon.toString('hex') },
        body: JSON.stringify({
            value_msat: String(msat), memo, expiry: String(expiry),
            description_hash: description_hash?.toString('base64'),
        }),
    });
    if (response.status !== 200) {
        throw new Error(`the node answered ${response.text}`);
    }
    const { payment_request, r_hash, payment_addr } = response.json();
    const hex = base64 => Buffer.from(base64, 'base64').toString('hex');
    return { text: payment_request, hash: hex(r_hash),
             secret: hex(payment_addr), msat, memo, expiry,
             time: Math.floor(Date.now() / 1000) };
}
