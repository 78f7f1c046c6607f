// The demo's backend, which knows nothing of payments: it tells the weather,
// and what reached it, so that one can see that no credential did.

import http from 'node:http';

let requests = 0;

const server = http.createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({
        weather: 'sunny, 21 degrees',
        request_number: ++requests,
        request_line: `${request.method} ${request.url}`,
        headers_that_reached_the_backend: request.headers,
    }, null, 2) + '\n');
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
