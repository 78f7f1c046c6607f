// A small HTTP/1.1 client that shows what came.

import http from 'node:http';

// Options: method, headers, body, agent, timeout (milliseconds).
// A connection that the server closed just as it was used again is used anew
// once, as every HTTP client does.
export async function request(url, options = {}) {
    try {
        return await once(url, options);
    } catch (error) {
        if (error.reused && error.code === 'ECONNRESET') {
            return await once(url, options);
        }
        throw error;
    }
}

function once(url, { method = 'GET', headers = {}, body, agent = false,
                     timeout = 30_000 }) {
    return new Promise((resolve, reject) => {
        let answered = false;
        const call = http.request(url, { method, headers, agent }, response => {
            answered = true;
            const parts = [];
            response.on('data', part => parts.push(part));
            response.on('error', reject);
            response.on('end', () => {
                const text = Buffer.concat(parts).toString();
                resolve({
                    status: response.statusCode,
                    headers: response.headers,
                    text,
                    json: () => JSON.parse(text),
                });
            });
        });
        call.setTimeout(timeout, () => call.destroy(new Error(
            `${method} ${url}: no answer within ${timeout} ms`)));
        call.on('error', error => {
            error.reused = call.reusedSocket && !answered;
            reject(error);
        });
        call.end(body);
    });
}

// One connection, kept.
export const kept_connection = () =>
    new http.Agent({ keepAlive: true, maxSockets: 1 });
