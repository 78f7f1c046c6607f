// Each fault with each service: alone it is 503 within the deadline, with one
// line in the log that says why, no content and no invoice; behind it, the next
// url gives the invoice.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
    assert_no_invoice, read_challenge, read_invoice, request,
} from '../lib.mjs';

export const timeout = 2;  // seconds

// What the log says of an answer that was not carried, or is no answer: a 503
// for another reason proves nothing.
export const carried = {
    hang: /timed out/,
    drip: /timed out/,
    chunkdrip: /timed out/,
    forever: /timed out/,
    // On a connection that was kept libcurl asks again, up to five times: with
    // the same label, where there is one.
    close: /Empty reply|Recv failure|Connection died|Duplicate label/,
    half: /transfer closed|Recv failure/,
    halfchunk: /transfer closed|Recv failure/,
    badchunk: /chunked-encoding/,
    header: /answered with a header field of more than 100 kB/,
    headers: /answered with more than 64 kB/,
    nohttp: /HTTP\/0\.9/,
    nostatus: /HTTP\/0\.9/,
    badlength: /Content-Length/,
    s202: /answered 202/,
    s204: /answered 204/,
    s206: /answered 206/,
    s401: /answered 401: fault 401/,
    s404: /answered 404: fault 404/,
    s429: /answered 429: fault 429/,
    s500: /answered 500: fault 500/,
    redirect: /answered 302/,
    redirect307: /answered 307/,
    gzip: /answered with a body that is not JSON/,
    empty: /answered with an empty body/,
    garbage: /answered with a body that is not JSON/,
    html: /answered with a body that is not JSON/,
    array: /answered with JSON that is no object/,
    huge: /answered with more than (64|256) kB/,
    deep: /answered with JSON that is nested too deeply/,
    trailing: /answered with a body that is not JSON/,
    twice: /answered with a body that is not JSON/,
    nul: /answered with a body that is not JSON/,
    badutf8: /answered with a body that is not JSON/,
};

// ... and of an invoice that is not the one that was asked for.
export const offered = {
    leak: /answered 500: [ -~]{20,120}(, client| while waiting)/,
    wrongtype: /answered with no (bolt11|BOLT11|serialized|p(ayment_)?r)/,
    amount: /invoice is for \d+ msat, asked for \d+/,
    less: /invoice is for \d+999 msat, asked for \d+000|for 1499 .* 1500/,
    noamount: /invoice has no amount/,
    network: /invoice is for mainnet, configured is regtest/,
    expired: /invoice has expired/,
    long: /invoice lives \d+ s, asked for \d+/,
    feature: /cannot be used: it demands a feature that is not known here/,
    signer: /cannot be used: its signature is not the payee's/,
    checksum: /cannot be used: its checksum is wrong/,
    spaces: /cannot be used: it has characters that bech32 has not/,
    nulinvoice: /cannot be used: it has characters that bech32 has not/,
    uri: /cannot be used: its checksum is wrong/,
    down: /Failed to connect|Couldn't connect/,
};

// Where the service names the hash itself.
export const hashed = {
    nohash: /answered with no (r_hash|payment_?[hH]ash)/,
    badhash: /an? (r_hash|payment_?[hH]ash) that is not 32 bytes of (hex|b)/,
    numberhash: /answered with no (r_hash|payment_?[hH]ash)/,
    hash: /payment hash is not the one the service named/,
};

// What is no fault.
export const harmless_http = ['early', 'http10', 'chunked', 'texttype', 'bom',
                              'othersuccess'];
export const harmless = [...harmless_http, 'uppercase', 'again'];

