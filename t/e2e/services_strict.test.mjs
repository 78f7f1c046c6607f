// lnd, Core Lightning, Eclair and phoenixd, through a real nginx: what the gate
// asks is what each of them takes, the invoice that comes can be paid, and
// whatever goes wrong with one is 503, never content and never an invoice.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, assert_no_invoice, buy, free_port, read_challenge, read_invoice,
    request, secrets, start_backend,
} from './lib.mjs';
import {
    carried, fault_conf, fault_tests, harmless, harmless_tests, hashed,
    matrix_conf, offered,
} from './lib/fault_matrix.mjs';
import { services, start_strict_services } from './lib/strict_services.mjs';

const price = 1500;
const memo = 'Wetter: 100% & "mehr" + a=b; \u00e4\u20ac\u{1f326}';

const wrong_key = {
    lnd: /answered 500: verification failed: signature mismatch/,
    cln: /answered 401: Not authorized: Not derived from master/,
    eclair: /answered 401: The supplied authentication is invalid/,
    phoenixd: /answered 401: Invalid authentication/,
};
const reasons = Object.fromEntries(Object.keys(services).map(name => [name, {
    ...carried, ...offered, ...hashed, wrongkey: wrong_key[name],
    ...name === 'lnd' && { nokey: /answered 500: expected 1 macaroon, got 0/ },
}]));
const alone = ['wrongkey', 'nokey'];

// What each can charge for the price: phoenixd knows whole sats alone.
const charged = { lnd: price, cln: price, eclair: price, phoenixd: 2000 };

describe('services as strict as their documentation', () => {
    let backend, strict, nginx;

    before(async () => {
        [backend, strict] = await Promise.all(
            [start_backend(), start_strict_services()]);
        const down = `http://127.0.0.1:${await free_port()}`;

        const parts = (gate, name) => {
            const { credential } = services[name];
            gate.write(name, credential + '\n');
            gate.write(name + '.wrong', 'x' + credential.slice(1));
            secrets.add(credential);
            secrets.add(Buffer.from(':' + credential).toString('base64'));

            const ok = strict.url(name, 'ok');
            const url = fault => fault === 'down' ? down
                : alone.includes(fault) ? ok : strict.url(name, fault);
            const key = fault => fault === 'nokey' ? '' : 'credential_file '
                + `${gate.dir}/${name}${fault === 'wrongkey' ? '.wrong' : ''};`;
            return [
                ...['ok', 'duplicate', ...harmless].map(fault =>
                    fault_conf(backend, name, fault,
                               { url: url(fault), more: key(fault) })),
                ...Object.keys(reasons[name]).map(fault =>
                    fault_conf(backend, name, fault, {
                        url: url(fault), more: key(fault),
                        next: alone.includes(fault) ? null : ok })),
            ];
        };

        nginx = await Nginx.start('services_strict', gate => {
            const all = Object.keys(services).flatMap(
                name => parts(gate, name));
            return matrix_conf(gate, all, { memo, price });
        });
    });

    after(() => {
        backend?.stop();
        strict?.stop();
    });

    const taken = (name, fault) => strict.seen.filter(
        call => call.name === name && call.fault === fault);

    for (const name of Object.keys(services)) {
        const url = fault => `${nginx.url}/${name}/${fault}/`;
        const gate = () => ({ nginx, backend,
                              made: () => taken(name, 'ok').length });

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

        it(`${name}: a memo that is too long`, async () => {
            const long = await request(url('ok') + '?long=1');
            const sent = read_invoice(read_challenge(long).invoice).memo;
            assert.match(sent, /^(\u{1f326}){64,159}$/u);
        });

        it(`${name}: a memo that is empty, or no text`, async () => {
            for (const rest of ['?long=2', '?long=3', 'a%01%7fb?long=4',
                                'a%f0(b%ff?long=4', '%c2%85?long=4']) {
                read_challenge(await request(url('ok') + rest));
            }
        });

        it(`${name}: one invoice is not handed to two customers`, async () => {
            read_challenge(await request(url('duplicate')));
            assert_no_invoice(await request(url('duplicate')));
        });

        fault_tests(name, reasons[name],
                    { price: charged[name], gate, alone });
        harmless_tests(name, harmless, { price: charged[name], gate });
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

    const macaroon = { 'Grpc-Metadata-macaroon': services.lnd.credential };
    const lnd = { value_msat: 1000, memo: 'd', expiry: 600 };

    // service, status, what it says, the body, headers
    const refused = [
        ['lnd', 500, 'expected 1 macaroon', json(lnd), {}],
        ['lnd', 500, 'verification failed', json(lnd),
         { 'Grpc-Metadata-macaroon': 'AA' }],
        ['lnd', 400, 'syntax error', { ...json(), body: '{' }, macaroon],
        ['lnd', 400, 'unknown field', json({ ...lnd, description: 'd' }),
         macaroon],
        ['lnd', 400, 'value_msat', json({ ...lnd, value_msat: 1.5 }),
         macaroon],
        ['lnd', 400, 'expiry', json({ ...lnd, expiry: '10m' }), macaroon],
        ['lnd', 500, 'too large', json({ ...lnd, memo: 'a'.repeat(640) }),
         macaroon],
        ['lnd', 500, 'no msat', json({ ...lnd, value_msat: '0' }), macaroon],
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
