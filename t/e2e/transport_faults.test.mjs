// Faults on the way to a node: each is one line that says why, the next url is
// tried, and no content leaves.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { make } from './lightning/tls.mjs';
import { build } from './packages.mjs';
import {
    Front, Nginx, assert_no_invoice, buy, env, eventually, read_challenge,
    request, service, sleep, start_full, start_mute,
} from './lib.mjs';

const dir = path.join(build, 'e2e', 'transport-faults-files');
fs.rmSync(dir, { recursive: true, force: true });
fs.mkdirSync(dir, { recursive: true });

function openssl(...words) {
    const made = spawnSync('openssl', words, { cwd: dir, encoding: 'utf8' });
    if (made.status !== 0) {
        throw new Error('openssl: ' + (made.error?.message ?? made.stderr));
    }
}

const pair = name => ({
    path: path.join(dir, name + '.pem'),
    cert: fs.readFileSync(path.join(dir, name + '.pem')),
    key: fs.readFileSync(path.join(dir, name + '.key')),
});

function self_signed(name, names) {
    make(path.join(dir, name + '.pem'), path.join(dir, name + '.key'), names);
    return pair(name);
}

const new_key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
                 '-nodes', '-sha256'];

function authority(name) {
    openssl('req', '-x509', ...new_key, '-days', '30', '-subj', '/CN=' + name,
            '-keyout', name + '.key', '-out', name + '.pem');
    return pair(name);
}

// By one of the authorities; zero days are over at once.
function signed(name, by, names, days = 30) {
    fs.writeFileSync(path.join(dir, 'names'), `subjectAltName=${names}\n`);
    openssl('req', ...new_key, '-subj', '/CN=' + name, '-keyout', name + '.key',
            '-out', name + '.csr');
    openssl('x509', '-req', '-in', name + '.csr', '-CA', by + '.pem', '-CAkey',
            by + '.key', '-set_serial', '1', '-days', String(days), '-extfile',
            'names', '-out', name + '.pem');
    return pair(name);
}

