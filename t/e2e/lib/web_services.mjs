// LNbits, BTCPay Server and LNURL-pay as their own documentation has them: what
// they would refuse is refused here, and what they take becomes an invoice of
// the real node at L402_NODE_URL, so that it can be paid.
//
// Written from: LNbits 1.6.2 (CreateInvoice and Payment of its models, and what
// it answers when it is asked itself, see ../lnbits.test.mjs); BTCPay Server
// 2.4.1 (the Greenfield API's documentation of
// "Create lightning invoice", GreenfieldLightningNodeApiController and the
// converters of BTCPayServer.Client); LUD-06, LUD-12 and LUD-16 of the LNURL
// documents as of January 2024.
//
// They ignore what they do not know. Here it is refused: a misspelt member
// would else make an invoice without it.

import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { invoice } from '../fault/invoice.mjs';
import { body, listen } from '../service.mjs';
import { faults } from './strict_faults.mjs';
import { Refusal, need, no_others, send } from './strict.mjs';

// ---- LNbits ----

const detail = (status, text) => [status, { detail: text }];
const not_valid = (member, msg) => new Refusal(400, {
    detail: [{ loc: ['body', member], msg, type: 'value_error' }] });

const lnbits = {
    credential: '08f4368aa52f45df80397e754cb418a2',
    path: '/api/v1/payments',
    invoice: 'bolt11',
    hash: 'payment_hash',
    type: 'text/plain',

    error: status => detail(status, `fault ${status}`)[1],

    read(request, path, text) {
        const key = request.headers['x-api-key'];
        need(path === lnbits.path, ...detail(404, 'Not Found'));
        need(request.method === 'POST', ...detail(405, 'Method Not Allowed'));
        need(key, ...detail(401, 'No Api Key provided.'));
        need(key === lnbits.credential, ...detail(404, 'Wallet not found.'));

        let fields;
        try {
            fields = JSON.parse(text);
        } catch {
            throw not_valid('0', 'Expecting value');
        }
        no_others(fields, ['out', 'unit', 'amount', 'memo', 'expiry'],
                  name => not_valid(name, 'extra fields not permitted'));

        const { out, unit = 'sat', amount, memo = '', expiry = 3600 } = fields;
        need(out === false, ...detail(403, 'Invoice (or Admin) key required.'));
        if (unit !== 'sat') {
            throw not_valid('unit', 'The provided unit is not supported');
        }
        if (typeof amount !== 'number') {
            throw not_valid('amount', 'value is not a valid float');
        }
        if ([...memo].length > 640) {
            throw not_valid('memo',
                            'ensure this value has at most 640 characters');
        }
        if (!Number.isInteger(expiry)) {
            throw not_valid('expiry', 'value is not a valid integer');
        }
        need(amount > 0, 520, { detail: 'Amountless invoices not supported.',
                                status: 'failed' });
        need(Number.isInteger(amount), 520, { detail: 'no msat here',
                                              status: 'failed' });
        return { msat: 1000 * amount, memo, expiry };
    },

    answer: made => [201, {
        checking_id: made.hash,
        payment_hash: made.hash,
        wallet_id: '1b447d125bf74b57b4b0ef34ac4838da',
        amount: made.msat,
        fee: 0,
        bolt11: made.text,
        payment_request: made.text,
        fiat_provider: null,
        status: 'pending',
        memo: made.memo,
        preimage: 'c0ffee'.repeat(11).slice(0, 64),
        labels: [],
        extra: {},
    }],
};

// ---- BTCPay Server ----

const problem = (status, code, message) => [status, { code, message }];
const invalid = (path, message) =>
    new Refusal(422, [{ path, message }]);

