// Core Lightning, Eclair and phoenixd, through a real nginx: what the gate
// asks is what each of them takes, the invoice that comes can be paid, and
// whatever goes wrong with one is 503, never content and never an invoice.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, assert_no_invoice, buy, free_port, read_challenge, read_invoice,
    request, secrets, start_backend,
} from './lib.mjs';
import { services, start_strict_services } from './lib/strict_services.mjs';

const timeout = 2;
const price = 1500;
const memo = 'Wetter: 100% & "mehr" + a=b; \u00e4\u20ac\u{1f326}';

// Each fault, and what the log says of it: a 503 for another reason proves
// nothing.
const reasons = {
    hang: /timed out/,
    drip: /timed out/,
    close: /Empty reply|Recv failure/,
    half: /transfer closed|Recv failure/,
    s401: /answered 401: fault 401/,
    s404: /answered 404: fault 404/,
    s429: /answered 429: fault 429/,
    s500: /answered 500: fault 500/,
    redirect: /answered 302/,
    othersuccess: /answered 20[01]/,
    empty: /answered with an empty body/,
    garbage: /answered with a body that is not JSON/,
    array: /answered with JSON that is no object/,
    wrongtype: /answered with no (bolt11|serialized)/,
    nohash: /answered with no payment_?[hH]ash/,
    badhash: /answered with a payment_?[hH]ash that is not 32 bytes of hex/,
    huge: /answered with more than 64 kB/,
    amount: /invoice is for \d+ msat, asked for \d+/,
    noamount: /invoice has no amount/,
    network: /invoice is for mainnet, configured is regtest/,
    hash: /payment hash is not the one the service named/,
    expired: /invoice has expired/,
    long: /invoice lives \d+ s, asked for 600/,
    down: /Failed to connect|Couldn't connect/,
    wrongkey: /answered 401: (Not auth|The supplied auth|Invalid auth)/,
    nokey: /answered 40[13]: (Not authorized: Miss|The resource req|Invalid)/,
};
const bad = Object.keys(reasons);

// What each can charge for the price: phoenixd knows whole sats alone.
const charged = { cln: price, eclair: price, phoenixd: 2000 };

describe('services as strict as their documentation', () => {
    let backend, strict, nginx;

    const block = ({ dir }, name, fault, urls, key = `${dir}/${name}`) => `
    l402_invoice_service ${name}-${fault} {
        protocol ${name};
        ${urls.map(url => `url ${url};`).join(' ')}
        ${key ? `credential_file ${key};` : ''}
        network regtest;
        timeout ${timeout}s;
    }`;

    const location = (name, fault) => `
        location /${name}/${fault}/ {
            l402 ${name};
            l402_invoice_from ${name}-${fault};
            proxy_pass ${backend.url};
        }`;

    before(async () => {
        [backend, strict] = await Promise.all(
            [start_backend(), start_strict_services()]);
        const down = `http://127.0.0.1:${await free_port()}`;

        const blocks = (gate, name) => {
            const { credential } = services[name];
            gate.write(name, credential + '\n');
            gate.write(name + '.wrong', 'x' + credential.slice(1));
            secrets.add(credential);
            secrets.add(Buffer.from(':' + credential).toString('base64'));

            const url = fault => strict.url(name, fault);
            const special = {
                down: [[down]],
                wrongkey: [[url('ok')], `${gate.dir}/${name}.wrong`],
                nokey: [[url('ok')], null],
            };
            return [
                ...[...bad, 'ok', 'duplicate'].map(fault => block(gate, name,
                    fault, ...(special[fault] ?? [[url(fault)]]))),
                block(gate, name, 'second', [down, url('s500'), url('ok')]),
            ].join('');
        };

        nginx = await Nginx.start('services_strict', gate => `
    ${Object.keys(services).map(name => blocks(gate, name)).join('')}
    map $arg_long $memo {
        default '${memo}';
        1       '${'\u{1f326}'.repeat(200)}';
        2       'a\tb';
    }
    server {
        listen 127.0.0.1:${gate.port};
        l402_price ${price}msat;
        l402_memo $memo;
        ${Object.keys(services).map(name =>
            [...bad, 'ok', 'duplicate', 'second']
                .map(fault => location(name, fault)).join('')).join('')}
    }`);
    });

    after(() => {
        backend?.stop();
        strict?.stop();
    });

    const taken = (name, fault) => strict.seen.filter(
        call => call.name === name && call.fault === fault);

    for (const name of Object.keys(services)) {
        const url = fault => `${nginx.url}/${name}/${fault}/`;

        it(`${name}: bought, paid over Lightning, opened`, async () => {
            const bought = await buy(url('ok'));
            const invoice = read_invoice(bought.invoice);
            assert.equal(invoice.msat, charged[name]);
            assert.equal(invoice.memo, memo);
            assert.equal(invoice.expiry, 600);

            const [call] = taken(name, 'ok').slice(-1);
            assert.deepEqual(call.wanted,
                             { msat: charged[name], memo, expiry: 600 });

            const opened = await request(url('ok'),
                                         { headers: bought.headers });
            assert.equal(opened.status, 200, opened.text);
            assert.equal(opened.text, 'content of the backend\n');
        });

        it(`${name}: a memo that is too long or has a tab`, async () => {
            const long = await request(url('ok') + '?long=1');
            const sent = read_invoice(read_challenge(long).invoice).memo;
            assert.match(sent, /^(\u{1f326}){64,159}$/u);

            read_challenge(await request(url('ok') + '?long=2'));
        });

        it(`${name}: the next url where others fail`, async () => {
            const { invoice } = read_challenge(await request(url('second')));
            assert.equal(read_invoice(invoice).msat, charged[name]);
            assert.equal(taken(name, 's500').length, 1);
        });

        it(`${name}: one invoice is not handed to two customers`, async () => {
            read_challenge(await request(url('duplicate')));
            assert_no_invoice(await request(url('duplicate')));
        });

        for (const fault of bad) {
            it(`${name}, ${fault}: 503 within the deadline`, async () => {
                const log = nginx.error_log().length;
                const ok = taken(name, 'ok').length;
                const start = Date.now();
                assert_no_invoice(await request(url(fault)));
                assert.ok(Date.now() - start < (timeout + 1) * 1000);

                const lines = nginx.error_log().slice(log).split('\n')
                    .filter(line => /\[error\].*l402/.test(line));
                assert.equal(lines.length, 1, lines.join('\n'));
                assert.ok(lines[0].includes(`${name}-${fault}`), lines[0]);
                assert.match(lines[0], reasons[fault]);
                assert.equal(taken(name, 'ok').length, ok);
                assert.ok(!backend.seen.some(
                    ({ url }) => url.startsWith(`/${name}/${fault}/`)));
            });
        }
    }

    it('ends without a trace', () => nginx.stop());
});

