// The real node behind a server of another kind: TLS with any certificate,
// HTTP/2, a unix socket, an IPv6 address. It shows who came.

import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { body } from '../service.mjs';
import { request } from './http.mjs';

const sleep = milliseconds =>
    new Promise(resolve => setTimeout(resolve, milliseconds));

export class Front {
    connections = 0;
    seen = [];        // a call's path, version, headers
    at_once = 0;      // the most calls that were under way together
    #under_way = 0;
    #sockets = new Set();

    // `tls` is { cert, key }, `h2` speaks HTTP/2 and nothing else, `at` is what
    // listen() takes. Each answer waits for `delay` milliseconds; `answer` is
    // one that stands in for the node's: { status, headers, text }.
    static async open({ tls, h2 = false, at = {}, delay = 0, answer } = {}) {
        const front = new Front();
        const create = h2
            ? listener => http2.createSecureServer(tls, listener)
            : tls ? listener => https.createServer(tls, listener)
                : http.createServer;
        front.delay = delay;
        front.answer = answer;
        front.server = create((from, to) => front.#serve(from, to));
        front.server.keepAliveTimeout = 600_000;
        front.server.on(tls ? 'secureConnection' : 'connection',
                        () => front.connections++);
        front.server.on('connection', socket => {
            front.#sockets.add(socket);
            socket.on('close', () => front.#sockets.delete(socket));
            socket.on('error', () => {});
        });
        front.server.on('tlsClientError', () => {});
        front.server.on('sessionError', () => {});
        await new Promise((resolve, reject) => {
            front.server.once('error', reject);
            front.server.listen(at.path ? at : { port: 0, host: '127.0.0.1',
                                                 ...at }, resolve);
        });
        front.port = front.server.address().port;
        return front;
    }

    async #serve(from, to) {
        this.#under_way++;
        this.at_once = Math.max(this.at_once, this.#under_way);
        this.seen.push({ path: from.url, version: from.httpVersion,
                         headers: from.headers });
        try {
            const text = await body(from);
            await sleep(this.delay);
            const answer = this.answer ?? await request(
                process.env.L402_NODE_URL + from.url, {
                    method: from.method, body: text,
                    headers: { 'grpc-metadata-macaroon':
                               from.headers['grpc-metadata-macaroon'] ?? '' },
                });
            to.writeHead(answer.status,
                         answer === this.answer ? answer.headers : {});
            to.end(answer.text ?? '');
        } catch {
            to.destroy?.();
        } finally {
            this.#under_way--;
        }
    }

    forget() {
        this.connections = 0;
        this.seen = [];
        this.at_once = 0;
    }

    cut() {
        this.#sockets.forEach(socket => socket.destroy());
    }

    close() {
        this.server.close();
        this.cut();
    }
}
