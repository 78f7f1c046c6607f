// A real lnd that is killed, locked, without its chain, and frozen: no
// invoice meanwhile, and a challenge again once it is back, without a reload.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, assert_no_invoice, eventually, request, start_backend,
} from '../lib.mjs';
import { bake, buy, control, lnd_service } from './peers.mjs';

describe('an lnd that is away', () => {
    let backend, nginx, paid, bought, worker;

    before(async () => {
        backend = await start_backend();
        nginx = await Nginx.start('lnd-away', ({ port }) => `
    ${lnd_service('node', { macaroon: bake('write', 'invoices:write'),
                            more: 'timeout 4s;' })}
    server {
        listen 127.0.0.1:${port};
        location /paid/ {
            l402 paid;
            l402_price 10sat;
            proxy_pass ${backend.url};
        }
        location /free/ {
            proxy_pass ${backend.url};
        }
    }`);
        paid = nginx.url + '/paid/';
        [worker] = nginx.worker_pids();
    });

    after(async () => {
        backend?.stop();
        await control('/restore');
    });

    const free = () => request(nginx.url + '/free/');

    // 503 until the log says why; a breaker may have it ask only now and then.
    async function assert_away(why) {
        const log = nginx.error_log().length;
        const said = await eventually(async () => {
            assert_no_invoice(await request(paid));
            return why.test(nginx.error_log().slice(log));
        }, 30, 200);
        assert.ok(said, nginx.error_log().slice(log));
        assert.equal((await free()).status, 200);
        assert.equal(
            (await request(paid, { headers: bought })).status, 200);
    }

    async function assert_back() {
        const challenged = await eventually(async () =>
            (await request(paid)).status === 402, 30, 200);
        assert.ok(challenged, 'still no challenge after 30 seconds');
        const headers = await buy(paid);
        assert.equal((await request(paid, { headers })).status, 200);
        assert.deepEqual(nginx.worker_pids(), [worker]);
    }

    it('sells', async () => {
        bought = await buy(paid);
        assert.equal(
            (await request(paid, { headers: bought })).status, 200);
    });

    it('is killed', async () => {
        await control('/kill');
        await assert_away(/Failed to connect|Connection refused/);
    });

    it('is started, its wallet locked', async () => {
        await control('/start');
        await assert_away(/answered 500: wallet locked, unlock it/);
    });

    it('is unlocked, its chain not there', async () => {
        await control('/chain/freeze');
        await control('/unlock');
        await assert_away(/answered 500: the RPC server is in the process of/);
    });

    it('sells again', async () => {
        await control('/chain/thaw');
        await assert_back();
    });

    it('is frozen, and nobody else waits for it', async () => {
        await control('/freeze');
        const log = nginx.error_log().length;
        const began = Date.now();
        let waits = true;
        const asked = request(paid).finally(() => { waits = false; });
        for (let i = 0; i < 20; i++) {
            assert.equal((await free()).status, 200);
            assert.equal(
                (await request(paid, { headers: bought })).status, 200);
        }
        assert.ok(waits, 'the others were answered after it');
        assert_no_invoice(await asked);
        assert.ok(Date.now() - began < 20_000);
        assert.match(nginx.error_log().slice(log), /timed out/);
    });

    it('sells again when it goes on', async () => {
        await control('/thaw');
        await assert_back();
    });

    it('ends without a trace', () => nginx.stop());
});
