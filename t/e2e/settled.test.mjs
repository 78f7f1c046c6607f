// l402_settled require, with real Lightning: money that is held opens nothing
// until it is settled; the node is asked once, by all workers together.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, Tap, buy, env, eventually, pay, read_challenge, read_invoice,
    request, secrets, service, sha256_of_hex, sleep, start_backend,
} from './lib.mjs';

const content = 'content of the backend\n';

// What the node itself says and does.
async function node(method, path, body) {
    const macaroon = fs.readFileSync(env('L402_NODE_MACAROON'));
    const response = await request(env('L402_NODE_URL') + path, {
        method, body: body && JSON.stringify(body),
        headers: { 'Grpc-Metadata-macaroon': macaroon.toString('hex') },
    });
    assert.equal(response.status, 200, response.text);
    return response.json();
}

const look_up = hash => node('GET', '/v1/invoice/' + hash);
const base64 = hex => Buffer.from(hex, 'hex').toString('base64');

// A challenge, and the preimage of its invoice, which nobody has paid.
async function unpaid(url) {
    const { macaroon, invoice } = read_challenge(await request(url));
    const hash = read_invoice(invoice).payment_hash;
    const { r_preimage } = await look_up(hash);
    const preimage = Buffer.from(r_preimage, 'base64').toString('hex');
    secrets.add(preimage);
    return { invoice, hash, preimage,
             headers: { Authorization: `L402 ${macaroon}:${preimage}` } };
}

function assert_waits(response, reason) {
    assert.equal(response.status, 503, response.text);
    assert.equal(response.json().reason, reason);
    assert.match(response.headers['retry-after'], /^[1-9]$/);
    assert.equal(response.headers['www-authenticate'], undefined);
}

