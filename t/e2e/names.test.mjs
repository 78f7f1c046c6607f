// Names of nodes: found by nginx's resolver, or when the configuration is read;
// none of it keeps a worker waiting.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { make } from './lightning/tls.mjs';
import { build } from './packages.mjs';
import {
    Front, NameServer, Nginx, Socks, WatchedNames, assert_no_invoice,
    eventually, free_port, gated_server, read_challenge, request, service,
    sleep, start_full,
} from './lib.mjs';

const blocks = services => Object.entries(services).map(
    ([name, options]) => service(name, {
        ...options, more: `${options.more ?? ''} max_fails 0;` })).join('');

const challenged = async (nginx, name) =>
    read_challenge(await request(`${nginx.url}/${name}/1k`));

async function refused(nginx, name, line) {
    const from = nginx.error_log().length;
    assert_no_invoice(await request(`${nginx.url}/${name}/1k`));
    assert.match(nginx.error_log().slice(from), line);
}

function leaver(nginx, name) {
    const call = http.get(`${nginx.url}/${name}/1k`, { agent: false });
    call.on('error', () => {});
    return call;
}

// An open location, while `waiting` is under way.
async function open_meanwhile(nginx, waiting) {
    let done = false;
    const end = waiting.finally(() => { done = true; });
    let slowest = 0;
    let calls = 0;
    while (!done) {
        const start = performance.now();
        assert.equal((await request(nginx.url + '/1k')).status, 200);
        slowest = Math.max(slowest, performance.now() - start);
        calls++;
        await sleep(20);
    }
    await end;
    // A worker that waits for a name does so for a second or more.
    assert.ok(calls >= 3, `${calls} calls`);
    assert.ok(slowest < 800, `${slowest} ms`);
}

