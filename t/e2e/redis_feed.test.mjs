// What Redis says is revoked: the list at the start, changes at once, on every
// host, and through whatever happens to Redis, the workers and nginx.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { eventually } from './lib.mjs';
import { Redis } from './lib/redis.mjs';
import {
    mint, revoke, start_seller, unrevoke, verdict,
} from './lib/revocable.mjs';

const becomes = async (nginx, token, expected) =>
    assert.ok(await eventually(
        async () => await verdict(nginx, token) === expected, 15),
              `it is ${await verdict(nginx, token)}, not ${expected}: `
              + nginx.error_log().slice(-2000));

describe('the list of revocations in Redis', () => {
    let redis, hosts, first, second;

    before(async () => {
        redis = await Redis.start('redis-feed');
    });
    after(() => redis?.stop());

    it('is loaded at the start, by two hosts', async () => {
        await redis.command('ZADD', 'l402:revoked', '+inf',
                            'token:' + 'ab'.repeat(32));
        const more = { workers: 2, zone: '16m' };
        const block = `url redis://127.0.0.1:${redis.port}; resync 1s;`;
        hosts = [await start_seller('redis-feed-1', block, more),
                 await start_seller('redis-feed-2', block, more)];
        // One key for both.
        hosts[1].write('keys', fs.readFileSync(
            hosts[0].dir + '/keys'));
        await hosts[1].reload();
        [first, second] = [mint(hosts[0]), mint(hosts[0])];
        for (const nginx of hosts) {
            await becomes(nginx, first, 200);
        }
    });

    it('tells every host of a token that is revoked', async () => {
        await redis.commands(revoke('token:' + first.token_id));
        for (const nginx of hosts) {
            await becomes(nginx, first, 'revoked');
            assert.equal(await verdict(nginx, second), 200);
        }
    });

    it('and of a payment', async () => {
        await redis.commands(revoke('payment:' + second.payment_hash));
        for (const nginx of hosts) {
            await becomes(nginx, second, 'revoked');
        }
    });

    it('and that one is none any more', async () => {
        await redis.commands(unrevoke('token:' + first.token_id));
        for (const nginx of hosts) {
            await becomes(nginx, first, 200);
            assert.equal(await verdict(nginx, second), 'revoked');
        }
    });

    it('finds a change that the channel did not tell', async () => {
        await redis.command('ZADD', 'l402:revoked', '+inf',
                            'token:' + first.token_id);
        await becomes(hosts[0], first, 'revoked');
        await redis.command('ZREM', 'l402:revoked', 'token:' + first.token_id);
        await becomes(hosts[0], first, 200);
    });

    it('ends without a trace', async () => {
        for (const nginx of hosts) {
            await nginx.stop();
        }
    });
});
