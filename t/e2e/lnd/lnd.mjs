// One lnd on regtest: its process, and its REST interface with one of its
// macaroons.

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';

const binary = name => path.join(process.env.L402_LND_BIN, name);

// Asks again until `probe` gives something true; an error is asked again, too.
export async function until(what, probe, seconds = 120) {
    const end = Date.now() + seconds * 1000;
    for (let last = null;;) {
        try {
            last = await probe();
            if (last) {
                return last;
            }
        } catch (error) {
            last = error.message;
        }
        if (Date.now() > end) {
            throw new Error(`${what}: not within ${seconds} s: ${last}`);
        }
        await new Promise(resolve => setTimeout(resolve, 100));
    }
}

// Asks an https server whose certificate is in `ca`; sent as JSON.
export function ask(url, { method = 'GET', headers = {}, fields, ca }) {
    return new Promise((resolve, reject) => {
        const call = https.request(url, {
            method, ca: fs.readFileSync(ca), agent: false,
            headers: { 'Content-Type': 'application/json', ...headers },
        }, async answer => {
            let text = '';
            for await (const part of answer) {
                text += part;
            }
            resolve({ status: answer.statusCode, text,
                      json: () => JSON.parse(text) });
        });
        call.setTimeout(60_000, () => call.destroy(
            new Error(`${method} ${url}: no answer within a minute`)));
        call.on('error', reject);
        call.end(fields && JSON.stringify(fields));
    });
}

// What an lnd leaves in its folder is enough to ask it, from any process.
export class Lnd {
    constructor(dir, rest_port, rpc_port) {
        this.dir = dir;
        this.url = `https://127.0.0.1:${rest_port}`;
        this.rpc = `127.0.0.1:${rpc_port}`;
        this.cert = path.join(dir, 'tls.cert');
    }

    macaroon(name = 'admin') {
        return path.join(this.dir, 'data/chain/bitcoin/regtest',
                         `${name}.macaroon`);
    }

    // With the macaroon of a file; null sends none.
    raw(method, where, fields, macaroon = this.macaroon()) {
        const headers = macaroon && {
            'Grpc-Metadata-macaroon':
                fs.readFileSync(macaroon).toString('hex') };
        return ask(this.url + where, { method, fields, ca: this.cert,
                                       headers: headers ?? {} });
    }

    async call(...args) {
        const answer = await this.raw(...args);
        if (answer.status !== 200) {
            throw new Error(`${args[0]} ${args[1]}: ${answer.status} `
                            + answer.text);
        }
        return answer.json();
    }

    // NON_EXISTING, LOCKED, UNLOCKED, RPC_ACTIVE, SERVER_ACTIVE
    reach(...states) {
        return until(`${path.basename(this.dir)} ${states.join(' or ')}`,
            async () => {
                const { state } =
                    await this.call('GET', '/v1/state', undefined, null);
                return states.includes(state);
            });
    }

    // As its owner does it: the command line's own words.
    lncli(...words) {
        const ran = spawnSync(binary('lncli'), [
            `--lnddir=${this.dir}`, `--rpcserver=${this.rpc}`,
            '--network=regtest', ...words], { encoding: 'utf8' });
        if (ran.status !== 0) {
            throw new Error(`lncli ${words.join(' ')}: `
                            + (ran.error?.message ?? ran.stderr));
        }
        return ran.stdout;
    }

    bake(name, ...permissions) {
        const file = path.join(this.dir, `${name}.macaroon`);
        this.lncli('bakemacaroon', '--save_to', file, ...permissions);
        return file;
    }

    invoice(payment_hash) {
        return this.call('GET', `/v1/invoice/${payment_hash}`);
    }

    // Its own word of how a payment ended.
    async send(invoice) {
        const { result } = await this.call('POST', '/v2/router/send', {
            payment_request: invoice, timeout_seconds: 30, fee_limit_sat: 10,
            no_inflight_updates: true });
        return result;
    }
}

// Starts a program, which is not left behind by this one.
export function run(name, words, log) {
    const output = fs.openSync(log, 'a');
    const child = spawn(binary(name), words,
                        { stdio: ['ignore', output, output] });
    fs.closeSync(output);
    const kill = () => child.kill('SIGKILL');
    process.on('exit', kill);
    child.ended = new Promise(resolve => child.on('exit', () => {
        process.off('exit', kill);
        resolve();
    }));
    child.on('error', error => { console.error(`${name}: ${error.message}`); });
    return child;
}

export async function end(child, signal = 'SIGTERM') {
    child.kill(signal);
    const limit = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await child.ended;
    clearTimeout(limit);
}
