// An nginx of the test's own, in a folder of its own below build/e2e.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { build } from '../packages.mjs';
import { secrets } from './l402.mjs';

const binary = process.env.TEST_NGINX_BINARY || 'nginx';
const module_file = process.env.L402_MODULE
    || path.join(build, 'ngx_http_l402_module.so');

const sleep = milliseconds =>
    new Promise(resolve => setTimeout(resolve, milliseconds));

const is_free = port => new Promise(resolve => {
    const server = net.createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1',
                  () => server.close(() => resolve(true)));
});

// With the one behind it. Below those that the system gives to whoever
// connects: one that is free now may else be taken a moment later.
export async function free_port() {
    const first = 20000, pairs = 6000;
    for (let i = 0; i < 100; i++) {
        const port = first + 2 * randomInt(pairs);
        if (await is_free(port) && await is_free(port + 1)) {
            return port;
        }
    }
    throw new Error('no port is free');
}

const is_alive = pid => {
    try {
        return !/\) [ZX]/.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
        return false;
    }
};

const running = new Set();
process.on('exit', () => running.forEach(child => child.kill('SIGTERM')));
for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => process.exit(1));
}

export class Nginx {
    // `name` is the folder's; `http` the inside of http {}, a text or a
    // function of this object, which knows `port`, `url` and `dir`.
    static async start(name, http, options = {}) {
        const nginx = new Nginx(name, await free_port(), options);
        nginx.configure(http);
        await nginx.#start();
        return nginx;
    }

    // `main` are lines before events {}, `env` is added to the environment.
    constructor(name, port, { workers = 1, log = 'info', main = '',
                              env = {} } = {}) {
        this.dir = path.join(build, 'e2e', name);
        this.port = port;
        this.url = `http://127.0.0.1:${port}`;
        this.workers = workers;
        this.log = log;
        this.main = main;
        this.env = env;

        fs.rmSync(this.dir, { recursive: true, force: true });
        fs.mkdirSync(path.join(this.dir, 'html'), { recursive: true });
        fs.mkdirSync(path.join(this.dir, 'temp'));
        this.write('html/1k', 'x'.repeat(1024));
        this.write('keys', new_key());
        this.error_log_file = path.join(this.dir, 'error.log');
    }

    write(file, text) {
        fs.writeFileSync(path.join(this.dir, file), text, { mode: 0o600 });
    }

    configure(http) {
        const user = process.getuid() === 0 ? 'user root;' : '';
        const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
            .map(kind => `    ${kind}_temp_path temp/${kind};\n`).join('');

        this.write('nginx.conf', `
${user}
load_module ${module_file};
daemon off;
pid nginx.pid;
error_log error.log ${this.log};
${this.main}
worker_processes ${this.workers};
events { worker_connections 2048; }
http {
${temp}
    access_log off;
    root html;
    l402_key_file ${this.dir}/keys;
${typeof http === 'function' ? http(this) : http}
}
`);
    }

    async #start() {
        const output = fs.openSync(path.join(this.dir, 'output'), 'w');
        this.process = spawn(
            binary, ['-p', this.dir + '/', '-e', 'error.log',
                     '-c', 'nginx.conf'],
            { stdio: ['ignore', output, output],
              env: { ...process.env, ...this.env } });
        fs.closeSync(output);
        // A test that breaks off must neither wait for nginx nor leave it.
        this.process.unref();
        running.add(this.process);
        this.process.on('error', error => { this.failure = error; });
        this.ended = new Promise(resolve => this.process.on(
            'exit', (code, signal) => {
                running.delete(this.process);
                resolve(code ?? signal);
            }));