const btcpay = {
    credential: '9cb36cbd4e2cbd27e0e1a9d3f1cf62a8b7c2d4e1',
    store: '/api/v1/stores/8bPLCXjSdnSJLFsp8fW3nHTQy8ZgqVZrDXJ7WbcfLsT1'
           + '/lightning/BTC',
    path: '/invoices',
    invoice: 'BOLT11',
    hash: 'paymentHash',
    type: 'text/plain',

    error: status => problem(status, 'generic-error', `fault ${status}`)[1],

    read(request, path, text) {
        const { headers } = request;
        need(/^token [^ ]+$/.test(headers.authorization ?? '')
             && headers.authorization === `token ${btcpay.credential}`,
             ...problem(401, 'unauthenticated', 'Authentication is required '
                        + 'for accessing this endpoint'));
        need(path === btcpay.store + btcpay.path, 404, '');
        need(request.method === 'POST', 405, '');
        need(/^application\/json\b/.test(headers['content-type'] ?? ''), 415,
             { title: 'Unsupported Media Type', status: 415 });
        return btcpay.wanted(text);
    },

    wanted(text) {
        let fields;
        try {
            fields = JSON.parse(text);
        } catch (error) {
            throw invalid('', error.message);
        }
        no_others(fields, ['amount', 'description', 'descriptionHashOnly',
                           'expiry', 'privateRouteHints'],
                  name => invalid(name, 'Unknown member'));

        const { amount, description, expiry } = fields;
        if (typeof amount !== 'string' || !/^-?\d{1,19}$/.test(amount)) {
            throw invalid('amount', 'Invalid amount');
        }
        if (Number(amount) < 0) {
            throw invalid('Amount', 'Amount should be more or equals to 0');
        }
        if (typeof description !== 'string'
            || Buffer.byteLength(description) > 639) {
            throw new Refusal(...problem(400, 'generic-error',
                                         'Description length is invalid'));
        }
        if (!Number.isInteger(expiry)) {
            throw invalid('expiry', 'Invalid timespan, expected integer');
        }
        if (expiry <= 0) {
            throw invalid('Expiry', 'Expiry should be more than 0');
        }
        return { msat: Number(amount), memo: description, expiry };
    },

    answer: made => [200, {
        id: made.hash,
        status: 'Unpaid',
        BOLT11: made.text,
        paidAt: null,
        expiresAt: made.time + made.expiry,
        amount: String(made.msat),
        amountReceived: null,
        paymentHash: made.hash,
    }],
};

// ---- LNURL-pay ----

const refused = (reason, status = 200) =>
    new Refusal(status, { status: 'ERROR', reason });

const metadata = name => JSON.stringify([
    ['text/identifier', `${name}@pay.example`],
    ['text/plain', 'Sats f\u00fcr "das Wetter"'],
    ['image/png;base64', 'iVBORw0KGgo='],
]);

const lnurl = {
    path: '/callback',
    invoice: 'pr',
    type: 'text/plain',
    expiry: 3600,
    comment: 20,
    min: 2000,
    max: 100_000_000,

    error: status => ({ status: 'ERROR', reason: `fault ${status}` }),

    // What it sells, below /.well-known/lnurlp/<name>.
    offer: (name, callback) => ({
        status: 'OK',
        tag: 'payRequest',
        callback,
        minSendable: lnurl.min,
        maxSendable: lnurl.max,
        metadata: metadata(name),
        commentAllowed: lnurl.comment,
        payerData: { name: { mandatory: false } },
        allowsNostr: false,
    }),

    wanted(name, query) {
        const fields = Object.fromEntries(query);
        need(query.size === new Set(query.keys()).size, 200,
             lnurl.error('twice'));
        no_others(fields, ['id', 'amount', 'nonce', 'comment'],
                  field => refused(`Unknown parameter ${field}.`));
        if (fields.id !== '7/8') {
            throw refused('Unable to find the pay link.');
        }
        if (!/^\d{1,19}$/.test(fields.amount ?? '')
            || Number(fields.amount) % 1000 !== 0) {
            throw refused('Amount is no whole number of sats.');
        }
        const msat = Number(fields.amount);
        if (msat < lnurl.min || msat > lnurl.max) {
            throw refused(`Amount ${msat} is out of bounds.`);
        }
        if (!/^([0-9a-f]{16})?$/.test(fields.nonce ?? '')) {
            throw refused('Nonce is no hex.');
        }
        if ([...fields.comment ?? ''].length > lnurl.comment) {
            throw refused('Comment is too long.');
        }
        return { msat, memo: fields.comment ?? '', expiry: lnurl.expiry,
                 description_hash: createHash('sha256')
                     .update(metadata(name)).digest() };
    },

    answer: made => [200, { pr: made.text, routes: [] }],
};

// What only LNURL can get wrong, once the callback is asked ...
const now = () => Math.floor(Date.now() / 1000);

const plain = ({ wanted: { msat, expiry, memo } }, change = {}) => invoice({
    prefix: 'bcrt', msat: BigInt(msat), time: now(), expiry, memo,
    ...change }).text;

const lnurl_faults = {
    error: ({ response, service }) => send(response, service, 200,
        { ...service.error(0), pr: 'lnbcrt1' }),
    // Committed to nothing, which LUD-06 lets them.
    plain: call => send(call.response, call.service, 200,
                        { pr: plain(call), routes: [] }),
    // Committed to what another address sells.
    otherhash: call => send(call.response, call.service, 200, {
        pr: plain(call, { description_hash: createHash('sha256')
            .update(metadata('other')).digest() }), routes: [] }),
    picture: call => send(call.response, call.service, 200,
                          { pr: plain(call), routes: [] }),
    wrongtype: call => send(call.response, call.service, 200,
                            { pr: [plain(call)], routes: [] }),
};

