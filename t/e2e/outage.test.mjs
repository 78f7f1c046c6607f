// The node is away: at the start, later, and back again.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, Tap, assert_no_invoice, buy, env, eventually, free_port,
    read_challenge, request, service, start_backend,
} from './lib.mjs';

describe('a node that is away', () => {
    let backend, tap, nginx, paid;

    before(async () => {
        backend = await start_backend();
        tap = new Tap(env('L402_NODE_URL'), await free_port());
        nginx = await Nginx.start('outage', ({ port }) => `
    ${service('node', { url: tap.url, more: 'timeout 2s;' })}
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
    });

    after(() => {
        tap?.close();
        backend?.stop();
    });

    async function assert_away() {
        const started = Date.now();
        assert_no_invoice(await request(paid));
        assert.ok(Date.now() - started < 3000);
        assert.equal((await request(nginx.url + '/free/')).status, 200);
    }

    // A breaker may keep the node's return waiting for a while.
    const challenge_again = () => eventually(async () => {
        const response = await request(paid);
        return response.status === 402 ? response : null;
    }, 20, 200);

    let bought;

    it('does not keep nginx from starting', async () => {
        await assert_away();
        assert.equal(backend.seen.filter(({ url }) => url === '/paid/').length,
                     0);
    });

    it('sells once it listens', async () => {
        await tap.open();
        const response = await challenge_again();
        assert.ok(response, 'still no challenge after 20 seconds');
        read_challenge(response);
        bought = await buy(paid);
    });

    it('is not needed by those who have paid', async () => {
        tap.close();
        await assert_away();
        for (let i = 0; i < 10; i++) {
            const response = await request(paid, { headers: bought.headers });
            assert.equal(response.status, 200);
        }
        await assert_away();
    });

    it('sells again when it is back', async () => {
        await tap.open();
        assert.ok(await challenge_again());
        const { headers } = await buy(paid);
        assert.equal((await request(paid, { headers })).status, 200);
        assert.equal((await request(paid, { headers: bought.headers })).status,
                     200);
    });

    it('ends without a trace', () => nginx.stop());
});
