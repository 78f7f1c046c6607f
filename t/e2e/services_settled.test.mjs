// Core Lightning, Eclair, phoenixd, LNbits and BTCPay asked whether an invoice
// is settled, through a real nginx: bought, paid over Lightning and let in;
// and whatever goes wrong with the question is 503, never content.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, buy, env, free_port, read_challenge, request, secrets,
    sha256_of_hex, start_backend,
} from './lib.mjs';
import {
    services, start_settlement_services,
} from './lib/strict_settlement.mjs';

const timeout = 1;
const content = 'content of the backend\n';

// Each fault, and what the log says of it.
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
    huge: /answered with more than 64 kB/,
    empty: /answered with an empty body/,
    garbage: /answered with a body that is not JSON/,
    array: /answered with JSON that is no object/,
    wrongtype: /answered with no (status|type|isPaid|paid)/,
    nostate: /answered with no (status|type|isPaid|paid)/,
    nohash: /answered with no payment_?[hH]ash/,
    otherhash: /answered with a payment_?[hH]ash that is not the one asked/,
    down: /Failed to connect|Couldn't connect/,
    wrongkey: /answered 40[14]: (Not auth|The supplied|Invalid|Wallet|Authent)/,
};
const bad = Object.keys(reasons);
const names = Object.keys(services);

