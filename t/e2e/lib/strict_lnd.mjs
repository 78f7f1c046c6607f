// lnd's REST interface as its own documentation has it: v0.19's API reference
// (AddInvoice, lnrpc.Invoice), and what its gateway says of JSON that is no
// lnrpc.Invoice. What came out of a handler is 500, whatever it was.

import { bytes, longest_description, need } from './strict.mjs';

const rpc_error = (status, code, message) =>
    [status, { code, message, details: [] }];
const unknown = message => rpc_error(500, 2, message);
const base64 = hex => Buffer.from(hex, 'hex').toString('base64');

// An int64 of protobuf's JSON: a number, or text.
const is_int64 = value => Number.isSafeInteger(value)
    || typeof value === 'string' && /^-?\d{1,19}$/.test(value);

let add_index = 0;

export const lnd = {
    // Of no lnd: its identifier and its signature are made up.
    credential: '0201036c6e64022ceb3f1b2a90c4d7855f0e6a3d91827364554637281900'
                + 'aabbccddeeff00112233445566778899000006207d1c9a5b3e8f60214365'
                + '8709badcfe1032547698a0b1c2d3e4f506172839405a',
    path: '/v1/invoices',
    invoice: 'payment_request',
    hash: 'r_hash',
    type: 'text/plain',

    error: status => rpc_error(status, 2, `fault ${status}`)[1],

    read(request, path, text) {
        need(path === lnd.path, ...rpc_error(404, 5, 'Not Found'));
        need(request.method === 'POST',
             ...rpc_error(501, 12, 'Method Not Allowed'));
        let fields;
        try {
            fields = JSON.parse(text);
        } catch {
            need(false, ...rpc_error(400, 3, 'proto: syntax error'));
        }
        const { value_msat, memo = '', expiry = 86400, ...others } = fields;
        for (const name of Object.keys(others)) {
            need(false, ...rpc_error(400, 3,
                                     `proto: unknown field "${name}"`));
        }
        for (const [name, value] of Object.entries({ value_msat, expiry })) {
            need(is_int64(value), ...rpc_error(400, 3,
                `proto: invalid value for int64 field ${name}: ${value}`));
        }
        need(typeof memo === 'string', ...rpc_error(400, 3,
            'proto: invalid value for string field memo'));

        const macaroon = request.headers['grpc-metadata-macaroon'];
        need(macaroon !== undefined,
             ...unknown('expected 1 macaroon, got 0'));
        need(macaroon.toLowerCase() === lnd.credential, ...unknown(
            'verification failed: signature mismatch after caveat '
            + 'verification'));
        need(bytes(memo) <= longest_description, ...unknown(
            `memo too large: ${bytes(memo)} bytes (maxsize=639)`));
        need(Number(value_msat) > 0, ...unknown('no msat here'));
        need(Number(expiry) > 0, ...unknown('expiry of 0'));
        return { msat: Number(value_msat), memo, expiry: Number(expiry) };
    },

    answer: made => [200, {
        r_hash: base64(made.hash),
        payment_request: made.text,
        add_index: String(++add_index),
        payment_addr: base64(made.secret),
    }],
};
