// Reloads while customers are served.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import {
    Nginx, buy, env, kept_connection, new_key, read_challenge, request,
    service, sleep,
} from './lib.mjs';

const reloads = 15;

describe('reload', () => {
    let nginx, url, bought;

    const http = ({ port }) => `
    l402_zone l402:1m;
    ${service('node')}
    ${service('slow', { url: env('L402_FAULT_URL') + '/slow500' })}
    server {
        listen 127.0.0.1:${port};
        l402_price 10sat;
        l402_invoice_from node;
        location /paid/ {
            l402 paid;
            alias html/;
        }
        location /slow/ {
            l402 slow;
            l402_invoice_from slow;
            alias html/;
        }
    }`;

    before(async () => {
        nginx = await Nginx.start('reload', http, { workers: 2 });
        url = nginx.url + '/paid/1k';
        bought = await buy(url);
    });

    const open = async () =>
        (await request(url, { headers: bought.headers })).status === 200;

    // Calls until told to end; returns how often, and what went wrong.
    function load(make_call, counted) {
        const run = async () => {
            while (!counted.end) {
                try {
                    await make_call();
                    counted.calls++;
                } catch (error) {
                    counted.failures.push(error.message);
                }
            }
        };
        counted.loops.push(run());
    }

    it(`${reloads} times under load: nobody notices`, async () => {
        const paid = { calls: 0, failures: [], loops: [] };
        const unpaid = { calls: 0, failures: [], loops: [] };

        const use = async agent => {
            const { status, text } = await request(
                url, { headers: bought.headers, agent });
            assert.equal(status, 200);
            assert.equal(text.length, 1024);
        };
        for (let i = 0; i < 4; i++) {
            const agent = kept_connection();
            load(() => use(agent), paid);
            load(() => use(false), paid);
        }
        // Some are parked, or just asking the node, whenever a worker ends.
        const ask = async place => read_challenge(
            await request(`${nginx.url}/${place}/1k`));
        load(() => ask('paid'), unpaid);
        load(() => ask('slow'), unpaid);
        load(() => ask('slow'), unpaid);

        for (let i = 0; i < reloads; i++) {
            await sleep(100);
            await nginx.reload();
        }
        paid.end = unpaid.end = true;
        await Promise.all([...paid.loops, ...unpaid.loops]);

        assert.deepEqual(paid.failures, []);
        assert.deepEqual(unpaid.failures, []);
        assert.ok(paid.calls > 20 * reloads, `${paid.calls} paid calls`);
        assert.ok(unpaid.calls > reloads, `${unpaid.calls} challenges`);
        assert.ok(await open());
        assert.equal(nginx.worker_pids().length, 2);
        assert.doesNotMatch(nginx.error_log(), /\[alert\]|open socket left/);
    });

    it('of a broken configuration keeps the old one in force', async () => {
        const workers = nginx.worker_pids();
        const keys = path.join(nginx.dir, 'keys');
        const key = fs.readFileSync(keys, 'utf8');

        const breakages = [
            ['a key file that is missing', () => fs.rmSync(keys)],
            ['a short key', () => nginx.write('keys', 'abcdef\n')],
            ['a key that others may read', () => {
                nginx.write('keys', key);
                fs.chmodSync(keys, 0o644);
            }],
            ['a bad directive', () => nginx.configure(
                http(nginx).replace('l402_price 10sat', 'l402_price 1k'))],
        ];
        for (const [name, breakage] of breakages) {
            breakage();
            const said = await nginx.refused_reload();
            assert.match(said, /l402_/, name);
            assert.ok(!said.includes(key.trim()), name);
            fs.rmSync(keys, { force: true });
            nginx.write('keys', key);
            nginx.configure(http);

            assert.ok(await open(), name);
            read_challenge(await request(url));
        }
        assert.deepEqual(nginx.worker_pids(), workers);

        await nginx.reload();
        assert.ok(await open());
    });

    it('changes keys: the first mints, all verify, a removed one opens '
       + 'nothing', async () => {
        const old_key = fs.readFileSync(path.join(nginx.dir, 'keys'), 'utf8');
        const key = new_key();

        nginx.write('keys', key + old_key);
        await nginx.reload();
        assert.ok(await open());
        const newer = await buy(url);

        nginx.write('keys', key);
        await nginx.reload();
        assert.ok(!await open());
        assert.equal((await request(url, { headers: newer.headers })).status,
                     200);
    });

    it('ends without a trace', () => nginx.stop());
});
