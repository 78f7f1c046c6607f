// l402_settled require with a real lnd: what it says of invoices that are
// open, held, settled, canceled and unknown.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, env, read_challenge, read_invoice, request, secrets,
    sha256_of_hex, start_backend,
} from '../lib.mjs';
import { until } from './lnd.mjs';
import { bake, buy, buyer, control, lnd_service, pay, seller }
    from './peers.mjs';

const to_base64 = hex => Buffer.from(hex, 'hex').toString('base64');
const to_hex = base64 => Buffer.from(base64, 'base64').toString('hex');

const reaches = (hash, state) => until(state, async () =>
    (await seller.invoice(hash)).state === state);

// An invoice that lnd does not settle by itself.
async function hold() {
    const preimage = randomBytes(32).toString('hex');
    const hash = sha256_of_hex(preimage);
    secrets.add(preimage);
    const { payment_request } = await seller.call(
        'POST', '/v2/invoices/hodl',
        { hash: to_base64(hash), value_msat: 10_000, expiry: 600 });
    return { preimage, hash, invoice: payment_request };
}

const settle = ({ preimage }) => seller.call(
    'POST', '/v2/invoices/settle', { preimage: to_base64(preimage) });
const cancel = hash => seller.call(
    'POST', '/v2/invoices/cancel', { payment_hash: to_base64(hash) });

describe('l402_settled with lnd', () => {
    let backend, nginx;

    before(async () => {
        backend = await start_backend();
        const both = bake('both', 'uri:/lnrpc.Lightning/AddInvoice',
                          'uri:/lnrpc.Lightning/LookupInvoice');
        const write = bake('write', 'invoices:write');
        nginx = await Nginx.start('lnd-settled', ({ port }) => `
    l402_settled require;
    l402_price 10sat;
    ${lnd_service('both', { macaroon: both, more: 'timeout 4s;' })}
    ${lnd_service('write', { macaroon: write })}
    server {
        listen 127.0.0.1:${port};
        ${['both', 'write'].map(name => `
        location /${name}/ {
            l402 ${name};
            l402_invoice_from ${name};
            proxy_pass ${backend.url};
        }`).join('')}
    }`);
    });

    after(async () => {
        backend?.stop();
        await control('/restore');
    });

    const get = (place, headers) =>
        request(`${nginx.url}/${place}/`, { headers });

    // A good credential for an invoice that was made elsewhere.
    function credential(place, { preimage, hash }) {
        const minted = spawnSync(env('L402_CTL'), [
            'mint', '--service', place, '--key-file', nginx.dir + '/keys',
            '--payment-hash', hash], { encoding: 'utf8' });
        assert.equal(minted.status, 0, minted.stderr);
        const macaroon = minted.stdout.trim();
        secrets.add(macaroon);
        return { Authorization: `L402 ${macaroon}:${preimage}` };
    }

    async function assert_waits(headers, reason, place = 'both') {
        const seen = backend.seen.length;
        const response = await get(place, headers);
        assert.equal(response.status, 503, response.text);
        assert.equal(response.json().reason, reason);
        assert.match(response.headers['retry-after'], /^[1-9]$/);
        assert.equal(response.headers['www-authenticate'], undefined);
        assert.equal(backend.seen.length, seen);
    }

    async function assert_gone(headers) {
        const seen = backend.seen.length;
        const response = await get('both', headers);
        read_challenge(response);
        assert.equal(response.json().reason, 'unsettled');
        assert.equal(backend.seen.length, seen);
    }

    async function assert_opens(headers) {
        const response = await get('both', headers);
        assert.equal(response.status, 200, response.text);
    }

    it('SETTLED: opens', async () => {
        await assert_opens(await buy(`${nginx.url}/both/`));
    });

    it('OPEN: whoever knows the preimage has not paid yet', async () => {
        const { macaroon, invoice } = read_challenge(await get('both'));
        const hash = read_invoice(invoice).payment_hash;
        const preimage = to_hex((await seller.invoice(hash)).r_preimage);
        const headers = { Authorization: `L402 ${macaroon}:${preimage}` };
        await assert_waits(headers, 'unsettled');

        assert.equal(await pay(invoice), preimage);
        await reaches(hash, 'SETTLED');
        await assert_opens(headers);
    });

    it('ACCEPTED: held money opens nothing until it is settled', async () => {
        const held = await hold();
        const headers = credential('both', held);
        await assert_waits(headers, 'unsettled');

        const sent = buyer.send(held.invoice);
        await reaches(held.hash, 'ACCEPTED');
        await assert_waits(headers, 'unsettled');

        await settle(held);
        assert.equal((await sent).status, 'SUCCEEDED');
        await reaches(held.hash, 'SETTLED');
        await assert_opens(headers);
    });

    it('CANCELED: money that went back opens nothing', async () => {
        const held = await hold();
        const headers = credential('both', held);
        const sent = buyer.send(held.invoice);
        await reaches(held.hash, 'ACCEPTED');
        await cancel(held.hash);
        assert.equal((await sent).status, 'FAILED');
        await assert_gone(headers);
    });

    it('an invoice that nobody has made opens nothing', async () => {
        const preimage = randomBytes(32).toString('hex');
        await assert_gone(credential(
            'both', { preimage, hash: sha256_of_hex(preimage) }));
    });

    it('a macaroon that may not look up opens nothing', async () => {
        const headers = await buy(`${nginx.url}/write/`);
        const log = nginx.error_log().length;
        await assert_waits(headers, 'unconfirmed', 'write');
        assert.match(nginx.error_log().slice(log),
                     /\[error\].*"write": answered 500: permission denied/);
    });

    // What is not known now is never taken for gone.
    it('is locked, and starts', async () => {
        const known = await buy(`${nginx.url}/both/`);
        await assert_opens(known);
        const other = await buy(`${nginx.url}/both/`);

        await control('/kill');
        await assert_waits(other, 'unconfirmed');
        await control('/start');
        await assert_waits(other, 'unconfirmed');
        await control('/chain/freeze');
        await control('/unlock');
        await assert_waits(other, 'unconfirmed');
        await assert_opens(known);

        await control('/chain/thaw');
        const answers = new Set();
        await until('the node', async () => {
            const { status } = await get('both', other);
            answers.add(status);
            return status === 200;
        }, 30);
        answers.delete(503);
        assert.deepEqual([...answers], [200]);
    });

    it('ends without a trace', () => nginx.stop());
});
