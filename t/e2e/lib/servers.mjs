// Servers inside the test: a backend that shows what reached it, a tap between
// nginx and a node, and ports where nobody answers.

import { spawn } from 'node:child_process';
import http from 'node:http';
import net from 'node:net';

const listening = (server, port = 0) => new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server.address().port));
});

// Answers every request with 200 and keeps what it was asked.
export async function start_backend() {
    const seen = [];
    const server = http.createServer((request, response) => {
        seen.push({ method: request.method, url: request.url,
                    headers: request.headers });
        request.resume();
        response.end('content of the backend\n');
    });
    const port = await listening(server);
    return {
        seen,
        url: `http://127.0.0.1:${port}`,
        stop() {
            server.close();
            server.closeAllConnections();
        },
    };
}

// Passes connections on to the node at `to` and counts its invoice calls, and
// those that look one up; it can be closed and opened, which is a node that
// goes and comes back.
export class Tap {
    invoices = 0;
    lookups = 0;
    #to;
    #server;
    #sockets = new Set();

    static async open(to) {
        const tap = new Tap(to, 0);
        await tap.open();
        return tap;
    }

    constructor(to, port) {
        this.#to = new URL(to);
        this.port = port;
    }

    get url() {
        return `http://127.0.0.1:${this.port}`;
    }

    async open() {
        this.#server = net.createServer(from => {
            const to = net.connect(this.#to.port, this.#to.hostname);
            for (const socket of [from, to]) {
                this.#sockets.add(socket);
                socket.on('error', () => {});
                socket.on('close', () => {
                    this.#sockets.delete(socket);
                    from.destroy();
                    to.destroy();
                });
            }
            from.on('data', data => {
                this.invoices += data.toString('latin1')
                    .split(/POST \S*\/v1\/invoices/).length - 1;
                this.lookups += data.toString('latin1')
                    .split(/GET \S*\/v1\/invoice\//).length - 1;
            });
            from.pipe(to).pipe(from);
        });
        this.port = await listening(this.#server, this.port);
    }

    close() {
        this.#server?.close();
        this.#sockets.forEach(socket => socket.destroy());
    }
}

// A port whose queue of connections is full: no SYN is answered there.
export async function start_full() {
    const child = spawn('perl', ['-MIO::Socket::INET', '-e', `
        $listener = IO::Socket::INET->new(Listen => 1,
            LocalAddr => '127.0.0.1') or die;
        $port = $listener->sockport;
        push @held, IO::Socket::INET->new(Blocking => 0,
            PeerAddr => "127.0.0.1:$port") for 1 .. 8;
        $| = 1;
        print "$port\\n";
        <STDIN>;`], { stdio: ['pipe', 'pipe', 'inherit'] });
    const port = await new Promise((resolve, reject) => {
        child.stdout.once('data', data => resolve(Number(data)));
        child.once('exit', () => reject(new Error('no full port')));
    });
    return { port, close: () => child.stdin.end() };
}

// Takes connections, counts those that say something, and says nothing.
export async function start_mute() {
    const sockets = new Set();
    const cut = () => sockets.forEach(socket => socket.destroy());
    const mute = { heard: 0, cut, close() {
        server.close();
        cut();
    } };
    const server = net.createServer(socket => {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.once('data', () => mute.heard++);
    });
    mute.port = await listening(server);
    return mute;
}
