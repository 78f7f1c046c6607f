// An invoice that a real node made, a real payment, and what it opens.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, Tap, buy, env, pay, read_challenge, read_invoice, read_macaroon,
    request, service, start_backend,
} from './lib.mjs';

describe('a location that gets paid', () => {
    let backend, tap, nginx, url;

    before(async () => {
        backend = await start_backend();
        tap = await Tap.open(env('L402_NODE_URL'));
        nginx = await Nginx.start('buy', ({ port }) => `
    ${service('node', { url: tap.url })}
    server {
        listen 127.0.0.1:${port};
        location /weather/ {
            l402 weather;
            l402_price 10sat;
            proxy_pass ${backend.url};
        }
        location /news/ {
            l402 news;
            l402_price 1500msat;
            l402_memo "the news";
            proxy_pass ${backend.url};
        }
    }`);
        url = nginx.url + '/weather/today';
    });

    after(() => {
        tap?.close();
        backend?.stop();
    });

    // What the node itself says of an invoice.
    async function ask_node(hash) {
        const macaroon = fs.readFileSync(env('L402_NODE_MACAROON'));
        const headers = { 'Grpc-Metadata-macaroon': macaroon.toString('hex') };
        const response = await request(
            `${env('L402_NODE_URL')}/v1/invoice/${hash}`, { headers });
        assert.equal(response.status, 200);
        return response.json();
    }

    it('answers 402 with a macaroon and an invoice that belong together',
       async () => {
        const asked = Math.floor(Date.now() / 1000);
        const response = await request(url);
        const challenge = read_challenge(response);
        assert.equal(response.headers['cache-control'], 'no-store');

        const invoice = read_invoice(challenge.invoice);
        assert.equal(invoice.network, 'bcrt');
        assert.equal(invoice.msat, 10_000);
        assert.equal(invoice.memo, 'weather');
        assert.equal(invoice.expiry, 600);

        const macaroon = read_macaroon(challenge.macaroon);
        assert.equal(macaroon.location, 'lsat');
        assert.equal(macaroon.version, 0);
        assert.equal(macaroon.payment_hash, invoice.payment_hash);
        assert.match(macaroon.token_id, /^[0-9a-f]{64}$/);
        assert.equal(macaroon.caveats.length, 2);
        assert.equal(macaroon.caveats[0], 'services=weather:0');
        const [, until] = /^weather_valid_until=(\d+)$/
            .exec(macaroon.caveats[1]);
        assert.ok(until >= asked + 3600 && until <= asked + 3605);

        const body = response.json();
        assert.match(response.headers['content-type'],
                     /^application\/problem\+json/);
        assert.equal(body.status, 402);
        assert.equal(body.reason, 'absent');
        assert.equal(body.macaroon, challenge.macaroon);
        assert.equal(body.invoice, challenge.invoice);
        assert.equal(body.price_msat, 10_000);
        assert.equal(body.price_sats, 10);
        assert.equal(body.payment_hash, invoice.payment_hash);
        assert.equal(body.expires_at, invoice.expires_at);
        assert.equal(body.token_expires_at, Number(until));

        assert.equal(backend.seen.length, 0);
        assert.equal((await ask_node(invoice.payment_hash)).state, 'OPEN');
    });

    it('takes price and memo from the configuration', async () => {
        const response = await request(nginx.url + '/news/today');
        const invoice = read_invoice(read_challenge(response).invoice);
        assert.equal(invoice.msat, 1500);
        assert.equal(invoice.memo, 'the news');
        assert.equal(response.json().price_sats, 2);
    });

    it('lets a paid request through, again and again, without its '
       + 'credential', async () => {
        const { headers, invoice } = await buy(url);
        const { payment_hash } = read_invoice(invoice);
        assert.equal((await ask_node(payment_hash)).state, 'SETTLED');

        const invoices = tap.invoices;
        backend.seen.length = 0;
        for (let i = 0; i < 5; i++) {
            const response = await request(url, { headers });
            assert.equal(response.status, 200);
            assert.equal(response.text, 'content of the backend\n');
        }
        assert.equal(backend.seen.length, 5);
        for (const { headers } of backend.seen) {
            assert.equal(headers.authorization, undefined);
        }
        assert.equal(tap.invoices, invoices);
    });

    it('refuses what was paid for another service, with a fresh challenge',
       async () => {
        const { headers } = await buy(nginx.url + '/news/today');
        backend.seen.length = 0;
        const response = await request(url, { headers });
        assert.equal(read_invoice(read_challenge(response).invoice).msat,
                     10_000);
        assert.equal(response.json().reason, 'wrong_service');
        assert.equal(backend.seen.length, 0);
    });

    it('refuses the preimage of another payment', async () => {
        const first = await buy(url), second = await buy(url);
        backend.seen.length = 0;
        const response = await request(url, { headers: {
            Authorization: `L402 ${first.macaroon}:${second.preimage}` } });
        read_challenge(response);
        assert.equal(response.json().reason, 'bad_preimage');
        assert.equal(backend.seen.length, 0);
    });

    it('refuses a forged macaroon', async () => {
        const { macaroon, preimage } = await buy(url);
        const forged = Buffer.from(macaroon, 'base64');
        forged[forged.length - 1] ^= 1;
        backend.seen.length = 0;
        const response = await request(url, { headers: {
            Authorization: `L402 ${forged.toString('base64')}:${preimage}` } });
        read_challenge(response);
        assert.equal(response.json().reason, 'bad_signature');
        assert.equal(backend.seen.length, 0);
    });

    it('makes one invoice an unpaid request, whatever the method',
       async () => {
        backend.seen.length = 0;
        for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE']) {
            const invoices = tap.invoices;
            const body = method === 'POST' || method === 'PUT'
                ? 'x'.repeat(300_000) : undefined;
            const response = await request(url, { method, body });
            read_challenge(response);
            assert.equal(tap.invoices, invoices + 1, method);
        }
        assert.equal(backend.seen.length, 0);
    });

    it('sells to twenty customers at once', async () => {
        const bought = await Promise.all(
            Array.from({ length: 20 }, () => buy(url)));
        assert.equal(new Set(bought.map(({ preimage }) => preimage)).size, 20);
        const responses = await Promise.all(
            bought.map(({ headers }) => request(url, { headers })));
        responses.forEach(({ status }) => assert.equal(status, 200));
    });

    it('shows people a page with the invoice', async () => {
        const response = await request(
            url, { headers: { Accept: 'text/html,*/*;q=0.8' } });
        const { invoice } = read_challenge(response);
        assert.match(response.headers['content-type'], /^text\/html/);
        assert.ok(response.text.includes(invoice));
        await pay(invoice);
    });

    it('ends without a trace', () => nginx.stop());
});
