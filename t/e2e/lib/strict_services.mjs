// lnd, Core Lightning (clnrest), Eclair and phoenixd as their own documentation
// has them: what they would refuse is refused here, with their status and their
// error's body; what they take becomes an invoice of the real node at
// L402_NODE_URL, so that it can be paid.
//
// Written from: Core Lightning v26.06.6 (doc/schemas/invoice.json, "REST APIs"
// in the developers' guide, tests/test_clnrest.py); Eclair v0.13's API
// documentation ("Authentication", "CreateInvoice", "Errors"); phoenixd
// v0.8.0's API reference ("Create Bolt11 invoice").
//
// The two that read forms ignore a field that they do not know. Here it is
// refused: a misspelt one would else make an invoice without it.

import http from 'node:http';
import { body } from '../service.mjs';
import {
    Refusal, bytes, is_integer, longest_description, need, send,
} from './strict.mjs';
import { faults } from './strict_faults.mjs';
import { lnd } from './strict_lnd.mjs';

// The only value of each field; `refuse` makes what the service says of a
// field that is not its own.
export function form(text, known, refuse) {
    const fields = {};
    for (const pair of text.split('&')) {
        const [name, value] = pair.split('=')
            .map(part => decodeURIComponent(part.replaceAll('+', ' ')));
        if (!known.includes(name) || value === undefined || name in fields) {
            throw refuse(name);
        }
        fields[name] = value;
    }
    return fields;
}

export const is_form = request => request.headers['content-type']
    ?.split(';')[0] === 'application/x-www-form-urlencoded';

// The user's name and password; null without Basic.
export function basic(request) {
    const [, encoded] = /^Basic ([A-Za-z0-9+/]+=*)$/
        .exec(request.headers.authorization ?? '') ?? [];
    if (encoded === undefined) {
        return null;
    }
    const pair = Buffer.from(encoded, 'base64').toString();
    return { user: pair.split(':')[0],
             password: pair.slice(pair.indexOf(':') + 1) };
}

// ---- Core Lightning ----

const rpc_error = (status, code, message) =>
    [status, { code, message, data: null }];
const bad_parameter = message => rpc_error(500, -32602, message);

