// A real lnd behind a real nginx: its invoices are sold and paid over a real
// channel, with no more rights than are needed; what it refuses is a 503.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, assert_no_invoice, read_challenge, read_invoice, read_macaroon,
    request, start_backend,
} from '../lib.mjs';
import { bake, buy, buyer, guarded, lnd_service, seller } from './peers.mjs';

const memo = 'Wetter: 100% & "mehr" + a=b; \u00e4\u20ac\u{1f326}';

// The sockets of this process that lead to the seller's REST interface.
function connections_of(pid) {
    const port = Number(new URL(seller.url).port).toString(16)
        .toUpperCase().padStart(4, '0');
    const inodes = new Set(fs.readdirSync(`/proc/${pid}/fd`).map(fd => {
        try {
            return /^socket:\[(\d+)\]$/.exec(
                fs.readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
        } catch {
            return undefined;
        }
    }));
    return fs.readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)
        .map(line => line.trim().split(/\s+/))
        .filter(([, , to, , , , , , , inode]) =>
            to?.endsWith(`:${port}`) && inodes.has(inode))
        .map(fields => fields[9]).sort();
}

describe('lnd', () => {
    const macaroons = {};
    let backend, nginx;

    before(async () => {
        backend = await start_backend();
        Object.assign(macaroons, {
            write: bake('write', 'invoices:write'),
            // What docs/directives.md says of credential_file.
            least: bake('least', 'uri:/lnrpc.Lightning/AddInvoice'),
            read: bake('read', 'invoices:read'),
            other: guarded(buyer.bake('write', 'invoices:write')),
            own: guarded(seller.macaroon('invoice')),
        });
        const { write, least, read, other, own } = macaroons;
        const gates = {
            good: { macaroon: write, more: 'invoice_expiry 7m;' },
            least: { macaroon: least },
            own: { macaroon: own },
            hex: { macaroon: 'own.hex' },
            hostname: { macaroon: write,
                        url: seller.url.replace('127.0.0.1', 'localhost') },
            wrong: { macaroon: other },
            read: { macaroon: read },
            none: {},
            dear: { macaroon: write, price: '10000000000001000msat' },
            testnet: { macaroon: write, more: 'network testnet;' },
            certificate: { macaroon: write, cert: buyer.cert },
            later: { macaroon: 'later' },
        };
        nginx = await Nginx.start('lnd', gate => {
            gate.write('own.hex',
                       fs.readFileSync(own).toString('hex') + '\n');
            fs.copyFileSync(other, `${gate.dir}/later`);
            return `
    ${Object.entries(gates).map(
        ([name, options]) => lnd_service(name, options)).join('')}
    map $arg_long $memo {
        default '${memo}';
        1       '${'\u{1f326}'.repeat(200)}';
    }
    server {
        listen 127.0.0.1:${gate.port};
        l402_memo $memo;
        ${Object.entries(gates).map(([name, { price = '10001msat' }]) => `
        location /${name}/ {
            l402 weather;
            l402_price ${price};
            l402_invoice_from ${name};
            proxy_pass ${backend.url};
        }`).join('')}
    }`;
        });
    });

    after(() => backend?.stop());

    const url = name => `${nginx.url}/${name}/`;

    it('sells, is paid, and the gate opens', async () => {
        const headers = await buy(url('good'));
        const opened = await request(url('good'), { headers });
        assert.equal(opened.status, 200, opened.text);
        assert.equal(opened.text, 'content of the backend\n');
    });

    it('makes the invoice that was asked for', async () => {
        const challenge = await request(url('good'));
        const { macaroon, invoice } = read_challenge(challenge);
        const read = read_invoice(invoice);
        assert.equal(read.network, 'bcrt');
        assert.equal(read.payment_hash, read_macaroon(macaroon).payment_hash);
        assert.equal(challenge.json().price_msat, 10_001);

        const known = await seller.invoice(read.payment_hash);
        assert.equal(known.payment_request, invoice);
        assert.equal(known.value_msat, '10001');
        assert.equal(known.memo, memo);
        assert.equal(known.expiry, '420');
        assert.equal(known.state, 'OPEN');
    });

    it('takes a memo that is cut', async () => {
        const { invoice } =
            read_challenge(await request(url('good') + '?long=1'));
        assert.equal(read_invoice(invoice).memo, '\u{1f326}'.repeat(159));
    });

    for (const name of ['least', 'own', 'hex', 'hostname']) {
        it(`sells: ${name}`, async () => {
            const headers = await buy(url(name));
            assert.equal((await request(url(name), { headers })).status, 200);
        });
    }

    // Its REST interface agrees to no HTTP/2: a connection for each call that
    // is under way, kept for the next.
    it('is asked on the connection that is there', async () => {
        const [worker] = nginx.worker_pids();
        read_challenge(await request(url('good')));
        const before = connections_of(worker);
        assert.ok(before.length > 0);
        for (let i = 0; i < 20; i++) {
            read_challenge(await request(url('good')));
        }
        assert.deepEqual(connections_of(worker), before);
    });

    for (const [name, what] of [
        ['wrong', /answered 500: verification failed: signature mismatch/],
        ['read', /answered 500: permission denied/],
        ['none', /answered 500: expected 1 macaroon, got 0/],
        ['dear', /answered 500: .* too large, max is 100000 BTC/],
        ['testnet', /invoice is for regtest, configured is testnet/],
        ['certificate', /SSL|certificate/],
    ]) {
        it(`503 where it cannot be: ${name}`, async () => {
            const log = nginx.error_log().length;
            assert_no_invoice(await request(url(name)));
            const errors = nginx.error_log().slice(log).split('\n')
                .filter(line => line.includes('[error]'));
            assert.equal(errors.length, 1, errors.join('\n'));
            assert.match(errors[0], new RegExp(`l402.*"${name}"`));
            assert.match(errors[0], what);
            assert.ok(!backend.seen.some(
                seen => seen.url.startsWith(`/${name}/`)));
        });
    }

    it('is asked with the macaroon that a reload has read', async () => {
        assert_no_invoice(await request(url('later')));
        fs.copyFileSync(macaroons.least, `${nginx.dir}/later`);
        await nginx.reload();
        read_challenge(await request(url('later')));
    });

    it('ends without a trace', () => nginx.stop());
});