describe('a fault on the way to the node', () => {
    const to_close = [];
    let nginx, full, mute, quiet;

    // Name: the front's certificate, what the service trusts, the line.
    const peers = {};
    const lines = {};

    async function peer(name, tls, trusted, line) {
        const front = await Front.open({ tls });
        to_close.push(front);
        peers[name] = {
            front, url: `https://127.0.0.1:${front.port}`,
            more: trusted ? `ca_file ${trusted.path};` : '',
        };
        lines[name] = line;
    }

    before(async () => {
        const here = 'DNS:localhost,IP:127.0.0.1';
        const ca = authority('ca');
        const other_ca = authority('other_ca');
        const good = signed('good', 'ca', here);
        const short = signed('short', 'ca', here, 0);
        const own = self_signed('own', here);
        const other = self_signed('other', here);
        const elsewhere = self_signed('elsewhere', 'DNS:elsewhere.example');
        // What a certificate says may be anything.
        openssl('req', '-x509', ...new_key, '-days', '30', '-subj',
                '/CN=odd\n[emerg] forged\x1b[1m', '-keyout', 'odd.key', '-out',
                'odd.pem');
        const odd = pair('odd');

        await peer('by_ca', good, ca);
        await peer('pinned', own, own);
        // The leaf alone is enough, and is not an authority for others.
        await peer('pinned_leaf', good, good);
        await peer('sibling', signed('sibling', 'ca', here), good,
                   /certificate/);
        await peer('wrong_ca', good, other_ca,
                   /SSL certificate problem: unable to get local issuer/);
        await peer('system', good, null,
                   /SSL certificate problem: unable to get local issuer/);
        await peer('another_peer', own, other,
                   /SSL certificate problem: self-signed certificate/);
        await peer('expired', short, ca,
                   /SSL certificate problem: certificate has expired/);
        await peer('other_name', elsewhere, elsewhere,
                   /certificate subject name.*the host of the url has to be/);
        await peer('odd_name', odd, odd, /the host of the url has to be/);
        // TLS is wanted, and is not there.
        await peer('no_tls', null, own, /SSL/);
        // The certificate runs out in this second.
        await sleep(1100);

        full = await start_full();
        mute = await start_mute();
        quiet = await start_mute();
        to_close.push(full, mute, quiet);
        const short_time = 'timeout 1s;';
        peers.full = { url: `http://127.0.0.1:${full.port}`,
                       more: short_time };
        lines.full = new RegExp('timed out connecting to 127\\.0\\.0\\.1:'
                                + full.port);
        peers.full_tls = { url: `https://127.0.0.1:${full.port}`,
                           more: short_time };
        lines.full_tls = lines.full;
        peers.mute = { url: `https://127.0.0.1:${mute.port}`,
                       more: short_time };
        lines.mute = new RegExp('timed out in the TLS handshake with '
                                + `127\\.0\\.0\\.1:${mute.port}`);
        peers.mute_http = { url: `http://127.0.0.1:${mute.port}`,
                            more: short_time };
        lines.mute_http = /timed out waiting for the answer/;

        peers.quiet = { url: `http://127.0.0.1:${quiet.port}`,
                        more: 'timeout 1m;' };

        const services = Object.entries(peers).map(([name, options]) =>
            service(name, options)).join('');
        // Each fault once more, with a good url behind it.
        const backed = Object.entries(peers).map(([name, { url, more }]) =>
            service(name + '_backed', {
                url: `${url}; url ${env('L402_NODE_URL')}`, more })).join('');
        const names = Object.keys(peers).flatMap(
            name => [name, name + '_backed']);

        nginx = await Nginx.start('transport-faults', ({ port }) => `
    ${services}
    ${backed}
    server {
        listen 127.0.0.1:${port};
        l402_price 10sat;
        ${names.map(name => `
        location /${name}/ {
            l402 ${name};
            l402_invoice_from ${name};
            alias html/;
        }`).join('')}
        location / { }
    }`);
    });

    after(() => to_close.forEach(one => one.close()));

    for (const name of ['by_ca', 'pinned', 'pinned_leaf']) {
        it(`is none: ${name}`, async () => {
            const { headers } = await buy(`${nginx.url}/${name}/1k`);
            const paid = await request(`${nginx.url}/${name}/1k`, { headers });
            assert.equal(paid.status, 200);
        });
    }

    for (const name of ['sibling', 'wrong_ca', 'system', 'another_peer',
                        'expired', 'other_name', 'odd_name', 'no_tls', 'full',
                        'full_tls', 'mute', 'mute_http']) {
        it(`is told in one line: ${name}`, async () => {
            const from = nginx.error_log().length;
            const start = Date.now();
            const response = request(`${nginx.url}/${name}/1k`);
            assert.equal((await request(`${nginx.url}/1k`)).status, 200);
            assert_no_invoice(await response);
            assert.ok(Date.now() - start < 5000);
            const said = nginx.error_log().slice(from).split('\n')
                .filter(line => line && !line.includes('[info]'));
            assert.equal(said.length, 1, said.join('\n'));
            assert.match(said[0], /\[error\].*l402: no invoice from "/);
            assert.match(said[0], lines[name]);
            assert.deepEqual(peers[name].front?.seen ?? [], []);
        });

        it(`goes to the next url: ${name}`, async () => {
            const from = nginx.error_log().length;
            read_challenge(await request(`${nginx.url}/${name}_backed/1k`));
            assert.doesNotMatch(nginx.error_log().slice(from), /no invoice/);
            assert.deepEqual(peers[name].front?.seen ?? [], []);
        });
    }

    // libcurl, called for something else, finds before the deadline does that
    // time is over, and closes the socket.
    it('is told in one line by a worker that is late', async () => {
        const from = nginx.error_log().length;
        const [pid] = nginx.worker_pids();
        const { heard } = mute;
        const waits = request(`${nginx.url}/quiet/1k`);
        assert.ok(await eventually(() => quiet.heard));
        const response = request(`${nginx.url}/mute/1k`);
        assert.ok(await eventually(() => mute.heard > heard));
        process.kill(pid, 'SIGSTOP');
        try {
            await sleep(1200);
            quiet.cut();
        } finally {
            process.kill(pid, 'SIGCONT');
        }
        assert_no_invoice(await response);
        assert_no_invoice(await waits);
        const said = nginx.error_log().slice(from).split('\n')
            .filter(line => line.includes('no invoice from "mute"'));
        assert.equal(said.length, 1, said.join('\n'));
        assert.match(said[0], lines.mute);
    });

    it('was seen by nginx -t where it could be', () => {
        const warnings = nginx.output().split('\n').filter(
            line => line.startsWith('nginx: [warn]'));
        for (const line of warnings) {
            assert.match(line,
                         /in "ca_file" is not for "127\.0\.0\.1", the host/);
        }
        // With and without a second url.
        assert.equal(warnings.length, 2, warnings.join('\n'));
    });

    it('ends without a trace', () => nginx.stop());
});