const cln = {
    credential: '7cKJyALVY0_LLVV-AB9oetXjipOdyt0EhOuYrSS42fM9MA==',
    path: '/v1/invoice',
    invoice: 'bolt11',
    hash: 'payment_hash',
    type: 'application/json',
    labels: new Set(),

    error: status => rpc_error(status, -1, `fault ${status}`)[1],

    read(request, path, text) {
        const { headers } = request;
        need(/^\/v1\//.test(path), ...rpc_error(404, -32601, 'Path not found'));
        need(request.method === 'POST', ...rpc_error(405, -32601,
            'Path invalid, http_method must be POST for CLN methods'));
        need(headers['content-type']?.includes('application/json'),
             ...rpc_error(406, null, 'Unsupported content-type header: '
                                     + headers['content-type']));
        let params;
        try {
            params = JSON.parse(text);
        } catch (error) {
            throw new Refusal(...rpc_error(500, null,
                `Could not parse \`${text}\` JSON request: ${error.message}`));
        }
        need(headers.rune !== undefined,
             ...rpc_error(403, 1501, 'Not authorized: Missing rune'));
        need(headers.rune === cln.credential, ...rpc_error(401, 1501,
            'Not authorized: Not derived from master'));
        need(path === cln.path, ...rpc_error(404, -32601,
            `Unknown command '${path.slice('/v1/'.length)}'`));
        need(/\*\/\*|application\/json/.test(headers.accept ?? '*/*'),
             ...rpc_error(406, null,
                          `Unsupported accept header: ${headers.accept}`));
        return cln.read_params(params);
    },

    read_params(params) {
        const { amount_msat, label, description, expiry, ...others } = params;
        for (const name of ['amount_msat', 'label', 'description']) {
            need(params[name] !== undefined,
                 ...bad_parameter(`missing required parameter: ${name}`));
        }
        for (const name of Object.keys(others)) {
            throw new Refusal(...bad_parameter(`unknown parameter: ${name}`));
        }
        need(Number.isSafeInteger(amount_msat) && amount_msat > 0
             || /^[1-9]\d*(msat)?$/.test(amount_msat), ...bad_parameter(
            'amount_msat: should be positive msat or \'any\': invalid token '
            + `'${amount_msat}'`));
        need(['string', 'number'].includes(typeof label), ...bad_parameter(
            `label: should be a string or number: invalid token '${label}'`));
        need(bytes(String(label)) <= 128,
             ...bad_parameter(`Label '${label}' over 128 bytes`));
        // clnrest writes the JSON anew for lightningd, with the escapes that
        // are left: those that have no short form.
        need(typeof description === 'string'
             && !JSON.stringify(description).includes('\\u'), ...bad_parameter(
            'description: should be a string (without \\u): invalid token '
            + `'${description}'`));
        need(bytes(description) <= longest_description, ...bad_parameter(
            'Description greater than 639 bytes invalid (description length '
            + `${bytes(description)})`));
        need(expiry === undefined || is_integer(expiry) && expiry >= 0,
             ...bad_parameter('expiry: should be an unsigned 64 bit integer: '
                              + `invalid token '${expiry}'`));
        need(!cln.labels.has(String(label)),
             ...rpc_error(500, 900, `Duplicate label '${label}'`));
        cln.labels.add(String(label));
        return { msat: parseInt(amount_msat), memo: description,
                 expiry: Number(expiry ?? 604800) };
    },

    answer: made => [201, {
        payment_hash: made.hash,
        expires_at: made.time + made.expiry,
        bolt11: made.text,
        payment_secret: made.secret,
        created_index: cln.labels.size,
    }],
};

// ---- Eclair ----

const api_failed = { error: 'API call failed: check logs for more details' };

const eclair = {
    credential: '21satoshi',
    path: '/createinvoice',
    invoice: 'serialized',
    hash: 'paymentHash',
    type: 'application/json',

    error: status => ({ error: `fault ${status}` }),

    read(request, path, text) {
        const challenge = { 'WWW-Authenticate':
            'Basic realm="Access restricted",charset=UTF-8' };
        const given = basic(request);
        need(given, 401, { error: 'The resource requires authentication, '
            + 'which was not supplied with the request' }, challenge);
        // Only the name's absence is documented; Eclair looks at none.
        need(given.password === eclair.credential && given.user === '', 401,
             { error: 'The supplied authentication is invalid' }, challenge);
        need(path === eclair.path, 404,
             { error: 'The requested resource could not be found.' });
        need(request.method === 'POST', 405, { error:
            'HTTP method not allowed, supported methods: POST' });
        need(is_form(request), 415, { error: 'The request\'s Content-Type is '
            + 'not supported. Expected:\nmultipart/form-data or '
            + 'application/x-www-form-urlencoded' });

        const malformed = (name, why) => [400, { error:
            `The form field '${name}' was malformed:\n${why}` }];
        const fields = form(
            text, ['description', 'descriptionHash', 'amountMsat', 'expireIn'],
            name => new Refusal(...malformed(name, 'no such field')));
        for (const name of ['amountMsat', 'expireIn']) {
            need(is_integer(fields[name] ?? '1'), ...malformed(name, `'${
                fields[name]}' is not a valid 64-bit signed integer value`));
        }
        // "You must specify either description or descriptionHash, but not
        // both."
        need(('description' in fields) !== ('descriptionHash' in fields),
             500, api_failed);
        need(!('descriptionHash' in fields)
             && bytes(fields.description) <= longest_description,
             500, api_failed);
        need(fields.amountMsat === undefined || fields.amountMsat > 0,
             400, api_failed);
        return { msat: Number(fields.amountMsat ?? 0),
                 memo: fields.description,
                 expiry: Number(fields.expireIn ?? 3600) };
    },

    answer: made => [200, {
        prefix: 'lnbcrt',
        timestamp: made.time,
        nodeId: '028e2403fbfddb3d787843361f91adbda64c6f622921b19fb48f576650'
                + '8bcadb29',
        serialized: made.text,
        description: made.memo,
        paymentHash: made.hash,
        paymentMetadata: '2a',
        expiry: made.expiry,
        minFinalCltvExpiry: 30,
        amount: made.msat,
        features: { activated: { payment_secret: 'mandatory' }, unknown: [] },
        routingInfo: [],
    }],
};

// ---- phoenixd ----

const phoenixd = {
    credential: '80f0e2c1b6d5c3a4f7e8d9c0b1a2938475665748392a1b0c9d8e7f6051'
                + '4233ab',
    path: '/createinvoice',
    invoice: 'serialized',
    hash: 'paymentHash',
    type: 'text/plain; charset=UTF-8',

    error: status => `fault ${status}`,

    read(request, path, text) {
        const given = basic(request);
        need(given?.password === phoenixd.credential && given.user === '', 401,
             'Invalid authentication (use basic auth with the http password '
             + 'set in phoenix.conf)');
        need(path === phoenixd.path, 404, 'Unknown endpoint (check api doc)');
        need(request.method === 'POST', 405,
             'Invalid http method (use the correct GET/POST)');
        need(is_form(request), 415, '');

        const fields = form(
            text, ['description', 'descriptionHash', 'amountSat',
                   'expirySeconds', 'externalId', 'webhookUrl'],
            name => new Refusal(400, `Request parameter ${name} is unknown`));
        for (const name of ['amountSat', 'expirySeconds']) {
            need(is_integer(fields[name] ?? '1'), 400, 'Request parameter '
                + `${name} couldn't be parsed/converted to integer`);
        }
        need((fields.description ?? '').length <= 128, 400, 'Request parameter '
             + 'description is too long (max 128 characters)');
        need(('description' in fields) !== ('descriptionHash' in fields), 400,
             'Must provide either a description or descriptionHash');
        need('description' in fields, 400, 'no descriptionHash here');
        return { msat: 1000 * Number(fields.amountSat ?? 0),
                 memo: fields.description,
                 expiry: Number(fields.expirySeconds ?? 3600) };
    },

    answer: made => [200, {
        amountSat: Math.floor(made.msat / 1000),
        paymentHash: made.hash,
        serialized: made.text,
    }],
};

export const services = { lnd, cln, eclair, phoenixd };

// ---- the server ----

// http://127.0.0.1:<port>/<service>/<fault>, with the service's own paths
// below it; the fault "ok" is none. `seen` has what was taken.
export async function start_strict_services() {
    const seen = [];
    const server = http.createServer(async (request, response) => {
        const [, name, fault, ...rest] = request.url.split('/');
        const service = services[name];
        try {
            const text = await body(request);
            const wanted = service.read(request, '/' + rest.join('/'), text);
            seen.push({ name, fault, headers: request.headers, text, wanted });
            await faults[fault]({ request, response, service, name, wanted });
        } catch (error) {
            if (!(error instanceof Refusal)) {
                console.error(error);
            }
            send(response, service, error.status ?? 500, error.body ?? '',
                 error.headers);
        }
    });
    server.keepAliveTimeout = 600_000;
    const port = await new Promise(resolve => server.listen(
        0, '127.0.0.1', () => resolve(server.address().port)));
    return {
        seen,
        url: (name, fault) => `http://127.0.0.1:${port}/${name}/${fault}`,
        stop() {
            server.close();
            server.closeAllConnections();
        },
    };
}
