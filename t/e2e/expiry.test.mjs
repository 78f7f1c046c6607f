// A token lives as long as its location says, an invoice no longer.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
    Nginx, assert_no_invoice, buy, env, read_challenge, read_invoice,
    read_macaroon, request, service, sleep,
} from './lib.mjs';

// l402_valid_for, the token's life and the invoice's, in seconds.
const locations = {
    seconds: ['2s', 2, 2],
    minutes: ['5m', 300, 300],
    hours: ['2h', 7200, 600],
    endless: ['off', null, 600],
};

// When a token ends by its own word; null where it never does.
function end_of(macaroon, service) {
    const prefix = `${service}_valid_until=`;
    const caveat = read_macaroon(macaroon).caveats
        .find(caveat => caveat.startsWith(prefix));
    return caveat ? Number(caveat.slice(prefix.length)) : null;
}

describe('expiry', () => {
    let nginx;

    before(async () => {
        const fault = env('L402_FAULT_URL');
        nginx = await Nginx.start('expiry', ({ port }) => `
    ${service('node')}
    ${service('stubborn', { url: fault + '/long' })}
    server {
        listen 127.0.0.1:${port};
        l402_price 10sat;
        l402_invoice_from node;
        ${Object.entries(locations).map(([name, [valid_for]]) => `
        location /${name}/ {
            l402 ${name};
            l402_valid_for ${valid_for};
            alias html/;
        }`).join('')}
        location /stubborn/ {
            l402 stubborn;
            l402_valid_for 5m;
            l402_invoice_from stubborn;
            alias html/;
        }
    }`);
    });

    it('opens until the token ends, and says then why not', async () => {
        const url = nginx.url + '/seconds/1k';
        const { headers, macaroon } = await buy(url);
        const until = end_of(macaroon, 'seconds');
        assert.ok(until < Date.now() / 1000 + 4, 'lives too long');

        assert.ok(Date.now() < until * 1000, 'too slow to test this');
        assert.equal((await request(url, { headers })).status, 200);

        await sleep(until * 1000 - Date.now() + 600);
        const response = await request(url, { headers });
        read_challenge(response);
        assert.equal(response.json().reason, 'expired');
    });

    for (const [name, [valid_for, life, expiry]]
         of Object.entries(locations)) {
        it(`valid for ${valid_for}: the invoice ends no later than the token`,
           async () => {
            const now = Math.floor(Date.now() / 1000);
            const response = await request(`${nginx.url}/${name}/1k`);
            const { invoice, macaroon } = read_challenge(response);
            const { expires_at, time } = read_invoice(invoice);
            assert.ok(expires_at - time <= expiry);
            assert.ok(expires_at - time >= expiry - 2);

            const until = end_of(macaroon, name);
            if (life === null) {
                assert.equal(until, null);
                return;
            }
            assert.ok(until >= now + life && until <= now + life + 3);
            assert.ok(expires_at <= until);
            assert.equal(response.json().token_expires_at, until);
        });
    }

    it('a node that gives ten days whatever it is asked sells nothing that '
       + 'outlives its token', async () => {
        const response = await request(nginx.url + '/stubborn/1k');
        assert_no_invoice(response);
    });

    it('ends without a trace', () => nginx.stop());
});
