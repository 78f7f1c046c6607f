// A self-signed certificate, as lnd makes one for itself.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

export function certificate(dir) {
    const cert = path.join(dir, 'cert.pem');
    const key = path.join(dir, 'key.pem');

    if (!fs.existsSync(cert)) {
        make(cert, key);
    }
    return { path: cert, cert: fs.readFileSync(cert),
             key: fs.readFileSync(key) };
}

const own_names = 'DNS:localhost,IP:127.0.0.1';

// Without `names`, the subject's CN is the only name.
export function make(cert, key, names = own_names,
                     subject = '/O=test lightning node/CN=node') {
    const made = spawnSync('openssl', [
        'req', '-x509', '-newkey', 'ec',
        '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256',
        '-days', '3650', '-subj', subject,
        ...names ? ['-addext', 'subjectAltName=' + names] : [],
        '-keyout', key, '-out', cert,
    ], { encoding: 'utf8' });
    if (made.status !== 0) {
        throw new Error('openssl: ' + (made.error?.message ?? made.stderr));
    }
}
