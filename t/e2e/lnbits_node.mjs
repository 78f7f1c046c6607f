// A real LNbits with its fake wallet, whose invoices are real BOLT 11 and can
// be paid between two wallets of the same LNbits. There are two: the seller's,
// and a payer's that has money.

import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { request } from './lib/http.mjs';
import { end_with, listen, options, ready } from './service.mjs';

const values = options(['port']);
const python = process.env.L402_LNBITS_PYTHON;
const data = path.join(values.dir, 'data');
fs.mkdirSync(data, { recursive: true });

async function free_port() {
    const server = http.createServer();
    const port = await listen(server, values.port);
    await new Promise(resolve => server.close(resolve));
    return port;
}

// Its templates are found from the folder that holds the package.
const folder = spawnSync(python, ['-c',
    'import sysconfig; print(sysconfig.get_paths()["purelib"])'],
    { encoding: 'utf8' }).stdout.trim();
const port = await free_port();
const url = `http://127.0.0.1:${port}`;

// It would ask the network for exchange rates and extensions.
const nowhere = 'http://127.0.0.1:9';
const lnbits = spawn(
    python, ['-m', 'uvicorn', 'lnbits.__main__:app', '--host', '127.0.0.1',
             '--port', String(port)],
    { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'], env: {
        PATH: process.env.PATH, HOME: data, PYTHONUNBUFFERED: '1',
        PYTHONDONTWRITEBYTECODE: '1',
        LNBITS_BACKEND_WALLET_CLASS: 'FakeWallet',
        LNBITS_DATA_FOLDER: data,
        LNBITS_ADMIN_UI: 'true',
        LNBITS_EXTENSIONS_MANIFESTS: '[]',
        LNBITS_WASM_EXTENSIONS_MANIFESTS: '[]',
        http_proxy: nowhere, https_proxy: nowhere, all_proxy: nowhere,
        no_proxy: '127.0.0.1',
    } });
process.on('exit', () => lnbits.kill());
lnbits.on('exit', code => {
    console.error(`LNbits ended with ${code}`);
    process.exit(1);
});
end_with(values, []);

async function ask(method, where, fields, headers = {}) {
    const response = await request(url + where, {
        method, body: JSON.stringify(fields),
        headers: { 'Content-Type': 'application/json', ...headers },
    });
    if (response.status !== 200) {
        throw new Error(`${method} ${where}: ${response.status} `
                        + response.text);
    }
    return response.json();
}

for (;;) {
    try {
        await request(`${url}/api/v1/health`);
        break;
    } catch {
        await new Promise(resolve => setTimeout(resolve, 100));
    }
}

// Until it has an administrator, it answers nothing else.
const password = randomBytes(12).toString('hex');
const { access_token } = await ask('PUT', '/api/v1/auth/first_install', {
    username: 'administrator', password, password_repeat: password });
const [seller, payer] = await Promise.all(['seller', 'payer'].map(
    name => ask('POST', '/api/v1/account', { name })));
await ask('PUT', '/users/api/v1/balance', { id: payer.id, amount: 1_000_000 },
          { Authorization: `Bearer ${access_token}` });

ready(values.dir, {
    L402_LNBITS_URL: url,
    L402_LNBITS_INVOICE_KEY: seller.inkey,
    L402_LNBITS_PAYER_KEY: payer.adminkey,
});
