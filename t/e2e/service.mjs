// What the test programs have in common: options, servers on free ports, a
// ready file, and an end that leaves nothing behind.

import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

// Every program takes --dir (where its files go) and --parent (a process id:
// when that process is gone, this one ends too), and some a few ports.
export function options(ports) {
    const { values } = parseArgs({
        options: {
            dir: { type: 'string' },
            parent: { type: 'string' },
            ...Object.fromEntries(ports.map(
                name => [name, { type: 'string', default: '0' }])),
        },
    });
    if (!values.dir) {
        throw new Error('--dir <state folder> is needed');
    }
    values.dir = path.resolve(values.dir);
    fs.mkdirSync(values.dir, { recursive: true, mode: 0o700 });
    return values;
}

export function listen(server, port) {
    return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 },
                      () => resolve(server.address().port));
    });
}

// The whole body as text; null when it is longer than `most` bytes.
export async function body(request, most = 65536) {
    const parts = [];
    let length = 0;
    for await (const part of request) {
        length += part.length;
        if (length > most) {
            return null;
        }
        parts.push(part);
    }
    return Buffer.concat(parts).toString();
}

export function reply(response, status, value) {
    const text = JSON.stringify(value);
    response.writeHead(status, {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(text),
    });
    response.end(text);
}

// Announces the program: `env` to be sourced by a shell, `pid`, and
// ready.json last, whose presence says that all of it is there.
export function ready(dir, variables) {
    const quote = value => `'${String(value).replaceAll("'", "'\\''")}'`;
    const write = (name, text) => {
        fs.writeFileSync(path.join(dir, name + '.new'), text);
        fs.renameSync(path.join(dir, name + '.new'), path.join(dir, name));
    };
    write('env', Object.entries(variables)
        .map(([name, value]) => `export ${name}=${quote(value)}\n`).join(''));
    write('pid', `${process.pid}\n`);
    write('ready.json', JSON.stringify(
        { ...variables, pid: process.pid }, null, 2) + '\n');
}

// Ends on a signal, or once the parent is gone.
export function end_with(values, servers) {
    const end = () => {
        fs.rmSync(path.join(values.dir, 'ready.json'), { force: true });
        servers.forEach(server => server.close());
        process.exit(0);
    };
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
    if (values.parent) {
        setInterval(() => {
            try {
                process.kill(Number(values.parent), 0);
            } catch {
                end();
            }
        }, 1000).unref();
    }
}
