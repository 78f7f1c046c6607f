// A token lives as long as its location says, an invoice no longer.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
    Nginx, assert_no_invoice, buy, env, read_challenge, read_invoice,
    read_macaroon, request, service, sleep,
} from './lib.mjs';

const locations = {
    seconds: ['2s', 2],
    minutes: ['5m', 300],
    hours: ['2h', 600],
    endless: ['off', 600],
};

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
        const until = Number(read_macaroon(macaroon).caveats
            .find(caveat => caveat.startsWith('seconds_valid_until='))
            .split('=')[1]);

        assert.ok(Date.now() < until * 1000, 'too slow to test this');
        assert.equal((await request(url, { headers })).status, 200);

        await sleep(until * 1000 - Date.now() + 600);
        const response = await request(url, { headers });
        read_challenge(response);
        assert.equal(response.json().reason, 'expired');
    });

    for (const [name, [valid_for, expiry]] of Object.entries(locations)) {
        it(`valid for ${valid_for}: the invoice ends no later than the token`,
           async () => {
            const response = await request(`${nginx.url}/${name}/1k`);
            const { invoice, macaroon } = read_challenge(response);
            const { expires_at, time } = read_invoice(invoice);
            const { caveats } = read_macaroon(macaroon);
            const until = caveats
                .find(caveat => caveat.startsWith(`${name}_valid_until=`));

            assert.ok(expires_at - time <= expiry);
            assert.ok(expires_at - time >= expiry - 2);
            if (valid_for === 'off') {
                assert.equal(until, undefined);
                return;
            }
            assert.ok(expires_at <= Number(until.split('=')[1]));
            assert.ok(expires_at <= response.json().token_expires_at);
        });
    }

    it('a node that gives ten days whatever it is asked sells nothing that '
       + 'outlives its token', async () => {
        const response = await request(nginx.url + '/stubborn/1k');
        assert_no_invoice(response);
    });

    it('ends without a trace', () => nginx.stop());
});
