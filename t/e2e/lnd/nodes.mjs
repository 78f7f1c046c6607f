// Two real lnd on a regtest chain that btcd keeps: a seller, and a buyer that
// has a channel to it. The seller's wallet has a password, so that it can be
// seen locked; POST to L402_LND_CONTROL_URL stops and starts it:
//   /kill /freeze /thaw /start /unlock
// stops the chain and lets it go on:
//   /chain/freeze /chain/thaw
// and makes all be as at the start: /restore

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { end_with, listen, options, ready, reply } from '../service.mjs';
import { Lnd, ask, end, run, until } from './lnd.mjs';

const values = options([]);
end_with(values, []);
const rpc_user = 'chain';
const rpc_password = randomBytes(16).toString('hex');
const wallet_password = randomBytes(16).toString('base64');

// Kept until all are known, so that none is given out twice.
async function free_ports(count) {
    const servers = Array.from({ length: count }, () => http.createServer());
    const ports = await Promise.all(servers.map(server => listen(server, 0)));
    servers.forEach(server => server.close());
    return ports;
}

const [btcd_port, btcd_rpc_port, ...lnd_ports] = await free_ports(8);
const in_dir = name => path.join(values.dir, name);

// ---- the chain ----

const btcd_cert = in_dir('btcd/rpc.cert');

function start_btcd(mining_address) {
    fs.mkdirSync(in_dir('btcd'), { recursive: true });
    fs.writeFileSync(in_dir('btcd/btcd.conf'), '');
    return run('btcd', [
        '--regtest', '--txindex', '--nodnsseed', '--nowinservice',
        '--trickleinterval=100ms', '--rpcmaxwebsockets=50',
        `--configfile=${in_dir('btcd/btcd.conf')}`,
        `--datadir=${in_dir('btcd/data')}`, `--logdir=${in_dir('btcd/logs')}`,
        `--listen=127.0.0.1:${btcd_port}`,
        `--rpclisten=127.0.0.1:${btcd_rpc_port}`,
        `--rpcuser=${rpc_user}`, `--rpcpass=${rpc_password}`,
        `--rpccert=${btcd_cert}`, `--rpckey=${in_dir('btcd/rpc.key')}`,
        ...mining_address ? [`--miningaddr=${mining_address}`] : [],
    ], in_dir('btcd.log'));
}

async function chain(method, ...params) {
    const answer = await ask(`https://127.0.0.1:${btcd_rpc_port}`, {
        method: 'POST', ca: btcd_cert, headers: { Authorization: 'Basic '
            + Buffer.from(`${rpc_user}:${rpc_password}`).toString('base64') },
        fields: { jsonrpc: '1.0', id: 1, method, params },
    });
    const { result, error } = answer.json();
    if (error) {
        throw new Error(`${method}: ${error.message}`);
    }
    return result;
}

// ---- the nodes ----

function start_lnd(lnd, port, ...more) {
    return run('lnd', [
        `--lnddir=${lnd.dir}`, '--bitcoin.regtest', '--bitcoin.node=btcd',
        `--btcd.rpchost=127.0.0.1:${btcd_rpc_port}`,
        `--btcd.rpcuser=${rpc_user}`, `--btcd.rpcpass=${rpc_password}`,
        `--btcd.rpccert=${btcd_cert}`,
        `--listen=127.0.0.1:${port}`, `--rpclisten=${lnd.rpc}`,
        `--restlisten=${new URL(lnd.url).host}`,
        '--bitcoin.defaultchanconfs=1', '--trickledelay=50',
        '--tlsdisableautofill', ...more,
    ], `${lnd.dir}.log`);
}

const seller = new Lnd(in_dir('seller'), lnd_ports[1], lnd_ports[2]);
const buyer = new Lnd(in_dir('buyer'), lnd_ports[4], lnd_ports[5]);
const start_seller = () => start_lnd(seller, lnd_ports[0]);
const start_buyer = () => start_lnd(buyer, lnd_ports[3], '--noseedbackup');

