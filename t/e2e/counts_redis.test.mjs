// Two hosts that count in one Redis: never one request more than was bought,
// whatever becomes of Redis, of a host or of a worker, and no content without
// a count.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Nginx, eventually, request, service, sleep } from './lib.mjs';
import { Redis } from './lib/redis.mjs';
import { mint } from './lib/revocable.mjs';

const http = redis => ({ port }) => `
    l402_zone l402:2m;
    l402_redis { url ${redis}; resync 1s; }
    ${service('node')}
    log_format left '$status $l402_result $l402_uses_left';
    access_log left.log left;
    server {
        listen 127.0.0.1:${port};
        location / {
            l402 weather;
            l402_price 100sat;
            l402_uses 5;
            add_header X-Left $l402_uses_left always;
            alias html/;
        }
        location /refunded {
            l402 weather;
            l402_price 100sat;
            l402_uses 5;
            add_header X-Left $l402_uses_left always;
            proxy_pass http://127.0.0.1:1;
        }
        location /metered/ {
            l402 tides;
            l402_price 100sat;
            l402_uses off;
            l402_metered $upstream_http_x_cost hold=40sat;
            add_header X-Left $l402_balance_msat always;
            proxy_pass http://127.0.0.1:${port}/cost/;
            proxy_set_header Authorization "";
        }
        location /cost/ {
            l402 off;
            add_header X-Cost $arg_cost;
            alias html/;
        }
        location /open/ { l402 off; alias html/; }
    }`;

const get = async (nginx, token, path = '/1k') => {
    const response = await request(nginx.url + path,
                                   { headers: token.headers });
    return { status: response.status, left: response.headers['x-left'],
             reason: response.status >= 400 && response.text.startsWith('{')
                 ? response.json().reason : null };
};

const uses = async (redis, token) => Number(await redis.command(
    'HGET', `l402:payment:${token.payment_hash}`, 'uses') ?? 0);

// So many requests to all hosts, several at a time: how each was answered.
async function burst(hosts, token, count, width = 16) {
    const got = {};
    let sent = 0;
    await Promise.all(Array.from({ length: width }, async () => {
        while (sent < count) {
            const nginx = hosts[sent++ % hosts.length];
            const { status } = await get(nginx, token);
            got[status] = (got[status] ?? 0) + 1;
        }
    }));
    return got;
}

