// npm's macaroon as an oracle, over l402ctl: the same bytes, the same
// signatures, the same verdicts over random tokens. It speaks V2 (V1 only with
// identifiers that are text). L402_SEED repeats a run.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, createHmac, randomInt } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { env } from './lib.mjs';
import { build, load } from './packages.mjs';

const { importMacaroon, newMacaroon } = await load('.', 'macaroon');

const rounds = 100;
const now = 1700000000;
const seed = Number(process.env.L402_SEED ?? randomInt(2 ** 31));

// mulberry32
let state = seed >>> 0;
function below(n) {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) % n;
}

const bytes = n => Buffer.from(Array.from({ length: n }, () => below(256)));
const one_of = list => list[below(list.length)];
const sha256 = data => createHash('sha256').update(data).digest();
const hmac = (key, data) => createHmac('sha256', key).update(data).digest();

const masters = [bytes(32), bytes(32)];
const root_key = (key, identifier) => hmac(masters[key],
    Buffer.concat([Buffer.from('l402 root key v0'), identifier]));
const hint = key => hmac(masters[key], 'l402 key hint v0').subarray(0, 4);

fs.mkdirSync(path.join(build, 'e2e'), { recursive: true });
const folder = fs.mkdtempSync(path.join(build, 'e2e', 'macaroon_npm.'));
const key_file = path.join(folder, 'keys');
fs.writeFileSync(key_file, masters.map(m => m.toString('hex') + '\n').join(''),
                 { mode: 0o600 });
test.after(() => fs.rmSync(folder, { recursive: true }));

function l402ctl(words, input = '') {
    const run = spawnSync(env('L402_CTL'), words, { input, encoding: 'utf8' });
    assert.ok(run.status === 0 || run.status === 1, run.stderr);
    return run.stdout.trim();
}

// V2 out of their JSON: their exportBinary() doubles its buffer at every write,
// and finds no memory for more than three caveats.
function to_binary(macaroon) {
    const { i, i64, l, c = [], s64 } = macaroon.exportJSON();
    const value = ({ i, i64 }) => i64 === undefined
        ? Buffer.from(i) : Buffer.from(i64, 'base64url');
    const field = (type, data) => {
        const out = [type];
        let size = data.length;
        for (; size >= 0x80; size >>= 7) {
            out.push(size & 0x7f | 0x80);
        }
        return Buffer.concat([Buffer.from([...out, size]), data]);
    };
    const end = Buffer.alloc(1);
    const token = Buffer.concat([
        Buffer.from([2]), field(1, Buffer.from(l)), field(2, value({ i, i64 })),
        end, ...c.flatMap(caveat => [
            caveat.l ? field(1, Buffer.from(caveat.l)) : Buffer.alloc(0),
            field(2, value(caveat)),
            caveat.v64 ? field(4, Buffer.from(caveat.v64, 'base64url'))
                : Buffer.alloc(0),
            end]),
        end, field(6, Buffer.from(s64, 'base64url'))]);
    if (c.length < 2) {
        assert.deepEqual(Buffer.from(macaroon.exportBinary()), token);
    }
    return token;
}

const verify = (token, preimage) => l402ctl(
    ['verify', '--key-file', key_file, '--service', 'weather:1',
     '--now', String(now), '-'],
    `L402 ${Buffer.from(token).toString('base64')}:`
        + preimage.toString('hex'));

// Their check of the chain alone: null is their word for a met condition.
function they_verify(macaroon, root) {
    try {
        macaroon.verify(root, () => null, []);
        return true;
    } catch {
        return false;
    }
}

// No NUL: a command line has none.
const letters = [...'abcxyz019_- :,;/=+%', 'é', '€', '😀', '\n', '\t', '"'];
const random_text = () => `x_${
    Array.from({ length: below(one_of([5, 90, 90, 1500])) },
               () => one_of(letters)).join('')}`;

function theirs({ key, caveats, has_hint = below(2) }) {
    const preimage = bytes(32);
    const identifier = Buffer.concat([Buffer.alloc(2), sha256(preimage),
        bytes(28), has_hint ? hint(key) : bytes(4)]);
    const macaroon = newMacaroon({ identifier, location: 'lsat',
        rootKey: root_key(key, identifier), version: 2 });
    for (const caveat of caveats) {
        macaroon.addFirstPartyCaveat(caveat);
    }
    return { macaroon, preimage };
}