describe('settlement', () => {
    let backend, nginx, tap, fault;

    before(async () => {
        fault = env('L402_FAULT_URL');
        [backend, tap] = await Promise.all(
            [start_backend(), Tap.open(env('L402_NODE_URL'))]);
        const location = name => `
        location /${name}/ {
            l402 ${name};
            l402_invoice_from ${name};
            proxy_pass ${backend.url};
        }`;
        nginx = await Nginx.start('settled', ({ port }) => `
    l402_settled require;
    l402_price 10sat;
    ${service('node', { url: tap.url })}
    ${service('hold', { url: tap.url + '/hold', more: 'timeout 2s;' })}
    ${service('slow', { url: fault + '/wait1500-e2e' })}
    ${service('hung', { url: fault + '/hang-e2e', more: 'timeout 30s;' })}
    server {
        listen 127.0.0.1:${port};
        ${['node', 'hold', 'slow', 'hung'].map(location).join('')}
    }
    server {
        listen 127.0.0.1:${port + 1} http2;
        ${['node', 'slow', 'hung'].map(location).join('')}
    }`, { workers: 3 });
    });

    after(() => {
        backend?.stop();
        tap?.close();
    });

    const get = (place, headers, options) =>
        request(`${nginx.url}/${place}/`, { headers, ...options });
    const opens = async (place, headers, options) => {
        const response = await get(place, headers, options);
        assert.equal(response.status, 200, response.text);
        assert.equal(response.text, content);
    };
    const asked = async name => (await request(fault + '/stats'))
        .json()[`${name}-e2e/settlement`] ?? 0;

    it('opens for who has paid, and asks once for all workers, over a reload',
       async () => {
        const { headers } = await buy(nginx.url + '/node/');
        const before = tap.lookups;
        for (let i = 0; i < 20; i++) {
            await opens('node', headers);
        }
        assert.equal(tap.lookups, before + 1);

        await nginx.reload();
        for (let i = 0; i < 20; i++) {
            await opens('node', headers);
        }
        assert.equal(tap.lookups, before + 1);
    });

    it('needs no node for what it has a yes of', async () => {
        const known = await buy(nginx.url + '/node/');
        await opens('node', known.headers);
        const other = await buy(nginx.url + '/node/');
        tap.close();
        await opens('node', known.headers);
        assert_waits(await get('node', other.headers), 'unconfirmed');
        await tap.open();
        await opens('node', other.headers);
    });

    it('a preimage without a payment opens nothing', async () => {
        const { headers } = await unpaid(nginx.url + '/node/');
        const seen = backend.seen.length;
        for (let i = 0; i < 3; i++) {
            assert_waits(await get('node', headers), 'unsettled');
        }
        assert.equal(backend.seen.length, seen);
    });

    it('money that is held opens nothing until it is settled', async () => {
        const { headers, invoice, hash, preimage } =
            await unpaid(nginx.url + '/hold/');
        const made = tap.invoices;
        const seen = backend.seen.length;
        assert_waits(await get('hold', headers), 'unsettled');

        const paid = pay(invoice);
        assert.ok(await eventually(
            async () => (await look_up(hash)).state === 'ACCEPTED'));
        assert_waits(await get('hold', headers), 'unsettled');
        assert.equal(backend.seen.length, seen);
        assert.equal(tap.invoices, made);

        await node('POST', '/v2/invoices/settle',
                   { preimage: base64(preimage) });
        assert.equal(await paid, preimage);
        assert.ok(await eventually(
            async () => (await look_up(hash)).state === 'SETTLED'));
        const before = tap.lookups;
        await opens('hold', headers);
        await opens('hold', headers);
        assert.equal(tap.lookups, before + 1);
    });

    it('money that went back has to be paid anew', async () => {
        const { headers, invoice, hash } = await unpaid(nginx.url + '/hold/');
        const paid = assert.rejects(pay(invoice));
        assert.ok(await eventually(
            async () => (await look_up(hash)).state === 'ACCEPTED'));
        await node('POST', '/v2/invoices/cancel',
                   { payment_hash: base64(hash) });
        await paid;

        const refused = await get('hold', headers);
        assert.equal(refused.json().reason, 'unsettled');
        const fresh = read_challenge(refused);
        assert.notEqual(read_invoice(fresh.invoice).payment_hash, hash);
    });

    // ---- parked, where only a responder can be as slow as this ----

    const credential = place => {
        const made = spawnSync(env('L402_CTL'), [
            'mint', '--service', place, '--key-file', nginx.dir + '/keys',
        ], { encoding: 'utf8' });
        assert.equal(made.status, 0, made.stderr);
        const value = made.stdout.trim();
        const preimage = value.slice(value.lastIndexOf(':') + 1);
        secrets.add(preimage);
        return { headers: { Authorization: value },
                 hash: sha256_of_hex(preimage) };
    };

    // Asks, and returns once the responder has the questions.
    async function park(count, place, name) {
        const before = await asked(name);
        const calls = Array.from({ length: count }, () => {
            const call = http.get(`${nginx.url}/${place}/`, {
                agent: false, headers: credential(place).headers });
            call.on('error', () => {});
            call.done = new Promise(resolve => {
                call.on('response', response => {
                    response.resume();
                    response.on('end', () => resolve(response.statusCode));
                });
                call.on('close', () => resolve(null));
            });
            return call;
        });
        assert.ok(await eventually(
            async () => await asked(name) === before + count));
        return calls;
    }

    it('a reload in between lets them finish, and remembers', async () => {
        const { headers, hash } = credential('slow');
        const before = await asked('wait1500');
        const waiting = [1, 2, 3].map(() => get('slow', headers));
        assert.ok(await eventually(
            async () => await asked('wait1500') > before));
        await nginx.reload();
        for (const response of await Promise.all(waiting)) {
            assert.equal(response.status, 200, response.text);
        }

        // By the workers that came after those who asked.
        const stats = async () =>
            (await request(fault + '/stats')).json()[`wait1500-e2e/${hash}`];
        const questions = await stats();
        assert.ok(questions <= 3);
        await opens('slow', headers);
        assert.equal(await stats(), questions);
    });

    it('who leaves leaves nothing behind', async () => {
        const descriptors = () => nginx.worker_pids().reduce(
            (sum, pid) => sum + fs.readdirSync(`/proc/${pid}/fd`).length, 0);
        await opens('node', (await buy(nginx.url + '/node/')).headers);
        // Once those who have just left are gone.
        let before;
        do {
            before = descriptors();
            await sleep(200);
        } while (descriptors() !== before);
        for (let round = 0; round < 2; round++) {
            const calls = await park(20, 'hung', 'hang');
            assert.ok(descriptors() >= before + 40);
            calls.forEach(call => call.destroy());
            assert.ok(await eventually(() => descriptors() <= before + 6),
                      `${descriptors()} after, ${before} before`);
        }
        assert.ok(!backend.seen.some(({ url }) => url.startsWith('/hung/')));
    });

    it('keep no worker from ending once they have left', async () => {
        const calls = await park(10, 'hung', 'hang');
        calls.forEach(call => call.destroy());
        await nginx.reload(10);
    });

    it('a worker that is told to stop at once stops', async () => {
        const calls = await park(10, 'hung', 'hang');
        const old = nginx.worker_pids();
        old.forEach(pid => process.kill(pid, 'SIGTERM'));
        assert.ok(await eventually(() => nginx.worker_pids().length === 3
            && !nginx.worker_pids().some(pid => old.includes(pid))));
        for (const call of calls) {
            assert.equal(await call.done, null);
        }
        assert.ok(!backend.seen.some(({ url }) => url.startsWith('/hung/')));
    });

    it('over HTTP/2: streams wait, are let in, and may be reset', async () => {
        const session = http2.connect(`http://127.0.0.1:${nginx.port + 1}`);
        const ask = (place, authorization) => {
            const stream = session.request(
                { ':path': `/${place}/`, authorization });
            stream.on('error', () => {});
            stream.result = new Promise(resolve => {
                let status, text = '';
                stream.on('response', head => { status = head[':status']; });
                stream.on('data', data => { text += data; });
                stream.on('close', () => resolve({ status, text }));
            });
            return stream;
        };
        const { headers: { Authorization: same } } = credential('slow');
        const before = await asked('wait1500');
        const streams = Array.from({ length: 10 }, () => ask('slow', same));
        const hung = Array.from({ length: 10 }, () => ask(
            'hung', credential('hung').headers.Authorization));
        await sleep(300);
        streams.slice(0, 3).concat(hung).forEach(stream => stream.close(
            http2.constants.NGHTTP2_CANCEL));
        const unpaid = await ask('node').result;
        assert.equal(unpaid.status, 402);
        for (const { result } of streams.slice(3)) {
            assert.deepEqual(await result, { status: 200, text: content });
        }
        assert.equal(await asked('wait1500'), before + 1);
        session.close();
    });

    it('ends without a trace', () => nginx.stop());
});

// The log has an alert of it, so that this nginx is another one.
it('a worker that is killed takes no yes with it', async () => {
    const [backend, tap] = await Promise.all(
        [start_backend(), Tap.open(env('L402_NODE_URL'))]);
    const nginx = await Nginx.start('settled_killed', ({ port }) => `
    ${service('node', { url: tap.url })}
    server {
        listen 127.0.0.1:${port};
        location / {
            l402 weather;
            l402_price 10sat;
            l402_settled require;
            proxy_pass ${backend.url};
        }
    }`, { workers: 2 });
    const { headers } = await buy(nginx.url);
    const opens = async () =>
        assert.equal((await request(nginx.url, { headers })).text, content);

    await opens();
    for (let round = 0; round < 3; round++) {
        const old = nginx.worker_pids();
        old.forEach(pid => process.kill(pid, 'SIGKILL'));
        assert.ok(await eventually(() => nginx.worker_pids().length === 2
            && !nginx.worker_pids().some(pid => old.includes(pid))));
        await opens();
        await opens();
    }
    assert.equal(tap.lookups, 1);

    nginx.process.kill('SIGQUIT');
    assert.equal(await nginx.ended, 0);
    backend.stop();
    tap.close();
});
