// l402_admin and l402ctl where two hosts share a Redis: what one is told, all
// refuse, and nobody is told that it is done before it is.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Nginx, env, eventually, request, service, sleep } from './lib.mjs';
import { Redis } from './lib/redis.mjs';
import { mint, random_id, verdict } from './lib/revocable.mjs';

const start_host = (name, redis) => Nginx.start(name, ({ port, dir }) => `
    l402_zone l402:16m;
    l402_redis { url redis://127.0.0.1:${redis.port}; timeout 1s; }
    ${service('node')}
    server {
        listen 127.0.0.1:${port};
        location / { l402 weather; l402_price 10sat; alias html/; }
        location /ten/ {
            l402 weather;
            l402_price 10sat;
            l402_uses 10;
            alias html/;
        }
        location /l402/ { l402_admin; allow 127.0.0.1; deny all; }
    }`, { workers: 2 });

async function admin(host, method, path, body) {
    const { status, text } = await request(`${host.url}/l402/${path}`,
                                           { method, body });
    return { status, ...(text ? JSON.parse(text) : {}) };
}

const status = async (...asked) => (await admin(...asked)).status;

const ctl = (...words) => new Promise(resolve => {
    const ran = spawn(env('L402_CTL'), words);
    let out = '', err = '';
    ran.stdout.on('data', data => out += data);
    ran.stderr.on('data', data => err += data);
    ran.on('close', code => resolve({ code, out, err }));
});

const becomes = async (host, token, expected) =>
    assert.ok(await eventually(
        async () => await verdict(host, token) === expected, 15),
              `it is ${await verdict(host, token)}, not ${expected}: `
              + host.error_log().slice(-2000));

