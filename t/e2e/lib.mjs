// What the end-to-end tests use. t/run exports the addresses of the nodes;
// `t/run e2e` is the way to run them.

export * from './lib/front.mjs';
export * from './lib/http.mjs';
export * from './lib/l402.mjs';
export * from './lib/names.mjs';
export * from './lib/nginx.mjs';
export * from './lib/servers.mjs';
export * from './lib/socks.mjs';

// One of the variables that t/run exports.
export function env(name) {
    if (!process.env[name]) {
        throw new Error(`${name} is not set: run these tests by t/run e2e`);
    }
    return process.env[name];
}

// An invoice service in nginx's configuration: the payee's node unless `url`
// says otherwise.
export function service(name, { url = env('L402_NODE_URL'), more = '' } = {}) {
    return `
    l402_invoice_service ${name} {
        protocol lnd;
        url ${url};
        credential_file ${env('L402_NODE_MACAROON')};
        network regtest;
        ${more}
    }`;
}

// A server that sells from each service of these names, and an open location.
export const gated_server = (port, names) => `
    server {
        listen 127.0.0.1:${port};
        ${names.map(name => `
        location /${name}/ {
            l402 ${name};
            l402_price 10sat;
            l402_invoice_from ${name};
            alias html/;
        }`).join('')}
        location / { }
    }`;

export const sleep = milliseconds =>
    new Promise(resolve => setTimeout(resolve, milliseconds));

// Asks again until `probe` returns something true, which it returns; null
// when the time is over.
export async function eventually(probe, seconds = 10, pause = 50) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
        const value = await probe();
        if (value || Date.now() > end) {
            return value || null;
        }
        await sleep(pause);
    }
}

export function median(values) {
    return [...values].sort((a, b) => a - b)[values.length >> 1];
}
