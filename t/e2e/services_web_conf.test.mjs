// Services on the web: what a configuration may say of them, and that the
// responder which stands for them refuses what they refuse.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { Nginx, env, request } from './lib.mjs';
import { start_web_services, web_services } from './lib/web_services.mjs';

// What `nginx -t` says of a block.
describe('configurations of services on the web', () => {
    const says = block => {
        const nginx = new Nginx('services_web_conf', 1);
        nginx.write('key', 'c0ffee\n');
        nginx.configure(`
    l402_invoice_service shop {
        ${block(nginx.dir)}
    }`);
        const { stderr } = spawnSync(
            env('L402_NGINX'), ['-t', '-p', nginx.dir + '/', '-e',
                                     'error.log', '-c', 'nginx.conf'],
            { encoding: 'utf8' });
        return stderr;
    };
    const store = 'https://127.0.0.1/api/v1/stores/1/lightning/BTC';
    const lnurl1 = 'lnurl1dp68gurn8ghj7um9wfmxjcm99e3k7mf0v9cxj0m385ekvcenxc6'
        + 'r2c35xvukxefcv5mkvv34x5ekzd3ev56nyd3hxqurzepexejxxepnxscrvwfnv9nxz'
        + 'cn9xq6xyefhvgcxxcmyxymnserxfq5fns';

    for (const [title, block, expected] of [
        ['lnbits without a key', () =>
            'protocol lnbits; url http://127.0.0.1:5000;',
         /"shop" has no "credential_file", which protocol "lnbits" needs in/],
        ['btcpay without a key', () => `protocol btcpay; url ${store};`,
         /"shop" has no "credential_file", which protocol "btcpay" needs in/],
        ['lnurl with a key', dir =>
            `credential_file ${dir}/key; url a@localhost; protocol lnurl;`,
         /"credential_file" in .*"shop" has no use: protocol "lnurl" sends/],
        ['btcpay without a store', dir => 'protocol btcpay; '
            + `credential_file ${dir}/key; url https://127.0.0.1;`,
         /"https:\/\/127\.0\.0\.1" in "url" .*names no store's Lightning node/],
        ['an address for another protocol', () =>
            'url a@localhost; protocol lnd;',
         /invalid value "\*\*\*@localhost" in "url"/],
        ['a broken address', () => 'url a/b@localhost; protocol lnurl;',
         /is no Lightning address.*nginx\.conf:\d+/],
        ['a broken lnurl', () => `url ${lnurl1}q; protocol lnurl;`,
         /is no LNURL: its checksum is wrong in .*nginx\.conf:\d+/],
        ['an address before its protocol', () =>
            'url a@localhost; protocol lnurl;', /syntax is ok/],
        ['an onion address', () => 'protocol lnurl; url a@abc.onion;',
         /the host of "a@abc\.onion" cannot be found now[^]*syntax is ok/],
        ['an lnurl', () => `protocol lnurl; url ${lnurl1};`, /syntax is ok/],
        ['a store before its protocol', dir => `url ${store}; `
            + `credential_file ${dir}/key; protocol btcpay;`, /syntax is ok/],
    ]) {
        it(title, () => assert.match(says(block), expected));
    }
});

// The responder is of no use unless it refuses.
describe('the web services themselves', () => {
    let web;
    before(async () => { web = await start_web_services(); });
    after(() => web?.stop());

    const short = { out: false, unit: 'sat', amount: 2, memo: 'd',
                    expiry: 600 };

    for (const [status, words, change, key] of [
        [401, 'No Api Key', {}, ''],
        [404, 'Wallet not found', {}, 'x'],
        [403, 'Invoice (or Admin)', { out: true }],
        [403, 'Invoice (or Admin)', { out: undefined }],
        [400, 'extra', { amount_msat: 1 }],
        [400, 'not supported', { unit: 'msat' }],
        [400, 'valid float', { amount: '2' }],
        [400, '640', { memo: 'a'.repeat(641) }],
        [400, 'valid integer', { expiry: '10m' }],
        [520, 'Amountless', { amount: 0 }],
        [520, 'no msat', { amount: 1.5 }],
    ]) {
        it(`lnbits: ${status} ${words}`, async () => {
            const response = await request(
                web.lnbits('ok') + web_services.lnbits.path, {
                    method: 'POST', body: JSON.stringify({ ...short,
                                                           ...change }),
                    headers: { 'X-Api-Key':
                               key ?? web_services.lnbits.credential },
                });
            assert.equal(response.status, status, response.text);
            assert.ok(response.text.includes(words), response.text);
            assert.equal(web.seen.length, 0);
        });
    }

    const { credential } = web_services.btcpay;
    const key = { Authorization: `token ${credential}`,
                  'Content-Type': 'application/json' };
    const invoice = { amount: '1000', description: 'd', expiry: 600 };

    for (const [status, words, change, headers] of [
        [401, 'unauthenticated', {}, { Authorization: undefined }],
        [401, 'unauthenticated', {}, { Authorization: 'token x' }],
        [401, 'unauthenticated', {}, { Authorization: `Bearer ${credential}` }],
        [415, 'Unsupported', {}, { 'Content-Type': 'text/plain' }],
        [422, 'memo', { memo: 'x' }, {}],
        [422, 'Invalid amount', { amount: 1000 }, {}],
        [422, 'Invalid amount', { amount: '1.5' }, {}],
        [422, 'more or equals', { amount: '-1' }, {}],
        [422, 'expected integer', { expiry: '600' }, {}],
        [422, 'more than 0', { expiry: 0 }, {}],
        [400, 'Description', { description: 'a'.repeat(640) }, {}],
    ]) {
        it(`btcpay: ${status} ${words}`, async () => {
            const all = { ...key, ...headers };
            const response = await request(web.btcpay('ok') + '/invoices', {
                method: 'POST', body: JSON.stringify({ ...invoice, ...change }),
                headers: Object.fromEntries(Object.entries(all)
                    .filter(([, value]) => value !== undefined)),
            });
            assert.equal(response.status, status, response.text);
            assert.ok(response.text.includes(words), response.text);
            assert.equal(web.seen.length, 0);
        });
    }

    it('btcpay: 404 for another store', async () => {
        const other = web.btcpay('ok').replace('8bPL', '8bPM');
        const response = await request(other + '/invoices', {
            method: 'POST', body: JSON.stringify(invoice), headers: key });
        assert.equal(response.status, 404);
    });

    for (const [query, words] of [
        ['amount=1000', 'pay link'],
        ['id=7/8', 'whole number'],
        ['id=7/8&amount=1500', 'whole number'],
        ['id=7/8&amount=1000', 'out of bounds'],
        ['id=7/8&amount=2000&amount=3000', 'twice'],
        ['id=7/8&amount=2000&nonce=x', 'no hex'],
        ['id=7/8&amount=2000&comment=' + 'a'.repeat(21), 'too long'],
        ['id=7/8&amount=2000&memo=x', 'Unknown'],
    ]) {
        it(`lnurl: ${query.slice(0, 40)}: ${words}`, async () => {
            const { callback } = (await request(web.lnurl('ok'))).json();
            const response = await request(
                `${callback.split('?')[0]}?${query}`);
            assert.equal(response.json().status, 'ERROR');
            assert.ok(response.text.includes(words)
                      || words === 'twice', response.text);
            assert.equal(web.seen.length, 0);
        });
    }
});