// ... and before.
const offer_faults = {
    errorfirst: () => ({ status: 'ERROR', reason: 'No such user.' }),
    withdraw: offer => ({ ...offer, tag: 'withdrawRequest' }),
    nocallback: offer => ({ ...offer, callback: undefined }),
    nometadata: offer => ({ ...offer, metadata: JSON.parse(offer.metadata) }),
    textbounds: offer => ({ ...offer, minSendable: '1000' }),
    toolittle: offer => ({ ...offer, maxSendable: 1999 }),
    toomuch: offer => ({ ...offer, minSendable: 2001 }),
    socket: offer => ({ ...offer,
                        callback: 'http://unix:/run/docker.sock:/info' }),
    file: offer => ({ ...offer, callback: 'file:///etc/passwd' }),
    user: offer => ({ ...offer,
                      callback: offer.callback.replace('://', '://a:b@') }),
    header_in_url: offer => ({ ...offer, callback: offer.callback + '\r\nX: y' }),
    picture: offer => ({ ...offer, metadata: JSON.stringify(
        [['text/plain', 'a'], ['image/png;base64', 'A'.repeat(136536)]]) }),
    plainhttp: (offer, plain) => ({ ...offer, callback: plain }),
};

export const web_services = { lnbits, btcpay, lnurl };

// http://127.0.0.1:<port>/<service>/<fault>, the same over https where `tls`
// is given; `seen` has what was taken, `asked` the names that were looked up.
export async function start_web_services(tls) {
    const seen = [], asked = [];

    // A name of LNURL's that begins with "first-" has its fault at once.
    function offer(call, fault, base) {
        const name = fault.replace(/^first-/, '');
        const callback = `${base.url}/lnurl/${fault}/callback?id=7%2F8`;
        const found = lnurl.offer(fault, callback);

        asked.push(fault);
        if (name !== fault) {
            return faults[name]({ ...call, wanted: { msat: 2000, expiry: 60,
                                                     memo: '' },
                                  service: { ...lnurl, path: '',
                                             answer: () => [200, found] } });
        }
        const change = offer_faults[fault] ?? (same => same);
        return send(call.response, lnurl, 200,
                    change(found, callback.replace(base.url, plain_url())));
    }

    async function serve(base, call) {
        const { request } = call;
        const url = new URL(request.url, 'http://localhost');
        const [, name, fault, ...rest] = url.pathname.split('/');
        const service = web_services[name];

        call.service = service;
        call.name = name;
        const text = await body(request);

        if (service.read) {
            call.wanted = service.read(request, '/' + rest.join('/'), text);

        } else if (rest[0] === '.well-known') {
            need(request.method === 'GET', 405, '');
            return offer(call, fault, base);

        } else {
            need(request.method === 'GET' && rest.join('/') === 'callback',
                 404, lnurl.error(404));
            call.wanted = lnurl.wanted(fault, url.searchParams);
        }
        seen.push({ name, fault, headers: request.headers, text,
                    url: request.url, wanted: call.wanted });
        const own = name === 'lnurl' ? lnurl_faults[fault] : undefined;
        return await (own ?? faults[fault] ?? faults.ok)(call);
    }

    const handler = base => async (request, response) => {
        const call = { request, response };
        try {
            await serve(base, call);
        } catch (error) {
            if (!(error instanceof Refusal)) {
                console.error(error);
            }
            send(response, call.service ?? lnurl, error.status ?? 500,
                 error.body ?? '');
        }
    };

    const bases = [{ scheme: 'http', create: http.createServer },
                   ...tls ? [{ scheme: 'https', create: handle =>
                       https.createServer(tls, handle) }] : []];
    for (const base of bases) {
        base.server = base.create(handler(base));
        base.server.keepAliveTimeout = 600_000;
        base.url = `${base.scheme}://127.0.0.1:`
                   + await listen(base.server, 0);
    }
    const plain_url = () => bases[0].url;

    return {
        seen,
        asked,
        lnbits: fault => `${bases[0].url}/lnbits/${fault}`,
        btcpay: fault => `${bases[0].url}/btcpay/${fault}${btcpay.store}`,
        lnurl: (fault, base = 0) =>
            `${bases[base].url}/lnurl/${fault}/.well-known/lnurlp/${fault}`,
        stop() {
            for (const { server } of bases) {
                server.close();
                server.closeAllConnections();
            }
        },
    };
}