async function unlock() {
    await seller.reach('LOCKED');
    await seller.call('POST', '/v1/unlockwallet', { wallet_password }, null);
}

async function first_start() {
    await seller.reach('NON_EXISTING');
    const { cipher_seed_mnemonic } =
        await seller.call('GET', '/v1/genseed', undefined, null);
    await seller.call('POST', '/v1/initwallet',
                      { wallet_password, cipher_seed_mnemonic }, null);
}

const synced = lnd => until(`${lnd.dir} synced`, async () =>
    (await lnd.call('GET', '/v1/getinfo')).synced_to_chain);

// Whoever mines must say where the coins go. An lnd that loses its chain while
// it starts may never find it again, so this one does not stay.
async function buyer_address() {
    const passing = start_buyer();
    await buyer.reach('RPC_ACTIVE');
    const { address } = await buyer.call('GET', '/v1/newaddress');
    await end(passing);
    return address;
}

const chain_answers = () => until('btcd', async () =>
    await chain('getblockcount') >= 0);

async function open_channel() {
    const { identity_pubkey: pubkey } = await seller.call('GET', '/v1/getinfo');
    await until('a connection', () => buyer.call('POST', '/v1/peers', {
        addr: { pubkey, host: `127.0.0.1:${lnd_ports[0]}` } }));
    await until('a peer', async () =>
        (await buyer.call('GET', '/v1/peers')).peers.length === 1);
    await buyer.call('POST', '/v1/channels', {
        node_pubkey: Buffer.from(pubkey, 'hex').toString('base64'),
        local_funding_amount: '10000000', sat_per_vbyte: '2' });
    await chain('generate', 3);
    await until('a channel', async () => (await buyer.call(
        'GET', '/v1/channels?active_only=true')).channels.length === 1);
}

// A channel is there some time before it carries anything.
function first_payment() {
    return until('a payment', async () => {
        const { payment_request } =
            await seller.call('POST', '/v1/invoices', { value_msat: 1000 });
        const { status } = await buyer.send(payment_request);
        return status === 'SUCCEEDED';
    });
}

let btcd = start_btcd();
await chain_answers();
const address = await buyer_address();
await end(btcd);
btcd = start_btcd(address);
await chain_answers();
// Enough for the first coins to be spent and for every soft fork.
await chain('generate', 450);

start_buyer();
let selling = start_seller();
await first_start();
await Promise.all([seller, buyer].map(lnd => lnd.reach('SERVER_ACTIVE')));
await Promise.all([seller, buyer].map(synced));
await until('the buyer\'s coins', async () => Number(
    (await buyer.call('GET', '/v1/balance/blockchain')).confirmed_balance)
    > 100_000_000);
await open_channel();
await first_payment();

// ---- what tests may do to the seller ----

const actions = {
    '/kill': () => end(selling, 'SIGKILL'),
    '/freeze': () => selling.kill('SIGSTOP'),
    '/thaw': () => selling.kill('SIGCONT'),
    '/start': async () => {
        selling = start_seller();
        await seller.reach('LOCKED');
    },
    '/unlock': unlock,
    '/chain/freeze': () => btcd.kill('SIGSTOP'),
    '/chain/thaw': () => btcd.kill('SIGCONT'),
    '/restore': async () => {
        btcd.kill('SIGCONT');
        selling.kill('SIGCONT');
        await end(selling);
        await actions['/start']();
        await unlock();
        await synced(seller);
        await first_payment();
    },
};

const control = http.createServer(async (request, response) => {
    try {
        await actions[request.url]();
        reply(response, 200, {});
    } catch (error) {
        reply(response, 500, { error: error.message });
    }
});

ready(values.dir, {
    L402_LND_SELLER: JSON.stringify([seller.dir, ...lnd_ports.slice(1, 3)]),
    L402_LND_BUYER: JSON.stringify([buyer.dir, ...lnd_ports.slice(4, 6)]),
    L402_LND_CONTROL_URL: `http://127.0.0.1:${await listen(control, 0)}`,
});
