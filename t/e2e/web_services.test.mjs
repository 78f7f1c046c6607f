// The responder that stands for services on the web is of no use unless it
// refuses what they refuse.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { request } from './lib.mjs';
import { start_web_services, web_services } from './lib/web_services.mjs';

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
