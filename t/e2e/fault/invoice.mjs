// BOLT 11 invoices without a node behind them, signed for real and made as
// fast as an HTTP server can answer.

import { createHash, randomBytes } from 'node:crypto';

const charset = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const sha256 = data => createHash('sha256').update(data).digest();

const order = BigInt('0xfffffffffffffffffffffffffffffffe'
                     + 'baaedce6af48a03bbfd25e8cd0364141');
const generator_x = BigInt('0x79be667ef9dcbbac55a06295ce870b07'
                           + '029bfcdb2dce28d959f2815b16f81798');

// The key of BOLT 11's examples. It guards nothing.
const key = BigInt('0xe126f68f7eafcc8b74f54d269fe206be'
                   + '715000f94dac067d1c04a8ca3b2db734');
const generator_x_times_key = generator_x * key % order;

// ECDSA with the nonce 1: its point is the generator (whose y is even), so a
// signature is one addition. Anyone who sees it knows the key, see above.
function sign(digest) {
    const z = BigInt('0x' + digest.toString('hex'));
    let s = (z + generator_x_times_key) % order;
    let recovery = 0;
    if (s > order / 2n) {
        s = order - s;
        recovery = 1;
    }
    return Buffer.from(generator_x.toString(16).padStart(64, '0')
                       + s.toString(16).padStart(64, '0')
                       + '0' + recovery, 'hex');
}

function to_words(bytes) {
    const words = [];
    let value = 0, bits = 0;
    for (const byte of bytes) {
        value = (value << 8 | byte) & 0xfff;
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            words.push(value >> bits & 31);
        }
    }
    if (bits > 0) {
        words.push(value << 5 - bits & 31);
    }
    return words;
}

// Padded with zero bits to whole bytes, as the signature wants it.
function to_bytes(words) {
    const bytes = [];
    let value = 0, bits = 0;
    for (const word of words) {
        value = (value << 5 | word) & 0xfff;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            bytes.push(value >> bits & 255);
        }
    }
    if (bits > 0) {
        bytes.push(value << 8 - bits & 255);
    }
    return Buffer.from(bytes);
}

function number_words(value, length = 1) {
    const words = [];
    for (; value > 0 || words.length < length; value = Math.floor(value / 32)) {
        words.unshift(value % 32);
    }
    return words;
}

const field = (tag, words) =>
    [charset.indexOf(tag), words.length >> 5, words.length & 31, ...words];

function checksum(prefix, words) {
    const letters = [...prefix].map(letter => letter.charCodeAt(0));
    const values = [...letters.map(code => code >> 5), 0,
                    ...letters.map(code => code & 31), ...words,
                    0, 0, 0, 0, 0, 0];
    const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                        0x2a1462b3];
    let sum = 1;
    for (const value of values) {
        const top = sum >>> 25;
        sum = (sum & 0x1ffffff) << 5 ^ value;
        for (let i = 0; i < 5; i++) {
            if (top >> i & 1) {
                sum ^= generators[i];
            }
        }
    }
    sum ^= 1;
    return Array.from({ length: 6 }, (_, i) => sum >> 5 * (5 - i) & 31);
}

// The shortest multiplier is what nodes write.
function amount_text(msat) {
    if (msat === 0n) {
        return '';
    }
    const pico = msat * 10n;
    for (const [unit, size] of [['', 1_000_000_000_000n], ['m', 1_000_000_000n],
                                ['u', 1_000_000n], ['n', 1000n]]) {
        if (pico % size === 0n) {
            return pico / size + unit;
        }
    }
    return pico + 'p';
}

// Feature bits 8 and 14: var_onion_optin and payment_secret, required.
const known_features = [16, 8, 0];

// And bit 50, which nobody has a meaning for.
export const unknown_feature = [1, 0, 0, 0, 0, 0, 0, 0, ...known_features];

// Not the key that signs: the generator is the point of the key 1.
export const another_payee = Buffer.from(
    '02' + generator_x.toString(16).padStart(64, '0'), 'hex');

// `prefix` is bcrt, bc, ...; `msat` a BigInt, 0n for no amount; `time` and
// `expiry` are seconds; a `description_hash` stands in the memo's place; a
// `payee` is claimed to have signed.
// Returns the text and the payment hash.
export function invoice({ prefix, msat, time, expiry, memo,
                          description_hash, payee,
                          features = known_features }) {
    const hash = sha256(randomBytes(32));
    const human = 'ln' + prefix + amount_text(msat);
    const words = [
        ...number_words(time, 7),
        ...field('p', to_words(hash)),
        ...field('s', to_words(randomBytes(32))),
        ...description_hash ? field('h', to_words(description_hash))
            : field('d', to_words(Buffer.from(memo))),
        ...field('x', number_words(expiry)),
        ...field('c', number_words(144)),
        ...field('9', features),
        ...payee ? field('n', to_words(payee)) : [],
    ];
    const signed = [...words, ...to_words(sign(sha256(
        Buffer.concat([Buffer.from(human), to_bytes(words)]))))];
    const text = human + '1' + [...signed, ...checksum(human, signed)]
        .map(word => charset[word]).join('');
    return { text, hash };
}
