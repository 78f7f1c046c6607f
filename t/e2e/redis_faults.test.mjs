// What happens to Redis, to workers and to nginx while the list of revocations
// is kept: nothing that was revoked opens anything again, and an open location
// is served as ever.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { eventually, request, sleep } from './lib.mjs';
import { Redis } from './lib/redis.mjs';
import {
    mint, random_id, revoke, start_seller, unrevoke, verdict,
} from './lib/revocable.mjs';

const becomes = async (nginx, token, expected, seconds = 30) =>
    assert.ok(await eventually(
        async () => await verdict(nginx, token) === expected, seconds),
              `it is ${await verdict(nginx, token)}, not ${expected}: `
              + nginx.error_log().slice(-2000));

const lines = (nginx, pattern) => nginx.error_log().match(pattern) ?? [];

// Is the open location served all the while? Ends with the slowest answer.
function watch(nginx) {
    let stop = false, slowest = 0, answers = 0;
    const done = (async () => {
        while (!stop) {
            const began = performance.now();
            const response = await request(`${nginx.url}/open/1k`);
            assert.equal(response.status, 200);
            slowest = Math.max(slowest, performance.now() - began);
            answers++;
            await sleep(5);
        }
        return { slowest, answers };
    })();
    return () => { stop = true; return done; };
}

describe('a list of revocations', () => {
    let redis, nginx, ended, alive;

    before(async () => {
        redis = await Redis.start('redis-faults', ['appendonly yes',
                                                   'appendfsync always']);
    });
    after(() => redis?.stop());

    it('is asked for before anything is believed', async () => {
        nginx = await start_seller('redis-faults-nginx', `
            url redis://127.0.0.1:${redis.port}; resync 2s; timeout 300ms;`,
                                   { workers: 2, zone: '32m' });
        [ended, alive] = [mint(nginx), mint(nginx)];
        await becomes(nginx, alive, 200);
        await redis.commands(revoke('token:' + ended.token_id));
        await becomes(nginx, ended, 'revoked');
    });

    it('is loaded in pages while it changes, and holds nobody up',
       async () => {
        const stop = watch(nginx);
        for (let i = 0; i < 10; i++) {
            await Promise.all(Array.from({ length: 1000 }, () =>
                redis.client.command('ZADD', 'l402:revoked', '+inf',
                                     'token:' + random_id())));
        }
        const second = await start_seller('redis-faults-second', `
            url redis://127.0.0.1:${redis.port}; resync 60s;`, { zone: '32m' });
        second.write('keys', fs.readFileSync(
            nginx.dir + '/keys'));
        const tokens = Array.from({ length: 20 }, () => mint(nginx));
        const reloaded = second.reload();
        for (const token of tokens) {
            await redis.commands(revoke('token:' + token.token_id));
            for (let i = 0; i < 50; i++) {
                const other = 'token:' + random_id();
                redis.client.command('ZADD', 'l402:revoked', '+inf', other);
                redis.client.command('ZREM', 'l402:revoked', other);
            }
        }
        await reloaded;
        for (const token of tokens) {
            await becomes(second, token, 'revoked');
            await becomes(nginx, token, 'revoked');
        }
        await redis.commands(unrevoke('token:' + tokens[0].token_id));
        await becomes(second, tokens[0], 200);
        assert.equal(await verdict(second, ended), 'revoked');
        const { answers } = await stop();
        assert.ok(answers > 10);
        await second.stop();
    });

    it('stays in force while Redis is away, and is followed again',
       async () => {
        const before = lines(nginx, /is back for revocations/g).length;
        const stop = watch(nginx);
        await redis.stop();
        await sleep(1500);
        assert.equal(await verdict(nginx, ended), 'revoked');
        assert.equal(await verdict(nginx, alive), 200);
        await redis.run();
        assert.ok(await eventually(() => lines(
            nginx, /is back for revocations/g).length > before, 20));
        await redis.commands(revoke('payment:' + alive.payment_hash));
        await becomes(nginx, alive, 'revoked');
        await redis.commands(unrevoke('payment:' + alive.payment_hash));
        await becomes(nginx, alive, 200);
        assert.equal(await verdict(nginx, ended), 'revoked');
        await stop();
    });

    it('says once that Redis is away, not with every try', async () => {
        const before = nginx.error_log().length;
        await redis.stop();
        await sleep(4000);
        const said = nginx.error_log().slice(before)
            .match(/\[error\].*redis.*tried again/g);
        // Two workers for counting, one for the list; each says that it was
        // lost, and that it cannot be reached.
        assert.ok(said.length >= 1 && said.length <= 6, said.join('\n'));
        await redis.run();
        await becomes(nginx, alive, 200);
    });

    it('finds a Redis that is frozen, and comes back', async () => {
        const before = nginx.error_log().length;
        const stop = watch(nginx);
        redis.freeze();
        assert.ok(await eventually(() => nginx.error_log().slice(before)
            .includes('does not answer'), 20));
        assert.equal(await verdict(nginx, ended), 'revoked');
        redis.thaw();
        const id = mint(nginx);
        await redis.commands(revoke('token:' + id.token_id));
        await becomes(nginx, id, 'revoked');
        await stop();
    });

    it('is kept by another worker when the one that did is killed',
       async () => {
        for (let i = 0; i < 4; i++) {
            const [pid] = nginx.worker_pids();
            process.kill(pid, 'SIGKILL');
            const token = mint(nginx);
            await redis.commands(revoke('token:' + token.token_id));
            await becomes(nginx, token, 'revoked');
            assert.equal(await verdict(nginx, ended), 'revoked');
        }
    });

    it('outlives a reload', async () => {
        await nginx.reload();
        assert.equal(await verdict(nginx, ended), 'revoked');
        assert.equal(await verdict(nginx, alive), 200);
        const token = mint(nginx);
        await redis.commands(revoke('token:' + token.token_id));
        await becomes(nginx, token, 'revoked');
    });

    it('does not keep what is past in Redis', async () => {
        const now = Math.floor(Date.now() / 1000);
        const old = 'token:' + random_id(), young = 'token:' + random_id();
        await redis.command('ZADD', 'l402:revoked', now - 7200, old,
                            now + 7200, young);
        assert.ok(await eventually(async () =>
            await redis.command('ZSCORE', 'l402:revoked', old) === null, 20));
        assert.equal(await redis.command('ZSCORE', 'l402:revoked', young),
                     String(now + 7200));
    });

    it('has entries that are none of ours, and skips them', async () => {
        await redis.command('ZADD', 'l402:revoked', '+inf', 'nonsense');
        assert.ok(await eventually(() => nginx.error_log().includes(
            '1 entries of redis are no revocations, and skipped'), 20));
        assert.equal(await verdict(nginx, ended), 'revoked');
    });

    it('is of one connection more than there are workers', async () => {
        // The subscriber, the one who loads, and one each for counting.
        assert.ok(await eventually(async () => {
            const clients = await redis.command('CLIENT', 'LIST');
            return clients.trim().split('\n').length === 1 + 2 + 2;
        }, 20), await redis.command('CLIENT', 'LIST'));
    });

    it('ends without a trace', () => nginx.stop(
        { expected: /worker process \d+ exited on signal 9/ }));
});
