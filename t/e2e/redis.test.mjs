// The ways to Redis: TCP, a socket, passwords, databases, TLS; and servers that
// must not be used.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { make } from './lightning/tls.mjs';
import {
    eventually, free_port, request, secrets,
} from './lib.mjs';
import { Redis } from './lib/redis.mjs';
import {
    mint, revoke, start_seller, verdict,
} from './lib/revocable.mjs';

const becomes = async (nginx, token, expected) =>
    assert.ok(await eventually(
        async () => await verdict(nginx, token) === expected, 20),
              `it is ${await verdict(nginx, token)}, not ${expected}: `
              + nginx.error_log().slice(-2000));

const says = async (nginx, text) => assert.ok(
    await eventually(() => nginx.error_log().includes(text), 20),
    `"${text}" is not in: ` + nginx.error_log().slice(-2000));

const password = () => {
    const text = randomBytes(16).toString('hex');
    secrets.add(text);
    return text;
};

const started = [];

async function redis(name, options, more) {
    const server = await Redis.start(`redis-way-${name}`, options, more);
    started.push(server);
    return server;
}

// A seller with that l402_redis block, and files that it names.
let count = 0;

const seller = (block, files = {}, options = {}) => start_seller(
    `redis-way-nginx-${++count}`, nginx => {
        for (const [name, text] of Object.entries(files)) {
            nginx.write(name, text);
        }
        return typeof block === 'function' ? block(nginx) : block;
    }, options);

// It reads what is revoked there, and may be told by somebody else.
async function works(server, nginx, prefix = 'l402:') {
    const token = mint(nginx);
    await becomes(nginx, token, 200);
    await server.commands(revoke('token:' + token.token_id, '+inf', prefix));
    await becomes(nginx, token, 'revoked');
    await nginx.stop();
}

// Nobody can say what is revoked there, and the log says why.
async function refuses(nginx, ...lines) {
    const token = mint(nginx);
    for (const line of lines) {
        await says(nginx, line);
    }
    assert.equal(await verdict(nginx, token), 'unavailable');
    assert.equal((await request(`${nginx.url}/open/1k`)).status, 200);
    await nginx.stop();
}

after(async () => {
    for (const server of started) {
        await server.stop();
    }
});