// What a fault needs of nginx's configuration: the service with the url of the
// fault, and where there is a `next` one, the service with both.
export function fault_conf(backend, name, fault, { url, next, more = '' }) {
    const block = (label, list, seconds) => `
    l402_invoice_service ${name}-${label} {
        protocol ${name};
        ${list.map(url => `url ${url};`).join(' ')}
        ${more}
        network regtest;
        timeout ${seconds}s;
    }`;
    const location = label => `
        location /${name}/${label}/ {
            l402 ${name};
            l402_invoice_from ${name}-${label};
            add_header Price $l402_price_msat always;
            proxy_pass ${backend.url};
        }`;
    const blocks = { [fault]: block(fault, [url], timeout) };
    if (next) {
        blocks[`then-${fault}`] =
            block(`then-${fault}`, [url, next], 2 * timeout);
    }
    return { services: Object.values(blocks).join(''),
             locations: Object.keys(blocks).map(location).join('') };
}

// What takes its time is asked all together, by the first test that needs it.
const is_slow = fault => /(hang|drip|forever)$/.test(fault);

async function ask(url) {
    const start = Date.now();
    const answer = await request(url);
    return { answer, took: Date.now() - start };
}

function asker(name, faults, gate) {
    const slow = faults.filter(is_slow)
        .flatMap(fault => [fault, `then-${fault}`]);
    let asked = null;
    return async label => {
        const url = label => `${gate().nginx.url}/${name}/${label}/`;
        if (!is_slow(label)) {
            return ask(url(label));
        }
        asked ??= Promise.all(slow.map(
            async label => [label, await ask(url(label))]));
        return new Map(await asked).get(label);
    };
}

// Two tests for each fault of `reasons`, one for those that stand `alone`. What
// `gate` returns: nginx, backend, and how many invoices the service has made
// where it was told "ok".
export function fault_tests(name, reasons, { price, gate, alone = [] }) {
    const faults = Object.keys(reasons);
    const asked = asker(name, faults, gate);

    for (const [fault, reason] of Object.entries(reasons)) {
        it(`${name}, ${fault}: 503 within the deadline`, async () => {
            const { nginx, backend, made } = gate();
            const before = made();
            const { answer, took } = await asked(fault);
            assert_no_invoice(answer);
            assert.ok(!answer.text.includes('content'), answer.text);
            assert.ok(took < (timeout + 1) * 1000);

            const lines = nginx.error_log().split('\n').filter(
                line => /\[error\].*l402/.test(line)
                    && line.includes(`"${name}-${fault}"`));
            assert.equal(lines.length, 1, lines.join('\n'));
            assert.match(lines[0], reason);
            assert.ok(is_slow(fault) || made() === before);
            assert.ok(!backend.seen.some(
                ({ url }) => url.startsWith(`/${name}/${fault}/`)));
        });
    }

    for (const fault of faults.filter(fault => !alone.includes(fault))) {
        it(`${name}, ${fault}: the next url`, async () => {
            const { answer } = await asked(`then-${fault}`);
            const { invoice } = read_challenge(answer);
            assert.equal(read_invoice(invoice).msat, price);
        });
    }
}

export function harmless_tests(name, labels, { price, gate }) {
    for (const label of labels) {
        it(`${name}, ${label}: no fault`, async () => {
            const { nginx } = gate();
            const log = nginx.error_log().length;
            const answer = await request(`${nginx.url}/${name}/${label}/`);
            const { invoice } = read_challenge(answer);
            assert.equal(read_invoice(invoice).msat, price);
            assert.equal(invoice, invoice.toLowerCase());
            assert.doesNotMatch(nginx.error_log().slice(log), /\[error\]/);
        });
    }
}

// The inside of http {}: what fault_conf() made, memos of every kind.
export const matrix_conf = (gate, parts, { memo, price }) => `
    ${parts.map(part => part.services).join('')}
    map $arg_long $memo {
        default '${memo}';
        1       '${'\u{1f326}'.repeat(200)}';
        2       'a\tb';
        3       '';
        4       $uri;
    }
    server {
        listen 127.0.0.1:${gate.port};
        l402_price ${price}msat;
        l402_memo $memo;
        ${parts.map(part => part.locations).join('')}
    }`;
