// What was bought is counted, whatever happens to workers and to nginx: never
// one request more than was paid for, and none less but for those that were
// under way when something was killed.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { Nginx, eventually, request, service, sleep } from './lib.mjs';
import { mint } from './lib/revocable.mjs';

const rounds = 8;

const http = (zone, more = '') => ({ dir, port }) => `
    l402_zone ${zone.replace('DIR', dir)};
    ${service('node')}
    server {
        listen 127.0.0.1:${port};
        location / {
            l402 weather;
            l402_price 10sat;
            l402_uses 5;
            alias html/;
        }
        location /admin/ { allow 127.0.0.1; deny all; l402_admin; }
        ${more}
    }`;

const counted = async (nginx, token) => {
    const response = await request(
        `${nginx.url}/admin/payments/${token.payment_hash}`);
    return response.status === 404 ? { uses: 0 } : response.json();
};

// Sends without pause until told to end: what was answered, and what was not.
class Load {
    constructor(nginx, tokens, width = 8) {
        this.nginx = nginx;
        this.loops = tokens.flatMap(token => {
            token.answered ??= 0;
            token.lost ??= 0;
            token.other ??= {};
            return Array.from({ length: width }, () => this.#run(token));
        });
    }

    async #run(token) {
        while (!this.ended) {
            try {
                const { status } = await request(`${this.nginx.url}/1k`,
                                                 { headers: token.headers });
                if (status === 200) {
                    token.answered++;
                } else {
                    token.other[status] = (token.other[status] ?? 0) + 1;
                }
            } catch {
                token.lost++;
                await sleep(5);
            }
        }
    }

    async end() {
        this.ended = true;
        await Promise.all(this.loops);
    }
}

function check(nginx, token, { uses }) {
    const what = `${token.answered} answered, ${uses} counted, ${token.lost} `
        + `lost, ${JSON.stringify(token.other)}`;
    assert.ok(token.answered <= uses, what);
    assert.ok(uses <= token.answered + token.lost, what);
}

async function quiet(nginx, tokens) {
    for (const token of tokens) {
        // What a dead worker held is given back within a second or two.
        assert.ok(await eventually(
            async () => ((await counted(nginx, token)).held ?? 0) === 0, 15));
        check(nginx, token, await counted(nginx, token));
    }
}

const many = nginx => Array.from(
    { length: 3 }, () => mint(nginx, '--uses', '100000000'));

describe('counts', () => {
    let nginx, tokens;

    it('begin with a file that is made', async () => {
        nginx = await Nginx.start('counts', http('l402:1m file=DIR/ledger'),
                                  { workers: 2 });
        assert.match(nginx.output(), /\[warn\].*ledger/);
        assert.equal(fs.statSync(nginx.dir + '/ledger').mode & 0o777, 0o600);
        tokens = many(nginx);
    });

    it(`hold while workers are killed, ${rounds} times`, async () => {
        const load = new Load(nginx, tokens);
        for (let i = 0; i < rounds; i++) {
            await sleep(150);
            const [pid] = nginx.worker_pids();
            process.kill(pid, 'SIGKILL');
            assert.ok(await eventually(
                () => nginx.worker_pids().length === 2
                      && !nginx.worker_pids().includes(pid), 15));
        }
        await load.end();
        await quiet(nginx, tokens);
        assert.ok(tokens.every(token => token.answered > 50));
    });

    it(`hold while nginx is reloaded, ${rounds} times`, async () => {
        const load = new Load(nginx, tokens);
        for (let i = 0; i < rounds; i++) {
            await nginx.reload();
        }
        await load.end();
        await quiet(nginx, tokens);
    });

    it('hold when all of it is killed at once, and started again', async () => {
        for (let i = 0; i < 3; i++) {
            const load = new Load(nginx, tokens);
            await sleep(300);
            await nginx.crash();
            await load.end();
            await nginx.start_again();
            await quiet(nginx, tokens);
        }
    });

    it('are exact for a token that is used up meanwhile', async () => {
        const token = mint(nginx, '--uses', '120');
        const load = new Load(nginx, [token], 16);
        assert.ok(await eventually(() => (token.other[402] ?? 0) > 50, 30));
        await load.end();
        assert.equal(token.answered, 120);
        assert.equal((await counted(nginx, token)).uses, 120);
        tokens.push(token);
    });

    // As an upgrade of the binary opens it while the old one still serves.
    it('are shared with another nginx that opens the file', async () => {
        const token = mint(nginx, '--uses', '60');
        const other = await Nginx.start('counts-other', http(
            `l402:1m file=${nginx.dir}/ledger`), { workers: 2 });
        other.write('keys', fs.readFileSync(nginx.dir + '/keys'));
        await other.reload();
        // A worker asks its node for no more than 32 invoices at a time.
        const got = {};
        let sent = 0;
        await Promise.all(Array.from({ length: 16 }, async () => {
            while (sent < 100) {
                const to = sent++ % 2 ? nginx : other;
                const { status } = await request(
                    to.url + '/1k', { headers: token.headers });
                got[status] = (got[status] ?? 0) + 1;
            }
        }));
        assert.deepEqual(got, { 200: 60, 402: 40 });
        assert.equal((await counted(nginx, token)).uses, 60);
        assert.equal((await counted(other, token)).uses, 60);
        await other.stop();
        await quiet(nginx, tokens);
        assert.equal((await counted(nginx, token)).uses, 60);
    });

    it('move to a file of another size', async () => {
        await nginx.crash();
        nginx.configure(http('l402:3m file=DIR/ledger'));
        await nginx.start_again();
        await quiet(nginx, tokens);
        await nginx.crash();
        nginx.configure(http('l402:1m file=DIR/ledger'));
        await nginx.start_again();
        await quiet(nginx, tokens);
    });

    it('stay refused where the file is not whole', async () => {
        await nginx.crash();
        const file = nginx.dir + '/ledger';
        const good = fs.readFileSync(file);
        for (const [name, bytes] of [
            ['truncated', good.subarray(0, good.length - 5000)],
            ['empty', Buffer.alloc(0)],
            ['garbage', Buffer.alloc(good.length, 'x')],
        ]) {
            fs.writeFileSync(file, bytes);
            const said = await nginx.refused_start();
            assert.match(said, /\[emerg\].*l402_zone "l402".*ledger/, name);
            assert.match(said, /damaged=salvage/, name);
            assert.deepEqual(fs.readFileSync(file), bytes, name);
        }
        // One bit of what was counted.
        const at = good.indexOf(Buffer.from(tokens[0].payment_hash, 'hex'));
        assert.ok(at > 0);
        const bytes = Buffer.from(good);
        bytes[at + 50] ^= 1;
        fs.writeFileSync(file, bytes);
        assert.match(await nginx.refused_start(), /\[emerg\].*damaged/);
    });

    it('are salvaged where the operator says so', async () => {
        nginx.configure(http('l402:1m file=DIR/ledger damaged=salvage'));
        await nginx.start_again();
        assert.match(nginx.error_log(), /\[warn\].*ledger\.damaged\.\d+/);
        assert.ok(fs.readdirSync(nginx.dir).some(
            name => /^ledger\.damaged\.\d+$/.test(name)));
        await quiet(nginx, tokens.slice(1));
        assert.equal((await counted(nginx, tokens[0])).uses, 0);
    });

    it('end without a trace', () => nginx.stop({
        expected: /exited on signal 9|sem_|signal process/ }));
});
