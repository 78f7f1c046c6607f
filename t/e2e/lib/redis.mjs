// redis-server and redis-sentinel of the test's own, and a client that shares
// nothing with the module's.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { build } from '../packages.mjs';
import { free_port } from './nginx.mjs';

const sleep = milliseconds =>
    new Promise(resolve => setTimeout(resolve, milliseconds));

const running = new Set();
process.on('exit', () => running.forEach(child => {
    child.kill('SIGCONT');
    child.kill('SIGKILL');
}));

// One reply out of `bytes` from `at`: [value, where it ends], or null where
// more has to come. An error is an Error.
function parse(bytes, at) {
    const end = bytes.indexOf('\r\n', at);
    if (end === -1) {
        return null;
    }
    const line = bytes.toString('latin1', at + 1, end);
    let next = end + 2;
    switch (String.fromCharCode(bytes[at])) {
    case '+': return [line, next];
    case '-': return [new Error(line), next];
    case ':': return [Number(line), next];
    case '$': {
        const length = Number(line);
        if (length === -1) {
            return [null, next];
        }
        return bytes.length < next + length + 2 ? null
            : [bytes.toString('latin1', next, next + length),
               next + length + 2];
    }
    case '*': {
        const list = [];
        for (let i = 0; i < Number(line); i++) {
            const element = parse(bytes, next);
            if (!element) {
                return null;
            }
            list.push(element[0]);
            next = element[1];
        }
        return [list, next];
    }
    default: throw new Error('not Redis: ' + line);
    }
}

export class RedisClient {
    static async connect(options, { secure = false } = {}) {
        const client = new RedisClient();
        client.waiting = [];
        client.bytes = Buffer.alloc(0);
        client.socket = secure ? tls.connect(options) : net.connect(options);
        client.socket.on('data', data => client.#take(data));
        await new Promise((resolve, reject) => {
            client.socket.on('error', reject);
            client.socket.on(secure ? 'secureConnect' : 'connect', resolve);
        });
        client.socket.on('error', () => { });
        client.socket.on('close', () => client.waiting.splice(0).forEach(
            ({ reject }) => reject(new Error('redis has closed'))));
        return client;
    }

    #take(data) {
        this.bytes = Buffer.concat([this.bytes, data]);
        let at = 0;
        for (let reply; at < this.bytes.length
                        && (reply = parse(this.bytes, at));) {
            at = reply[1];
            const { resolve, reject } = this.waiting.shift();
            reply[0] instanceof Error ? reject(reply[0]) : resolve(reply[0]);
        }
        this.bytes = this.bytes.subarray(at);
    }

    command(...words) {
        const text = `*${words.length}\r\n` + words.map(word => {
            const bytes = String(word);
            return `$${Buffer.byteLength(bytes)}\r\n${bytes}\r\n`;
        }).join('');
        return new Promise((resolve, reject) => {
            if (this.socket.destroyed) {
                reject(new Error('redis has closed'));
                return;
            }
            this.waiting.push({ resolve, reject });
            this.socket.write(text);
        });
    }

    close() {
        this.socket.destroy();
    }
}

export class Redis {
    // `options` are lines of redis.conf, or a function of this object that
    // gives them. With `password` the test's own client logs in.
    static async start(name, options = [], more = {}) {
        const redis = new Redis(name, await free_port(), more);
        redis.options = options;
        await redis.run();
        return redis;
    }

    constructor(name, port, { program = 'redis-server', password = null,
                              secure = false } = {}) {
        this.dir = path.join(build, 'e2e', name);
        this.port = port;
        this.program = program;
        this.password = password;
        this.secure = secure;
        // A path of a socket may have 107 characters.
        this.socket = path.join('/tmp', `l402-redis-${process.pid}-${port}`);
        fs.rmSync(this.dir, { recursive: true, force: true });
        fs.mkdirSync(this.dir, { recursive: true });
    }

    // Starts it, again where it was stopped, and waits until it answers.
    async run({ wait = true } = {}) {
        const options = typeof this.options === 'function'
            ? this.options(this) : this.options;
        const port = this.secure
            ? [`port 0`, `tls-port ${this.port}`] : [`port ${this.port}`];
        const file = path.join(this.dir, 'redis.conf');
        // Sentinel writes into its file, and wants to find that again.
        if (this.program !== 'redis-sentinel' || !fs.existsSync(file)) {
            const save = this.program === 'redis-sentinel' ? []
                : ['save ""', `unixsocket ${this.socket}`];
            fs.writeFileSync(file, ['bind 127.0.0.1', ...port, ...save,
                                    `dir ${this.dir}`, ...options, '']
                             .join('\n'));
        }
        const log = fs.openSync(path.join(this.dir, 'log'), 'a');
        this.process = spawn(this.program, [file],
                             { stdio: ['ignore', log, log] });
        fs.closeSync(log);
        this.process.unref();
        const child = this.process;
        running.add(child);
        this.ended = new Promise(resolve => child.on('exit', () => {
            running.delete(child);
            resolve();
        }));
        for (let i = 0; wait && i < 400; i++) {
            try {
                this.client = await this.connect();
                await this.client.command('PING');
                return;
            } catch (error) {
                if (/^(NOAUTH|MASTERDOWN) /.test(error.message)) {
                    return;  // an answer all the same
                }
                this.client?.close();
                await sleep(25);
            }
        }
        if (wait) {
            throw new Error(`${this.program} did not start: ` + fs.readFileSync(
                path.join(this.dir, 'log'), 'utf8'));
        }
    }

    async connect() {
        const client = await RedisClient.connect(
            { host: '127.0.0.1', port: this.port, rejectUnauthorized: false },
            { secure: this.secure });
        if (this.password) {
            await client.command('AUTH', this.password);
        }
        return client;
    }

    // On a new connection where the old one is gone: a failover ends all.
    async command(...words) {
        if (this.client.socket.destroyed || this.client.socket.readableEnded) {
            this.client = await this.connect();
        }
        return this.client.command(...words);
    }

    async commands(list) {
        const replies = [];
        for (const words of list) {
            replies.push(await this.command(...words));
        }
        return replies;
    }

    freeze() { this.process.kill('SIGSTOP'); }
    thaw() { this.process.kill('SIGCONT'); }

    async stop(signal = 'SIGKILL') {
        this.client?.close();
        if (this.process && running.has(this.process)) {
            this.process.ref();
            this.process.kill('SIGCONT');
            this.process.kill(signal);
            await this.ended;
        }
        fs.rmSync(this.socket, { force: true });
    }
}
