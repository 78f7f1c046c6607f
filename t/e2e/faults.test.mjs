// Whatever a node does instead of making the invoice that it was asked for:
// 503 in time, one line in the log, never content.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, assert_no_invoice, env, free_port, read_challenge, request, service,
    start_backend,
} from './lib.mjs';

const timeout = 2;

const bad = [
    'hang', 'close', 'half', 'drip', 's401', 's404', 's429', 's500',
    'redirect', 'empty', 'garbage', 'wrongtype', 'array', 'huge', 'amount',
    'noamount', 'hash', 'network', 'expired', 'down',
];
const good = ['ok', 'slow50', 'slow500'];

describe('a node that misbehaves', () => {
    let backend, nginx;

    before(async () => {
        backend = await start_backend();
        const dead = await free_port();
        const url = name => name === 'down'
            ? `http://127.0.0.1:${dead}` : `${env('L402_FAULT_URL')}/${name}`;

        nginx = await Nginx.start('faults', ({ port }) => `
    ${[...bad, ...good].map(name => service(
        name, { url: url(name), more: `timeout ${timeout}s;` })).join('')}
    server {
        listen 127.0.0.1:${port};
        l402_price 10sat;
        ${[...bad, ...good].map(name => `
        location /${name}/ {
            l402 ${name};
            l402_invoice_from ${name};
            proxy_pass ${backend.url};
        }`).join('')}
        location /free/ { proxy_pass ${backend.url}; }
    }`);
    });

    after(() => {
        backend?.stop();
    });

    for (const name of bad) {
        it(`${name}: 503 within the deadline, one line in the log`,
           async () => {
            const before = nginx.error_log().length;
            const start = Date.now();
            assert_no_invoice(await request(`${nginx.url}/${name}/`));
            assert.ok(Date.now() - start < (timeout + 1) * 1000);

            const lines = nginx.error_log().slice(before).split('\n')
                .filter(line => /\[error\].*l402/.test(line));
            assert.equal(lines.length, 1, lines.join('\n'));
            assert.ok(lines[0].includes(name), lines[0]);
            assert.equal((await request(nginx.url + '/free/')).status, 200);
            assert.ok(!backend.seen.some(({ url }) => url === `/${name}/`));
        });
    }

    for (const name of good) {
        it(`${name}: a challenge`, async () => {
            read_challenge(await request(`${nginx.url}/${name}/`));
        });
    }

    it('ends without a trace', () => nginx.stop());
});
