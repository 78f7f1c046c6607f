// An nginx that sells, and tokens for it that nobody had to pay for.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
    Nginx, read_macaroon, request, secrets, service,
} from '../lib.mjs';

// `redis` are the lines of the l402_redis block, a text or a function of the
// nginx; configure_again(more) adds lines to it, for a reload.
export async function start_seller(name, redis, options = {}) {
    const block = nginx => typeof redis === 'function' ? redis(nginx) : redis;
    const nginx = await Nginx.start(
        name, nginx => configuration(nginx, block(nginx), options), options);
    nginx.configure_again = more => nginx.configure(
        configuration(nginx, block(nginx) + more, options));
    return nginx;
}

const configuration = ({ port }, redis, options) => `
    l402_zone l402:${options.zone ?? '16m'};
    ${redis === null ? '' : `l402_redis { ${redis} }`}
    ${options.http ?? ''}
    ${service('node')}
    server {
        listen 127.0.0.1:${port};
        location / {
            l402 weather;
            l402_price 10sat;
            ${options.location ?? ''}
            alias html/;
        }
        location /open/ { alias html/; }
        ${options.admin ? 'location /admin/ { l402_admin; allow 127.0.0.1; '
                          + 'deny all; }' : ''}
    }`;

// A token for it: { headers, token_id, payment_hash }.
export function mint(nginx, ...more) {
    const ran = spawnSync(process.env.L402_CTL, [
        'mint', '--key-file', `${nginx.dir}/keys`,
        ...more.includes('--service') ? [] : ['--service', 'weather'],
        ...more], { encoding: 'utf8' });
    assert.equal(ran.status, 0, ran.stderr);
    const credential = ran.stdout.trim();
    const [, macaroon, preimage] = /^L402 ([^:]+):([0-9a-f]{64})$/
        .exec(credential);
    secrets.add(macaroon);
    secrets.add(preimage);
    const { token_id, payment_hash } = read_macaroon(macaroon);
    return { headers: { Authorization: credential }, token_id, payment_hash };
}

// 200, "revoked", "unavailable" or whatever else it says.
export async function verdict(nginx, token) {
    const response = await request(`${nginx.url}/1k`,
                                   { headers: token.headers });
    return response.status === 200 ? 200 : response.json().reason;
}

export const random_id = () => randomBytes(32).toString('hex');

// A change of the list, as programs make it.
export const revoke = (member, score = '+inf', prefix = 'l402:') => [
    ['ZADD', `${prefix}revoked`, score, member],
    ['PUBLISH', `${prefix}revoked`, `add ${member} ${score}`],
];
export const unrevoke = (member, prefix = 'l402:') => [
    ['ZREM', `${prefix}revoked`, member],
    ['PUBLISH', `${prefix}revoked`, `del ${member}`],
];
