// A Redis that is found by Sentinel: the master, not a replica; and the new one
// after a failover.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually, request } from './lib.mjs';
import { Redis } from './lib/redis.mjs';
import {
    mint, revoke, start_seller, unrevoke, verdict,
} from './lib/revocable.mjs';

const becomes = async (nginx, token, expected, seconds = 40) =>
    assert.ok(await eventually(
        async () => await verdict(nginx, token) === expected, seconds),
              `it is ${await verdict(nginx, token)}, not ${expected}: `
              + nginx.error_log().slice(-2000));

// A failover ends connections at any time.
const becomes_role = (redis, role) => eventually(async () => {
    const said = await redis.command('ROLE').catch(() => []);
    return said[0] === role;
}, 60, 200);

describe('Redis behind Sentinel', () => {
    let master, replica, sentinels = [], nginx, token;

    before(async () => {
        master = await Redis.start('redis-sentinel-master',
                                   ['repl-diskless-sync-delay 0']);
        replica = await Redis.start('redis-sentinel-replica', [
            `replicaof 127.0.0.1 ${master.port}`, 'repl-diskless-sync-delay 0',
        ]);
        assert.ok(await eventually(async () =>
            (await replica.command('ROLE'))[3] === 'connected', 30));
        for (const number of [1, 2, 3]) {
            sentinels.push(await Redis.start(`redis-sentinel-${number}`, [
                `sentinel monitor shop 127.0.0.1 ${master.port} 2`,
                'sentinel down-after-milliseconds shop 3000',
                'sentinel failover-timeout shop 5000',
                ...number === 2 ? ['requirepass swordfish'] : [],
            ], { program: 'redis-sentinel',
                 password: number === 2 ? 'swordfish' : null }));
        }
        // Each has to know the others before anything happens.
        assert.ok(await eventually(async () =>
            (await sentinels[0].command('SENTINEL', 'SENTINELS', 'shop'))
                .length === 2, 60));
        nginx = await start_seller('redis-sentinel', `
            url sentinel://127.0.0.1:1,127.0.0.1:${
    sentinels[0].port},127.0.0.1:${sentinels[2].port}/shop;
            timeout 2s; resync 1s;`, { workers: 2, admin: true });
        token = mint(nginx);
    });

    after(async () => {
        for (const one of [...sentinels, replica, master]) {
            await one?.stop();
        }
    });

    it('is found, past a Sentinel that is not there', async () => {
        await becomes(nginx, token, 200);
        await master.commands(revoke('token:' + token.token_id));
        await becomes(nginx, token, 'revoked');
        assert.ok(nginx.error_log().includes(
            `redis 127.0.0.1:${master.port} is there`));
    });

    // A master that dies before a replica has it would take it along.
    it('has a revocation once a replica has it', async () => {
        const other = mint(nginx);
        const put = () => request(
            `${nginx.url}/admin/revocations/token/${other.token_id}`,
            { method: 'PUT' });
        replica.freeze();
        assert.equal((await put()).status, 503);
        replica.thaw();
        assert.ok(await eventually(
            async () => (await put()).status === 200, 30));
        await becomes(nginx, other, 'revoked');
    });

    it('is the new master after a failover', async () => {
        await master.stop();
        const said = nginx.error_log().length;
        assert.ok(await becomes_role(replica, 'master'));
        assert.equal(await verdict(nginx, token), 'revoked');
        await replica.commands(unrevoke('token:' + token.token_id));
        await becomes(nginx, token, 200, 60);
        assert.ok(nginx.error_log().slice(said).includes(
            `redis 127.0.0.1:${replica.port} is back`));
    });

    // On a slow machine Sentinel may move it once more at any time.
    const role_of = async redis =>
        (await redis.command('ROLE').catch(() => []))[0];
    const pair = async () => {
        const roles = [await role_of(master), await role_of(replica)];
        return `${roles}` === 'master,slave' ? [master, replica]
            : `${roles}` === 'slave,master' ? [replica, master] : null;
    };

    it('is not the old one, which has come back as a replica', async () => {
        await master.run();
        assert.ok(await eventually(pair, 90, 200));
        assert.ok(await eventually(async () => {
            const [now] = await pair() ?? [];
            await now?.commands(revoke('token:' + token.token_id));
            return await verdict(nginx, token) === 'revoked';
        }, 60, 500));
    });

    it('moves by a failover that nobody was lost by', async () => {
        const [before] = await eventually(pair, 60, 200);
        const said = nginx.error_log().length;
        assert.equal(await eventually(() => sentinels[0].command(
            'SENTINEL', 'FAILOVER', 'shop').catch(() => null), 60, 500), 'OK');
        assert.ok(await eventually(async () =>
            (await pair() ?? [before])[0] !== before, 90, 200));
        assert.ok(await eventually(async () => {
            const [now] = await pair() ?? [];
            await now?.commands(unrevoke('token:' + token.token_id));
            return await verdict(nginx, token) === 200;
        }, 60, 500));
        assert.match(nginx.error_log().slice(said), /is back for counting/);
    });

    it('ends without a trace', () => nginx.stop());

    it('asks a Sentinel that wants a password', async () => {
        const other = await start_seller('redis-sentinel-password', `
            url sentinel://127.0.0.1:${sentinels[1].port}/shop;
            `);
        assert.ok(await eventually(() => other.error_log().includes(
            'wants a password, give it with "sentinel_password_file"'), 20));
        other.write('password', 'swordfish\n');
        other.configure_again('sentinel_password_file password;');
        await other.reload();
        await becomes(other, mint(other), 200);
        await other.stop();
    });

    it('says that nobody knows the master', async () => {
        const other = await start_seller('redis-sentinel-unknown', `
            url sentinel://127.0.0.1:${sentinels[0].port}/other;`);
        assert.ok(await eventually(() => other.error_log().includes(
            `sentinel 127.0.0.1:${sentinels[0].port} knows no master "other"`),
                                   20));
        assert.equal(await verdict(other, mint(other)), 'unavailable');
        await other.stop();
    });
});
