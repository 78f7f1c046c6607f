// Requests that Redis counts, and that are led through several locations, come
// over HTTP/2 or by `satisfy any`, or whose clients leave while they wait.

import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Nginx, eventually, request, service, sleep } from './lib.mjs';
import { Redis } from './lib/redis.mjs';
import { mint } from './lib/revocable.mjs';

const configuration = (redis, mute) => ({ dir, port }) => `
    l402_zone l402:2m;
    l402_redis { url ${redis}; timeout 10s; resync 1s; }
    ${service('node')}
    server {
        listen 127.0.0.1:${port};
        listen unix:${dir}/h2.sock http2;
        l402 weather;
        l402_price 100sat;
        add_header X-Left $l402_balance_msat always;
        location /cheap { l402_metered 1sat; try_files /none /dear; }
        location /dear { l402_metered 30sat; try_files /1k =404; }
        location /dear/cheap { l402_metered 30sat; try_files /none /small; }
        location /small { l402_metered 1sat; try_files /1k =404; }
        location /uses { l402_uses 5; try_files /1k =404; }
        location /any {
            l402_uses 5;
            satisfy any;
            deny all;
            try_files /1k =404;
        }
        location /left {
            l402_uses 5;
            post_action /after;
            try_files /1k =404;
        }
        location = /after {
            l402 off;
            proxy_pass http://127.0.0.1:${mute};
        }
    }`;

describe('counts in Redis', () => {
    let redis, mute, nginx;
    const asked = [];

    before(async () => {
        redis = await Redis.start('counts-redis-walk');
        // Takes requests and never answers.
        mute = net.createServer(socket => {
            socket.on('error', () => { });
            asked.push(socket);
        });
        await new Promise(done => mute.listen(0, '127.0.0.1', done));
        nginx = await Nginx.start('counts-redis-walk', configuration(
            `redis://127.0.0.1:${redis.port}`, mute.address().port));
        const token = mint(nginx, '--uses', '1000');
        assert.ok(await eventually(
            async () => (await get('/uses', token)).startsWith('200'), 20),
            nginx.error_log().slice(-2000));
    });
    after(() => {
        asked.forEach(socket => socket.destroy());
        mute?.close();
        redis?.stop();
    });

    const get = async (path, { headers }) => {
        const response = await request(nginx.url + path, { headers });
        return `${response.status}/${response.headers['x-left']}`;
    };

    const counted = async (token, field) => Number(await redis.command(
        'HGET', `l402:payment:${token.payment_hash}`, field) ?? 0);

    it('charge the dearest location of a walk', async () => {
        // Redis does not know the script that gives back before its first use.
        const first = mint(nginx, '--balance', '100sat');
        assert.match(await get('/cheap', first), /^200/);
        assert.ok(await eventually(
            async () => await counted(first, 'msat') === 30000, 10));

        const token = mint(nginx, '--balance', '100sat');
        const got = [];
        for (const path of ['/small', '/cheap', '/dear/cheap', '/cheap',
                            '/cheap', '/small']) {
            got.push(await get(path, token));
        }
        assert.deepEqual(got, ['200/99000', '200/69000', '200/39000',
                               '200/9000', '402/9000', '200/8000']);
        assert.ok(await eventually(
            async () => await counted(token, 'msat') === 92000, 10),
            `${await counted(token, 'msat')} are counted`);
    });

    it('keep nothing of a client that left, and leave its post_action alone',
       async () => {
        const token = mint(nginx, '--uses', '5');
        assert.match(await get('/uses', token), /^200/);

        redis.freeze();
        const call = http.get(nginx.url + '/left',
                              { headers: token.headers, agent: false });
        call.on('error', () => { });
        await sleep(300);
        call.destroy();
        assert.ok(await eventually(() => asked.length === 1, 5),
                  'the post_action is carried out');
        redis.thaw();

        assert.ok(await eventually(
            async () => await counted(token, 'uses') === 1, 10),
            `${await counted(token, 'uses')} are counted`);
        assert.match(await get('/uses', token), /^200/);
        assert.equal(asked.length, 1, 'and carried out once');
        assert.equal(await counted(token, 'uses'), 2);
        asked.forEach(socket => socket.destroy());
    });

    it('let in by `satisfy any` who has paid, and nobody else', async () => {
        const token = mint(nginx, '--uses', '2');
        const got = [];
        for (let i = 0; i < 3; i++) {
            got.push(parseInt(await get('/any', token)));
        }
        assert.deepEqual(got, [200, 200, 402]);
        assert.equal(await counted(token, 'uses'), 2);
    });

    it('are exact for the streams of one connection, those that are reset '
       + 'included', async () => {
        const session = http2.connect('http://localhost', {
            createConnection: () => net.connect(`${nginx.dir}/h2.sock`) });
        const token = mint(nginx, '--uses', '5');
        const open = () => session.request({ ':path': '/uses',
            authorization: token.headers.Authorization });
        const status = stream => new Promise((resolve, reject) => {
            let got;
            stream.on('response', head => { got = head[':status']; });
            stream.on('error', reject);
            stream.on('close', () => resolve(got));
            stream.resume();
        });
        session.on('error', () => { });

        redis.freeze();
        const gone = Array.from({ length: 10 }, open);
        gone.forEach(stream => stream.on('error', () => { }));
        await sleep(300);
        gone.forEach(stream => stream.close(http2.constants.NGHTTP2_CANCEL));
        await sleep(100);
        redis.thaw();
        assert.ok(await eventually(
            async () => await redis.command('EXISTS',
                `l402:payment:${token.payment_hash}`) === 1
                && await counted(token, 'uses') === 0, 10),
            `${await counted(token, 'uses')} are counted`);

        const got = await Promise.all(
            Array.from({ length: 20 }, () => status(open())));
        assert.equal(got.filter(code => code === 200).length, 5);
        assert.equal(got.filter(code => code === 402).length, 15);
        assert.equal(await counted(token, 'uses'), 5);
        session.close();
    });

    it('leave no trace in the log', async () => {
        assert.doesNotMatch(nginx.error_log(), /\[(alert|crit|emerg)\]/);
        await nginx.stop();
    });
});