describe('counts of two hosts', () => {
    let redis, hosts;

    before(async () => {
        redis = await Redis.start('counts-redis',
                                  ['appendonly yes', 'appendfsync always']);
        const url = `redis://127.0.0.1:${redis.port}`;
        hosts = [await Nginx.start('counts-redis-1', http(url), { workers: 2 }),
                 await Nginx.start('counts-redis-2', http(url),
                                   { workers: 2 })];
        hosts[1].write('keys', fs.readFileSync(hosts[0].dir + '/keys'));
        await hosts[1].reload();
        const token = mint(hosts[0], '--uses', '1000');
        for (const nginx of hosts) {
            assert.ok(await eventually(
                async () => (await get(nginx, token)).status === 200, 20),
                      nginx.error_log().slice(-2000));
        }
    });
    after(() => redis?.stop());

    it('are exact', async () => {
        const token = mint(hosts[0], '--uses', '60');
        assert.deepEqual(await burst(hosts, token, 100), { 200: 60, 402: 40 });
        assert.equal(await uses(redis, token), 60);
    });

    it('tell what is left', async () => {
        const token = mint(hosts[0], '--uses', '3');
        const got = [];
        for (let i = 0; i < 4; i++) {
            const { status, left } = await get(hosts[i % 2], token);
            got.push(`${status}/${left}`);
        }
        assert.deepEqual(got, ['200/2', '200/1', '200/0', '402/0']);
    });

    it('give back what an upstream did not answer', async () => {
        const token = mint(hosts[0], '--uses', '2');
        for (let i = 0; i < 6; i++) {
            const { status, left } = await get(hosts[i % 2], token,
                                               '/refunded');
            assert.equal(`${status}/${left}`, '502/2');
            assert.ok(await eventually(
                async () => await uses(redis, token) === 0, 10));
        }
    });

    it('charge what an answer cost', async () => {
        const token = mint(hosts[0], '--service', 'tides', '--balance',
                           '100sat');
        const got = [];
        for (const cost of ['5sat', '0', '', '30sat', '1sat']) {
            const { status, left } = await get(
                hosts[got.length % 2], token, `/metered/1k?cost=${cost}`);
            got.push(`${status}/${left}`);
            // What it did not cost is told later.
            await sleep(100);
        }
        assert.deepEqual(got, ['200/95000', '200/95000', '200/55000',
                               '200/25000', '402/25000']);
    });

    it('hold while workers of both are killed', async () => {
        const token = mint(hosts[0], '--uses', '100000000');
        const load = { answered: 0, lost: 0, other: 0, ended: false };
        const run = async nginx => {
            while (!load.ended) {
                try {
                    const { status } = await get(nginx, token);
                    status === 200 ? load.answered++ : load.other++;
                } catch {
                    load.lost++;
                    await sleep(5);
                }
            }
        };
        const loops = hosts.flatMap(
            nginx => Array.from({ length: 8 }, () => run(nginx)));
        for (let i = 0; i < 4; i++) {
            await sleep(250);
            process.kill(hosts[i % 2].worker_pids()[0], 'SIGKILL');
        }
        await sleep(250);
        load.ended = true;
        await Promise.all(loops);
        // What the dead had reserved is given back by the living.
        let count;
        assert.ok(await eventually(async () => {
            count = await uses(redis, token);
            return load.answered <= count
                && count <= load.answered + load.lost;
        }, 15), `${JSON.stringify(load)} ${count}`);
        assert.ok(load.answered > 50, JSON.stringify(load));
    });

    it('wait for a Redis that answers slowly', async () => {
        const token = mint(hosts[0], '--uses', '60');
        let ended = false;
        const slow = (async () => {
            while (!ended) {
                await redis.command('CLIENT', 'PAUSE', '150', 'ALL');
                await sleep(200);
            }
        })();
        const got = await burst(hosts, token, 100);
        ended = true;
        await slow;
        const said = JSON.stringify(got);
        // On a machine that is slow as well some may wait for too long.
        assert.ok(got[200] <= 60, said);
        assert.equal((got[200] ?? 0) + (got[402] ?? 0) + (got[503] ?? 0), 100);
        assert.ok(got[200] > 0, said);
        assert.ok(await eventually(
            async () => await uses(redis, token) === got[200], 20), said);
    });

    it('answer 503 while Redis hangs, and nothing is burned', async () => {
        const token = mint(hosts[0], '--uses', '100000');
        assert.equal((await get(hosts[0], token)).status, 200);
        redis.freeze();
        const got = await Promise.all(Array.from({ length: 8 }, () =>
            get(hosts[0], token)));
        // Nobody who is not counted has any part in it.
        const waiting = Promise.all(Array.from({ length: 8 }, () =>
            get(hosts[0], token)));
        const times = [];
        for (let i = 0; i < 40; i++) {
            const start = Date.now();
            assert.equal((await request(hosts[0].url + '/open/1k')).status,
                         200);
            times.push(Date.now() - start);
        }
        times.sort((a, b) => a - b);
        assert.ok(times[20] < 100, times.join(' '));
        got.push(...await waiting);
        redis.thaw();
        assert.ok(got.every(({ status, reason }) =>
            status === 503 && reason === 'unavailable'), JSON.stringify(got));
        assert.ok(await eventually(
            async () => await uses(redis, token) === 1, 20),
                  `${await uses(redis, token)} counted`);
        assert.ok(await eventually(
            async () => (await get(hosts[0], token)).status === 200, 20));
    });

    it('answer 503 while Redis is gone, and go on when it is back',
       async () => {
        const token = mint(hosts[0], '--uses', '100000');
        assert.equal((await get(hosts[0], token)).status, 200);
        await redis.stop();
        for (const nginx of hosts) {
            assert.ok(await eventually(
                async () => (await get(nginx, token)).status === 503, 10));
            assert.equal((await get(nginx, token)).reason, 'unavailable');
        }
        await redis.run();
        for (const nginx of hosts) {
            assert.ok(await eventually(
                async () => (await get(nginx, token)).status === 200, 20));
        }
        assert.ok(await eventually(
            async () => await uses(redis, token) === 3, 20));
    });

    it('answer 503 where Redis could forget them', async () => {
        const token = mint(hosts[0], '--uses', '100000');
        await redis.command('CONFIG', 'SET', 'maxmemory-policy',
                            'allkeys-lru');
        await redis.command('CONFIG', 'SET', 'maxmemory', '100mb');
        assert.ok(await eventually(
            async () => (await get(hosts[0], token)).status === 503, 30));
        assert.match(hosts[0].error_log(), /allkeys-lru/);
        await redis.command('CONFIG', 'SET', 'maxmemory-policy',
                            'noeviction');
        assert.ok(await eventually(
            async () => (await get(hosts[0], token)).status === 200, 30));
    });

    it('answer 503 where Redis is full', async () => {
        const token = mint(hosts[0], '--uses', '100000');
        await redis.command('CONFIG', 'SET', 'maxmemory', '1');
        assert.ok(await eventually(
            async () => (await get(hosts[0], token)).status === 503, 20));
        await redis.command('CONFIG', 'SET', 'maxmemory', '0');
        assert.ok(await eventually(
            async () => (await get(hosts[0], token)).status === 200, 20));
    });

    it('end without a trace', async () => {
        for (const nginx of hosts) {
            await nginx.stop({ expected: /exited on signal 9/ });
        }
    });
});