        for (let i = 0; i < 200; i++) {
            if (this.worker_pids().length === this.workers
                && await this.#listens()) {
                return;
            }
            if (this.failure || this.process.exitCode !== null) {
                break;
            }
            await sleep(50);
        }
        this.process.kill('SIGKILL');
        throw new Error('nginx did not start: '
                        + (this.failure?.message ?? this.output()));
    }

    #listens() {
        return new Promise(resolve => {
            const socket = net.connect(this.port, '127.0.0.1');
            socket.on('connect', () => { socket.destroy(); resolve(true); });
            socket.on('error', () => resolve(false));
        });
    }

    // The master's children, those that are shutting down included.
    worker_pids() {
        return fs.readdirSync('/proc').filter(pid => {
            if (!/^\d+$/.test(pid)) {
                return false;
            }
            try {
                const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
                const [state, parent] =
                    stat.slice(stat.lastIndexOf(')') + 2).split(' ');
                return Number(parent) === this.process.pid && state !== 'Z';
            } catch {
                return false;
            }
        }).map(Number);
    }

    worker_descriptors() {
        const [pid] = this.worker_pids();
        return fs.readdirSync(`/proc/${pid}/fd`).length;
    }

    // Asks for a reload and waits until the old workers are gone.
    async reload(seconds = 20) {
        const old = this.worker_pids();
        this.process.kill('SIGHUP');
        for (let i = 0; i < seconds * 20; i++) {
            await sleep(50);
            const now = this.worker_pids();
            if (now.length === this.workers
                && !now.some(pid => old.includes(pid))) {
                return;
            }
        }
        throw new Error(`after a reload: workers ${this.worker_pids()}, `
                        + `before it: ${old}`);
    }

    // Master and workers at once, as a crash of the machine would.
    async crash() {
        const pids = [this.process.pid, ...this.worker_pids()];
        this.process.ref();
        pids.forEach(pid => {
            try {
                process.kill(pid, 'SIGKILL');
            } catch { /* It was on its way. */ }
        });
        await this.ended;
        for (let i = 0; i < 200 && pids.some(is_alive); i++) {
            await sleep(20);
        }
    }

    // After a crash or a stop.
    async start_again() {
        fs.rmSync(path.join(this.dir, 'nginx.pid'), { force: true });
        await this.#start();
    }

    // As start_again(), where it must not start: what it says.
    async refused_start() {
        await assert.rejects(this.start_again());
        return this.output();
    }

    // A reload that must be refused: returns what the log says of it.
    async refused_reload(seconds = 10) {
        const before = this.error_log().length;
        this.process.kill('SIGHUP');
        for (let i = 0; i < seconds * 20; i++) {
            await sleep(50);
            const said = this.error_log().slice(before);
            if (said.includes('[emerg]')) {
                return said;
            }
        }
        throw new Error('the reload was not refused');
    }

    error_log() {
        return fs.readFileSync(this.error_log_file, 'utf8');
    }

    output() {
        return fs.readFileSync(path.join(this.dir, 'output'), 'utf8')
            + (fs.existsSync(this.error_log_file) ? this.error_log() : '');
    }

    // Ends gracefully, which shows what was left behind, and looks at what
    // was written: no alert, nothing from a sanitizer, no secret. Each suite
    // has it as its last test: the counts leave out what fails in a hook.
    // Lines that match `expected` are none of those.
    async stop({ seconds = 20, expected = null } = {}) {
        this.process.ref();
        this.process.kill('SIGQUIT');
        const limit = setTimeout(() => {
            this.worker_pids().forEach(pid => process.kill(pid, 'SIGKILL'));
            this.process.kill('SIGKILL');
        }, seconds * 1000);
        const code = await this.ended;
        clearTimeout(limit);
        assert.equal(code, 0, `nginx ended with ${code}: ${this.output()}`);

        const said = this.output();
        const bad = said.split('\n').filter(line =>
            /\[alert\]|\[crit\]|open socket|Sanitizer|runtime error/
                .test(line) && !expected?.test(line));
        assert.deepEqual(bad, []);
        for (const secret of secrets) {
            assert.ok(!said.includes(secret), 'a secret is in the log');
        }
    }
}

export const new_key = () => randomBytes(32).toString('hex') + '\n';
