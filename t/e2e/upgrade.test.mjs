// A customer of one tier raises his token: a real payment for each, and one
// token id for both.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, Tap, buy, env, new_key, pay, read_challenge, read_invoice,
    read_macaroon, request, service, start_backend,
} from './lib.mjs';

describe('an upgrade', () => {
    let backend, tap, nginx, basic, dear, bought;

    before(async () => {
        backend = await start_backend();
        tap = await Tap.open(env('L402_NODE_URL'));
        nginx = await Nginx.start('upgrade', ({ port }) => `
    ${service('node', { url: tap.url })}
    server {
        listen 127.0.0.1:${port};
        location /basic/ {
            l402 weather;
            l402_price 10sat;
            l402_valid_for 10m;
            proxy_pass ${backend.url};
        }
        location /dear/ {
            l402 weather:1;
            l402_price 50sat;
            l402_upgrade_price 40sat;
            l402_valid_for 1d;
            proxy_pass ${backend.url};
        }
    }`);
        basic = nginx.url + '/basic/';
        dear = nginx.url + '/dear/';
        bought = await buy(basic);
    });

    after(() => {
        tap?.close();
        backend?.stop();
    });

    const status = async (url, headers) =>
        (await request(url, { headers })).status;

    const ends = ({ caveats }) => Number(caveats.find(
        caveat => caveat.startsWith('weather_valid_until=')).slice(20));

    // Pays what a request with this credential is answered.
    async function raise(headers) {
        const response = await request(dear, { headers });
        const challenge = read_challenge(response);
        const preimage = await pay(challenge.invoice);
        return {
            body: response.json(),
            invoice: read_invoice(challenge.invoice),
            macaroon: read_macaroon(challenge.macaroon),
            headers: { Authorization: `L402 ${challenge.macaroon}:${preimage}` },
        };
    }

    it('costs the difference, keeps the token id and opens both', async () => {
        const first = read_macaroon(bought.macaroon);
        const raised = await raise(bought.headers);

        assert.equal(raised.body.reason, 'insufficient');
        assert.equal(raised.body.price_msat, 40_000);
        assert.equal(raised.invoice.msat, 40_000);
        assert.equal(raised.macaroon.token_id, first.token_id);
        assert.notEqual(raised.macaroon.payment_hash, first.payment_hash);
        assert.equal(raised.macaroon.caveats[0], 'services=weather:1');
        assert.equal(ends(raised.macaroon), ends(first));
        assert.ok(raised.invoice.expires_at <= ends(first));
        assert.equal(raised.body.token_expires_at, ends(first));

        assert.equal(await status(dear, raised.headers), 200);
        assert.equal(await status(basic, raised.headers), 200);
        assert.equal(await status(basic, bought.headers), 200);
        assert.equal(await status(dear, bought.headers), 402);
    });

    it('costs a stranger the full price', async () => {
        for (const headers of [
            {}, { Authorization: `L402 ${bought.macaroon}:${'00'.repeat(32)}` },
        ]) {
            const response = await request(dear, { headers });
            const challenge = read_challenge(response);
            assert.equal(read_invoice(challenge.invoice).msat, 50_000);
            assert.notEqual(read_macaroon(challenge.macaroon).token_id,
                            read_macaroon(bought.macaroon).token_id);
        }
    });

    it('outlives the rotation of its key as little as what earned it',
       async () => {
        const old = fs.readFileSync(path.join(nginx.dir, 'keys'), 'utf8');
        const key = new_key();

        nginx.write('keys', key + old);
        await nginx.reload();
        const raised = await raise(bought.headers);
        assert.equal(raised.body.price_msat, 40_000);
        assert.equal(raised.macaroon.token_id,
                     read_macaroon(bought.macaroon).token_id);
        assert.equal(await status(dear, raised.headers), 200);
        assert.equal(await status(basic, raised.headers), 200);

        nginx.write('keys', key);
        await nginx.reload();
        assert.equal(await status(basic, bought.headers), 402);
        assert.equal(await status(dear, raised.headers), 402);
        const again = await request(dear, { headers: raised.headers });
        assert.equal(again.json().reason, 'bad_signature');
        assert.equal(again.json().price_msat, 50_000);
    });

    it('ends without a trace', () => nginx.stop());
});
