// How the services are asked whether an invoice is settled, as strict as their
// own documentation: what they would refuse is refused, and what they say is
// what the real node at L402_NODE_URL says of that invoice. They make invoices
// as in strict_services.mjs and web_services.mjs.
//
// Written from: Core Lightning v26.06.6 (doc/schemas/listinvoices.json);
// Eclair v0.13 (getreceivedinfo and its test resources, api/received-*);
// phoenixd v0.8.0 ("Get incoming payment", Api.kt); LNbits 1.6.2 (as it
// answers itself, see ../lnbits.test.mjs); BTCPay Server 2.4.1
// (LightningInvoiceData, GreenfieldLightningNodeApiController).

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { env } from '../lib.mjs';
import { body } from '../service.mjs';
import { request as call } from './http.mjs';
import { Refusal, need, real_invoice, send } from './strict.mjs';
import { basic, form, is_form, services as strict } from './strict_services.mjs';
import { web_services } from './web_services.mjs';

const { lnbits, btcpay } = web_services;
const is_hash = text => /^[0-9a-f]{64}$/.test(text);
const password = (request, service, ...refusal) => {
    const given = basic(request);
    need(given?.user === '' && given.password === service.credential,
         ...refusal);
};

// For each service: the path (a hash stands for H), what is checked of a call
// (returns the hash), the answer about an invoice in one of lnd's states, the
// one where there is none, and where in an answer hash and state are.
const settlements = {
    cln: {
        method: 'POST',
        path: /^\/v1\/listinvoices$/,
        hash(request, [], text) {
            need(request.headers.rune === strict.cln.credential, 401, {
                code: 1501, message: 'Not authorized: Not derived from master',
            });
            need(request.headers['content-type'] === 'application/json', 406,
                 { code: null, message: 'Unsupported content-type header' });
            const { payment_hash, ...others } = JSON.parse(text);
            need(Object.keys(others).length === 0, 500,
                 { code: -32602, message: 'unknown parameter' });
            need(is_hash(payment_hash), 500,
                 { code: -32602, message: 'payment_hash: should be a 32 byte '
                                          + 'hex value' });
            return payment_hash;
        },
        answer: (hash, state) => [201, { invoices: [{
            label: 'l402-0', bolt11: 'lnbcrt1', payment_hash: hash,
            amount_msat: 1500, description: 'd', expires_at: 1738604800,
            created_index: 1,
            ...state === 'SETTLED'
                ? { status: 'paid', pay_index: 1, amount_received_msat: 1500,
                    paid_at: 1738000000, payment_preimage: '00'.repeat(32) }
                : { status: state === 'CANCELED' ? 'expired' : 'unpaid' },
        }] }],
        none: [201, { invoices: [] }],
        about: answer => [answer.invoices[0], 'payment_hash'],
        state: answer => [answer.invoices[0], 'status'],
    },

    eclair: {
        method: 'POST',
        path: /^\/getreceivedinfo$/,
        hash(request, [], text) {
            password(request, strict.eclair, 401,
                     { error: 'The supplied authentication is invalid' });
            need(is_form(request), 415, { error: 'Content-Type' });
            const malformed = name => new Refusal(400, { error:
                `The form field '${name}' was malformed:\nno such field` });
            const { paymentHash } = form(text, ['paymentHash'], malformed);
            need(is_hash(paymentHash), 400, { error: 'The form field '
                + '\'paymentHash\' was malformed' });
            return paymentHash;
        },
        answer: (hash, state) => [200, {
            invoice: { prefix: 'lnbcrt', timestamp: 1496314658,
                       serialized: 'lnbcrt1', description: 'd',
                       paymentHash: hash, expiry: 60, amount: 1500,
                       features: { activated: {} }, routingInfo: [] },
            paymentPreimage: '00'.repeat(32),
            paymentType: 'Standard',
            createdAt: { iso: '1970-01-01T00:00:00.042Z', unix: 0 },
            status: state === 'SETTLED'
                ? { type: 'received', amount: 1500,
                    receivedAt: { iso: '2021-10-05T13:12:23.777Z',
                                  unix: 1633439543 } }
                : { type: state === 'CANCELED' ? 'expired' : 'pending' },
        }],
        none: [404, { error: 'Not found' }],
        about: answer => [answer.invoice, 'paymentHash'],
        state: answer => [answer.status, 'type'],
    },

    phoenixd: {
        method: 'GET',
        path: /^\/payments\/incoming\/([^/]+)$/,
        hash(request, [hash]) {
            password(request, strict.phoenixd, 401, 'Invalid authentication');
            need(is_hash(hash), 400, 'Request parameter paymentHash is '
                                     + 'malformed');
            return hash;
        },
        answer: (hash, state) => [200, {
            type: 'incoming_payment', subType: 'lightning',
            paymentHash: hash, preimage: '00'.repeat(32), externalId: 'l402',
            description: 'd', invoice: 'lnbcrt1', isPaid: state === 'SETTLED',
            isExpired: state === 'CANCELED', requestedSat: 2, receivedSat: 2,
            fees: 0, expiresAt: 1738604800000, createdAt: 1738000000000,
        }],
        none: [404, 'Not found'],
        about: answer => [answer, 'paymentHash'],
        state: answer => [answer, 'isPaid'],
    },

    lnbits: {
        method: 'GET',
        path: /^\/api\/v1\/payments\/([^/]+)$/,
        hash(request, [hash]) {
            need(request.headers['x-api-key'] === lnbits.credential, 404,
                 { detail: 'Wallet not found.' });
            return hash;
        },
        answer: (hash, state) => [200, {
            paid: state === 'SETTLED',
            status: { SETTLED: 'success', CANCELED: 'failed' }[state]
                    ?? 'pending',
            preimage: '00'.repeat(32),
            details: { checking_id: hash, payment_hash: hash,
                       wallet_id: '1b447d125bf74b57b4b0ef34ac4838da',
                       amount: 2000, fee: 0, bolt11: 'lnbcrt1', memo: 'd',
                       extra: {} },
        }],
        none: [404, { detail: 'Payment does not exist.' }],
        about: answer => [answer.details, 'payment_hash'],
        state: answer => [answer, 'paid'],
    },

    btcpay: {
        method: 'GET',
        path: /^\/api\/v1\/stores\/8bPL\w+\/lightning\/BTC\/invoices\/([^/]+)$/,
        hash(request, [id]) {
            need(request.headers.authorization
                 === `token ${btcpay.credential}`, 401,
                 { code: 'unauthenticated', message: 'Authentication is '
                   + 'required for accessing this endpoint' });
            return id;
        },
        answer: (hash, state) => [200, {
            id: hash,
            status: { SETTLED: 'Paid', CANCELED: 'Expired' }[state]
                    ?? 'Unpaid',
            BOLT11: 'lnbcrt1', paidAt: null, expiresAt: 1738604800,
            amount: '1500', amountReceived: null, paymentHash: hash,
            preimage: null,
        }],
        none: [404, { code: 'invoice-not-found', message: 'Impossible to find '
                      + 'a lightning invoice with this id' }],
        about: answer => [answer, 'paymentHash'],
        state: answer => [answer, 'status'],
    },
};

