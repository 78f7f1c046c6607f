// Ready invoices: made beforehand, each for one customer, over workers,
// reloads and kills; the shop stays open while the node is away.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, Tap, assert_no_invoice, buy, env, eventually, read_challenge,
    request, service, sleep, start_backend,
} from './lib.mjs';

const size = 20;

describe('a stock of invoices', () => {
    let backend, tap, nginx, url;
    const seen = new Set();

    const configuration = ({ pool = size, price = '10sat', more = '' } = {}) =>
        ({ port }) => `
    l402_zone l402:1m;
    ${service('node', { url: tap.url, more:
        `pool ${pool}; fail_timeout 300ms; timeout 2s;` })}
    server {
        listen 127.0.0.1:${port} reuseport;
        location /paid/ {
            l402 paid;
            l402_price ${price};
            proxy_pass ${backend.url};
        }
        location /chosen/ {
            l402 chosen;
            l402_price $arg_price;
            l402_bind path;
            proxy_pass ${backend.url};
        }
        location /memo/ {
            l402 memo;
            l402_price 10sat;
            l402_memo $arg_memo;
            proxy_pass ${backend.url};
        }
        location /plain/ {
            proxy_pass ${backend.url};
        }
        ${more}
    }`;

    // None is ever seen twice.
    async function challenge(from = url) {
        const response = await request(from);
        assert.equal(response.status, 402, JSON.stringify(response));
        const { invoice } = read_challenge(response);
        assert.ok(!seen.has(invoice), 'an invoice came twice');
        seen.add(invoice);
        return invoice;
    }

    const made = async n => assert.ok(
        await eventually(() => tap.invoices === n),
        `${tap.invoices} invoices were made instead of ${n}`);

    const full = async before => {
        await made(before);
        await sleep(300);
        assert.equal(tap.invoices, before);
    };

    before(async () => {
        backend = await start_backend();
        tap = await Tap.open(env('L402_NODE_URL'));
        nginx = await Nginx.start('stock', configuration(), { workers: 2 });
        url = nginx.url + '/paid/';
    });

    after(() => {
        tap?.close();
        backend?.stop();
    });

    it('is filled at the start, and no further', async () => {
        await full(size);
        await sleep(1200);
        assert.equal(tap.invoices, size);
    });

    it('is filled up behind a customer', async () => {
        await challenge();
        await full(size + 1);
    });

    it('opens the location once it is paid', async () => {
        assert.equal((await request(url, (await buy(url)))).status, 200);
        await full(size + 2);
    });

    it('is used up while the node is away, and no more than that',
       async () => {
        tap.close();
        await sleep(100);
        const answers = await Promise.all(
            Array.from({ length: 3 * size }, () => request(url)));
        const sold = answers.filter(({ status }) => status === 402);
        assert.equal(sold.length, size);
        for (const answer of sold) {
            const { invoice } = read_challenge(answer);
            assert.ok(!seen.has(invoice));
            seen.add(invoice);
        }
        for (const answer of answers) {
            if (answer.status !== 402) {
                assert_no_invoice(answer);
            }
        }
        assert.match(nginx.error_log(), new RegExp('\\[warn\\].*the stock of '
            + 'invoices of "node" for "paid" at 10000msat is empty'));
    });

    it('is full again once the node is back', async () => {
        await tap.open();
        assert.ok(await eventually(() => /\[notice\].*the stock of invoices of (?:.*) is full again/
            .test(nginx.error_log())));
        const log = nginx.error_log();
        assert.equal(log.match(/is empty/g).length, 1);
        assert.equal(log.match(/is full again/g).length, 1);
        assert.match(log, /\[warn\].*invoice service "node" is down at/);
        assert.match(log, /\[notice\].*invoice service "node" is back at/);
    });

    it('outlives a reload while the node is away', async () => {
        tap.close();
        await nginx.reload();
        await nginx.reload();
        for (let i = 0; i < size; i++) {
            await challenge();
        }
        assert_no_invoice(await request(url));
        await tap.open();
        assert.ok(await eventually(async () =>
            (await request(url)).status === 402));
    });

    it('outlives a worker that is killed, and hands nothing out twice',
       async () => {
        let end = false;
        const customers = Array.from({ length: 8 }, async () => {
            while (!end) {
                const response = await request(url).catch(() => null);
                if (response?.status === 402) {
                    const { invoice } = read_challenge(response);
                    assert.ok(!seen.has(invoice));
                    seen.add(invoice);
                }
            }
        });
        for (let i = 0; i < 8; i++) {
            await sleep(150);
            const pids = nginx.worker_pids();
            process.kill(pids[i % pids.length], 'SIGKILL');
        }
        await sleep(300);
        end = true;
        await Promise.all(customers);
        assert.ok(await eventually(() => nginx.worker_pids().length === 2));

        // The worker that refilled may have been the one.
        let count = tap.invoices;
        assert.ok(await eventually(async () => {
            const before = count;
            await sleep(2200);
            count = tap.invoices;
            return before === count;
        }, 30));
        tap.close();
        for (let i = 0; i < size; i++) {
            await challenge();
        }
        assert_no_invoice(await request(url));
        await tap.open();
    });

    // Anybody may choose them.
    it('is not made for prices and memos out of a request', async () => {
        assert.ok(await eventually(async () =>
            (await request(nginx.url + '/chosen/?price=1sat')).status === 402));
        await sleep(1500);
        const before = tap.invoices;
        for (let i = 1; i <= 30; i++) {
            await challenge(`${nginx.url}/chosen/?price=${i}sat`);
            await challenge(`${nginx.url}/memo/?memo=${i}`);
        }
        await sleep(500);
        assert.equal(tap.invoices, before + 60);
    });

    it('changes its size at a reload and keeps what it holds', async () => {
        const before = tap.invoices;
        nginx.configure(configuration({ pool: size + 5 }));
        await nginx.reload();
        await full(before + 5);
        nginx.configure(configuration({ pool: 5 }));
        await nginx.reload();
        tap.close();
        for (let i = 0; i < 5; i++) {
            await challenge();
        }
        assert_no_invoice(await request(url));
        await tap.open();
        await full(tap.invoices + 5);
    });

    it('makes way for that of a new price', async () => {
        const before = tap.invoices;
        nginx.configure(configuration({ price: '11sat' }));
        await nginx.reload();
        await full(before + size);
        const response = await request(url);
        assert.equal(JSON.parse(response.text).price_msat, 11000);
        tap.close();
        for (let i = 1; i < size; i++) {
            await challenge();
        }
        await tap.open();
    });

    it('stops the reload that would change the size of the zone', async () => {
        const now = configuration({ price: '11sat' });
        nginx.configure(self => now(self).replace('l402:1m', 'l402:2m'));
        const said = await nginx.refused_reload();
        assert.match(said, /the size of "l402_zone" "l402" cannot change from /);
        nginx.configure(now);
        assert.equal((await request(nginx.url + '/plain/')).status, 200);
    });

    it('ends', () => nginx.stop({ expected: /exited on signal 9/ }));
});

