// Requests that wait for a node that does not answer, in one worker.

import assert from 'node:assert/strict';
import http from 'node:http';
import { before, describe, it } from 'node:test';
import {
    Nginx, assert_no_invoice, buy, env, eventually, kept_connection, median,
    request, service,
} from './lib.mjs';

const parked = 200;

describe('parked requests', () => {
    let nginx, fault;

    before(async () => {
        fault = env('L402_FAULT_URL');
        nginx = await Nginx.start('parked', ({ port }) => `
    ${service('hung', { url: fault + '/hang-hung',
                        more: 'timeout 30s; max_in_flight 300;' })}
    ${service('narrow', { url: fault + '/hang-narrow',
                          more: 'timeout 30s; max_in_flight 5;' })}
    ${service('node')}
    server {
        listen 127.0.0.1:${port};
        l402_price 10sat;
        location /hung/ {
            l402 hung;
            l402_invoice_from hung;
            alias html/;
        }
        location /narrow/ {
            l402 narrow;
            l402_invoice_from narrow;
            alias html/;
        }
        location /node/ {
            l402 node;
            l402_invoice_from node;
            alias html/;
        }
        location / { }
    }`);
    });

    const asked = async place =>
        (await request(fault + '/stats')).json()['hang-' + place] ?? 0;

    // Sends unpaid requests and returns once the node has got their calls.
    async function park(count, place, seconds = 10) {
        const before = await asked(place);
        const calls = Array.from({ length: count }, () => {
            const call = http.get(`${nginx.url}/${place}/1k`,
                                  { agent: false });
            call.on('error', () => {});
            call.on('response', response => {
                call.answer = response.statusCode;
                response.resume();
            });
            return call;
        });
        const there = await eventually(
            async () => await asked(place) === before + count, seconds);
        assert.ok(there, `${await asked(place) - before} of ${count} calls `
                         + 'reached the node');
        return calls;
    }

    const leave = calls => calls.forEach(call => call.destroy());

    it('keep nobody else waiting, and leave nothing behind when they leave',
       async () => {
        const { headers } = await buy(nginx.url + '/node/1k');
        const agent = kept_connection();
        const call = place => request(nginx.url + place, { headers, agent });
        await call('/1k');
        const descriptors = nginx.worker_descriptors();

        // Twice, so that whatever a round held would be missed in the second:
        // 300 calls may be in flight, not 400.
        for (let round = 0; round < 2; round++) {
            const calls = await park(parked, 'hung');

            const times = { '/1k': [], '/node/1k': [] };
            for (let i = 0; i < 100; i++) {
                for (const place in times) {
                    const start = performance.now();
                    assert.equal((await call(place)).status, 200);
                    times[place].push(performance.now() - start);
                }
            }
            for (const [place, values] of Object.entries(times)) {
                assert.ok(median(values) < 50,
                          `${place}: ${median(values)} ms`);
            }
            await buy(nginx.url + '/node/1k');

            assert.ok(calls.every(call => call.answer === undefined));
            assert.ok(nginx.worker_descriptors()
                      >= descriptors + 2 * parked);
            leave(calls);
            // Two more for kept connections to the nodes.
            assert.ok(await eventually(
                () => nginx.worker_descriptors() <= descriptors + 2),
                `descriptors: ${nginx.worker_descriptors()} after, `
                + `${descriptors} before`);
        }
        assert.doesNotMatch(nginx.error_log(), /\[(error|alert|crit)\]/);
        agent.destroy();
    });

    it('beyond max_in_flight are answered at once', async () => {
        const before = await asked('narrow');
        const calls = await park(5, 'narrow');
        for (let i = 0; i < 3; i++) {
            const start = performance.now();
            assert_no_invoice(await request(nginx.url + '/narrow/1k'));
            assert.ok(performance.now() - start < 1000);
        }
        assert.equal(await asked('narrow') - before, 5);

        // A client that leaves makes room for another.
        leave(calls.splice(0, 1));
        assert.ok(await eventually(async () => {
            const more = await park(1, 'narrow', 0.5).catch(() => []);
            calls.push(...more);
            return more.length;
        }, 5));
        leave(calls);
    });

    it('do not keep a worker from ending', async () => {
        const calls = await park(20, 'hung');
        leave(calls);
        await nginx.reload(10);
        assert.doesNotMatch(nginx.error_log(), /\[alert\]|open socket left/);
    });

    it('ends without a trace', () => nginx.stop());
});
