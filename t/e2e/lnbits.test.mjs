// A real LNbits, through a real nginx: its invoices are sold, paid within it,
// and open the gate. They are on mainnet, as its fake wallet makes them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, assert_no_invoice, env, read_challenge, read_invoice,
    read_macaroon, request, secrets, sha256_of_hex, start_backend,
} from './lib.mjs';

const memo = 'Wetter: 100% & "mehr" + a=b; \u00e4\u20ac\u{1f326}';

// With the money that the payer has in the same LNbits.
async function pay(invoice) {
    const response = await request(env('L402_LNBITS_URL')
                                   + '/api/v1/payments', {
        method: 'POST', body: JSON.stringify({ out: true, bolt11: invoice }),
        headers: { 'X-Api-Key': env('L402_LNBITS_PAYER_KEY'),
                   'Content-Type': 'application/json' },
    });
    assert.equal(response.status, 201, response.text);
    const { preimage, payment_hash } = response.json();
    assert.equal(sha256_of_hex(preimage), payment_hash);
    secrets.add(preimage);
    return preimage;
}

describe('LNbits', () => {
    let backend, nginx;

    before(async () => {
        backend = await start_backend();
        const url = env('L402_LNBITS_URL');
        const key = env('L402_LNBITS_INVOICE_KEY');
        secrets.add(key);
        secrets.add(env('L402_LNBITS_PAYER_KEY'));

        const gates = {
            good: { key: 'key' },
            wrong: { key: 'wrong' },
            regtest: { key: 'key', more: 'network regtest;' },
            dear: { key: 'key', price: '2000000000sat' },
            settled: { key: 'key' },
            stranger: { key: 'wrong' },
        };
        nginx = await Nginx.start('lnbits', gate => {
            gate.write('key', key + '\n');
            gate.write('wrong', '0'.repeat(32) + '\n');
            return `
    ${Object.entries(gates).map(([name, { key, more = '' }]) => `
    l402_invoice_service ${name} {
        protocol lnbits;
        url ${url};
        credential_file ${gate.dir}/${key};
        ${more}
    }`).join('')}
    map $arg_long $memo {
        default '${memo}';
        1       '${'\u{1f326}'.repeat(200)}';
    }
    server {
        listen 127.0.0.1:${gate.port};
        l402_memo $memo;
        ${Object.entries(gates).map(([name, { price = '9500msat' }]) => `
        location /${name}/ {
            l402 ${name};
            l402_price ${price};
            l402_invoice_from ${name};
            l402_settled ${['settled', 'stranger'].includes(name)
                ? 'require' : 'off'};
            add_header Price $l402_price_msat always;
            proxy_pass ${backend.url};
        }`).join('')}
    }`;
        });
    });

    after(() => backend?.stop());

    const url = name => `${nginx.url}/${name}/`;

    it('sells, is paid, and the gate opens', async () => {
        const { macaroon, invoice } =
            read_challenge(await request(url('good')));
        const preimage = await pay(invoice);
        const opened = await request(url('good'), {
            headers: { Authorization: `L402 ${macaroon}:${preimage}` } });
        assert.equal(opened.status, 200, opened.text);
        assert.equal(opened.text, 'content of the backend\n');
    });

    it('makes the invoice that was asked for', async () => {
        const challenge = await request(url('good'));
        const { macaroon, invoice } = read_challenge(challenge);
        const read = read_invoice(invoice);
        assert.equal(read.msat, 10_000);
        assert.equal(read.memo, memo);
        assert.equal(read.expiry, 600);
        assert.equal(read.network, 'bc');
        assert.equal(read.payment_hash, read_macaroon(macaroon).payment_hash);
        assert.equal(challenge.headers.price, '10000');
        assert.equal(challenge.json().price_msat, 10_000);
    });

    it('takes a memo that is cut', async () => {
        const { invoice } =
            read_challenge(await request(url('good') + '?long=1'));
        assert.equal(read_invoice(invoice).memo, '\u{1f326}'.repeat(159));
    });

    for (const [name, what] of [
        ['wrong', /answered 404: Wallet not found\./],
        ['regtest', /invoice is for mainnet, configured is regtest/],
        ['dear', /answered 520: Invoice amount 2000000000 sats is too high/],
    ]) {
        it(`503 where it cannot be: ${name}`, async () => {
            const log = nginx.error_log().length;
            assert_no_invoice(await request(url(name)));
            assert.match(nginx.error_log().slice(log), what);
            assert.ok(!backend.seen.some(
                seen => seen.url.startsWith(`/${name}/`)));
        });
    }

    // ---- settlement ----

    const look_up = async hash => (await request(
        `${env('L402_LNBITS_URL')}/api/v1/payments/${hash}`,
        { headers: { 'X-Api-Key': env('L402_LNBITS_INVOICE_KEY') } })).json();

    it('says whether the money is there', async () => {
        const { macaroon, invoice } =
            read_challenge(await request(url('settled')));
        const { paid, details: { preimage } } =
            await look_up(read_invoice(invoice).payment_hash);
        secrets.add(preimage);
        assert.equal(paid, false);

        const headers = { Authorization: `L402 ${macaroon}:${preimage}` };
        const early = await request(url('settled'), { headers });
        assert.equal(early.status, 503, early.text);
        assert.equal(early.json().reason, 'unsettled');

        assert.equal(await pay(invoice), preimage);
        const opened = await request(url('settled'), { headers });
        assert.equal(opened.status, 200, opened.text);
        assert.equal(opened.text, 'content of the backend\n');
    });

    const mint = (service, ...more) => {
        const made = spawnSync(env('L402_CTL'), [
            'mint', '--service', service, '--key-file', nginx.dir + '/keys',
            ...more,
        ], { encoding: 'utf8' });
        assert.equal(made.status, 0, made.stderr);
        return made.stdout.trim();
    };

    // LNbits answers strangers, too, and about anybody's payments.
    it('is not believed where the key is none of the wallet', async () => {
        const { invoice } = read_challenge(await request(url('good')));
        const hash = read_invoice(invoice).payment_hash;
        const preimage = await pay(invoice);
        const told = await request(
            `${env('L402_LNBITS_URL')}/api/v1/payments/${hash}`);
        assert.equal(told.json().paid, true);

        const macaroon = mint('stranger', '--payment-hash', hash);
        const log = nginx.error_log().length;
        const refused = await request(url('stranger'), { headers: {
            Authorization: `L402 ${macaroon}:${preimage}` } });
        assert.equal(refused.status, 503, refused.text);
        assert.equal(refused.json().reason, 'unconfirmed');
        assert.match(nginx.error_log().slice(log), /answered with no details/);
    });

    it('does not know what it has not made', async () => {
        const refused = await request(url('settled'), {
            headers: { Authorization: mint('settled') } });
        assert.equal(refused.json().reason, 'unsettled');
        read_challenge(refused);
    });

    it('ends without a trace', () => nginx.stop());
});
