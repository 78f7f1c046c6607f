// Two nodes, payer and payee, joined by channels, and the one loop that
// carries payments over them.

import { EventEmitter } from 'node:events';
import { Chain, funding_transaction } from './chain.mjs';
import { Node, ldk, network } from './ldk.mjs';
import { Wire } from './wire.mjs';

const channel_sat = 100_000_000;
const channels = 2;

// Emits, with the payment hash in hex first: 'held', 'claimed' (amount_msat),
// 'sent' (preimage) and 'failed' (reason).
export class Network extends EventEmitter {
    // Hashes (hex) whose payments are held until claim() or refuse(), and
    // with what they can be claimed.
    held = new Map();

    #chain = new Chain(ldk, network);
    #wire;
    #due = false;

    constructor() {
        super();
        this.payer = new Node(1);
        this.payee = new Node(2);
        this.#chain.follow(...this.payer.views(), ...this.payee.views());
        this.#wire = new Wire(this.payer, this.payee);

        for (let i = 1; i <= channels; i++) {
            this.#open_channel(i);
        }
        const usable = this.payer.channels.list_usable_channels().length;
        if (usable !== channels) {
            throw new Error(`${usable} of ${channels} channels are usable`);
        }

        setInterval(() => {
            this.#chain.keep_time();
            this.drive();
        }, 2000).unref();
        setInterval(() => {
            this.payer.tick();
            this.payee.tick();
            this.drive();
        }, 60_000).unref();
    }

    #open_channel(id) {
        this.payer.open_channel(this.payee, channel_sat, id);
        this.#wire.pump();

        const event = this.payer.take_events().find(
            event => event instanceof ldk.Event_FundingGenerationReady);
        const transaction = funding_transaction(
            event.output_script, event.channel_value_satoshis);
        this.payer.channels.funding_transaction_generated(
            event.temporary_channel_id, event.counterparty_node_id,
            transaction);
        this.#wire.pump();

        // Six confirmations, which is when a channel is announced and its
        // invoices need no route hints.
        this.#chain.mine([transaction]);
        for (let i = 0; i < 6; i++) {
            this.#chain.mine();
            this.drive();
        }
    }

    keep_time() {
        this.#chain.keep_time();
    }

    // Has payments under way moved on soon: many calls, one turn.
    wake() {
        if (!this.#due) {
            this.#due = true;
            setImmediate(() => {
                this.#due = false;
                this.drive();
            });
        }
    }

    drive() {
        let events;
        do {
            this.#wire.pump();
            events = [...this.payee.take_events(),
                      ...this.payer.take_events()];
            events.forEach(event => this.#handle(event));
        } while (events.length > 0);
    }

    claim(hash) {
        this.payee.channels.claim_funds(this.held.get(hash));
        this.held.delete(hash);
        this.wake();
    }

    refuse(hash) {
        this.payee.channels.fail_htlc_backwards(Buffer.from(hash, 'hex'));
        this.held.set(hash, null);
        this.wake();
    }

    #handle(event) {
        if (event instanceof ldk.Event_PaymentClaimable) {
            const hash = hex(event.payment_hash);
            const preimage = event.purpose.preimage().some;
            if (this.held.has(hash)) {
                this.held.set(hash, preimage);
                this.emit('held', hash);
            } else {
                this.payee.channels.claim_funds(preimage);
            }

        } else if (event instanceof ldk.Event_PaymentClaimed) {
            this.emit('claimed', hex(event.payment_hash), event.amount_msat);

        } else if (event instanceof ldk.Event_PaymentSent) {
            this.emit('sent', hex(event.payment_hash),
                      hex(event.payment_preimage));

        } else if (event instanceof ldk.Event_PaymentFailed) {
            this.emit('failed', hex(event.payment_id),
                      event.reason.some ?? 'unknown');
        }
    }
}

export const hex = bytes => Buffer.from(bytes).toString('hex');
