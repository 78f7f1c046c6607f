// The connection between two nodes. LDK must not be entered again from
// inside one of its callbacks, so what a node sends is queued and delivered
// by pump().

import { ldk } from './ldk.mjs';

const nowhere = () => ldk.Option_SocketAddressZ.constructor_none();

export class Wire {
    #queue = [];
    #ends;

    constructor(from, to) {
        this.#ends = [from, to].map((node, i) => ({
            node,
            socket: ldk.SocketDescriptor.new_impl({
                send_data: data => {
                    this.#queue.push([1 - i, Uint8Array.from(data)]);
                    return data.length;
                },
                disconnect_socket() {
                    console.error('the peers disconnected');
                    process.exit(1);
                },
                eq: other => other.hash() === BigInt(i + 1),
                hash: () => BigInt(i + 1),
            }),
        }));

        const [first, second] = this.#ends;
        to.peers.new_inbound_connection(second.socket, nowhere());
        const greeting = from.peers.new_outbound_connection(
            to.id, first.socket, nowhere());
        to.peers.read_event(second.socket, greeting.res);
        this.pump();
    }

    // Delivers until both sides are silent.
    pump() {
        let silent;
        do {
            silent = true;
            for (const { node } of this.#ends) {
                node.channels.process_pending_htlc_forwards();
                node.peers.process_events();
            }
            for (const [i, data] of this.#queue.splice(0)) {
                this.#ends[i].node.peers.read_event(
                    this.#ends[i].socket, data);
                silent = false;
            }
        } while (!silent);
    }
}
