// HTTP/2, and gRPC over it.

import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, env, eventually, pay, read_challenge, request, service,
    start_backend,
} from './lib.mjs';

// One stream; what came, as lib/http.mjs has it.
function call(session, headers, body) {
    return new Promise((resolve, reject) => {
        const stream = session.request(headers, { endStream: !body });
        const parts = [];
        let head = {}, trailers = {};
        stream.on('response', value => { head = value; });
        stream.on('trailers', value => { trailers = value; });
        stream.on('data', part => parts.push(part));
        stream.on('close', () => {
            const text = Buffer.concat(parts).toString();
            resolve({ status: head[':status'], headers: head, trailers, text,
                      json: () => JSON.parse(text), code: stream.rstCode });
        });
        // An answer before the whole body was read ends in a reset without
        // an error; what came counts.
        stream.on('error', error => {
            if (head[':status'] === undefined) {
                reject(error);
            }
        });
        if (body) {
            stream.end(body);
        }
    });
}

describe('HTTP/2', () => {
    let backend, nginx, session;

    before(async () => {
        backend = await start_backend();
        nginx = await Nginx.start('http2', ({ port }) => `
    ${service('node')}
    ${service('hung', { url: env('L402_FAULT_URL') + '/hang-http2',
                        more: 'timeout 30s;' })}
    server {
        listen 127.0.0.1:${port} http2;
        l402_price 10sat;
        l402_invoice_from node;
        location /paid/ {
            l402 paid;
            proxy_pass ${backend.url};
        }
        location /hung/ {
            l402 hung;
            l402_invoice_from hung;
            proxy_pass ${backend.url};
        }
        location /free/ { proxy_pass ${backend.url}; }
    }`);
        session = http2.connect(nginx.url);
    });

    after(() => {
        session?.destroy();
        backend?.stop();
    });

    const get = (path, more = {}) =>
        call(session, { ':path': path, ...more });

    it('challenges, and lets the paid request through, on one connection',
       async () => {
        const { macaroon, invoice } = read_challenge(await get('/paid/'));
        assert.equal(backend.seen.length, 0);
        const preimage = await pay(invoice);
        const response = await get('/paid/', {
            authorization: `L402 ${macaroon}:${preimage}` });
        assert.equal(response.status, 200);
        assert.equal(response.text, 'content of the backend\n');
        assert.equal(backend.seen.at(-1).headers.authorization, undefined);
    });

    it('challenges an unpaid body, and the connection goes on', async () => {
        backend.seen.length = 0;
        for (let i = 0; i < 5; i++) {
            read_challenge(await call(
                session, { ':path': '/paid/', ':method': 'POST' },
                Buffer.alloc(300_000, 'x')));
        }
        assert.equal(backend.seen.length, 0);
        assert.equal((await get('/free/')).status, 200);
    });

    it('challenges many streams at once', async () => {
        const responses = await Promise.all(
            Array.from({ length: 30 }, () => get('/paid/')));
        const invoices = responses.map(
            response => read_challenge(response).invoice);
        assert.equal(new Set(invoices).size, 30);
    });

    it('answers gRPC as gRPC', async () => {
        const response = await call(session, {
            ':path': '/paid/', ':method': 'POST',
            'content-type': 'application/grpc+proto', te: 'trailers',
        }, Buffer.from([0, 0, 0, 0, 0]));

        assert.equal(response.status, 200);
        const { 'grpc-status': status, 'grpc-message': message } =
            { ...response.headers, ...response.trailers };
        assert.equal(status, '13');
        assert.equal(decodeURIComponent(message), 'payment required');
        assert.match(response.headers['content-type'], /^application\/grpc/);
        assert.equal(response.text, '');

        const { macaroon, invoice } = read_challenge(
            { ...response, status: 402 });
        const preimage = await pay(invoice);
        const paid = await call(session, {
            ':path': '/paid/', ':method': 'POST',
            'content-type': 'application/grpc+proto', te: 'trailers',
            authorization: `L402 ${macaroon}:${preimage}`,
        }, Buffer.from([0, 0, 0, 0, 0]));
        assert.equal(paid.status, 200);
        assert.equal(paid.text, 'content of the backend\n');
    });

    it('forgets streams that were reset while they waited', async () => {
        const fault = env('L402_FAULT_URL');
        const asked = async () =>
            (await request(fault + '/stats')).json()['hang-http2'] ?? 0;
        const before = await asked();
        const streams = Array.from({ length: 20 }, () => {
            const stream = session.request({ ':path': '/hung/' });
            stream.on('error', () => {});
            return stream;
        });
        assert.ok(await eventually(
            async () => await asked() === before + 20));
        const descriptors = nginx.worker_descriptors();

        streams.forEach(stream => stream.close(
            http2.constants.NGHTTP2_CANCEL));
        assert.ok(await eventually(
            () => nginx.worker_descriptors() <= descriptors - 18));
        read_challenge(await get('/paid/'));
    });

    it('ends without a trace', () => nginx.stop());
});
