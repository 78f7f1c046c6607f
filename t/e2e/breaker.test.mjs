// A url that fails rests: nobody waits for it, all workers know, one call
// finds out whether it is back, and the log says each once.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, Tap, assert_no_invoice, env, eventually, read_challenge, request,
    service, sleep, start_backend,
} from './lib.mjs';

const fault = name => `${env('L402_FAULT_URL')}/${name}`;

async function calls(name) {
    const response = await request(env('L402_FAULT_URL') + '/stats');
    return JSON.parse(response.text)[name] ?? 0;
}

const rest = 1500;  // ms

describe('urls that rest', () => {
    let backend, tap, nginx;

    const services = {
        error: { url: fault('s500-breaker') },
        hang: { url: fault('hang-breaker'),
                more: 'timeout 4s; max_fails 2;' },
        never: { url: fault('s500-never'), more: 'max_fails 0;' },
        chosen: { url: fault('s500-chosen') },
    };

    before(async () => {
        backend = await start_backend();
        tap = await Tap.open(env('L402_NODE_URL'));
        Object.assign(services, {
            second: { url: `${fault('hang-first')};\n url ${tap.url}`,
                      more: 'timeout 8s; max_fails 1; fail_timeout 1m;' },
            back: { url: tap.url },
        });
        const list = Object.entries(services);

        nginx = await Nginx.start('breaker', ({ port }) => `
    ${list.map(([name, { url, more = '' }]) => service(name, { url, more:
        more + (more.includes('fail_timeout') ? '' : `fail_timeout ${rest}ms;`),
    })).join('')}
    server {
        listen 127.0.0.1:${port} reuseport;
        l402_bind path;
        ${list.map(([name]) => `
        location /${name}/ {
            l402 ${name};
            l402_price ${name === 'chosen' ? '$arg_price' : '10sat'};
            l402_invoice_from ${name};
            proxy_pass ${backend.url};
        }`).join('')}
    }`, { workers: 2 });
    });

    after(() => {
        tap?.close();
        backend?.stop();
    });

    // A connection of its own each: they come to either worker.
    const ask = (name, times = 1, query = '') => Promise.all(
        Array.from({ length: times },
                   () => request(`${nginx.url}/${name}/${query}`)));

    const lines = (level, text) => nginx.error_log().split('\n')
        .filter(line => line.includes(`[${level}]`) && line.includes(text))
        .length;

    it('after max_fails failures no worker calls', async () => {
        for (let i = 0; i < 3; i++) {
            assert_no_invoice((await ask('error'))[0]);
        }
        assert.equal(await calls('s500-breaker'), 3);

        const answers = await ask('error', 40);
        answers.forEach(assert_no_invoice);
        assert.equal(await calls('s500-breaker'), 3);
        for (const { headers } of answers) {
            assert.ok(headers['retry-after'] >= 1
                      && headers['retry-after'] <= 2);
        }
        assert.equal(lines('warn', 'invoice service "error" is down at'), 1);
    });

    it('one probe at a time finds out', async () => {
        for (let i = 1; i <= 2; i++) {
            await sleep(rest + 200);
            (await ask('error', 40)).forEach(assert_no_invoice);
            assert.equal(await calls('s500-breaker'), 3 + i);
        }
        assert.equal(lines('warn', 'invoice service "error" is down at'), 1);
    });

    it('nobody waits for one that hangs', async () => {
        await ask('hang', 2);
        const before = Date.now();
        (await ask('hang', 40)).forEach(assert_no_invoice);
        assert.ok(Date.now() - before < 3500);
        assert.equal(await calls('hang-breaker'), 2);
    });

    it('the next url is asked at once', async () => {
        await ask('second');
        const before = Date.now();
        (await ask('second', 20)).forEach(read_challenge);
        assert.ok(Date.now() - before < 3500);
        assert.equal(await calls('hang-first'), 1);
    });

    it('is back with the first call that works', async () => {
        tap.close();
        for (let i = 0; i < 3; i++) {
            assert_no_invoice((await ask('back'))[0]);
        }
        await tap.open();
        (await ask('back', 10)).forEach(assert_no_invoice);
        assert.ok(await eventually(async () =>
            (await ask('back'))[0].status === 402));
        (await ask('back', 10)).forEach(read_challenge);
        assert.equal(lines('warn', 'invoice service "back" is down at'), 1);
        assert.equal(lines('notice', 'invoice service "back" is back at'), 1);
    });

    it('a client that leaves the probe does not keep others away',
       async () => {
        await sleep(rest + 200);
        await Promise.allSettled([
            request(`${nginx.url}/hang/`, { timeout: 200 }),
        ]);
        await sleep(100);
        const before = await calls('hang-breaker');
        await ask('hang');
        assert.equal(await calls('hang-breaker'), before + 1);
    });

    it('max_fails 0 never rests', async () => {
        for (let i = 0; i < 10; i++) {
            assert_no_invoice((await ask('never'))[0]);
        }
        assert.equal(await calls('s500-never'), 10);
    });

    // Else anybody could close the shop with a price that no node takes.
    it('what a client has chosen does not count', async () => {
        for (let i = 0; i < 10; i++) {
            assert_no_invoice((await ask('chosen', 1, '?price=7sat'))[0]);
        }
        assert.equal(await calls('s500-chosen'), 10);
    });

    it('ends', () => nginx.stop());
});