export const services = Object.fromEntries(Object.keys(settlements).map(
    name => [name, { ...strict[name] ?? web_services[name],
                     settlement: settlements[name] }]));

// ---- faults, of an answer that the money is there ----

const good = ({ service, hash }) => service.settlement.answer(hash, 'SETTLED');

// `change` gets the member's holder and its name.
const changed = (where, change) => call => {
    const [status, answer] = good(call);
    change(...call.service.settlement[where](answer));
    send(call.response, call.service, status, answer);
};

const status = code => ({ response, service }) =>
    send(response, service, code, service.error(code));

const with_body = make => call => {
    const [code, answer] = good(call);
    const text = Buffer.from(make(answer));
    call.response.writeHead(code, { 'Content-Type': 'application/json',
                                    'Content-Length': text.length });
    call.response.end(text);
};

const begun = (size, rest) => call => {
    const [code, answer] = good(call);
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

const faults = {
    hang() {},
    drip: begun(() => 1, drip),
    close: ({ request }) => request.socket.destroy(),
    half: begun(text => text.length >> 1,
                ({ request }) => request.socket.destroy()),
    s401: status(401),
    s404: status(404),
    s429: status(429),
    s500: status(500),
    redirect: ({ response, service, request }) => send(
        response, service, 302, '',
        { Location: request.url.replace('/redirect/', '/paid/') }),
    othersuccess: call => {
        const [code, answer] = good(call);
        send(call.response, call.service, code === 200 ? 201 : 200, answer);
    },
    huge: with_body(answer => JSON.stringify(
        { more: 'a'.repeat(1024 * 1024), ...answer })),
    empty: with_body(() => ''),
    garbage: with_body(() => randomBytes(300)),
    array: with_body(answer => JSON.stringify([answer])),
    wrongtype: changed('state', (holder, name) => {
        holder[name] = [holder[name]];
    }),
    nostate: changed('state', (holder, name) => { delete holder[name]; }),
    nohash: changed('about', (holder, name) => { delete holder[name]; }),
    otherhash: changed('about', (holder, name) => {
        holder[name] = randomBytes(32).toString('hex');
    }),
    // What would be paid at any node.
    paid: call => send(call.response, call.service, ...good(call)),
    unknown: ({ response, service }) =>
        send(response, service, ...service.settlement.none),
};

async function real_state(hash) {
    const macaroon = fs.readFileSync(env('L402_NODE_MACAROON'));
    const response = await call(`${env('L402_NODE_URL')}/v1/invoice/${hash}`, {
        headers: { 'Grpc-Metadata-macaroon': macaroon.toString('hex') } });
    return response.status === 404 ? null : response.json().state;
}

async function real(call) {
    const { answer, none } = call.service.settlement;
    const state = await real_state(call.hash);
    send(call.response, call.service, ...state ? answer(call.hash, state)
                                               : none);
}

// http://127.0.0.1:<port>/<service>/<fault>; the fault "ok" is none. Invoices
// are made without any. `seen` has the questions that were asked correctly.
export async function start_settlement_services() {
    const seen = [];

    async function serve(request, response, service, name, fault, path) {
        const text = await body(request);
        const { settlement } = service;
        const match = settlement.path.exec(path);

        if (!match || request.method !== settlement.method) {
            const wanted = service.read(request, path, text);
            send(response, service,
                 ...service.answer(await real_invoice(wanted)));
            return;
        }
        const hash = settlement.hash(request, match.slice(1), text);
        seen.push({ name, fault, hash });
        await (faults[fault] ?? real)({ request, response, service, hash });
    }

    const server = http.createServer(async (request, response) => {
        const [, name, fault, ...rest] = request.url.split('/');
        const service = services[name];
        try {
            await serve(request, response, service, name, fault,
                        '/' + rest.join('/'));
        } catch (error) {
            if (error.body === undefined) {
                console.error(error);
            }
            send(response, service, error.status ?? 500, error.body ?? '',
                 error.headers);
        }
    });
    server.keepAliveTimeout = 600_000;
    const port = await new Promise(resolve => server.listen(
        0, '127.0.0.1', () => resolve(server.address().port)));
    return {
        seen,
        url: (name, fault) => `http://127.0.0.1:${port}/${name}/${fault}`
                              + (services[name].store ?? ''),
        stop() {
            server.close();
            server.closeAllConnections();
        },
    };
}
