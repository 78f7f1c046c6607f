// The ways to a node: unix sockets, IPv6, HTTP/2, kept connections, a SOCKS5
// proxy; what is never followed, and what is never written down.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { make } from './lightning/tls.mjs';
import { build } from './packages.mjs';
import {
    Front, Nginx, Socks, WatchedNames, assert_no_invoice, buy, env,
    gated_server, read_challenge, request, service,
} from './lib.mjs';

const dir = path.join(build, 'e2e', 'transport-files');
fs.mkdirSync(dir, { recursive: true });

function certificate(name, names) {
    const file = path.join(dir, name);
    make(file + '.pem', file + '.key', names);
    return { path: file + '.pem', cert: fs.readFileSync(file + '.pem'),
             key: fs.readFileSync(file + '.key') };
}

const macaroon_hex = () =>
    fs.readFileSync(env('L402_NODE_MACAROON')).toString('hex');

async function sells(nginx, name) {
    const { headers } = await buy(`${nginx.url}/${name}/1k`);
    const response = await request(`${nginx.url}/${name}/1k`, { headers });
    assert.equal(response.status, 200);
    assert.equal(response.text.length, 1024);
}

async function refuses(nginx, name, line) {
    const from = nginx.error_log().length;
    assert_no_invoice(await request(`${nginx.url}/${name}/1k`));
    const lines = nginx.error_log().slice(from).split('\n')
        .filter(text => text.includes('[error]'));
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0], line);
}

describe('connections', () => {
    let unix, ipv6, h1, h2, plain, nginx;

    before(async () => {
        const socket = path.join(dir, 'node.sock');
        fs.rmSync(socket, { force: true });
        const own = certificate('own');
        const tls6 = certificate('ipv6', 'IP:::1');

        unix = await Front.open({ at: { path: socket } });
        ipv6 = await Front.open({ tls: tls6, at: { host: '::1' } });
        h1 = await Front.open({ tls: own, delay: 50 });
        h2 = await Front.open({ tls: own, h2: true, delay: 50 });
        plain = await Front.open();

        const services = {
            unix: { url: `http://unix:${socket}:` },
            ipv6: { url: `https://[::1]:${ipv6.port}`,
                    more: `ca_file ${tls6.path};` },
            h1: { url: `https://127.0.0.1:${h1.port}`,
                  more: `ca_file ${own.path};` },
            h2: { url: `https://localhost:${h2.port}`,
                  more: `ca_file ${own.path}; max_in_flight 64;` },
            plain: { url: `http://127.0.0.1:${plain.port}` },
        };
        nginx = await Nginx.start('transport', ({ port }) => `
    ${Object.entries(services).map(([name, options]) =>
        service(name, options)).join('')}
    ${gated_server(port, Object.keys(services))}`);
    });

    after(() => [unix, ipv6, h1, h2, plain].forEach(front => front?.close()));

    const ask = (name, count) => Promise.all(Array.from({ length: count },
        async () => read_challenge(await request(`${nginx.url}/${name}/1k`))));

    it('go to a unix socket', async () => {
        await sells(nginx, 'unix');
        assert.equal(unix.seen.length, 1);
    });

    it('go to an IPv6 address, and its certificate is looked at', async () => {
        await sells(nginx, 'ipv6');
        assert.equal(ipv6.seen.length, 1);
    });

    for (const [name, version, front] of [
        ['h1', '1.1', () => h1], ['h2', '2.0', () => h2],
        ['plain', '1.1', () => plain]]) {
        it(`are kept over calls: ${name}`, async () => {
            front().forget();
            for (let i = 0; i < 10; i++) {
                await ask(name, 1);
            }
            assert.equal(front().connections, 1);
            assert.deepEqual(front().seen.map(call => call.version),
                             Array(10).fill(version));
        });
    }

    it('carry many calls at once over HTTP/2, from the first on', async () => {
        await nginx.reload();
        h2.forget();
        // Long enough for all of them to come, however slow the machine is.
        h2.delay = 500;
        await ask('h2', 40);
        h2.delay = 50;
        assert.equal(h2.connections, 1);
        assert.equal(h2.seen.length, 40);
        assert.ok(h2.at_once >= 20, `${h2.at_once} at once`);
    });

    it('are not waited for where the node does not speak HTTP/2', async () => {
        await nginx.reload();
        h1.forget();
        h1.delay = 500;
        const start = performance.now();
        await ask('h1', 30);
        const took = performance.now() - start;
        h1.delay = 50;
        assert.equal(h1.seen.length, 30);
        assert.ok(h1.at_once >= 10, `${h1.at_once} at once`);
        assert.ok(took < 10 * 500, `${took} ms`);
    });

    it('of HTTP/2 lose no call', async () => {
        for (let i = 0; i < 20; i++) {
            await ask('h2', 32);
        }
        assert.doesNotMatch(nginx.error_log(), /\[error\]/);
    });

    it('that were cut off are made anew', async () => {
        for (const [name, front] of [['h1', h1], ['h2', h2],
                                     ['plain', plain]]) {
            await ask(name, 1);
            front.cut();
            await ask(name, 1);
        }
    });

    it('ends without a trace', () => nginx.stop());
});

