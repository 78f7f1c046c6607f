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
import { start_web_services, web_services } from './lib/web_services.mjs';
import { build } from './packages.mjs';

const timeout = 2;
const price = 1500;
const memo = 'Wetter: 100% & "mehr" + a=b; \u00e4\u20ac\u{1f326}';

// Whole sats but for BTCPay.
const charged = { lnbits: 2000, btcpay: price, lnurl: 2000 };

// Each fault, and what the log says of it: a 503 for another reason proves
// nothing.
const both = {
    hang: /timed out/,
    drip: /timed out/,
    close: /Empty reply|Recv failure/,
    half: /transfer closed|Recv failure/,
    s401: /answered 401: fault 401/,
    s404: /answered 404: fault 404/,
    s429: /answered 429: fault 429/,
    s500: /answered 500: fault 500/,
    redirect: /answered 302/,
    othersuccess: /answered 20[01]/,
    empty: /answered with an empty body/,
    garbage: /answered with a body that is not JSON/,
    array: /answered with JSON that is no object/,
    wrongtype: /answered with no (bolt11|BOLT11|pr)/,
    huge: /answered with more than 64 kB/,
    amount: /invoice is for \d+ msat, asked for \d+/,
    noamount: /invoice has no amount/,
    network: /invoice is for mainnet, configured is regtest/,
    expired: /invoice has expired/,
    long: /invoice lives \d+ s, asked for \d+/,
    down: /Failed to connect|Couldn't connect/,
};

// Once it is asked what it sells, and not called back any more.
const first = Object.fromEntries(
    ['hang', 'drip', 'close', 'half', 's401', 's404', 's429', 's500',
     'redirect', 'othersuccess', 'empty', 'garbage', 'huge']
        .map(fault => ['first-' + fault, both[fault]]));

const reasons = {
    lnbits: {
        ...both,
        nohash: /answered with no payment_hash/,
        badhash: /answered with a payment_hash that is not 32 bytes of hex/,
        hash: /payment hash is not the one the service named/,
        wrongkey: /answered 404: Wallet not found\./,
    },
    btcpay: {
        ...both,
        nohash: /answered with no paymentHash/,
        badhash: /answered with a paymentHash that is not 32 bytes of hex/,
        hash: /payment hash is not the one the service named/,
        wrongkey: /answered 401: Authentication is required/,
    },
    lnurl: {
        ...both,
        ...first,
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
        header: /named a url that has a space or a control character/,
        tls_plainhttp: /named a url that is not https/,
    },
};
const good = { lnbits: ['ok', 'second', 'duplicate'],
               btcpay: ['ok', 'second', 'duplicate'],
               lnurl: ['ok', 'second', 'plain', 'tls_ok', 'short'] };

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
        const tried = (name, ...before) => ({
            down: [before[0]], wrongkey: [web[name]('ok')],
            second: [before[0], web[name]('s500'), web[name]('ok')],
        });
        const at = {
            lnbits: tried('lnbits', closed),
            btcpay: tried('btcpay', closed + store),
            lnurl: { ...tried('lnurl', closed + '/a'),
                     short: [web.lnurl('ok')],
                     tls_ok: [web.lnurl('ok', 1)],
                     tls_plainhttp: [web.lnurl('plainhttp', 1)] },
        };
        const key_file = name => (fault, dir) => 'credential_file '
            + `${dir}/${name}${fault === 'wrongkey' ? '.wrong' : ''};`;
        const urls = (name, fault) => at[name][fault] ?? [web[name](fault)];
        const own = {
            lnbits: key_file('lnbits'),
            btcpay: key_file('btcpay'),
            lnurl: fault => fault.startsWith('tls_') ? `ca_file ${tls.path};`
                : fault === 'short' ? 'invoice_expiry 10m;' : '',
        };
        const each = make => Object.keys(reasons).map(name =>
            [...Object.keys(reasons[name]), ...good[name]].map(fault =>
                make(name, fault)).join('')).join('');

        nginx = await Nginx.start('services_web', gate => {
            for (const name of ['lnbits', 'btcpay']) {
                const { credential } = web_services[name];
                secrets.add(credential);
                gate.write(name, credential + '\n');
                gate.write(name + '.wrong', 'x' + credential.slice(1));
            }
            return `
    ${each((name, fault) => `
    l402_invoice_service ${name}-${fault} {
        protocol ${name};
        ${urls(name, fault).map(url => `url ${url};`).join(' ')}
        ${own[name](fault, gate.dir)}
        network regtest;
        timeout ${timeout}s;
    }`)}
    map $arg_long $memo {
        default '${memo}';
        1       '${'\u{1f326}'.repeat(200)}';
    }
    server {
        listen 127.0.0.1:${gate.port};
        l402_price ${price}msat;
        l402_memo $memo;
        ${each((name, fault) => `
        location /${name}/${fault}/ {
            l402 ${name};
            l402_invoice_from ${name}-${fault};
            add_header Price $l402_price_msat always;
            proxy_pass ${backend.url};
        }`)}
    }`;
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

        it(`${name}: the next url where others fail`, async () => {
            const { invoice } =
                read_challenge(await request(url(name, 'second')));
            assert.equal(read_invoice(invoice).msat, charged[name]);
            assert.equal(taken(name, 's500').length, 1);
        });

        for (const fault of Object.keys(reasons[name])) {
            it(`${name}, ${fault}: 503 within the deadline`, async () => {
                const log = nginx.error_log().length;
                const ok = taken(name, 'ok').length;
                const start = Date.now();
                assert_no_invoice(await request(url(name, fault)));
                assert.ok(Date.now() - start < (timeout + 1) * 1000);

                const lines = nginx.error_log().slice(log).split('\n')
                    .filter(line => /\[error\].*l402/.test(line));
                assert.equal(lines.length, 1, lines.join('\n'));
                assert.ok(lines[0].includes(`${name}-${fault}`), lines[0]);
                assert.match(lines[0], reasons[name][fault]);
                assert.equal(taken(name, 'ok').length, ok);
                assert.ok(!backend.seen.some(
                    ({ url }) => url.startsWith(`/${name}/${fault}/`)));
            });
        }
    }

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

        it(`${name}: one invoice is not handed to two customers`, async () => {
            read_challenge(await request(url(name, 'duplicate')));
            assert_no_invoice(await request(url(name, 'duplicate')));
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
        for (const fault of ['socket', 'file', 'user', 'header',
                             'plainhttp']) {
            assert.ok(web.asked.includes(fault), fault);
            assert.equal(taken('lnurl', fault).length, 0, fault);
        }
    });

    it('ends without a trace', () => nginx.stop());
});