describe('the way to Redis', () => {
    it('is an address, and a database', async () => {
        const server = await redis('plain');
        await server.command('SELECT', 5);
        await works(server, await seller(
            `url redis://127.0.0.1:${server.port}/5;`));
    });

    it('is a name', async () => {
        const server = await redis('name');
        await works(server, await seller(
            `url redis://localhost:${server.port};`));
    });

    it('is a socket, with keys of its own', async () => {
        const server = await redis('socket');
        await server.command('SELECT', 2);
        await works(server, await seller(
            `url unix:${server.socket}?db=2; prefix shop:;`), 'shop:');
    });

    it('is open to who has the password', async () => {
        const secret = password();
        const server = await redis('password', [`requirepass ${secret}`],
                                   { password: secret });
        await works(server, await seller(
            `url redis://127.0.0.1:${server.port}; password_file password;`,
            { password: secret + '\n' }));
    });

    it('is open to a user who may do what is documented', async () => {
        const secret = password();
        const server = await redis('acl', [
            `user shop on >${secret} ~l402:* &l402:* -@all +select +ping +role `
            + '+info +multi +exec +subscribe +publish +zadd +zrem +zscan '
            + '+zremrangebyscore',
        ]);
        await works(server, await seller(
            `url redis://127.0.0.1:${server.port}; username shop;
             password_file password;`, { password: secret }));
    });

    it('is not open to who has another password', async () => {
        const server = await redis('wrong', [`requirepass ${password()}`]);
        await refuses(await seller(
            `url redis://127.0.0.1:${server.port}; password_file password;`,
            { password: password() }),
                      'refuses the password of "password_file"');
    });

    it('is not open to who has none', async () => {
        const server = await redis('none', [`requirepass ${password()}`]);
        await refuses(await seller(`url redis://127.0.0.1:${server.port};`),
                      'wants a password, give it with "password_file"');
    });

    it('says what a user may not do', async () => {
        const secret = password();
        const server = await redis('little', [
            `user shop on >${secret} ~l402:* &* -@all +ping +role +info`
            + ' +subscribe']);
        await refuses(await seller(
            `url redis://127.0.0.1:${server.port}; username shop;
             password_file password;`, { password: secret }),
                      'does not let this user read l402:revoked by ZSCAN');
    });

    it('does not lead to a database that is not there', async () => {
        const server = await redis('databases', ['databases 2']);
        await refuses(await seller(`url redis://127.0.0.1:${server.port}/2;`),
                      'answers SELECT with "ERR DB index is out of range"');
    });

    it('does not lead to somebody else', async () => {
        const other = net.createServer(
            socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
        const port = await free_port();
        await new Promise(resolve => other.listen(port, '127.0.0.1', resolve));
        await refuses(await seller(`url redis://127.0.0.1:${port};`),
                      "does not speak Redis's protocol");
        other.close();
    });
});

describe('a Redis that must not be used', () => {
    it('is a replica', async () => {
        const master = await redis('master');
        const server = await redis('replica',
                                   [`replicaof 127.0.0.1 ${master.port}`]);
        await refuses(await seller(`url redis://127.0.0.1:${server.port};`),
                      'is a replica, not the master');
    });

    it('has lost its master', async () => {
        const server = await redis('masterless', [
            'replicaof 127.0.0.1 1', 'replica-serve-stale-data no']);
        await refuses(await seller(`url redis://127.0.0.1:${server.port};`),
                      'is a replica that has lost its master');
    });

    it('forgets keys when it is full', async () => {
        const server = await redis('evicts', [
            'maxmemory 100mb', 'maxmemory-policy allkeys-lru']);
        await refuses(await seller(`url redis://127.0.0.1:${server.port};`),
                      'could forget what is revoked',
                      'nothing is counted in it');
    });

    it('begins to forget keys', async () => {
        const server = await redis('begins', ['maxmemory 100mb']);
        const nginx = await seller(
            `url redis://127.0.0.1:${server.port}; resync 1s;`,
            {}, { location: 'l402_revocation on max_stale=2s;' });
        const token = mint(nginx);
        await becomes(nginx, token, 200);
        await server.command('CONFIG', 'SET', 'maxmemory-policy',
                             'allkeys-lfu');
        await becomes(nginx, token, 'unavailable');
        await says(nginx, 'could forget what is revoked');
        await server.command('CONFIG', 'SET', 'maxmemory-policy',
                             'noeviction');
        await becomes(nginx, token, 200);
        await nginx.stop();
    });

    it('forgets what expires: counts, not what is revoked', async () => {
        const server = await redis('volatile', [
            'maxmemory 100mb', 'maxmemory-policy volatile-lru']);
        const nginx = await seller(`url redis://127.0.0.1:${server.port};`);
        await says(nginx, 'its maxmemory-policy is "volatile-lru", it must be '
            + '"noeviction"; nothing is counted in it');
        await works(server, nginx);
    });

    it('loads its dataset', async () => {
        const often = 'loading-process-events-interval-bytes 1024';
        const server = await redis('loading');
        const block = 'x'.repeat(1000);
        for (let i = 0; i < 4; i++) {
            await Promise.all(Array.from({ length: 500 }, (_, j) =>
                server.client.command('SET', `key${i}:${j}`, block)));
        }
        await server.command('SAVE');
        await server.stop('SIGKILL');
        server.options = ['key-load-delay 2000', often];
        await server.run({ wait: false });
        const nginx = await seller(`url redis://127.0.0.1:${server.port};`);
        await says(nginx, 'is loading its dataset');
        const token = mint(nginx);
        assert.equal(await verdict(nginx, token), 'unavailable');
        await becomes(nginx, token, 200);
        await nginx.stop();
    });
});

describe('Redis over TLS', () => {
    const tls = async (name, ...names) => {
        const base = path.join(process.env.L402_BUILD, 'e2e',
                               `redis-tls-${name}`);
        make(base + '.pem', base + '.key', ...names);
        const server = await redis(`tls-${name}`, [
            `tls-cert-file ${base}.pem`, `tls-key-file ${base}.key`,
            `tls-ca-cert-file ${base}.pem`, 'tls-auth-clients no',
        ], { secure: true });
        server.certificate = base + '.pem';
        return server;
    };

    it('is believed by address and by name', async () => {
        const server = await tls('good');
        for (const host of ['127.0.0.1', 'localhost']) {
            await works(server, await seller(
                `url rediss://${host}:${server.port};
                 ca_file ${server.certificate};`));
        }
    });

    it('is believed unseen with verify off', async () => {
        const server = await tls('unverified');
        await works(server, await seller(
            `url rediss://127.0.0.1:${server.port}; verify off;`));
    });

    it('is not believed by another authority, nor by the system', async () => {
        const server = await tls('wrong');
        const other = await tls('other');
        await refuses(await seller(`url rediss://127.0.0.1:${server.port};
            ca_file ${other.certificate};`),
                      'has a certificate that is not trusted');
        await refuses(await seller(`url rediss://127.0.0.1:${server.port};`),
                      'has a certificate that is not trusted');
    });

    it('is not believed under another name', async () => {
        const server = await tls('elsewhere', 'DNS:elsewhere.example');
        await refuses(await seller(`url rediss://127.0.0.1:${server.port};
            ca_file ${server.certificate};`),
                      'has a certificate that is not trusted: IP address '
                      + 'mismatch');
        await refuses(await seller(`url rediss://localhost:${server.port};
            ca_file ${server.certificate};`),
                      'has a certificate that is not trusted: hostname '
                      + 'mismatch');
    });

    it('is not plain', async () => {
        const server = await tls('plain');
        const plain = await redis('tls-not');
        await refuses(await seller(`url redis://127.0.0.1:${server.port};`),
                      `redis 127.0.0.1:${server.port} `);
        await refuses(await seller(`url rediss://127.0.0.1:${plain.port};
            ca_file ${server.certificate};`),
                      `redis 127.0.0.1:${plain.port} `);
    });
});