describe('revocation and counts of two hosts', () => {
    let redis, hosts, first, second;

    before(async () => {
        redis = await Redis.start('revoke-redis');
        hosts = [await start_host('revoke-1', redis),
                 await start_host('revoke-2', redis)];
        [first, second] = hosts;
        second.write('keys', fs.readFileSync(`${first.dir}/keys`));
        await second.reload();
        for (const host of hosts) {
            await becomes(host, mint(host), 200);
        }
    });
    after(() => redis?.stop());

    const score = what => redis.command('ZSCORE', 'l402:revoked', what);

    it('a token that one host is told of is refused by both', async () => {
        for (const [here, there] of [[first, second], [second, first]]) {
            const token = mint(first);
            const path = `revocations/token/${token.token_id}`;
            for (const host of hosts) {
                assert.equal(await verdict(host, token), 200);
            }
            assert.equal(await status(here, 'PUT', path), 201);
            assert.equal(await score(`token:${token.token_id}`), 'inf');
            for (let i = 0; i < 10; i++) {
                assert.equal(await verdict(here, token), 'revoked');
            }
            await becomes(there, token, 'revoked');

            assert.equal(await status(there, 'PUT', path), 200);
            assert.equal(await status(there, 'DELETE', path), 204);
            for (let i = 0; i < 10; i++) {
                assert.equal(await verdict(there, token), 200);
            }
            await becomes(here, token, 200);
            assert.equal(await status(here, 'DELETE', path), 404);
        }
    });

    it('a payment, and until when', async () => {
        const token = mint(first);
        const path = `revocations/payment/${token.payment_hash}`;
        const until = Math.floor(Date.now() / 1000) + 3600;

        assert.equal(await status(first, 'PUT', path,
                                  JSON.stringify({ until })), 201);
        assert.equal(await score(`payment:${token.payment_hash}`),
                     String(until));
        await becomes(second, token, 'revoked');
        const list = await admin(second, 'GET', 'revocations');
        assert.deepEqual(
            list.revocations.find(r => r.payment_hash === token.payment_hash),
            { payment_hash: token.payment_hash, until });
        assert.equal(await status(second, 'DELETE', path), 204);
    });

    it('what only Redis has is removed, too', async () => {
        const id = random_id();
        await redis.command('ZADD', 'l402:revoked', '+inf', `token:${id}`);
        assert.equal(await status(first, 'PUT', `revocations/token/${id}`),
                     200);
        await redis.command('ZADD', 'l402:revoked', '+inf',
                            `payment:${id}`);
        assert.equal(await status(first, 'DELETE',
                                  `revocations/payment/${id}`), 204);
        assert.equal(await score(`payment:${id}`), null);
        await redis.command('ZREM', 'l402:revoked', `token:${id}`);
        // Only the zone.
        assert.equal(await status(first, 'DELETE', `revocations/token/${id}`),
                     204);
    });

    it('each host says how it stands with Redis', async () => {
        for (const host of hosts) {
            const { redis } = await eventually(async () => {
                const list = await admin(host, 'GET', 'revocations');
                return list.redis.connected && list;
            });
            assert.ok(redis.age_seconds >= 0 && redis.age_seconds < 100,
                      JSON.stringify(redis));
        }
    });

    it('counts are those of both', async () => {
        const token = mint(first, '--uses', '10');
        const path = `payments/${token.payment_hash}`;
        assert.equal(await status(first, 'GET', path), 404);
        for (const host of [first, second, second]) {
            const { status } = await request(`${host.url}/ten/1k`,
                                             { headers: token.headers });
            assert.equal(status, 200);
        }
        for (const host of hosts) {
            const payment = await admin(host, 'GET', path);
            assert.equal(payment.status, 200);
            assert.equal(payment.uses + payment.uses_held, 3);
            assert.equal(payment.uses_limit, 10);
            assert.equal(payment.uses_left, 7);
            assert.ok(payment.expires > Date.now() / 1000);
            assert.equal(payment.balance_msat, null);
            assert.equal(payment.revoked, false);
        }
        const places = [['--admin', `${first.url}/l402/`],
                        ['--redis', `redis://127.0.0.1:${redis.port}`]];
        for (const place of places) {
            const { code, out } = await ctl('payment', ...place, '--json',
                                            token.payment_hash);
            assert.equal(code, 0);
            assert.equal(JSON.parse(out).uses_left, 7);
        }
    });

    it('l402ctl does it over either', async () => {
        const places = [['--admin', `${second.url}/l402/`],
                        ['--redis', `redis://127.0.0.1:${redis.port}`]];
        for (const place of places) {
            const token = mint(first);
            const what = ['token', token.token_id];
            const revoked = await ctl('revoke', ...place,
                                      token.headers.Authorization);
            assert.equal(revoked.code, 0, revoked.err);
            for (const host of hosts) {
                await becomes(host, token, 'revoked');
            }
            for (const look of places) {
                const { code, out } = await ctl('revocations', ...look);
                assert.equal(code, 0);
                assert.ok(out.includes(`token ${token.token_id}  for good\n`));
            }
            assert.equal((await ctl('unrevoke', ...place, ...what)).code, 0);
            for (const host of hosts) {
                await becomes(host, token, 200);
            }
            assert.equal((await ctl('unrevoke', ...place, ...what)).code, 1);
        }
    });

    it('a Redis that does not answer is told, and keeps nobody waiting '
       + 'who has not asked for it', async () => {
        const [token, stays] = [mint(first), mint(first)];
        assert.equal(await status(
            first, 'PUT', `revocations/token/${stays.token_id}`), 201);
        redis.freeze();
        try {
            const changes = [
                admin(first, 'PUT', `revocations/token/${token.token_id}`),
                admin(first, 'DELETE', `revocations/token/${stays.token_id}`),
                admin(first, 'GET', `payments/${token.payment_hash}`),
            ];
            const list = await admin(first, 'GET', 'revocations');
            assert.equal(list.status, 200);
            for (const change of changes) {
                const { status, reason } = await change;
                assert.equal(status, 503);
                assert.equal(reason, 'redis_unavailable');
            }
            // In force here all the same, and not ended here alone.
            assert.equal(await verdict(first, token), 'revoked');
            assert.equal(await verdict(first, stays), 'revoked');
        } finally {
            redis.thaw();
        }
        assert.ok(await eventually(async () => [200, 201].includes(
            await status(first, 'PUT',
                         `revocations/token/${token.token_id}`)), 20));
        await becomes(second, token, 'revoked');
        assert.ok(await eventually(async () => [204, 404].includes(
            await status(first, 'DELETE',
                         `revocations/token/${stays.token_id}`)), 20));
        await becomes(second, stays, 200);
    });

    it('a client that leaves takes its question with it', async () => {
        redis.freeze();
        try {
            for (const line of [
                `PUT /l402/revocations/token/${random_id()}`,
                `DELETE /l402/revocations/token/${random_id()}`,
                `GET /l402/payments/${random_id()}`])
            {
                const socket = net.connect(first.port, '127.0.0.1');
                socket.on('error', () => { });
                socket.write(`${line} HTTP/1.1\r\nHost: x\r\n\r\n`);
                await sleep(100);
                socket.destroy();
            }
            await sleep(100);
        } finally {
            redis.thaw();
        }
        await becomes(first, mint(first), 200);
    });

    it('a Redis that has no room is told', async () => {
        await redis.command('CONFIG', 'SET', 'maxmemory', '1');
        const { status: code, reason } = await admin(
            first, 'PUT', `revocations/token/${random_id()}`);
        assert.equal(code, 503);
        assert.equal(reason, 'redis_unavailable');
        const { code: exit, err } = await ctl('revoke', '--redis',
            `redis://127.0.0.1:${redis.port}`, 'token', random_id());
        assert.equal(exit, 2);
        assert.match(err, /OOM/);
        await redis.command('CONFIG', 'SET', 'maxmemory', '0');
        assert.ok(await eventually(async () => await status(
            first, 'PUT', `revocations/token/${random_id()}`) === 201, 20));
    });

    it('a reload keeps the list, and a change that waits', async () => {
        const token = mint(first);
        assert.equal(await status(
            first, 'PUT', `revocations/token/${token.token_id}`), 201);
        redis.freeze();
        const waits = admin(first, 'PUT', `revocations/token/${random_id()}`);
        await sleep(100);
        const reloaded = first.reload();
        await sleep(200);
        redis.thaw();
        assert.ok([201, 503].includes((await waits).status));
        await reloaded;
        assert.equal(await verdict(first, token), 'revoked');
    });

    it('without Redis there is no change', async () => {
        const token = mint(first);
        await redis.stop();
        for (const [method, path] of [
            ['PUT', `revocations/token/${token.token_id}`],
            ['DELETE', `revocations/token/${token.token_id}`],
            ['GET', `payments/${token.payment_hash}`]])
        {
            const { status, reason } = await admin(first, method, path);
            assert.equal(status, 503, method);
            assert.equal(reason, 'redis_unavailable', method);
        }
        const list = await eventually(async () => {
            const list = await admin(first, 'GET', 'revocations');
            return !list.redis.connected && list;
        });
        assert.ok(list.redis.age_seconds >= 0);
    });

    it('ends without a trace', async () => {
        for (const host of hosts) {
            assert.doesNotMatch(host.error_log(), /\[alert\]/);
            await host.stop();
        }
    });
});
