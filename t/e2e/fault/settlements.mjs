// What a node of lnd's shape says of an invoice, right or wrong, by the name
// that a configuration's url carries. Each gets the request, the response, the
// payment hash (hex), and how often this invoice was asked about before.

import { randomBytes } from 'node:crypto';
import { reply } from '../service.mjs';

const base64 = hex => Buffer.from(hex, 'hex').toString('base64');

const invoice = (hash, state) => ({
    memo: 'weather', r_hash: base64(hash), value: '10', value_msat: '10000',
    settled: state === 'SETTLED', state,
    amt_paid_msat: state === 'SETTLED' ? '10000' : '0',
    htlcs: [], features: {},
});

const says = (state, change = {}) => (request, response, hash) =>
    reply(response, 200, { ...invoice(hash, state), ...change });

const settled = says('SETTLED');

const error = (status, code, message, headers = {}) =>
    (request, response) => {
        for (const [name, value] of Object.entries(headers)) {
            response.setHeader(name, value);
        }
        reply(response, status, { code, message, details: [] });
    };

const raw = content => (request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json',
                              'Content-Length': content.length });
    response.end(content);
};

const text_of = hash => Buffer.from(JSON.stringify(invoice(hash, 'SETTLED')));

// A good answer's head and as much of it as `size` says, then `rest`.
const begun = (size, rest) => (request, response, hash) => {
    const text = text_of(hash);
    response.writeHead(200, { 'Content-Type': 'application/json',
                              'Content-Length': text.length });
    response.write(text.subarray(0, size(text)),
                   () => rest(request, response, text.subarray(size(text))));
};

function drip(request, response, text) {
    let sent = 0;
    const timer = setInterval(() => {
        response.write(text.subarray(sent, ++sent));
        if (sent === text.length) {
            clearInterval(timer);
            response.end();
        }
    }, 500);
    response.on('close', () => clearInterval(timer));
}

const after = milliseconds => (...call) =>
    setTimeout(() => settled(...call), milliseconds);

export const settlements = {
    settled,
    open: says('OPEN'),
    accepted: says('ACCEPTED'),
    canceled: says('CANCELED'),
    unknown: error(404, 5, 'unable to locate invoice'),
    // The money comes after the first question.
    later: (request, response, hash, before) =>
        says(before ? 'SETTLED' : 'ACCEPTED')(request, response, hash),
    wait300: after(300),
    wait1500: after(1500),
    hang() {},
    drip: begun(() => 1, drip),
    close: request => request.socket.destroy(),
    half: begun(text => text.length >> 1,
                request => request.socket.destroy()),
    s401: error(401, 16, 'fault 401'),
    s404: error(404, 5, 'Not Found'),
    s429: error(429, 8, 'fault 429', { 'Retry-After': '7' }),
    s500: error(500, 2, 'fault 500'),
    redirect: (request, response, hash) => error(302, 2, 'moved',
        { Location: `/settled/v1/invoice/${hash}` })(request, response),
    // Right, below a wrong status.
    othersuccess: (request, response, hash) =>
        reply(response, 201, invoice(hash, 'SETTLED')),
    huge: (request, response, hash) => reply(response, 200,
        { more: 'a'.repeat(1024 * 1024), ...invoice(hash, 'SETTLED') }),
    empty: raw(Buffer.alloc(0)),
    garbage: raw(randomBytes(300)),
    array: (request, response, hash) =>
        reply(response, 200, [invoice(hash, 'SETTLED')]),
    wrongtype: says(['SETTLED']),
    boolean: says(true),
    lower: says('settled'),
    nostate: says(undefined),
    nohash: says('SETTLED', { r_hash: undefined }),
    shorthash: says('SETTLED', { r_hash: 'AAAA' }),
    otherhash: says('SETTLED', { r_hash: base64('00'.repeat(32)) }),
};
