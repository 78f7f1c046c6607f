// Two real Lightning nodes with channels between them on a simulated chain:
// the payee answers as lnd's REST does (http and https), the payer pays what
// it is told to. See ../start.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { end_with, listen, options, ready } from '../service.mjs';
import { Network } from './network.mjs';
import { Payer } from './payer.mjs';
import { Rest } from './rest.mjs';
import { certificate } from './tls.mjs';

const values = options(['rest-port', 'tls-port', 'payer-port']);

// A node that is started again in the same folder keeps its macaroon and its
// certificate, as lnd does.
const macaroon_file = path.join(values.dir, 'invoice.macaroon');
if (!fs.existsSync(macaroon_file)) {
    fs.writeFileSync(macaroon_file, randomBytes(96), { mode: 0o600 });
}
const macaroon = fs.readFileSync(macaroon_file);
const tls = certificate(values.dir);

const network = new Network();
const rest = new Rest(network, macaroon);
const payer = new Payer(network);
const stats = () => ({ invoices: rest.count, payments: payer.count });

const servers = [
    http.createServer(rest.handler()),
    https.createServer({ cert: tls.cert, key: tls.key }, rest.handler()),
    http.createServer(payer.handler(stats)),
];
// A client that keeps a connection for long must not find it closed just as
// it sends.
servers.forEach(server => { server.keepAliveTimeout = 600_000; });

const [rest_port, tls_port, payer_port] = await Promise.all([
    listen(servers[0], values['rest-port']),
    listen(servers[1], values['tls-port']),
    listen(servers[2], values['payer-port']),
]);

end_with(values, servers);
ready(values.dir, {
    L402_NODE_URL: `http://127.0.0.1:${rest_port}`,
    L402_NODE_TLS_URL: `https://127.0.0.1:${tls_port}`,
    L402_NODE_CERT: tls.path,
    L402_NODE_MACAROON: macaroon_file,
    L402_PAYER_URL: `http://127.0.0.1:${payer_port}`,
});
