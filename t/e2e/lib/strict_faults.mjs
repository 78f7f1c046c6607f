// What goes wrong with a service that was asked correctly: in the form of
// that service as far as the fault leaves it one. Each fault gets the request,
// the response, the service, its name, and what was wanted.

import { randomBytes } from 'node:crypto';
import { invoice } from '../fault/invoice.mjs';
import { real_invoice, send } from './strict_services.mjs';

const now = () => Math.floor(Date.now() / 1000);

async function ok({ response, service, wanted }) {
    send(response, service, ...service.answer(await real_invoice(wanted)));
}

const status = (code, headers) => ({ response, service }) =>
    send(response, service, code, service.error(code), headers);

// A service's answer about an invoice that no node made: `change` spoils it.
const made = ({ wanted }, change = {}) => {
    const fields = { prefix: 'bcrt', msat: BigInt(wanted.msat), time: now(),
                     expiry: wanted.expiry, memo: wanted.memo, ...change };
    const { text, hash } = invoice(fields);
    return { ...fields, text, hash: hash.toString('hex'), secret: '00',
             msat: wanted.msat };
};

const invoice_with = change => call => send(
    call.response, call.service,
    ...call.service.answer(made(call, change(call.wanted))));

const with_body = change => call => {
    const [code, answer] = call.service.answer(made(call));
    const text = Buffer.from(change(answer, call.service));
    call.response.writeHead(code, { 'Content-Type': 'application/json',
                                    'Content-Length': text.length });
    call.response.end(text);
};

// The head and the beginning of a good answer, then what `rest` does.
const begun = (size, rest) => call => {
    const [code, answer] = call.service.answer(made(call));
    const text = Buffer.from(JSON.stringify(answer));
    call.response.writeHead(code, { 'Content-Type': 'application/json',
                                    'Content-Length': text.length });
    call.response.write(text.subarray(0, size(text)),
                        () => rest(call, text.subarray(size(text))));
};

function drip({ response }, text) {
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

// The same invoice for everybody who asks.
const first_answers = {};

function duplicate(call) {
    first_answers[call.name] ??= call.service.answer(made(call));
    send(call.response, call.service, ...first_answers[call.name]);
}

export const faults = {
    ok,
    hang() {},
    close: ({ request }) => request.socket.destroy(),
    half: begun(text => text.length >> 1,
                ({ request }) => request.socket.destroy()),
    drip: begun(() => 1, drip),
    s401: status(401),
    s404: status(404),
    s429: status(429, { 'Retry-After': '7' }),
    s500: status(500),
    redirect: ({ response, service, name }) => send(
        response, service, 302, '', { Location: `/${name}/ok${service.path}` }),
    // The right answer below the wrong status.
    othersuccess: call => {
        const [code, answer] = call.service.answer(made(call));
        send(call.response, call.service, code === 200 ? 201 : 200, answer);
    },
    empty: with_body(() => ''),
    garbage: with_body(() => randomBytes(300)),
    array: with_body((answer, { invoice }) => JSON.stringify(
        [answer[invoice]])),
    wrongtype: with_body((answer, { invoice, hash }) => JSON.stringify(
        { ...answer, [invoice]: [answer[invoice]], [hash]: 17 })),
    nohash: with_body((answer, { hash }) => JSON.stringify(
        { ...answer, [hash]: undefined })),
    badhash: with_body((answer, { hash }) => JSON.stringify(
        { ...answer, [hash]: answer[hash].slice(2) })),
    huge: with_body(answer => JSON.stringify(
        { more: 'a'.repeat(50 * 1024 * 1024), ...answer })),
    duplicate,
    amount: invoice_with(({ msat }) => ({ msat: BigInt(msat) * 2n })),
    noamount: invoice_with(() => ({ msat: 0n })),
    network: invoice_with(() => ({ prefix: 'bc' })),
    hash: call => send(call.response, call.service, ...call.service.answer(
        { ...made(call), hash: randomBytes(32).toString('hex') })),
    expired: invoice_with(() => ({ time: now() - 7200, expiry: 60 })),
    long: invoice_with(() => ({ expiry: 864_000 })),
};
