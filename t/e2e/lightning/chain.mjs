// A chain that exists only in the nodes' eyes: headers without work, blocks
// with the transactions they are told.

import { createHash, randomBytes } from 'node:crypto';

const sha256 = data => createHash('sha256').update(data).digest();

export const u32 = value => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
};

export const u64 = value => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    return bytes;
};

// A transaction that pays `value` to `script` from an outpoint of nobody's.
// LDK takes a funding transaction only with a witness.
export function funding_transaction(script, value) {
    return Buffer.concat([
        u32(2), Buffer.from([0, 1, 1]), randomBytes(32), u32(0),
        Buffer.from([0]), u32(0xffffffff), Buffer.from([1]), u64(value),
        Buffer.from([script.length]), Buffer.from(script),
        Buffer.from([1, 1, 0xff]), u32(0),
    ]);
}

export class Chain {
    #ldk;
    #views = [];
    #previous;
    #height = 0;
    #time = 0;

    constructor(ldk, network) {
        this.#ldk = ldk;
        this.#previous = Buffer.from(ldk.BestBlock
            .constructor_from_network(network).get_block_hash());
    }

    // `views` are the ldk.Confirm objects that follow this chain.
    follow(...views) {
        this.#views.push(...views);
    }

    mine(transactions = []) {
        this.#time = Math.floor(Date.now() / 1000);
        this.#height++;
        const header = Buffer.concat([
            u32(0x20000000), this.#previous, randomBytes(32), u32(this.#time),
            u32(0x207fffff), u32(this.#height),
        ]);
        const indexed = () => transactions.map((transaction, i) =>
            this.#ldk.TwoTuple_usizeTransactionZ
                .constructor_new(i + 1, transaction));

        for (const view of this.#views) {
            if (transactions.length > 0) {
                view.transactions_confirmed(header, indexed(), this.#height);
            }
            view.best_block_updated(header, this.#height);
        }
        this.#previous = sha256(sha256(header));
    }

    // LDK in WebAssembly has no clock but the last block's time: whoever
    // needs the present (an invoice's timestamp) asks for a block first.
    keep_time() {
        if (Math.floor(Date.now() / 1000) > this.#time) {
            this.mine();
        }
    }
}
