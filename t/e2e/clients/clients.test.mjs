// L402 clients of other makers, fetched as their users fetch them, buy from
// the gate over real Lightning and come back with what they bought.
// docs/clients.md has the same table in words.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import {
    Nginx, env, eventually, read_macaroon, request, secrets, service,
    start_backend,
} from '../lib.mjs';
import { free_port } from '../lib/nginx.mjs';
import { start_lnd_bridge } from './lnd_bridge.mjs';

const here = import.meta.dirname
    ?? path.dirname(new URL(import.meta.url).pathname);

// What a client sends with its first paid request, and with the one after it:
// T stands for the macaroon as it was minted, p for the preimage.
const clients = [
    { name: '@getalby/lightning-tools', run: js('buy_lightning_tools'),
      buys: 'L402 T:p' },
    { name: 'l402 (npm)', run: js('buy_l402'), buys: 'L402 T:p' },
    { name: 'lsat-js', run: js('buy_lsat_js'), buys: 'LSAT T:p' },
    { name: 'pyl402', run: python('buy_pyl402'),
      buys: 'L402 T:p', reuses: 'L402 L402 T:p' },
    { name: 'l402-requests', run: python('buy_l402_requests'),
      buys: 'L402 T:p' },
    { name: 'l402kit', run: python('buy_l402kit'), buys: 'L402 T:p' },
    { name: 'l402sdk', run: python('buy_l402sdk'), buys: 'L402 T:p' },
    { name: 'aperture/l402 over gRPC', run: grpc, text: 'SERVING',
      buys: 'Macaroon: hex of T with preimage=p' },
];

const asked_without = 'nothing';

function js(name) {
    return ({ url }) => [process.execPath, path.join(here, 'js', name + '.mjs'),
                         url];
}

function python(name) {
    return ({ url }) => [env('L402_CLIENTS_PYTHON'),
                         path.join(here, 'python', name + '.py'), url];
}

function grpc({ nginx, ports }) {
    return [env('L402_CLIENTS_GRPC'), `127.0.0.1:${ports.h2}`,
            `127.0.0.1:${ports.upstream}`, path.join(nginx.dir, 'store')];
}

describe('clients from the registries', () => {
    const text = 'content of the backend\n';
    let backend, bridge, nginx, gate;

    before(async () => {
        backend = await start_backend();
        bridge = await start_lnd_bridge();
        const ports = { h2: await free_port(), upstream: await free_port() };
        nginx = await Nginx.start('clients', ({ port, dir }) => `
    ${service('node')}
    # What clients send; the module takes it off before the log is written.
    log_format sent escape=json '{"status":"$status",'
        '"authorization":"$sent_authorization","macaroon":"$sent_macaroon",'
        '"challenge":"$sent_http_www_authenticate"}';

    server {
        access_log ${dir}/sent.log sent;
        listen 127.0.0.1:${port};
        listen 127.0.0.1:${ports.h2} http2;
        set $sent_authorization $http_authorization;
        set $sent_macaroon $http_macaroon;
        location / {
            l402 weather;
            l402_price 10sat;
            proxy_pass ${backend.url};
        }
        location /grpc.health.v1.Health/ {
            l402 health;
            l402_price 10sat;
            grpc_pass grpc://127.0.0.1:${ports.upstream};
        }
    }`);
        gate = { nginx, ports };
    });

    after(() => {
        bridge?.stop();
        backend?.stop();
    });

    async function stats() {
        const response = await request(env('L402_PAYER_URL') + '/stats');
        return response.json();
    }

    function log() {
        return fs.readFileSync(path.join(nginx.dir, 'sent.log'), 'utf8')
            .split('\n').filter(Boolean).map(line => JSON.parse(line));
    }

    // Runs it for two answers: what it got, and the `sent` requests that
    // reached the gate.
    async function run(client, sent) {
        const lines = log().length;
        const before = await stats();
        const [command, ...more] = client.run({
            ...gate, url: nginx.url + '/weather/today' });
        const { stdout } = await promisify(execFile)(command, more, {
            env: { ...process.env, L402_LND_URL: bridge.url,
                   PYTHONDONTWRITEBYTECODE: '1' },
            timeout: 60_000,
        });
        const after = await stats();
        await eventually(() => log().length >= lines + sent);
        return {
            answers: JSON.parse(stdout),
            payments: after.payments - before.payments,
            invoices: after.invoices - before.invoices,
            requests: log().slice(lines),
        };
    }

    function minted_in({ challenge }) {
        const [, minted] = /macaroon="([^"]+)"/.exec(challenge);
        secrets.add(minted);
        return minted;
    }

    // A request's credential in the words of the table.
    function words({ authorization, macaroon }, minted) {
        if (macaroon) {
            const sent = read_macaroon(Buffer.from(macaroon, 'hex'));
            const { caveats, ...rest } = read_macaroon(minted);
            const proof = sent.caveats.pop();
            assert.deepEqual(sent, { ...rest, caveats });
            assert.match(proof, /^preimage=[0-9a-f]{64}$/);
            secrets.add(proof.slice('preimage='.length));
            return 'Macaroon: hex of T with preimage=p';
        }
        const [, preimage] = /:([0-9a-f]{64})$/.exec(authorization) ?? [];
        if (preimage) {
            secrets.add(preimage);
        }
        return authorization.replace(minted, 'T')
            .replace(/:[0-9a-f]{64}$/, ':p') || asked_without;
    }

    for (const client of clients) {
        it(`${client.name} buys once and is let in twice`, async () => {
            backend.seen.length = 0;
            const { answers, payments, invoices, requests } =
                await run(client, 3);

            assert.deepEqual(answers, Array(2).fill(
                { status: 200, text: client.text ?? text }));
            assert.equal(payments, 1);
            assert.equal(invoices, 1);

            const minted = minted_in(requests[0]);
            const sent = requests.map(one => words(one, minted));
            assert.deepEqual(sent, [
                asked_without, client.buys, client.reuses ?? client.buys]);

            for (const { headers } of backend.seen) {
                assert.equal(headers.authorization, undefined);
            }
        });
    }

    // Its tokens are for one request; what it keeps is a session of its
    // makers' gateway.
    it('bolthub buys each time', async () => {
        const { answers, payments, invoices, requests } =
            await run({ run: python('buy_bolthub') }, 4);

        assert.deepEqual(answers, Array(2).fill({ status: 200, text }));
        assert.equal(payments, 2);
        assert.equal(invoices, 2);
        const sent = requests.map((one, i) =>
            words(one, minted_in(requests[i - i % 2])));
        assert.deepEqual(sent, [
            asked_without, 'L402 T:p', asked_without, 'L402 T:p']);
    });

    it('ends without a trace', () => nginx.stop());
});
