// A SOCKS5 proxy (RFC 1928, RFC 1929) that knows names nobody else does.

import net from 'node:net';

const succeeded = 0;
const host_unreachable = 4;

// Reads exactly so many bytes of a socket.
function reader(socket) {
    let bytes = Buffer.alloc(0);
    let waiting;
    const serve = () => {
        if (waiting && bytes.length >= waiting.size) {
            const { size, resolve } = waiting;
            waiting = undefined;
            const part = bytes.subarray(0, size);
            bytes = bytes.subarray(size);
            resolve(part);
        }
    };
    const on_data = data => {
        bytes = Buffer.concat([bytes, data]);
        serve();
    };
    socket.on('data', on_data);
    return {
        take: size => new Promise(resolve => {
            waiting = { size, resolve };
            serve();
        }),
        end() {
            socket.off('data', on_data);
            socket.unshift(bytes);
        },
    };
}

export class Socks {
    seen = [];       // { kind: name, ipv4 or ipv6; host; port; user; password }
    #sockets = new Set();

    // `hosts` maps "name:port" to a port of this machine. `method` is what the
    // proxy chooses (2 where there is a password), `hang` a point at which it
    // says nothing more: method or reply.
    static async open({ hosts = {}, password, method, hang,
                        host = '127.0.0.1' } = {}) {
        const socks = new Socks();
        Object.assign(socks, { hosts, password, method, hang });
        socks.server = net.createServer(socket => {
            socks.#sockets.add(socket);
            socket.on('error', () => {});
            socket.on('close', () => socks.#sockets.delete(socket));
            socks.#serve(socket).catch(() => socket.destroy());
        });
        await new Promise((resolve, reject) => {
            socks.server.once('error', reject);
            socks.server.listen(0, host, resolve);
        });
        socks.port = socks.server.address().port;
        return socks;
    }

    async #serve(socket) {
        const { take, end } = reader(socket);
        const [, count] = await take(2);
        const offered = await take(count);
        const call = { offered: [...offered] };
        const method = this.method ?? (this.password ? 2 : 0);

        if (this.hang === 'method') {
            this.seen.push(call);
            return;
        }
        if (this.method === undefined && !offered.includes(method)) {
            socket.end(Buffer.from([5, 0xff]));
            return;
        }
        socket.write(Buffer.from([5, method]));
        if (method === 2) {
            const [, length] = await take(2);
            call.user = (await take(length)).toString();
            call.password = (await take((await take(1))[0])).toString();
            const good = call.password === this.password;
            socket.write(Buffer.from([1, good ? 0 : 1]));
            if (!good) {
                return;
            }
        }

        const [, , , type] = await take(4);
        if (type === 3) {
            call.kind = 'name';
            call.host = (await take((await take(1))[0])).toString();
        } else {
            call.kind = type === 1 ? 'ipv4' : 'ipv6';
            const bytes = await take(type === 1 ? 4 : 16);
            call.host = type === 1 ? bytes.join('.') : bytes.toString('hex');
        }
        call.port = (await take(2)).readUInt16BE();
        this.seen.push(call);
        if (this.hang === 'reply') {
            return;
        }

        const target = this.hosts[`${call.host}:${call.port}`];
        const reply = code =>
            Buffer.from([5, code, 0, 1, 127, 0, 0, 1, 0, 0]);
        if (!target) {
            socket.end(reply(host_unreachable));
            return;
        }
        const to = net.connect(target, '127.0.0.1');
        this.#sockets.add(to);
        to.on('error', () => socket.destroy());
        to.on('close', () => { this.#sockets.delete(to); socket.destroy(); });
        socket.on('close', () => to.destroy());
        end();
        socket.write(reply(succeeded));
        socket.pipe(to).pipe(socket);
    }

    close() {
        this.server.close();
        this.#sockets.forEach(socket => socket.destroy());
    }
}
