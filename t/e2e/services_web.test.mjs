// LNbits, BTCPay Server and Lightning addresses, through a real nginx: what the
// gate asks is what they take, the invoice that comes can be paid, and whatever
// goes wrong with one is 503, never content and never an invoice.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { certificate } from './lightning/tls.mjs';
import {
    Nginx, assert_no_invoice, buy, free_port, read_challenge, read_invoice,
    request, secrets, start_backend,
} from './lib.mjs';
import {
    carried, fault_conf, fault_tests, harmless, harmless_http, harmless_tests,
    hashed, matrix_conf, offered,
} from './lib/fault_matrix.mjs';
import { start_web_services, web_services } from './lib/web_services.mjs';
import { build } from './packages.mjs';

const price = 1500;
const memo = 'Wetter: 100% & "mehr" + a=b; \u00e4\u20ac\u{1f326}';

// Whole sats but for BTCPay.
const charged = { lnbits: 2000, btcpay: price, lnurl: 2000 };

// Once it is asked what it sells, and not called back any more.
const at_first = names => names.map(name => 'first-' + name);
const first = Object.fromEntries(Object.entries(carried).map(
    ([fault, reason]) => ['first-' + fault, reason]));

const reasons = {
    lnbits: {
        ...carried,
        ...offered,
        ...hashed,
        wrongkey: /answered 404: Wallet not found\./,
    },
    btcpay: {
        ...carried,
        ...offered,
        ...hashed,
        wrongkey: /answered 401: Authentication is required/,
    },
    lnurl: {
        ...carried,
        ...offered,
        ...first,
        'first-huge': /answered with more than 256 kB/,
        error: /answered with an error: fault 0/,
        otherhash: /description hash is not that of what the service descr/,
        errorfirst: /answered with an error: No such user\./,
        withdraw: /answered with no payRequest/,
        nocallback: /answered with no callback/,
        nometadata: /answered with no metadata/,
        textbounds: /answered with no minSendable/,
        toolittle: /takes 2000 to 1999 msat, the price is 2000/,
        toomuch: /takes 2001 to \d+ msat, the price is 2000/,
        socket: /named a url that has a port/,
        file: /named a url that has no scheme/,
        user: /named a url that has user information/,
        header_in_url: /named a url that has a space or a control character/,
        tls_plainhttp: /named a url that is not https/,
    },
};
const alone = ['wrongkey', 'tls_plainhttp'];
const good = {
    lnbits: ['ok', 'duplicate', ...harmless],
    btcpay: ['ok', 'duplicate', ...harmless],
    lnurl: ['ok', 'duplicate', 'plain', 'picture', 'tls_ok', 'short',
            ...harmless, ...at_first(harmless_http)],
};

