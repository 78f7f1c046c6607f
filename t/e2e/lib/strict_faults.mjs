// What goes wrong with a service that was asked correctly: in the form of
// that service as far as the fault leaves it one. Each fault gets the request,
// the response, the service, its name, and what was wanted. What HTTP itself
// can do is in http_faults.mjs.

import { randomBytes } from 'node:crypto';
import {
    another_payee, invoice, unknown_feature,
} from '../fault/invoice.mjs';
import { http_faults } from './http_faults.mjs';
import { real_invoice, send } from './strict.mjs';

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

// The right invoice, written by `change`.
const invoice_as = change => call => {
    const right = made(call);
    send(call.response, call.service, ...call.service.answer(
        { ...right, text: change(right.text) }));
};

const with_body = change => call => {
    const [code, answer] = call.service.answer(made(call));
    const text = Buffer.from(change(answer, call.service));
    call.response.writeHead(code, { 'Content-Type': 'application/json',
                                    'Content-Length': text.length });
    call.response.end(text);
};

// By an HTTP fault, which gets the answer's status and bytes.
const by_http = fault => call => {
    const [code, answer] = call.service.answer(made(call));
    fault(call, code, Buffer.from(JSON.stringify(answer)));
};

// What a service says of a request, with everything in it that must not stand
// in a log as it is.
function leak({ response, service, request }) {
    const said = [...Object.values(request.headers), service.credential,
                  Buffer.from(':' + service.credential).toString('base64'),
                  'a\r\nforged: line \x1b[31mb\x00c',
                  'word '.repeat(100)].join(' ');
    const error = service.error(500);
    send(response, service, 500, typeof error === 'string' ? said
        : Object.fromEntries(Object.entries(error).map(([name, value]) =>
            [name, String(value).startsWith('fault') ? said : value])));
}

// The same invoice for everybody who asks.
const first_answers = {};

function duplicate(call) {
    first_answers[call.name] ??= call.service.answer(made(call));
    send(call.response, call.service, ...first_answers[call.name]);
}

const spoilt = text => text.replace(/.$/, last => last === 'q' ? 'p' : 'q');

export const faults = {
    ...Object.fromEntries(Object.entries(http_faults).map(
        ([name, fault]) => [name, by_http(fault)])),
    ok,
    s401: status(401),
    s404: status(404),
    s429: status(429, { 'Retry-After': '7' }),
    s500: status(500),
    leak,
    redirect: ({ response, service, name }) => send(
        response, service, 302, '', { Location: `/${name}/ok${service.path}` }),
    redirect307: ({ response, service, name }) => send(
        response, service, 307, '', { Location: `/${name}/ok${service.path}` }),

    // ---- bodies ----

    empty: with_body(() => ''),
    garbage: with_body(() => randomBytes(300)),
    html: with_body(() => '<!doctype html><title>Welcome</title>'),
    array: with_body((answer, { invoice }) => JSON.stringify(
        [answer[invoice]])),
    wrongtype: with_body((answer, { invoice, hash }) => JSON.stringify(
        { ...answer, [invoice]: [answer[invoice]], [hash]: 17 })),
    nohash: with_body((answer, { hash }) => JSON.stringify(
        { ...answer, [hash]: undefined })),
    badhash: with_body((answer, { hash }) => JSON.stringify(
        { ...answer, [hash]: answer[hash].slice(2) })),
    numberhash: with_body((answer, { hash }) => JSON.stringify(
        { ...answer, [hash]: 17 })),
    deep: with_body(answer => JSON.stringify(answer).replace(
        '{', `{"more":${'['.repeat(20_000)}${']'.repeat(20_000)},`)),
    trailing: with_body(answer => JSON.stringify(answer) + '\n}'),
    twice: with_body(answer => JSON.stringify(answer).repeat(2)),
    nul: with_body(answer => JSON.stringify(answer) + '\0'),
    badutf8: with_body(answer => Buffer.from(
        JSON.stringify({ more: '\u00ff', ...answer }), 'latin1')),

    // ---- invoices ----

    duplicate,
    amount: invoice_with(({ msat }) => ({ msat: BigInt(msat) * 2n })),
    less: invoice_with(({ msat }) => ({ msat: BigInt(msat) - 1n })),
    noamount: invoice_with(() => ({ msat: 0n })),
    network: invoice_with(() => ({ prefix: 'bc' })),
    hash: call => send(call.response, call.service, ...call.service.answer(
        { ...made(call), hash: randomBytes(32).toString('hex') })),
    expired: invoice_with(() => ({ time: now() - 7200, expiry: 60 })),
    long: invoice_with(() => ({ expiry: 864_000 })),
    feature: invoice_with(() => ({ features: unknown_feature })),
    signer: invoice_with(() => ({ payee: another_payee })),
    checksum: invoice_as(spoilt),
    spaces: invoice_as(text => ` ${text}\n`),
    nulinvoice: invoice_as(text => text + '\0'),
    uri: invoice_as(text => 'lightning:' + text),

    // ---- odd, and yet an invoice ----

    othersuccess: call => {
        const [code, answer] = call.service.answer(made(call));
        send(call.response, call.service, code === 200 ? 201 : 200, answer);
    },
    uppercase: invoice_as(text => text.toUpperCase()),
    bom: with_body(answer => '\ufeff' + JSON.stringify(answer)),
    // The first of each name is somebody else's.
    again: call => {
        const [, other] = call.service.answer(made(call));
        const [code, answer] = call.service.answer(made(call));
        const text = JSON.stringify(other).slice(0, -1) + ','
            + JSON.stringify(answer).slice(1);
        call.response.writeHead(code, {
            'Content-Type': 'application/json',
            'Content-Length': Buffer.byteLength(text) });
        call.response.end(text);
    },
};
