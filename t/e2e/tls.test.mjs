// The node over TLS: with its own certificate, with another one, with one for
// another host, and unverified.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { make } from './lightning/tls.mjs';
import {
    Nginx, assert_no_invoice, buy, env, free_port, request, service,
} from './lib.mjs';
import { body, listen } from './service.mjs';

// The node once more, under a certificate for another host.
async function start_elsewhere(cert, key, port) {
    const server = https.createServer(
        { cert: fs.readFileSync(cert), key: fs.readFileSync(key) },
        async (from, to) => {
            const answer = await request(env('L402_NODE_URL') + from.url, {
                method: from.method, headers: from.headers,
                body: await body(from),
            });
            to.writeHead(answer.status).end(answer.text);
        });
    await listen(server, port);
    return server;
}

describe('a node with TLS', () => {
    let nginx, elsewhere, forger;

    before(async () => {
        const url = env('L402_NODE_TLS_URL');
        const own = `ca_file ${env('L402_NODE_CERT')};`;
        const port_elsewhere = await free_port();
        const port_forger = await free_port();
        const url_elsewhere = `https://127.0.0.1:${port_elsewhere}`;
        const url_forger = `https://127.0.0.1:${port_forger}`;

        nginx = await Nginx.start('tls', ({ dir, port }) => {
            make(path.join(dir, 'other.pem'), path.join(dir, 'other.key'));
            make(path.join(dir, 'elsewhere.pem'),
                 path.join(dir, 'elsewhere.key'), 'DNS:elsewhere.example');
            make(path.join(dir, 'forger.pem'), path.join(dir, 'forger.key'),
                 '', '/CN=a\nforged');

            const services = {
                own: { url, more: own },
                hostname: { url: url.replace('127.0.0.1', 'localhost'),
                            more: own },
                unverified: { url, more: 'verify off;' },
                other: { url, more: `ca_file ${dir}/other.pem;` },
                system: { url },
                elsewhere: { url: url_elsewhere,
                             more: `ca_file ${dir}/elsewhere.pem;` },
                forger: { url: url_forger,
                          more: `ca_file ${dir}/forger.pem;` },
                elsewhere_unverified: { url: url_elsewhere,
                                        more: 'verify off;' },
            };
            return `
    ${Object.entries(services).map(([name, options]) =>
        service(name, options)).join('')}
    server {
        listen 127.0.0.1:${port};
        ${Object.keys(services).map(name => `
        location /${name}/ {
            l402 ${name};
            l402_price 10sat;
            l402_invoice_from ${name};
            alias html/;
        }`).join('')}
    }`;
        });
        elsewhere = await start_elsewhere(
            path.join(nginx.dir, 'elsewhere.pem'),
            path.join(nginx.dir, 'elsewhere.key'), port_elsewhere);
        forger = await start_elsewhere(
            path.join(nginx.dir, 'forger.pem'),
            path.join(nginx.dir, 'forger.key'), port_forger);
    });

    after(() => {
        for (const server of [elsewhere, forger]) {
            server?.close();
            server?.closeAllConnections();
        }
    });

    for (const name of ['own', 'hostname', 'unverified',
                        'elsewhere_unverified']) {
        it(`${name}: sells`, async () => {
            const { headers } = await buy(`${nginx.url}/${name}/1k`);
            const response = await request(
                `${nginx.url}/${name}/1k`, { headers });
            assert.equal(response.status, 200);
            assert.equal(response.text.length, 1024);
        });
    }

    for (const name of ['other', 'system', 'elsewhere']) {
        it(`${name}: is not believed`, async () => {
            const before = nginx.error_log().length;
            assert_no_invoice(await request(`${nginx.url}/${name}/1k`));
            assert.match(nginx.error_log().slice(before),
                         /\[error\].*l402.*(SSL|certificate)/);
        });
    }

    it('a name in a certificate writes no line of its own', async () => {
        const before = nginx.error_log().length;
        assert_no_invoice(await request(`${nginx.url}/forger/1k`));
        assert.match(nginx.error_log().slice(before),
                     /\[error\].*subject name 'a\?forged' does not/);
    });

    it('ends without a trace', () => nginx.stop());
});