describe("names, by nginx's resolver", () => {
    let dns, names, nginx, port, callback, lnurl, socks;
    const fronts = [];

    const front_at = async (host, options = {}) => {
        const front = await Front.open({ at: { host, port }, ...options });
        fronts.push(front);
        return front;
    };

    before(async () => {
        dns = await NameServer.open({
            'callback.test': ['127.0.0.1'],
            'proxy.test': ['127.0.0.1'],
        });
        names = new WatchedNames('resolver');
        port = await free_port();

        const dir = path.join(build, 'e2e', 'names-files');
        fs.mkdirSync(dir, { recursive: true });
        const [cert, key] = ['pem', 'key'].map(
            end => path.join(dir, 'callback.' + end));
        make(cert, key, 'DNS:callback.test');
        callback = await Front.open({
            tls: { cert: fs.readFileSync(cert), key: fs.readFileSync(key) },
            answer: { status: 200, headers: {},
                      text: '{"status":"ERROR","reason":"seen"}' } });
        lnurl = await Front.open({ answer: { status: 200, headers: {},
            text: JSON.stringify({
                tag: 'payRequest', minSendable: 1, maxSendable: 1e9,
                metadata: '[["text/plain","x"]]',
                callback: `https://callback.test:${callback.port}/pay` }) } });
        socks = await Socks.open({ hosts: {
            'behind.test:80': Number(new URL(process.env.L402_NODE_URL).port),
        } });
        fronts.push(callback, lnurl);

        const url = name => `http://${name}:${port}`;
        const services = {
            node: { url: url('node.test') },
            both: { url: url('both.test') },
            unknown: { url: url('unknown.test') },
            silent: { url: url('silent.test'),
                      more: 'timeout 1s; max_in_flight 2;' },
            known: { url: url('node.known.test'), more: 'timeout 2s;' },
            local: { url: url('localhost') },
            proxied: { url: 'http://behind.test',
                       more: `proxy socks5h://proxy.test:${socks.port};` },
        };
        nginx = await Nginx.start('resolver', ({ port }) => `
    resolver 127.0.0.1:${dns.port};
    ${blocks(services)}
    l402_invoice_service address {
        protocol lnurl;
        url http://127.0.0.1:${lnurl.port}/pay;
        network regtest;
        ca_file ${cert};
    }
    ${gated_server(port, [...Object.keys(services), 'address'])}`, {
            main: names.main, env: names.env });
        names.at_start = names.asked.length;
    });

    after(() => [dns, socks, ...fronts].forEach(one => one?.close()));

    it('are found, and are not looked up again while they are good',
       async () => {
        const node = await front_at('127.0.0.2');
        dns.names['node.test'] = ['127.0.0.2'];
        dns.ttl = 60;
        for (let i = 0; i < 5; i++) {
            await challenged(nginx, 'node');
        }
        assert.equal(node.seen.length, 5);
        assert.equal(node.connections, 1);
        // One question for each family.
        assert.equal(dns.asked.filter(name => name === 'node.test').length, 2);
        dns.ttl = 1;
    });

    it('of a node that moves are found anew, without a reload', async () => {
        dns.names['both.test'] = ['127.0.0.2'];
        await challenged(nginx, 'both');
        fronts.at(-1).close();
        const node = await front_at('127.0.0.3');
        dns.names['both.test'] = ['127.0.0.3'];
        const start = Date.now();
        const found = await eventually(async () =>
            (await request(nginx.url + '/both/1k')).status === 402, 5, 100);
        assert.ok(found);
        assert.ok(Date.now() - start < 4000);
        assert.ok(node.seen.length >= 1);
    });

    for (const [family, address] of [['IPv6', '::1'], ['IPv4', '127.0.0.1']]) {
        it(`with an address of each family: only ${family} answers`,
           async () => {
            dns.names['both.test'] = ['::1', '127.0.0.1'];
            await sleep(2100);
            fronts.at(-1).close();
            const node = await front_at(address);
            for (let i = 0; i < 6; i++) {
                node.cut();
                const start = Date.now();
                await challenged(nginx, 'both');
                assert.ok(Date.now() - start < 1500);
            }
            assert.equal(node.seen.length, 6);
        });
    }

    it('that are not there are one line', () =>
        refused(nginx, 'unknown', new RegExp('no invoice from "unknown": '
            + '"unknown\\.test" could not be resolved: Host not found')));

    it("of a service's callback are found in the same way", async () => {
        await refused(nginx, 'address', /seen/);
        assert.equal(callback.seen.length, 1);
    });

    it('of a proxy, too', async () => {
        await challenged(nginx, 'proxied');
        assert.equal(socks.seen.at(-1).host, 'behind.test');
        assert.ok(!dns.asked.includes('behind.test'));
    });

    it('of this machine are not asked for', async () => {
        fronts.at(-1).close();
        await front_at('127.0.0.1').catch(() => {});
        await challenged(nginx, 'local');
        assert.ok(!dns.asked.includes('localhost'));
    });

    it('that only the C library knows are good where the resolver has none',
       async () => {
        await challenged(nginx, 'known');
        assert.ok(dns.asked.includes('node.known.test'));
    });

    it('may take no more time than their call', async () => {
        dns.silent = true;
        const start = Date.now();
        await open_meanwhile(nginx, refused(nginx, 'silent',
            /l402: no invoice from "silent": timed out looking up "silent\.test"/));
        assert.ok(Date.now() - start < 2000);
    });

    it('leave time for an address that is known', async () => {
        const start = Date.now();
        await open_meanwhile(nginx, challenged(nginx, 'known'));
        assert.ok(Date.now() - start < 1900);
    });

    it('are given up with their client', async () => {
        const asked = () =>
            dns.asked.filter(name => name === 'silent.test').length;
        for (let round = 0; round < 3; round++) {
            const leaving = Array.from({ length: 2 },
                                       () => leaver(nginx, 'silent'));
            await sleep(150);
            leaving.forEach(call => call.destroy());
            await sleep(100);
        }
        // With a place still taken it would be refused at once.
        await refused(nginx, 'silent', /timed out looking up/);
        assert.ok(asked() > 0);
    });

    it('keep no worker from leaving', async () => {
        const waiting = request(nginx.url + '/silent/1k');
        await sleep(200);
        const start = Date.now();
        await nginx.reload(5);
        assert.ok(Date.now() - start < 3000);
        assert_no_invoice(await waiting);
    });

    it("are nobody else's business", () => {
        assert.deepEqual(names.asked.slice(names.at_start)
            .filter(name => name !== 'localhost' && !/\.test$/.test(name)),
            []);
        const workers = names.asked.length - names.at_start;
        // The reload has read the configuration once more, and that is all.
        assert.equal(workers, names.at_start);
    });

    it('ends without a trace', () => nginx.stop());
});