// The responder is of no use unless it refuses.
describe('the strict services themselves', () => {
    let strict;
    before(async () => { strict = await start_strict_services(); });
    after(() => strict?.stop());

    const form = (fields, type = 'application/x-www-form-urlencoded') =>
        ({ body: new URLSearchParams(fields).toString(), type });
    const json = value =>
        ({ body: JSON.stringify(value), type: 'application/json' });
    const basic = text =>
        ({ Authorization: 'Basic ' + Buffer.from(text).toString('base64') });

    const invoice = { amount_msat: 1000, label: 'l', description: 'd' };
    const rune = { Rune: services.cln.credential };
    const eclair = basic(':' + services.eclair.credential);
    const phoenixd = basic(':' + services.phoenixd.credential);

    // service, status, what it says, the body, headers
    const refused = [
        ['cln', 403, 'Missing rune', json(invoice), {}],
        ['cln', 401, 'Not derived', json(invoice), { Rune: 'AAAA' }],
        ['cln', 406, 'content-type', form({ a: 'b' }, 'text/plain'), rune],
        ['cln', 500, 'Could not parse', { ...json(), body: '{' }, rune],
        ['cln', 500, 'missing required parameter: label',
         json({ ...invoice, label: undefined }), rune],
        ['cln', 500, 'unknown parameter: memo',
         json({ ...invoice, memo: 'x' }), rune],
        ['cln', 500, 'amount_msat',
         json({ ...invoice, amount_msat: '<WRONG>' }), rune],
        ['cln', 500, 'amount_msat', json({ ...invoice, amount_msat: 0 }),
         rune],
        ['cln', 500, 'without', json({ ...invoice, description: '\u0001' }),
         rune],
        ['cln', 500, '639',
         json({ ...invoice, description: 'a'.repeat(640) }), rune],
        ['cln', 500, 'expiry', json({ ...invoice, expiry: '10m' }), rune],
        ['eclair', 401, 'not supplied', form({ description: 'd' }), {}],
        ['eclair', 401, 'is invalid', form({ description: 'd' }),
         basic(':22satoshi')],
        ['eclair', 401, 'is invalid', form({ description: 'd' }),
         basic('user' + ':' + services.eclair.credential)],
        ['eclair', 415, 'Content-Type', json({ description: 'd' }), eclair],
        ['eclair', 400, 'amountMsat', form({ description: 'd',
                                             amountMsat: '1.5' }), eclair],
        ['eclair', 400, 'amountSat', form({ description: 'd',
                                            amountSat: '1' }), eclair],
        ['eclair', 500, 'API call failed', form({ amountMsat: '1' }), eclair],
        ['eclair', 500, 'API call failed',
         form({ description: 'a'.repeat(640) }), eclair],
        ['phoenixd', 401, 'Invalid authentication', form({ description: 'd' }),
         {}],
        ['phoenixd', 401, 'Invalid authentication', form({ description: 'd' }),
         basic(':x')],
        ['phoenixd', 415, '', json({ description: 'd' }), phoenixd],
        ['phoenixd', 400, 'amountSat', form({ description: 'd',
                                              amountSat: '1.5' }), phoenixd],
        ['phoenixd', 400, 'amountMsat', form({ description: 'd',
                                               amountMsat: '1' }), phoenixd],
        ['phoenixd', 400, 'expirySeconds', form(
            { description: 'd', expirySeconds: '10m' }), phoenixd],
        ['phoenixd', 400, 'too long', form({ description: 'a'.repeat(129) }),
         phoenixd],
        ['phoenixd', 400, 'either', form({ amountSat: '1' }), phoenixd],
    ];

    for (const [name, status, words, { body, type }, headers] of refused) {
        it(`${name}: ${status} ${words} ${body.slice(0, 40)}`, async () => {
            const response = await request(
                strict.url(name, 'ok') + services[name].path,
                { method: 'POST', body,
                  headers: { ...headers, 'Content-Type': type } });
            assert.equal(response.status, status, response.text);
            assert.ok(response.text.includes(words), response.text);
            assert.equal(strict.seen.length, 0);
        });
    }

    it('cln: no label twice', async () => {
        const ask = () => request(
            strict.url('cln', 'ok') + services.cln.path,
            { method: 'POST', body: JSON.stringify(invoice),
              headers: { ...rune, 'Content-Type': 'application/json' } });
        assert.equal((await ask()).status, 201);
        const again = await ask();
        assert.equal(again.status, 500);
        assert.equal(again.json().code, 900);
    });
});
