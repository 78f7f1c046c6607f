// Names: a name server for nginx's `resolver`, and the C library's look-ups
// made to be seen, and to hang.

import { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from '../packages.mjs';

const type_a = 1;
const type_aaaa = 28;
const no_such_name = 3;

function question(message) {
    const labels = [];
    let at = 12;
    while (message[at]) {
        labels.push(message.toString('latin1', at + 1, at + 1 + message[at]));
        at += message[at] + 1;
    }
    return { name: labels.join('.').toLowerCase(),
             type: message.readUInt16BE(at + 1), end: at + 5 };
}

const bytes_of = (address, type) => type === type_a
    ? Buffer.from(address.split('.').map(Number))
    // The addresses here are ::1 and nothing else.
    : Buffer.from([...Array(15).fill(0), 1]);

export class NameServer {
    asked = [];      // names, as often as they were asked for
    names = {};      // name: addresses
    silent = false;

    static async open(names, { ttl = 1 } = {}) {
        const server = new NameServer();
        server.names = names;
        server.ttl = ttl;
        server.socket = dgram.createSocket('udp4');
        server.socket.on('message', (message, from) => {
            const answer = server.#answer(message);
            if (answer) {
                server.socket.send(answer, from.port, from.address);
            }
        });
        await new Promise(resolve =>
            server.socket.bind(0, '127.0.0.1', resolve));
        server.port = server.socket.address().port;
        return server;
    }

    #answer(message) {
        const { name, type, end } = question(message);
        this.asked.push(name);
        if (this.silent) {
            return null;
        }
        const known = this.names[name];
        const wanted = (known ?? []).filter(address =>
            (type === type_a) === !address.includes(':'));
        const head = Buffer.alloc(12);
        message.copy(head, 0, 0, 2);
        head.writeUInt16BE(0x8180 | (known ? 0 : no_such_name), 2);
        head.writeUInt16BE(1, 4);
        head.writeUInt16BE(wanted.length, 6);
        const records = wanted.map(address => {
            const data = bytes_of(address, type);
            const record = Buffer.alloc(12);
            record.writeUInt16BE(0xc00c, 0);
            record.writeUInt16BE(type, 2);
            record.writeUInt16BE(1, 4);
            record.writeUInt32BE(this.ttl, 6);
            record.writeUInt16BE(data.length, 10);
            return Buffer.concat([record, data]);
        });
        return Buffer.concat([head, message.subarray(12, end), ...records]);
    }

    close() {
        this.socket.close();
    }
}

// Look-ups of the C library that go through watched_names.c: each is written
// down. Names below .known.test are 127.0.0.1, those below .two.test 127.0.0.1
// and 127.0.0.2, others below .test nobody knows.
export class WatchedNames {
    constructor(name) {
        const here = path.dirname(fileURLToPath(import.meta.url));
        const dir = path.join(build, 'e2e');
        const library = path.join(dir, `${name}-names.so`);
        fs.mkdirSync(dir, { recursive: true });
        const made = spawnSync('cc', [
            '-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library,
            path.join(here, 'watched_names.c'), '-ldl'], { encoding: 'utf8' });
        if (made.status !== 0) {
            throw new Error(made.error?.message ?? made.stderr);
        }
        this.log = path.join(dir, `${name}-names.log`);
        this.hang_file = path.join(dir, `${name}-names.hang`);
        fs.rmSync(this.hang_file, { force: true });
        fs.writeFileSync(this.log, '');
        this.env = {
            LD_PRELOAD: library,
            L402_NAMES_LOG: this.log,
            L402_NAMES_HANG: this.hang_file,
            // A sanitizer wants to come first.
            ASAN_OPTIONS: [process.env.ASAN_OPTIONS, 'verify_asan_link_order=0']
                .filter(Boolean).join(','),
        };
    }

    // nginx's own lines: workers' environment is what is named here.
    get main() {
        return 'env L402_NAMES_LOG; env L402_NAMES_HANG;';
    }

    // From now on, it takes so many seconds to say so.
    hang(seconds) {
        fs.writeFileSync(this.hang_file, String(seconds));
    }

    get asked() {
        return fs.readFileSync(this.log, 'utf8').split('\n').filter(Boolean);
    }
}
