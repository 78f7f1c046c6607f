// A master that dies in the middle of the load, and Sentinel that puts a
// replica in its place: what was bought is had once, and none of it is lost.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually, request, sleep } from './lib.mjs';
import { Redis } from './lib/redis.mjs';
import { mint, start_seller } from './lib/revocable.mjs';

const bought = 400;

describe('counts through a failover', () => {
    let master, replica, nginx, token;
    const sentinels = [];

    before(async () => {
        const fast = 'repl-diskless-sync-delay 0';
        master = await Redis.start('counts-failover-master', [fast]);
        replica = await Redis.start('counts-failover-replica', [
            fast, `replicaof 127.0.0.1 ${master.port}`]);
        assert.ok(await eventually(async () =>
            (await replica.command('ROLE'))[3] === 'connected', 30));
        for (const number of [1, 2, 3]) {
            sentinels.push(await Redis.start(`counts-failover-${number}`, [
                `sentinel monitor shop 127.0.0.1 ${master.port} 2`,
                'sentinel down-after-milliseconds shop 1000',
                'sentinel failover-timeout shop 5000',
            ], { program: 'redis-sentinel' }));
        }
        assert.ok(await eventually(async () =>
            (await sentinels[0].command('SENTINEL', 'SENTINELS', 'shop'))
                .length === 2, 60));
        nginx = await start_seller('counts-failover', `
            url sentinel://127.0.0.1:${sentinels[0].port},127.0.0.1:${
    sentinels[1].port}/shop; resync 1s;`, {
            workers: 2, location: 'l402_uses 5;' });
        const first = mint(nginx, '--uses', '100000');
        assert.ok(await eventually(async () => (await request(
            nginx.url + '/1k', { headers: first.headers })).status === 200,
                                   60), nginx.error_log().slice(-2000));
        token = mint(nginx, '--uses', String(bought));
    });

    after(async () => {
        for (const one of [...sentinels, replica, master]) {
            await one?.stop();
        }
    });

    const uses = async redis => Number(await redis.command(
        'HGET', `l402:payment:${token.payment_hash}`, 'uses') ?? 0);

    it('are never more than what was bought, and none is missing', async () => {
        const got = {};
        let ended = false;
        const loops = Array.from({ length: 8 }, async () => {
            while (!ended) {
                const { status } = await request(nginx.url + '/1k',
                                                 { headers: token.headers });
                got[status] = (got[status] ?? 0) + 1;
                await sleep(status === 200 ? 20 : 100);
            }
        });
        assert.ok(await eventually(() => got[200] > 50, 30),
                  JSON.stringify(got));
        await master.stop();
        assert.ok(await eventually(async () =>
            (await replica.command('ROLE').catch(() => []))[0] === 'master',
                                   60, 200));
        // Alone, the new master has nobody who could acknowledge.
        await master.run();
        assert.ok(await eventually(() => got[402] > 20, 90),
                  JSON.stringify(got));
        ended = true;
        await Promise.all(loops);
        const said = JSON.stringify(got);
        assert.equal(got[200], bought, said);
        assert.ok(await eventually(
            async () => await uses(replica) === bought, 30),
                  `${said} ${await uses(replica)}`);
        assert.ok(got[503] > 0, said);
        assert.deepEqual(Object.keys(got).sort(), ['200', '402', '503']);
    });

    it('end without a trace', () => nginx.stop());
});
