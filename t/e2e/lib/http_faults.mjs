// What goes wrong with an answer while it is carried, and what only looks so.
// Each gets the call, the status and the bytes of a good answer.

import { gzipSync } from 'node:zlib';

const begun = (size, rest) => (call, code, body) => {
    call.response.writeHead(code, { 'Content-Type': 'application/json',
                                    'Content-Length': body.length });
    call.response.write(body.subarray(0, size(body)),
                        () => rest(call, body.subarray(size(body))));
};

// A byte at a time, and never done within a test's deadline.
function drip({ response }, body) {
    let sent = 0;
    const timer = setInterval(() => {
        response.write(body.subarray(sent, ++sent));
        if (sent === body.length) {
            clearInterval(timer);
            response.end();
        }
    }, 500);
    response.on('close', () => clearInterval(timer));
}

function chunk_drip(call, code, body) {
    call.response.writeHead(code, { 'Content-Type': 'application/json' });
    drip(call, body);
}

const answer_with = (headers, change = body => body) => (call, code, body) => {
    const changed = change(body);
    call.response.writeHead(code, { 'Content-Type': 'application/json',
                                    'Content-Length': changed.length,
                                    ...headers });
    call.response.end(changed);
};

// Bytes past node's own HTTP.
const raw = make => ({ request, response }, code, body) => {
    const { socket } = request;
    response.detachSocket(socket);
    socket.on('error', () => {});
    for (const part of make(code, body)) {
        socket.write(part);
    }
    socket.end();
};

const head = (version, code, ...lines) =>
    [`HTTP/${version} ${code} Said`, ...lines, '', ''].join('\r\n');
const length = body => `Content-Length: ${body.length}`;

// Informational answers without an end.
function forever({ request, response }) {
    const { socket } = request;
    const timer = setInterval(() => socket.write(head('1.1', 103)), 100);
    response.detachSocket(socket);
    socket.on('error', () => {});
    socket.on('close', () => clearInterval(timer));
}

// 50 MB that are JSON to the end, as fast as they are taken.
function huge({ response }, code, body) {
    const chunk = Buffer.alloc(65536, 'a');
    let left = 800;
    response.writeHead(code, { 'Content-Type': 'application/json' });
    response.write('{"more":"');
    const more = () => {
        while (left-- > 0 && !response.destroyed) {
            if (!response.write(chunk)) {
                response.once('drain', more);
                return;
            }
        }
        response.end('",' + body.subarray(1));
    };
    more();
}

export const http_faults = {
    huge,
    hang() {},
    close: ({ request }) => request.socket.destroy(),
    half: begun(body => body.length >> 1,
                ({ request }) => request.socket.destroy()),
    drip: begun(() => 1, drip),
    chunkdrip: chunk_drip,
    halfchunk: raw((code, body) => [
        head('1.1', code, 'Transfer-Encoding: chunked'),
        `${body.length.toString(16)}\r\n`, body, '\r\n']),
    badchunk: raw((code, body) => [
        head('1.1', code, 'Transfer-Encoding: chunked'),
        'length\r\n', body, '\r\n0\r\n\r\n']),
    forever,
    gzip: answer_with({ 'Content-Encoding': 'gzip' }, gzipSync),
    s202: (call, code, body) => answer_with({})(call, 202, body),
    s204: ({ response }) => response.writeHead(204).end(),
    s206: (call, code, body) => answer_with(
        { 'Content-Range': `bytes 0-1/${body.length}` })(call, 206, body),
    // 1 MB of header fields, in one and in many.
    header: raw((code, body) => [
        head('1.1', code, length(body), `X: ${'a'.repeat(1 << 20)}`), body]),
    headers: raw((code, body) => [
        head('1.1', code, length(body),
             ...Array(2048).fill(`X: ${'a'.repeat(512)}`)), body]),
    nohttp: raw(() => ['SSH-2.0-OpenSSH_9.2\r\n']),
    nostatus: raw((code, body) => [body]),
    badlength: raw((code, body) => [
        head('1.1', code, 'Content-Length: -1'), body]),

    // ---- odd, and yet an answer ----

    early: raw((code, body) => [
        head('1.1', 102), head('1.1', 103, 'Link: </a>; rel=preload'),
        head('1.1', code, length(body)), body]),
    http10: raw((code, body) => [head('1.0', code), body]),
    chunked: raw((code, body) => [
        head('1.1', code, 'Transfer-Encoding: chunked'),
        ...[...body].flatMap(byte => ['1\r\n', Buffer.from([byte]), '\r\n']),
        '0\r\nTrailer: a\r\n\r\n']),
    texttype: answer_with({ 'Content-Type': 'text/html' }),
};
