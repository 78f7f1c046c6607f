// The faults, by the name that a configuration's url carries. Each gets the
// request, the response and what was asked for.

import { randomBytes } from 'node:crypto';
import { reply } from '../service.mjs';
import { invoice } from './invoice.mjs';

const now = () => Math.floor(Date.now() / 1000);

// What a correct node would put into its invoice.
const asked_for = wanted => ({
    prefix: 'bcrt',
    msat: BigInt(wanted.value_msat ?? 0),
    time: now(),
    expiry: Number(wanted.expiry ?? 86400),
    memo: String(wanted.memo ?? ''),
});

let add_index = 0;

function answer(fields, hash) {
    const made = invoice(fields);
    return {
        r_hash: (hash ?? made.hash).toString('base64'),
        payment_request: made.text,
        add_index: String(++add_index),
        payment_addr: randomBytes(32).toString('base64'),
    };
}

// A correct form with a wrong content: `change` spoils the invoice.
const invoice_with = change => (request, response, wanted) => {
    const fields = asked_for(wanted);
    reply(response, 200, answer({ ...fields, ...change(fields) }));
};

const ok = invoice_with(() => ({}));

const after = milliseconds => (request, response, wanted) =>
    setTimeout(() => ok(request, response, wanted), milliseconds);

const status = (code, headers = {}) => (request, response) => {
    for (const [name, value] of Object.entries(headers)) {
        response.setHeader(name, value);
    }
    reply(response, code, { code: 2, message: `fault ${code}`, details: [] });
};

const raw = (type, content) => (request, response) => {
    response.writeHead(200, { 'Content-Type': type,
                              'Content-Length': content.length });
    response.end(content);
};

function half(request, response, wanted) {
    const text = JSON.stringify(answer(asked_for(wanted)));
    response.writeHead(200, { 'Content-Type': 'application/json',
                              'Content-Length': text.length });
    response.write(text.slice(0, text.length / 2),
                   () => request.socket.destroy());
}

function drip(request, response, wanted) {
    const text = JSON.stringify(answer(asked_for(wanted)));
    response.writeHead(200, { 'Content-Type': 'application/json',
                              'Content-Length': text.length });
    response.flushHeaders();
    let sent = 0;
    const timer = setInterval(() => {
        response.write(text[sent++]);
        if (sent === text.length) {
            clearInterval(timer);
            response.end();
        }
    }, 1000);
    response.on('close', () => clearInterval(timer));
}

// 50 MB that stay JSON to the end.
function huge(request, response) {
    const chunk = Buffer.alloc(65536, 'a');
    let left = 50 * 1024 * 1024;
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.write('{"payment_request":"');
    const more = () => {
        while (left > 0 && !response.destroyed) {
            left -= chunk.length;
            if (!response.write(chunk)) {
                response.once('drain', more);
                return;
            }
        }
        response.end('"}');
    };
    more();
}

export const faults = {
    ok,
    hang() {},
    close: request => request.socket.destroy(),
    half,
    drip,
    s401: status(401),
    s404: status(404),
    s429: status(429, { 'Retry-After': '7' }),
    s500: status(500),
    redirect: status(302, { Location: '/ok/v1/invoices' }),
    empty: raw('application/json', Buffer.alloc(0)),
    garbage: raw('application/octet-stream', randomBytes(300)),
    wrongtype: raw('application/json', Buffer.from(
        '{"r_hash":17,"payment_request":["lnbcrt1"],"add_index":{}}')),
    array: raw('application/json', Buffer.from('["lnbcrt1"]')),
    huge,
    amount: invoice_with(({ msat }) => ({ msat: msat * 2n + 1000n })),
    noamount: invoice_with(() => ({ msat: 0n })),
    hash: (request, response, wanted) => reply(
        response, 200, answer(asked_for(wanted), randomBytes(32))),
    network: invoice_with(() => ({ prefix: 'bc' })),
    expired: invoice_with(() => ({ time: now() - 7200, expiry: 60 })),
    long: invoice_with(() => ({ expiry: 864_000 })),
    slow50: after(50),
    slow500: after(500),
};