test(`what we mint is theirs to the byte (L402_SEED=${seed})`, () => {
    for (let round = 0; round < rounds; round++) {
        const key = below(2);
        const more = Array.from({ length: below(5) }, random_text);
        const minted = JSON.parse(l402ctl(['mint', '--json', '--key-file',
            key_file, '--service', 'weather:1', '--valid-until',
            String(now + 60), '--key', String(key + 1),
            ...more.flatMap(caveat => ['--caveat', caveat])]));
        const ours = Buffer.from(minted.macaroon, 'base64');
        const read = importMacaroon(ours);
        const identifier = Buffer.from(read.identifier);
        const root = root_key(key, identifier);
        const made = newMacaroon({ identifier, location: 'lsat',
                                   rootKey: root, version: 2 });
        for (const caveat of ['services=weather:1',
                              `weather_valid_until=${now + 60}`,
                              'services=weather:01', ...more]) {
            made.addFirstPartyCaveat(caveat);
        }
        assert.deepEqual(to_binary(made), ours);
        assert.deepEqual(to_binary(read), ours);
        assert.ok(they_verify(read, root));
        assert.ok(!they_verify(read, root_key(1 - key, identifier)));
        assert.deepEqual(identifier.subarray(62), hint(key));
        assert.deepEqual(identifier.subarray(2, 34),
                         sha256(Buffer.from(minted.preimage, 'hex')));
    }
});

test(`what they mint and append we judge (L402_SEED=${seed})`, () => {
    for (let round = 0; round < rounds; round++) {
        const { macaroon, preimage } = theirs({
            key: below(2),
            caveats: ['services=weather:1', `weather_valid_until=${now + 60}`],
        });
        let wanted = 'ok';

        for (let n = below(7); n > 0; n--) {
            const [caveat, word] = one_of([
                [random_text(), 'ok'],
                // Binary: the first byte keeps it from being a condition.
                [Buffer.concat([Buffer.from([0xff]), bytes(below(600))]), 'ok'],
                ['preimage=' + preimage.toString('hex'), 'ok'],
                ['services=weather:1', 'ok'],
                ['services=weather:2', 'caveat_refused'],
                ['services=weather:1,maps:0', 'caveat_refused'],
                [`valid_until=${now + 1}`, 'ok'],
                [`weather_valid_until=${now + 61}`, 'caveat_refused'],
                ['weather_valid_until=+5', 'caveat_refused'],
                ['request_method=GET', 'caveat_refused'],
            ]);
            macaroon.addFirstPartyCaveat(caveat);
            wanted = wanted === 'ok' ? word : wanted;
        }
        const token = to_binary(macaroon);
        assert.equal(verify(token, preimage), wanted, token.toString('hex'));
        assert.equal(verify(token, bytes(32)), 'bad_preimage');
    }
});

test(`what we append is theirs to the byte (L402_SEED=${seed})`, () => {
    for (let round = 0; round < rounds; round++) {
        const { macaroon, preimage } = theirs({
            key: 0, caveats: ['services=weather:1', random_text()] });
        const more = Array.from({ length: 1 + below(4) }, random_text);
        const before = to_binary(macaroon).toString('base64');
        const out = l402ctl(
            ['attenuate', ...more.flatMap(c => ['--caveat', c])],
            `L402 ${before}:${preimage.toString('hex')}`);

        for (const caveat of more) {
            macaroon.addFirstPartyCaveat(caveat);
        }
        assert.equal(out, `L402 ${
            to_binary(macaroon).toString('base64')}:${
            preimage.toString('hex')}`);
    }
});

test(`what they refuse we refuse (L402_SEED=${seed})`, () => {
    let accepted = 0;

    for (let round = 0; round < rounds; round++) {
        const key = below(2);
        const { macaroon, preimage } = theirs({
            key, caveats: ['services=weather:1', random_text()] });
        const token = to_binary(macaroon);
        const identifier = Buffer.from(macaroon.identifier);
        const at = below(8 * token.length);

        if (below(8)) {
            token[at >> 3] ^= 1 << (at & 7);
        }

        let good = false;
        try {
            const read = importMacaroon(token);
            // The location is not signed: theirs is whatever stands there.
            good = they_verify(read, root_key(key, identifier))
                && read.location === 'lsat';
        } catch {
            // cannot be read
        }
        accepted += good;
        assert.equal(verify(token, preimage) === 'ok', good,
                     token.toString('hex'));
    }
    assert.ok(accepted > 3);
});

test('their third-party caveats are refused', () => {
    const { macaroon, preimage } = theirs({
        key: 0, caveats: ['services=weather:1'] });
    assert.equal(verify(to_binary(macaroon), preimage), 'ok');
    macaroon.addThirdPartyCaveat(bytes(32), 'an id', 'elsewhere');
    assert.notEqual(verify(to_binary(macaroon), preimage), 'ok');
});