describe('a stock that grows old', () => {
    let tap, nginx, url;

    before(async () => {
        tap = await Tap.open(env('L402_NODE_URL'));
        nginx = await Nginx.start('stock_age', ({ port }) => `
    l402_zone l402:1m;
    ${service('node', { url: tap.url, more:
        `pool 3; invoice_expiry 16s; fail_timeout 300ms; timeout 1s;` })}
    server {
        listen 127.0.0.1:${port};
        l402 paid;
        l402_price 10sat;
        location / { alias html/; }
        location /short/ {
            l402_valid_for 8s;
            alias html/;
        }
    }`);
        url = nginx.url + '/';
    });

    after(() => tap?.close());

    it('is made for each life of an invoice', async () => {
        assert.ok(await eventually(() => tap.invoices === 6));
    });

    it('is replaced before half of the life is over', async () => {
        assert.ok(await eventually(() => tap.invoices >= 12, 10));
        const now = Date.now() / 1000;
        for (const [path, life] of [['/', 16], ['/short/', 8]]) {
            const { expires_at } = JSON.parse(
                (await request(nginx.url + path)).text);
            assert.ok(expires_at - now >= life / 2 - 1);
            assert.ok(expires_at - now <= life + 1);
        }
    });

    it('hands none out that has less than half of its life left',
       async () => {
        await sleep(1500);
        tap.close();
        assert.equal((await request(url)).status, 402);
        await sleep(8500);
        assert_no_invoice(await request(url));
        await tap.open();
        assert.ok(await eventually(async () =>
            (await request(url)).status === 402));
    });

    it('ends', () => nginx.stop());
});

describe('a zone that is just large enough', () => {
    it('holds the whole stock', async () => {
        const tap = await Tap.open(env('L402_NODE_URL'));
        const most = 150;
        const nginx = await Nginx.start('stock_zone', ({ port }) => `
    l402_zone l402:200k;
    ${service('node', { url: tap.url, more: `pool ${most};` })}
    server {
        listen 127.0.0.1:${port};
        location / { l402 paid; l402_price 10sat; alias html/; }
    }`);
        assert.ok(await eventually(() => tap.invoices === most));
        await nginx.reload();
        await sleep(500);
        assert.equal(tap.invoices, most);
        assert.ok(!nginx.error_log().includes('no room'));
        await nginx.stop();
        tap.close();
    });
});
