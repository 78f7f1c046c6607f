// docs/delegation.md: every block of it is run as it stands, against the gate
// of conf-examples/delegation.conf and a token that was paid for.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
    Nginx, buy, env, read_challenge, read_invoice, read_macaroon, request,
    secrets, service, sleep, start_backend,
} from './lib.mjs';
import { build, load, root } from './packages.mjs';

const { importMacaroon } = await load('.', 'macaroon');

const folder = path.join(build, 'e2e', 'delegation-page');
const page = fs.readFileSync(path.join(root, 'docs/delegation.md'), 'utf8');

// What runs a language, and how its files end. Debian's python3 is the one
// that Debian's packages are for.
const languages = {
    sh: ['/bin/sh', 'sh'],
    python: ['/usr/bin/python3', 'py'],
    js: [process.execPath, 'mjs'],
};

// A block is known by the variables that it reads.
const blocks = [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(
    ([, language, code], i) => ({
        language, code,
        name: `block ${i + 1} (${language})`,
        reads: name => new RegExp(`\\b${name}\\b`).test(code),
    }));
const narrowing = blocks.filter(block => block.reads('TOKEN'));
const asking = blocks.filter(block => block.reads('URL'));
const further = blocks.filter(
    block => block.reads('COPY') && !block.reads('URL'));

// The table of what can be narrowed: its rows begin with a caveat.
const rows = [...page.matchAll(/^\| `(\w+=[^`]*)` \|/gm)].map(row => row[1]);

const ran = new Set();

// Runs a block with the page's variables in its environment; returns what it
// prints.
function run(block, variables) {
    const [program, ending] = languages[block.language];
    const file = path.join(folder, `${blocks.indexOf(block)}.${ending}`);
    fs.writeFileSync(file, block.code);
    ran.add(block);

    const child = spawn(program, [file], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
            PATH: `${path.dirname(env('L402_CTL'))}:${process.env.PATH}`,
            ...variables,
        },
    });
    let output = '', errors = '';
    child.stdout.on('data', data => { output += data; });
    child.stderr.on('data', data => { errors += data; });
    return new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('close', code => code === 0 && errors === ''
            ? resolve(output)
            : reject(new Error(`${block.name} ended with ${code}: ${errors}`)));
    });
}

// V2 binary in base64, as docs/wire-format.md has it, of short fields; the
// package's own writer fails with more than three caveats.
function encoded(macaroon, caveats) {
    const field = (type, bytes) =>
        Buffer.concat([Buffer.from([type, bytes.length]), bytes]);
    const end = Buffer.from([0]);
    return Buffer.concat([
        Buffer.from([2]), field(1, Buffer.from(macaroon.location)),
        field(2, macaroon.identifier), end,
        ...caveats.flatMap(text => [field(2, Buffer.from(text)), end]),
        end, field(6, macaroon.signature),
    ]).toString('base64');
}

const imported = text => importMacaroon(Buffer.from(text, 'base64'));

function with_caveats(text, ...more) {
    const copy = imported(text);
    more.forEach(caveat => copy.addFirstPartyCaveat(caveat));
    return encoded(copy, [...read_macaroon(text).caveats, ...more]);
}

// With caveats that its signature is not of.
const tampered = (text, change) =>
    encoded(imported(text), change(read_macaroon(text).caveats));

// When a copy ends: the last caveat counts.
const end_of = text => Number(read_macaroon(text).caveats
    .map(caveat => /^weather_valid_until=(\d+)$/.exec(caveat)?.[1])
    .filter(Boolean).at(-1));

const now = () => Math.floor(Date.now() / 1000);

// The example's server {}, listening and passing on as the test needs.
function example_server(port, backend) {
    const example = fs.readFileSync(
        path.join(root, 'conf-examples/delegation.conf'), 'utf8');
    return /^    server \{.*^    \}$/ms.exec(example)[0]
        .replace(/\blisten .*;/, `listen 127.0.0.1:${port};`)
        .replace(/\bssl_certificate\w* .*;/g, '')
        .replaceAll('http://127.0.0.1:9000', backend);
}

describe('docs/delegation.md', () => {
    let backend, nginx, bought, minted, payment;

    before(async () => {
        fs.rmSync(folder, { recursive: true, force: true });
        fs.mkdirSync(folder, { recursive: true });

        backend = await start_backend();
        nginx = await Nginx.start('delegation', ({ port }) => `
    ${service('node')}
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    ${example_server(port, backend.url)}`);

        bought = await buy(nginx.url + '/forecast/today');
        minted = read_macaroon(bought.macaroon);
        payment = read_invoice(bought.invoice).payment_hash;
    });

    after(() => backend?.stop());

    const variables = (more = {}) => ({
        TOKEN: bought.macaroon, PREIMAGE: bought.preimage, LIFE: '60', ...more,
    });

    // What a block printed: <macaroon>:<preimage>.
    function read_copy(output) {
        const match =
            /^([A-Za-z0-9+/_-]+={0,2}):([0-9a-f]{64})\n$/.exec(output);
        assert.ok(match, `prints no credential: ${output}`);
        assert.equal(match[2], bought.preimage);
        secrets.add(match[1]);
        return match[1];
    }

    const ask = (where, macaroon, { preimage = bought.preimage, headers,
                                    ...options } = {}) =>
        request(nginx.url + where, {
            ...options,
            headers: { ...headers,
                       Authorization: `L402 ${macaroon}:${preimage}` },
        });

    async function opens(where, macaroon, options) {
        backend.seen.length = 0;
        const response = await ask(where, macaroon, options);
        assert.equal(response.status, 200, `${where}: ${response.text}`);
        // The seller knows the copy by what was bought.
        assert.equal(backend.seen.length, 1);
        const { headers } = backend.seen[0];
        assert.equal(headers['x-l402-token'], minted.token_id);
        assert.equal(headers['x-l402-payment'], payment);
    }

    async function refuses(where, macaroon, reason, options) {
        backend.seen.length = 0;
        const response = await ask(where, macaroon, options);
        read_challenge(response);
        assert.equal(response.json().reason, reason, where);
        assert.equal(backend.seen.length, 0);
    }

    async function opens_everything(macaroon) {
        await opens('/weather/oslo/today', macaroon);
        await opens('/forecast/oslo', macaroon);
        await opens('/reports/1', macaroon, { method: 'PUT', body: 'rain' });
    }

    it('names the versions that are tested here', () => {
        const lock = JSON.parse(fs.readFileSync(
            path.join(root, 't/e2e/package-lock.json')));
        const { version } = lock.packages['node_modules/macaroon'];
        assert.ok(page.includes(`macaroon ${version} `));

        const python = spawnSync('/usr/bin/python3', ['-c',
            'from importlib.metadata import version; '
            + 'print(version("pymacaroons"))'], { encoding: 'utf8' });
        assert.ok(page.includes(
            `pip install pymacaroons==${python.stdout.trim()}\``));
    });

    it('starts from a token that opens all that the example sells',
       () => opens_everything(bought.macaroon));

    for (const block of narrowing) {
        describe(block.name, () => {
            let copy, caveats;

            it('appends what the page says', async () => {
                const began = now();
                copy = read_copy(await run(block, variables()));
                ({ caveats } = read_macaroon(copy));

                const [until, ...others] =
                    caveats.slice(minted.caveats.length);
                assert.deepEqual(caveats.slice(0, minted.caveats.length),
                                 minted.caveats);
                assert.deepEqual(others, ['weather_capabilities=read',
                                          'request_method=GET']);
                const end = end_of(copy);
                assert.equal(until, `weather_valid_until=${end}`);
                assert.ok(end >= began + 60 && end <= now() + 60);
                assert.equal(with_caveats(bought.macaroon, until, ...others),
                             copy);
            });

            it('a copy that reads', async () => {
                await opens('/weather/oslo/today', copy);
                await opens('/weather/oslo/today', copy, { method: 'HEAD' });
                await opens('/forecast/oslo', copy);
            });

            it('and does nothing else', async () => {
                await refuses('/weather/oslo/today', copy, 'caveat_refused',
                              { method: 'POST', body: 'rain' });
                await refuses('/reports/1', copy, 'insufficient');
                await refuses('/reports/1', copy, 'caveat_refused',
                              { method: 'PUT', body: 'rain' });
            });

            it('nor when its time is over', async () => {
                const brief = read_copy(
                    await run(block, variables({ LIFE: '1' })));
                await sleep(Math.max(0, end_of(brief) * 1000 - Date.now())
                            + 50);
                await refuses('/weather/oslo/today', brief, 'expired');
            });

            it('nor without the preimage of its payment', () => refuses(
                '/weather/oslo/today', copy, 'bad_preimage',
                { preimage: '0'.repeat(64) }));

            it('cannot be turned back', async () => {
                const count = minted.caveats.length;
                const changes = {
                    'all taken off': c => c.slice(0, count),
                    'the last one taken off': c => c.slice(0, -1),
                    'one taken out': c => c.filter((_, i) => i !== count),
                    'another order': c => [...c.slice(0, count),
                                           ...c.slice(count).reverse()],
                    'another value': c => c.map(
                        caveat => caveat.replace('=GET', '=PUT')),
                };
                for (const [name, change] of Object.entries(changes)) {
                    const forged = tampered(copy, change);
                    assert.notDeepEqual(read_macaroon(forged).caveats,
                                        caveats, name);
                    await refuses('/weather/oslo/today', forged,
                                  'bad_signature');
                }
                assert.equal(tampered(copy, c => c), copy);
            });

            it('cannot be widened', async () => {
                for (const caveat of [
                    `weather_valid_until=${now() + 3600}`,
                    'weather_capabilities=read,write',
                    'request_method=GET,POST',
                    'services=weather:2',
                    'services=weather:1,news:0',
                    `preimage=${'0'.repeat(64)}`,
                ]) {
                    await refuses('/weather/oslo/today',
                                  with_caveats(copy, caveat),
                                  'caveat_refused');
                }
            });

            for (const next of narrowing) {
                it(`can be narrowed again by ${next.name}`, async () => {
                    const again = read_copy(await run(
                        next, variables({ TOKEN: copy, LIFE: '30' })));
                    assert.equal(read_macaroon(again).caveats.length,
                                 caveats.length + 3);
                    await opens('/weather/oslo/today', again);
                    await refuses('/reports/1', again, 'insufficient');
                });
            }

            for (const next of further) {
                it(`and by ${next.name}`, async () => {
                    const narrower = read_copy(await run(
                        next, { COPY: `${copy}:${bought.preimage}` }));
                    await opens('/weather/oslo/today', narrower);
                    await refuses('/weather/bergen/today', narrower,
                                  'caveat_refused');
                    await refuses('/forecast/oslo', narrower,
                                  'caveat_refused');
                    await refuses(
                        '/weather/bergen/today',
                        with_caveats(narrower, 'request_path=/weather/*'),
                        'caveat_refused');
                    await opens('/weather/bergen/today', copy);
                });
            }

            for (const last of asking) {
                it(`is used by ${last.name}`, async () => {
                    const given = { COPY: `${copy}:${bought.preimage}` };
                    assert.equal(
                        await run(last, {
                            ...given, URL: nginx.url + '/weather/oslo/today',
                        }), 'content of the backend\n');
                    await assert.rejects(run(last, {
                        ...given, URL: nginx.url + '/reports/1' }));
                });
            }

            it('leaves the token as it was',
               () => opens_everything(bought.macaroon));
        });
    }

    // What each row of the table lets through, and what it does not: where,
    // how it is asked for, and the reason of the refusal.
    const put = size => ({ method: 'PUT', body: 'x'.repeat(size) });
    const from = address => ({ headers: { 'X-Forwarded-For': address } });
    const at = host => ({ headers: { Host: host } });
    const oslo = '/weather/oslo/today';
    const table = {
        'weather_valid_until=<unix seconds>': {
            opens: [[oslo]],
            refuses: [],
        },
        'weather_capabilities=read': {
            opens: [[oslo], ['/forecast/oslo']],
            refuses: [['/reports/1', 'insufficient']],
        },
        'services=weather:0': {
            opens: [[oslo], ['/reports/1']],
            refuses: [['/forecast/oslo', 'insufficient']],
        },
        'upload_max_bytes=1000': {
            opens: [[oslo], ['/reports/1', put(1000)]],
            refuses: [['/reports/1', 'caveat_refused', put(1001)]],
        },
        'request_method=GET': {
            opens: [[oslo], [oslo, { method: 'HEAD' }]],
            refuses: [[oslo, 'caveat_refused', { method: 'POST' }]],
        },
        'request_path=/weather/oslo/*': {
            opens: [[oslo], ['/weather/oslo/'], [oslo + '?days=2']],
            refuses: [['/weather/oslo', 'caveat_refused'],
                      ['/weather/oslo%2F..%2Fbergen', 'caveat_refused']],
        },
        'request_host=api.example.org': {
            opens: [[oslo, at('api.example.org')]],
            refuses: [[oslo, 'caveat_refused', at('www.example.org')],
                      [oslo, 'caveat_refused']],
        },
        'client_address=203.0.113.7,2001:db8::/48': {
            opens: [[oslo, from('203.0.113.7')], [oslo, from('2001:db8::9')]],
            refuses: [[oslo, 'caveat_refused', from('203.0.113.8')],
                      [oslo, 'caveat_refused', from('2001:db8:1::9')],
                      [oslo, 'caveat_refused']],
        },
    };

    it('has a table of all that is tried here', () =>
        assert.deepEqual(rows, Object.keys(table)));

    for (const [row, expected] of Object.entries(table)) {
        it(`narrows by ${row}`, async () => {
            const copy = with_caveats(
                bought.macaroon, row.replace('<unix seconds>', now() + 60));
            for (const [where, options] of expected.opens) {
                await opens(where, copy, options);
            }
            for (const [where, reason, options] of expected.refuses) {
                await opens(where, bought.macaroon, options);
                await refuses(where, copy, reason, options);
            }
        });
    }

    it('narrows by a percent-encoded path', async () => {
        const [spelled] = /\/caf%C3%A9\/\*/.exec(page);
        const copy = with_caveats(
            bought.macaroon, `request_path=/weather${spelled}`);
        await opens('/weather/caf%C3%A9/today', copy);
        await refuses(oslo, copy, 'caveat_refused');
        for (const wrong of ['/caf%c3%a9/*', '/café/*']) {
            await refuses('/weather/caf%C3%A9/today', with_caveats(
                bought.macaroon, `request_path=/weather${wrong}`),
                          'caveat_refused');
        }
    });

    it('a copy for fewer services is refused with wrong_service', () =>
        refuses(oslo, with_caveats(bought.macaroon, 'services='),
                'wrong_service'));

    it('l402ctl refuses a caveat that widens', () => {
        const copy = with_caveats(bought.macaroon, 'weather_capabilities=read');
        const widened = spawnSync(
            env('L402_CTL'), ['attenuate', '--capabilities', 'read,write'],
            { input: `${copy}:${bought.preimage}`, encoding: 'utf8' });
        assert.equal(widened.status, 1);
        assert.equal(widened.stdout, '');
        assert.notEqual(widened.stderr, '');
    });

    it('a condition that the seller does not know narrows nothing', () =>
        opens_everything(with_caveats(
            bought.macaroon, 'weather_capabilites=read', 'news=none')));

    it('has no code that was not run, in each of the languages', () => {
        const missed = blocks.filter(block => !ran.has(block));
        assert.deepEqual(missed.map(({ name }) => name), []);
        assert.deepEqual(
            [...new Set(narrowing.map(({ language }) => language))].sort(),
            Object.keys(languages).sort());

        // Fences that the pattern above passes over, and indented code.
        const fences = page.match(/^[ >\t]*(```|~~~)/gm).length;
        assert.equal(fences, 2 * blocks.length);
        const prose = page.replace(/^```.*?^```$/gms, '');
        assert.doesNotMatch(prose, /^( {4}|\t)/m);
    });

    it('ends without a trace', () => nginx.stop());
});
