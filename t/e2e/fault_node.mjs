// A node that misbehaves as it is told: the first path segment names the
// fault (fault/faults.mjs), so `url http://127.0.0.1:<port>/hang;` in an
// invoice service picks one. A test that counts calls beside others adds a
// mark of its own, /hang-mine. GET /stats counts the invoice calls of each
// segment, GET /last/<segment> shows the latest one, POST /reset forgets both.
//
// What it says of an invoice's settlement is in fault/settlements.mjs; who is
// asked for one by such a name makes a good one. Such calls count as
// <segment>/settlement, one about a single invoice as <segment>/<hash>.

import http from 'node:http';
import { faults } from './fault/faults.mjs';
import { settlements } from './fault/settlements.mjs';
import { body, end_with, listen, options, ready, reply } from './service.mjs';

const values = options(['port']);

let counts = {};
let latest = {};

const server = http.createServer(async (request, response) => {
    const [, name, ...rest] = request.url.split('?')[0].split('/');

    if (name === 'stats') {
        return reply(response, 200, counts);
    }
    if (name === 'last') {
        return reply(response, 200, latest[rest[0]] ?? null);
    }
    if (name === 'reset') {
        counts = {};
        latest = {};
        return reply(response, 200, {});
    }
    const [fault] = name.split('-');
    const [, hash] = /^v1\/invoice\/([0-9a-f]{64})$/.exec(rest.join('/')) ?? [];
    if (hash && Object.hasOwn(settlements, fault) && request.method === 'GET') {
        const count = key => (counts[key] = (counts[key] ?? 0) + 1) - 1;
        count(`${name}/settlement`);
        return settlements[fault](request, response, hash,
                                  count(`${name}/${hash}`));
    }
    const makes = faults[fault] ?? (settlements[fault] && faults.ok);
    if (!makes || rest.join('/') !== 'v1/invoices'
        || request.method !== 'POST') {
        return reply(response, 404,
                     { code: 5, message: 'Not Found', details: [] });
    }

    counts[name] = (counts[name] ?? 0) + 1;
    try {
        const text = await body(request);
        latest[name] = { url: request.url, headers: request.headers,
                         body: text };
        makes(request, response, JSON.parse(text || '{}'));
    } catch (error) {
        if (!response.headersSent) {
            reply(response, 400,
                  { code: 3, message: error.message, details: [] });
        }
    }
});
server.keepAliveTimeout = 600_000;

const port = await listen(server, values.port);
end_with(values, [server]);
ready(values.dir, { L402_FAULT_URL: `http://127.0.0.1:${port}` });