describe('a proxy', () => {
    const onion = 'l402'.repeat(14) + '.onion';
    let socks, locked, odd, node, tls, names, nginx;

    before(async () => {
        const own = certificate('node', 'DNS:node.invalid');
        node = await Front.open();
        tls = await Front.open({ tls: own });
        const hosts = {
            'node.invalid:80': node.port,
            'node.invalid:443': tls.port,
            'other.invalid:443': tls.port,
            [`${onion}:80`]: node.port,
            '10.1.2.3:80': node.port,
            '00000000000000000000000000000001:80': node.port,
        };
        socks = await Socks.open({ hosts });
        locked = await Socks.open({ hosts, password: 'pass:word@%' });
        odd = await Socks.open({ hosts });
        names = new WatchedNames('proxy');

        const through = (proxy, user = '') =>
            `proxy socks5h://${user}127.0.0.1:${proxy.port};`;
        const services = {
            name: { url: 'http://node.invalid', more: through(socks) },
            tls: { url: 'https://node.invalid',
                   more: `${through(socks)} ca_file ${own.path};` },
            other: { url: 'https://other.invalid',
                     more: `${through(socks)} ca_file ${own.path};` },
            onion: { url: `http://${onion}`, more: through(socks) },
            address: { url: 'http://10.1.2.3', more: through(socks) },
            address6: { url: 'http://[::1]', more: through(socks) },
            named: { url: 'http://node.invalid',
                     more: `proxy socks5h://localhost:${socks.port};` },
            nowhere: { url: 'http://nowhere.invalid', more: through(socks) },
            second: { url: 'http://nowhere.invalid; url http://node.invalid',
                      more: through(socks) },
            locked: { url: 'http://node.invalid',
                      more: through(locked, 'me:pass%3aword%40%25@') },
            wrong: { url: 'http://node.invalid',
                     more: through(locked, 'me:wrong-secret@') },
            open: { url: 'http://node.invalid', more: through(locked) },
            odd: { url: 'http://node.invalid',
                   more: `${through(odd)} timeout 2s;` },
            dead: { url: 'http://node.invalid',
                    more: 'proxy socks5h://127.0.0.1:1;' },
        };
        // What the environment says of proxies is nothing.
        nginx = await Nginx.start('proxy', ({ port }) => `
    resolver 127.0.0.1:1;
    ${Object.entries(services).map(([name, options]) =>
        service(name, options)).join('')}
    ${gated_server(port, Object.keys(services))}`, {
            main: names.main + ' env no_proxy; env NO_PROXY; env all_proxy;',
            env: { ...names.env, no_proxy: '*', NO_PROXY: '*',
                   all_proxy: 'http://127.0.0.1:1' },
            log: 'debug',
        });
    });

    after(() => [socks, locked, odd, node, tls].forEach(one => one?.close()));

    // At level debug nginx itself logs what a client sends and gets, a bought
    // token as well.
    const challenged = async name => assert.equal(
        (await request(`${nginx.url}/${name}/1k`)).status, 402);

    for (const [name, kind, host, port] of [
        ['name', 'name', 'node.invalid', 80],
        ['tls', 'name', 'node.invalid', 443],
        ['onion', 'name', onion, 80],
        ['address', 'ipv4', '10.1.2.3', 80],
        ['address6', 'ipv6', '00000000000000000000000000000001', 80],
        ['named', 'name', 'node.invalid', 80]]) {
        it(`is told where to: ${name}`, async () => {
            const from = socks.seen.length;
            await challenged(name);
            const [call] = socks.seen.slice(from);
            assert.deepEqual([call.kind, call.host, call.port],
                             [kind, host, port]);
        });
    }

    it('keeps its connections, each to its node', async () => {
        const before = socks.seen.length;
        for (let i = 0; i < 5; i++) {
            await challenged('name');
            await challenged('onion');
        }
        assert.ok(socks.seen.length <= before + 2);
    });

    it('is told who asks', async () => {
        await challenged('locked');
        const { user, password } = locked.seen.at(-1);
        assert.deepEqual([user, password], ['me', 'pass:word@%']);
    });

    it('does not lend the connection of one to another', async () => {
        await refuses(nginx, 'wrong', /rejected by the SOCKS5 server/);
        await refuses(nginx, 'open', /SOCKS5|authentication/i);
    });

    it('that does not know the host gets a line, and the next url is tried',
       async () => {
        await refuses(nginx, 'nowhere',
            /connection to nowhere\.invalid.*\(4\)|SOCKS5.*nowhere\.invalid/);
        await challenged('second');
    });

    it('that is away gets a line', () =>
        refuses(nginx, 'dead', /no invoice from "dead": .*onnect/));

    for (const hang of ['method', 'reply']) {
        it(`that hangs (${hang}) costs no more than the timeout`, async () => {
            odd.hang = hang;
            const start = Date.now();
            const waiting = refuses(nginx, 'odd', new RegExp('timed out behind '
                + `the proxy 127\\.0\\.0\\.1:${odd.port}`));
            assert.equal((await request(nginx.url + '/1k')).status, 200);
            assert.ok(Date.now() - start < 1500);
            await waiting;
            assert.ok(Date.now() - start < 3500);
        });
    }

    // libcurl would speak GSS-API, and wait for each answer.
    it('that wants another authentication is left at once', async () => {
        odd.hang = undefined;
        odd.method = 1;
        const start = Date.now();
        await refuses(nginx, 'odd', /SOCKS5/);
        assert.ok(Date.now() - start < 1500);
        assert.deepEqual(odd.seen.at(-1)?.offered ?? [0], [0]);
    });

    it('does not make another certificate good', () =>
        refuses(nginx, 'other', new RegExp("certificate subject name.*"
            + "'other\\.invalid': the host of the url has to be one that the "
            + 'certificate names')));

    it('is the only one who hears of names', () => {
        assert.ok(names.asked.every(name => name === 'localhost'),
                  names.asked.join(' '));
        assert.doesNotMatch(nginx.error_log(), /resolve: "/);
    });

    it('and the node: their secrets are in no log', () => {
        const log = nginx.output();
        assert.match(log, /\[debug\]/);
        const macaroon = fs.readFileSync(env('L402_NODE_MACAROON'));
        for (const secret of ['pass:word', 'pass%3aword', 'wrong-secret',
                              macaroon.toString('hex'),
                              macaroon.toString('hex').toUpperCase(),
                              macaroon.toString('base64')]) {
            assert.ok(!log.includes(secret));
        }
    });

    it('ends without a trace', () => nginx.stop());
});

describe('a credential file', () => {
    let node, nginx;

    const http = ({ dir, port }) => `
    ${service('node', { url: `http://127.0.0.1:${node.port}` }).replace(
        /credential_file .*;/, `credential_file ${dir}/macaroon;`)}
    ${gated_server(port, ['node'])}`;

    before(async () => {
        node = await Front.open();
        nginx = await Nginx.start('credential', nginx => {
            nginx.write('macaroon', macaroon_hex());
            return http(nginx);
        });
    });

    after(() => node?.close());

    const shown = async () => {
        await request(nginx.url + '/node/1k');
        return node.seen.at(-1).headers['grpc-metadata-macaroon']
            .toLowerCase();
    };

    it('is read anew at a reload, and not before', async () => {
        assert.equal(await shown(), macaroon_hex());
        nginx.write('macaroon', '0201ab');
        assert.equal(await shown(), macaroon_hex());
        await nginx.reload();
        assert.equal(await shown(), '0201ab');
    });

    it('that is bad refuses the reload, and the old one goes on', async () => {
        nginx.write('macaroon', 'hunter2,'.repeat(2000));
        const said = await nginx.refused_reload();
        assert.match(said, /\[emerg\].*credential_file: "[^"]*\/macaroon" /);
        assert.doesNotMatch(said, /hunter2/);
        assert.equal(await shown(), '0201ab');
        fs.rmSync(path.join(nginx.dir, 'macaroon'));
        assert.match(await nginx.refused_reload(), /cannot open/);
        assert.equal(await shown(), '0201ab');
    });

    it('that is good again sells again', async () => {
        nginx.write('macaroon', macaroon_hex());
        await nginx.reload();
        await sells(nginx, 'node');
    });

    it('ends without a trace', () => nginx.stop());
});

describe('a node that answers elsewhere', () => {
    let elsewhere, node, nginx;

    before(async () => {
        elsewhere = await Front.open();
        node = await Front.open();
        nginx = await Nginx.start('redirect', ({ port }) => `
    ${service('node', { url: `http://127.0.0.1:${node.port}`,
                        more: 'max_fails 0;' })}
    ${gated_server(port, ['node'])}`);
    });

    after(() => [elsewhere, node].forEach(front => front?.close()));

    for (const status of [301, 302, 303, 307, 308]) {
        it(`is not followed: ${status}`, async () => {
            node.answer = { status, text: '', headers: {
                Location: `http://127.0.0.1:${elsewhere.port}/v1/invoices`,
                // Whatever would make a client come back.
                'Alt-Svc': `h2="127.0.0.1:${elsewhere.port}"`,
                Refresh: '0', 'Set-Cookie': 'a=b' } };
            await refuses(nginx, 'node', new RegExp(`answered ${status}`));
            assert.equal(elsewhere.connections, 0);
            assert.equal(node.seen.at(-1).headers.cookie, undefined);
        });
    }

    it('with a head that has no end is left', async () => {
        node.answer = { status: 200, text: '{}', headers: Object.fromEntries(
            Array.from({ length: 900 },
                       (_, i) => [`x-${i}`, 'x'.repeat(90)])) };
        await refuses(nginx, 'node', /answered with more than 64 kB/);
    });

    it('ends without a trace', () => nginx.stop());
});