describe('names, without a resolver', () => {
    let names, nginx, full, going;
    const fronts = [];

    before(async () => {
        names = new WatchedNames('thread');
        full = await start_full();
        going = await start_full();
        for (const { port } of [full, going]) {
            fronts.push(await Front.open({ at: { host: '127.0.0.2', port } }));
        }
        const services = {
            gone: { url: 'http://gone.test', more: 'timeout 1s;' },
            known: { url: process.env.L402_NODE_URL.replace(
                '127.0.0.1', 'node.known.test') },
            silent: { url: `http://node.two.test:${full.port}`,
                      more: 'timeout 2s;' },
            going: { url: `http://node.two.test:${going.port}` },
        };
        nginx = await Nginx.start('thread', ({ port }) => `
    ${blocks(services)}
    ${gated_server(port, Object.keys(services))}`, {
            main: names.main, env: names.env });
    });

    after(() => [full, going, ...fronts].forEach(one => one?.close()));

    const threads = () =>
        fs.readdirSync(`/proc/${nginx.worker_pids()[0]}/task`).length;

    it('are found once, when the configuration is read', async () => {
        const before = names.asked.length;
        for (let i = 0; i < 3; i++) {
            await challenged(nginx, 'known');
        }
        assert.equal(names.asked.length, before);
    });

    it('with several addresses: one that is silent is passed over', async () => {
        for (let i = 0; i < 3; i++) {
            fronts[0].cut();
            const start = Date.now();
            await open_meanwhile(nginx, challenged(nginx, 'silent'));
            assert.ok(Date.now() - start < 1900);
        }
        assert.equal(fronts[0].seen.length, 3);
    });

    // Its SYN, sent once more after a second, is answered by a reset.
    it('with several addresses: one that refuses late is passed over',
       async () => {
        const start = Date.now();
        const challenge = challenged(nginx, 'going');
        await sleep(300);
        going.close();
        await challenge;
        assert.ok(Date.now() - start < 2000, `${Date.now() - start} ms`);
    });

    it('that were not there are looked up for each call', async () => {
        const before = names.asked.length;
        await refused(nginx, 'gone', /Could not resolve host: gone\.test/);
        assert_no_invoice(await request(nginx.url + '/gone/1k'));
        assert.equal(names.asked.length, before + 2);
    });

    it('may hang: nobody waits but their calls', async () => {
        names.hang(60);
        const start = Date.now();
        const calls = Array.from({ length: 10 }, () =>
            request(nginx.url + '/gone/1k'));
        await open_meanwhile(nginx, Promise.all(calls).then(responses =>
            responses.forEach(assert_no_invoice)));
        assert.ok(Date.now() - start < 2500);
        assert.match(nginx.error_log(), /timed out looking up "gone\.test"/);
        // They hang on, each in its thread.
        assert.equal(threads(), 11);
        await challenged(nginx, 'known');
    });

    it('may hang when a client leaves', async () => {
        const call = leaver(nginx, 'gone');
        await sleep(200);
        call.destroy();
        const start = performance.now();
        assert.equal((await request(nginx.url + '/1k')).status, 200);
        assert.ok(performance.now() - start < 2000);
    });

    it('may hang while the worker leaves: it leaves in time', async () => {
        assert.ok(threads() > 1);
        const waiting = request(nginx.url + '/gone/1k');
        await sleep(100);
        // The master itself looks names up as it reads the configuration.
        names.hang(0);
        const start = Date.now();
        await nginx.reload(5);
        assert.ok(Date.now() - start < 3000);
        assert_no_invoice(await waiting);
        assert.equal(threads(), 1);
    });

    it('may be found after their call has ended, and its worker ends',
       async () => {
        for (let i = 0; i < 3; i++) {
            names.hang(2);
            const start = Date.now();
            const calls = Array.from({ length: 10 }, () =>
                request(nginx.url + '/gone/1k'));
            (await Promise.all(calls)).forEach(assert_no_invoice);
            // Some come back while the worker goes.
            names.hang(0);
            await sleep(start + 1940 + 20 * i - Date.now());
            await nginx.reload(5);
        }
        assert.doesNotMatch(nginx.error_log(), /signal 11|\[alert\]/);
        await challenged(nginx, 'known');
    });

    it('ends without a trace, while some hang', async () => {
        names.hang(60);
        assert_no_invoice(await request(nginx.url + '/gone/1k'));
        assert.ok(threads() > 1);
        const start = Date.now();
        await nginx.stop();
        assert.ok(Date.now() - start < 3000);
    });
});