describe('settlement at services as strict as their documentation', () => {
    let backend, strict, nginx;

    before(async () => {
        [backend, strict] = await Promise.all(
            [start_backend(), start_settlement_services()]);
        const closed = `http://127.0.0.1:${await free_port()}`;

        const places = name => {
            const down = closed + (services[name].store ?? '');
            const at = fault => strict.url(name, fault);
            return {
                ...Object.fromEntries([...bad, 'ok', 'unknown'].map(
                    fault => [fault, [at(fault)]])),
                down: [down],
                wrongkey: [at('ok')],
                behind: [down, at('s500'), at('unknown'), at('ok')],
                doubtful: [at('unknown'), at('s500')],
            };
        };
        const block = (gate, name, [place, urls]) => `
    l402_invoice_service ${name}-${place} {
        protocol ${name};
        ${urls.map(url => `url ${url};`).join(' ')}
        credential_file ${gate.dir}/${name}${
            place === 'wrongkey' ? '.wrong' : ''};
        network regtest;
        timeout ${timeout}s;
    }`;
        const location = (name, place) => `
        location /${name}/${place}/ {
            l402 ${name}-${place};
            l402_invoice_from ${name}-${place};
            proxy_pass ${backend.url};
        }`;

        nginx = await Nginx.start('services_settled', gate => {
            for (const name of names) {
                const { credential } = services[name];
                gate.write(name, credential + '\n');
                gate.write(name + '.wrong', 'x' + credential.slice(1));
                secrets.add(credential);
                secrets.add(Buffer.from(':' + credential).toString('base64'));
            }
            return `
    ${names.map(name => Object.entries(places(name))
        .map(entry => block(gate, name, entry)).join('')).join('')}
    server {
        listen 127.0.0.1:${gate.port};
        l402_price 1500msat;
        l402_settled require;
        ${names.map(name => Object.keys(places(name))
            .map(place => location(name, place)).join('')).join('')}
    }`;
        });
    });

    after(() => {
        backend?.stop();
        strict?.stop();
    });

    const credential = service => {
        const made = spawnSync(env('L402_CTL'), [
            'mint', '--service', service, '--key-file', nginx.dir + '/keys',
        ], { encoding: 'utf8' });
        assert.equal(made.status, 0, made.stderr);
        const value = made.stdout.trim();
        const preimage = value.slice(value.lastIndexOf(':') + 1);
        secrets.add(preimage);
        return { headers: { Authorization: value },
                 hash: sha256_of_hex(preimage) };
    };
    const asked = (name, fault) => strict.seen.filter(
        call => call.name === name && call.fault === fault);

    for (const name of names) {
        const url = place => `${nginx.url}/${name}/${place}/`;

        it(`${name}: bought, paid over Lightning, opened, asked once`,
           async () => {
            const { headers } = await buy(url('ok'));
            for (let i = 0; i < 3; i++) {
                const opened = await request(url('ok'), { headers });
                assert.equal(opened.status, 200, opened.text);
                assert.equal(opened.text, content);
            }
            assert.equal(asked(name, 'ok').length, 1);
        });

        it(`${name}: the next url where others do not know it`, async () => {
            const { headers } = await buy(url('behind'));
            const before = asked(name, 'ok').length;
            const opened = await request(url('behind'), { headers });
            assert.equal(opened.status, 200, opened.text);
            assert.equal(asked(name, 's500').length, 1);
            assert.equal(asked(name, 'unknown').length, 1);
            assert.equal(asked(name, 'ok').length, before + 1);
        });

        it(`${name}: what it never made has to be paid anew`, async () => {
            const { headers, hash } = credential(`${name}-ok`);
            const refused = await request(url('ok'), { headers });
            assert.equal(refused.json().reason, 'unsettled');
            read_challenge(refused);
            assert.equal(asked(name, 'ok').at(-1).hash, hash);
        });

        it(`${name}: no needs every url`, async () => {
            const { headers } = credential(`${name}-doubtful`);
            const refused = await request(url('doubtful'), { headers });
            assert.equal(refused.status, 503);
            assert.equal(refused.json().reason, 'unconfirmed');
        });

        for (const fault of bad) {
            it(`${name}, ${fault}: 503 within the deadline`, async () => {
                const { headers, hash } = credential(`${name}-${fault}`);
                const log = nginx.error_log().length;
                const start = Date.now();
                const refused = await request(url(fault), { headers });
                assert.ok(Date.now() - start < (timeout + 1) * 1000);
                assert.equal(refused.status, 503, refused.text);
                assert.equal(refused.json().reason, 'unconfirmed');
                assert.match(refused.headers['retry-after'], /^[1-9]$/);
                assert.equal(refused.headers['www-authenticate'], undefined);

                const lines = nginx.error_log().slice(log).split('\n')
                    .filter(line => /\[error\].*l402/.test(line));
                assert.equal(lines.length, 1, lines.join('\n'));
                assert.ok(lines[0].includes(`"${name}-${fault}"`), lines[0]);
                assert.match(lines[0], reasons[fault]);

                // libcurl asks again where a kept connection was closed.
                if (!['down', 'wrongkey'].includes(fault)) {
                    assert.equal(asked(name, fault).at(-1).hash, hash);
                }
                assert.equal(asked(name, 'paid').length, 0);
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
    before(async () => { strict = await start_settlement_services(); });
    after(() => strict?.stop());

    const hash = 'ab'.repeat(32);
    const basic = name => ({ Authorization: 'Basic '
        + Buffer.from(':' + services[name].credential).toString('base64') });
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const json = { 'Content-Type': 'application/json' };
    const rune = { Rune: services.cln.credential };
    const ask = (name, path, headers, body) => request(
        strict.url(name, 'ok') + path,
        { method: services[name].settlement.method, headers, body });

    for (const [name, status, path, headers, body] of [
        ['cln', 401, '/v1/listinvoices', json, `{"payment_hash":"${hash}"}`],
        ['cln', 406, '/v1/listinvoices', rune, `{"payment_hash":"${hash}"}`],
        ['cln', 500, '/v1/listinvoices', { ...json, ...rune },
         `{"hash":"${hash}"}`],
        ['cln', 500, '/v1/listinvoices', { ...json, ...rune },
         '{"payment_hash":"ab"}'],
        ['eclair', 401, '/getreceivedinfo', form, `paymentHash=${hash}`],
        ['eclair', 415, '/getreceivedinfo', basic('eclair'),
         `paymentHash=${hash}`],
        ['eclair', 400, '/getreceivedinfo', { ...form, ...basic('eclair') },
         `hash=${hash}`],
        ['eclair', 400, '/getreceivedinfo', { ...form, ...basic('eclair') },
         'paymentHash=ab'],
        ['phoenixd', 401, `/payments/incoming/${hash}`, {}],
        ['phoenixd', 400, '/payments/incoming/ab', basic('phoenixd')],
        ['lnbits', 404, `/api/v1/payments/${hash}`, {}],
        ['btcpay', 401, `/invoices/${hash}`, {}],
    ]) {
        it(`${name}: ${status} ${path} ${body ?? ''}`, async () => {
            const response = await ask(name, path, headers, body);
            assert.equal(response.status, status, response.text);
            assert.equal(strict.seen.length, 0);
        });
    }
});