describe('services on the web', () => {
    let backend, web, nginx;

    before(async () => {
        const folder = path.join(build, 'e2e', 'services_web_tls');
        fs.mkdirSync(folder, { recursive: true });
        const tls = certificate(folder);
        const closed = `http://127.0.0.1:${await free_port()}`;
        [backend, web] = await Promise.all(
            [start_backend(), start_web_services(tls)]);

        const { store } = web_services.btcpay;
        const at = {
            lnbits: { down: closed, wrongkey: web.lnbits('ok') },
            btcpay: { down: closed + store, wrongkey: web.btcpay('ok') },
            lnurl: { down: closed + '/a', short: web.lnurl('ok'),
                     tls_ok: web.lnurl('ok', 1),
                     tls_plainhttp: web.lnurl('plainhttp', 1) },
        };
        const key_file = name => (fault, dir) => 'credential_file '
            + `${dir}/${name}${fault === 'wrongkey' ? '.wrong' : ''};`;
        const own = {
            lnbits: key_file('lnbits'),
            btcpay: key_file('btcpay'),
            lnurl: fault => fault.startsWith('tls_') ? `ca_file ${tls.path};`
                : fault === 'short' ? 'invoice_expiry 10m;' : '',
        };
        const parts = (name, dir) => [
            ...good[name].map(fault => [fault, null]),
            ...Object.keys(reasons[name]).map(fault =>
                [fault, alone.includes(fault) ? null : web[name]('ok')]),
        ].map(([fault, next]) => fault_conf(backend, name, fault, {
            url: at[name][fault] ?? web[name](fault), next,
            more: own[name](fault, dir) }));

        nginx = await Nginx.start('services_web', gate => {
            for (const name of ['lnbits', 'btcpay']) {
                const { credential } = web_services[name];
                secrets.add(credential);
                gate.write(name, credential + '\n');
                gate.write(name + '.wrong', 'x' + credential.slice(1));
            }
            const all = Object.keys(reasons).flatMap(
                name => parts(name, gate.dir));
            return matrix_conf(gate, all, { memo, price });
        });
    });

    after(() => {
        backend?.stop();
        web?.stop();
    });

    const taken = (name, fault) => web.seen.filter(
        call => call.name === name && call.fault === fault);
    const url = (name, fault) => `${nginx.url}/${name}/${fault}/`;

    for (const name of Object.keys(reasons)) {
        it(`${name}: bought, paid over Lightning, opened`, async () => {
            const bought = await buy(url(name, 'ok'));
            assert.equal(read_invoice(bought.invoice).msat, charged[name]);

            const opened = await request(url(name, 'ok'),
                                         { headers: bought.headers });
            assert.equal(opened.status, 200, opened.text);
            assert.equal(opened.text, 'content of the backend\n');
        });

        it(`${name}: the price is what the invoice says`, async () => {
            const challenge = await request(url(name, 'ok'));
            assert.equal(challenge.headers.price, String(charged[name]));
            assert.equal(challenge.json().price_msat, charged[name]);
            assert.equal(challenge.json().price_sats, 2);
        });

        it(`${name}: a memo that is empty, or no text`, async () => {
            for (const rest of ['?long=2', '?long=3', 'a%01%7fb?long=4',
                                'a%f0(b%ff?long=4', '%c2%85?long=4']) {
                read_challenge(await request(url(name, 'ok') + rest));
            }
        });

        it(`${name}: one invoice is not handed to two customers`, async () => {
            read_challenge(await request(url(name, 'duplicate')));
            assert_no_invoice(await request(url(name, 'duplicate')));
        });

        const options = {
            price: charged[name], alone,
            gate: () => ({ nginx, backend,
                           made: () => taken(name, 'ok').length }),
        };
        fault_tests(name, reasons[name], options);
        harmless_tests(name, harmless, options);
    }

    harmless_tests('lnurl', at_first(harmless_http), {
        price: charged.lnurl, gate: () => ({ nginx }) });

    for (const name of ['lnbits', 'btcpay']) {
        it(`${name}: the invoice is what was asked for`, async () => {
            const { invoice } =
                read_challenge(await request(url(name, 'ok')));
            const { memo: said, expiry } = read_invoice(invoice);
            assert.deepEqual({ said, expiry }, { said: memo, expiry: 600 });
            assert.deepEqual(taken(name, 'ok').at(-1).wanted,
                             { msat: charged[name], memo, expiry: 600 });

            const long = await request(url(name, 'ok') + '?long=1');
            assert.equal(read_invoice(read_challenge(long).invoice).memo,
                         '\u{1f326}'.repeat(159));
        });
    }

    it('lnurl: the memo is the comment, as long as it may be', async () => {
        await request(url('lnurl', 'ok'));
        assert.equal(taken('lnurl', 'ok').at(-1).wanted.memo,
                     memo.slice(0, 20));
        await request(url('lnurl', 'ok') + '?long=1');
        assert.equal(taken('lnurl', 'ok').at(-1).wanted.memo,
                     '\u{1f326}'.repeat(5));
    });

    it('lnurl: no two callbacks are the same', async () => {
        await request(url('lnurl', 'ok'));
        await request(url('lnurl', 'ok'));
        const [a, b] = taken('lnurl', 'ok').slice(-2);
        assert.match(a.url, /\?id=7%2F8&amount=2000&nonce=[0-9a-f]{16}&comm/);
        assert.notEqual(a.url, b.url);
    });

    it('lnurl: an invoice that commits to nothing is taken', async () => {
        read_challenge(await request(url('lnurl', 'plain')));
    });

    it('lnurl: a picture of the largest size in the metadata', async () => {
        read_challenge(await request(url('lnurl', 'picture')));
    });

    it('lnurl: over TLS, the callback too', async () => {
        const before = taken('lnurl', 'ok').length;
        read_challenge(await request(url('lnurl', 'tls_ok')));
        assert.equal(taken('lnurl', 'ok').length, before + 1);
    });

    it('lnurl: an hour is too long where ten minutes are allowed',
       async () => {
           assert_no_invoice(await request(url('lnurl', 'short')));
           assert.match(nginx.error_log(),
                        /lives 3\d{3} s, asked for 600/);
       });

    it('lnurl: a callback that is refused is never asked', () => {
        for (const fault of ['socket', 'file', 'user', 'header_in_url',
                             'plainhttp']) {
            assert.ok(web.asked.includes(fault), fault);
            assert.equal(taken('lnurl', fault).length, 0, fault);
        }
    });

    it('ends without a trace', () => nginx.stop());
});
