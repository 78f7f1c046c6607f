// One LDK node without disk, gossip or a clock.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { packaged } from '../packages.mjs';

const folder = packaged('lightning', 'lightningdevkit');

export const ldk = await import(
    pathToFileURL(path.join(folder, 'index.mjs')));
await ldk.initializeWasmFromBinary(
    fs.readFileSync(path.join(folder, 'liblightningjs.wasm')));

export const network = ldk.Network.LDKNetwork_Regtest;

// LDK's defaults suit a node among strangers. Here one peer pays many small
// invoices at once: HTLCs up to 353 sat are dust, and the default cap on
// dust would stop a few of them.
function configuration() {
    const config = ldk.UserConfig.constructor_default();

    const handshake = config.get_channel_handshake_config();
    handshake.set_minimum_depth(1);
    handshake.set_announce_for_forwarding(true);
    handshake.set_our_max_accepted_htlcs(483);
    handshake.set_max_inbound_htlc_value_in_flight_percent_of_channel(100);

    config.get_channel_handshake_limits()
        .set_max_funding_satoshis(1_000_000_000n);
    config.get_channel_config().set_max_dust_htlc_exposure(
        ldk.MaxDustHTLCExposure.constructor_fixed_limit_msat(
            10_000_000_000n));
    return config;
}

export class Node {
    #handler;
    #events = [];

    constructor(number) {
        const now = Math.floor(Date.now() / 1000);
        const logger = ldk.Logger.new_impl({
            log(record) {
                if (record.get_level() >= ldk.Level.LDKLevel_Warn) {
                    console.log('node %d: %s', number, record.get_args());
                }
            },
        });
        const fees = ldk.FeeEstimator.new_impl({
            get_est_sat_per_1000_weight: () => 253,
        });
        const broadcaster = ldk.BroadcasterInterface.new_impl({
            broadcast_transactions() {},
        });
        const done = () => ldk.ChannelMonitorUpdateStatus
            .LDKChannelMonitorUpdateStatus_Completed;
        const persister = ldk.Persist.new_impl({
            persist_new_channel: done,
            update_persisted_channel: done,
            archive_persisted_channel() {},
        });

        this.monitor = ldk.ChainMonitor.constructor_new(
            ldk.Option_FilterZ.constructor_none(), broadcaster, logger, fees,
            persister);

        const keys = ldk.KeysManager.constructor_new(
            randomBytes(32), BigInt(now), number);
        const entropy = keys.as_EntropySource();
        const graph = ldk.NetworkGraph.constructor_new(network, logger);
        const score = ldk.MultiThreadedLockableScore.constructor_new(
            ldk.ProbabilisticScorer.constructor_new(
                ldk.ProbabilisticScoringDecayParameters.constructor_default(),
                graph, logger).as_Score());
        const router = ldk.DefaultRouter.constructor_new(
            graph, logger, entropy, score.as_LockableScore(),
            ldk.ProbabilisticScoringFeeParameters.constructor_default());
        const messages = ldk.DefaultMessageRouter.constructor_new(
            graph, entropy);

        this.channels = ldk.ChannelManager.constructor_new(
            fees, this.monitor.as_Watch(), broadcaster, router.as_Router(),
            messages.as_MessageRouter(), logger, entropy,
            keys.as_NodeSigner(), keys.as_SignerProvider(), configuration(),
            ldk.ChainParameters.constructor_new(
                network, ldk.BestBlock.constructor_from_network(network)),
            now);

        const ignore = ldk.IgnoringMessageHandler.constructor_new();
        this.peers = ldk.PeerManager.constructor_new(
            this.channels.as_ChannelMessageHandler(),
            ignore.as_RoutingMessageHandler(),
            ignore.as_OnionMessageHandler(), ignore.as_CustomMessageHandler(),
            now, entropy.get_secure_random_bytes(), logger,
            keys.as_NodeSigner());

        this.id = this.channels.get_our_node_id();
        this.#handler = ldk.EventHandler.new_impl({
            handle_event: event => {
                this.#events.push(event);
                return ldk.Result_NoneReplayEventZ.constructor_ok();
            },
        });
        // The bindings free what JavaScript no longer refers to.
        this.held = [keys, graph, score, router, messages, ignore];
    }

    // What follows the chain.
    views() {
        return [this.channels.as_Confirm(), this.monitor.as_Confirm()];
    }

    open_channel(to, sat, id) {
        const opened = this.channels.create_channel(
            to.id, BigInt(sat), 0n, BigInt(id), null, configuration());
        if (!opened.is_ok()) {
            throw new Error('channel refused: ' + opened.err);
        }
    }

    tick() {
        this.channels.timer_tick_occurred();
        this.peers.timer_tick_occurred();
    }

    take_events() {
        this.channels.as_EventsProvider()
            .process_pending_events(this.#handler);
        this.monitor.as_EventsProvider()
            .process_pending_events(this.#handler);
        return this.#events.splice(0);
    }
}
