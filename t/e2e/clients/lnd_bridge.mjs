// The payments of lnd's REST in front of the payer, for clients that pay by
// nothing else: POST /v2/router/send answers with the last of lnd's updates.

import http from 'node:http';
import { body, listen } from '../service.mjs';
import { pay, sha256_of_hex } from '../lib/l402.mjs';

export async function start_lnd_bridge() {
    const server = http.createServer(async (request, response) => {
        if (request.method !== 'POST' || request.url !== '/v2/router/send'
            || !request.headers['grpc-metadata-macaroon']) {
            response.writeHead(404).end();
            return;
        }
        const { payment_request } = JSON.parse(await body(request));
        const payment_preimage = await pay(payment_request);
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify({ result: {
            status: 'SUCCEEDED', payment_preimage, payment_request,
            payment_hash: sha256_of_hex(payment_preimage),
            value_sat: '10', value_msat: '10000', fee_sat: '0', fee_msat: '0',
            failure_reason: 'FAILURE_REASON_NONE',
        } }) + '\n');
    });
    const port = await listen(server, 0);
    return {
        url: `http://127.0.0.1:${port}`,
        stop() {
            server.close();
            server.closeAllConnections();
        },
    };
}
