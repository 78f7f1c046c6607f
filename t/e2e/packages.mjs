// npm packages live below build/, never beside the sources: Node looks for
// node_modules only upwards from the importing file, so they are imported
// by path. The folder's name is the lock file's digest, so a changed lock
// installs anew, and an unchanged one works without a network.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));

export const root = path.resolve(here, '../..');
export const build = process.env.L402_BUILD
    ? path.resolve(process.env.L402_BUILD) : path.join(root, 'build');

const inputs = ['package.json', 'package-lock.json', '.npmrc'];

// Returns the folder that holds node_modules for the lock file in `folder`
// (relative to this one), installed when missing.
export function install(folder) {
    const from = path.join(here, folder);
    const lock = fs.readFileSync(path.join(from, 'package-lock.json'));
    const name = createHash('sha256').update(lock).digest('hex').slice(0, 16);
    const target = path.join(build, 'node', name);

    if (fs.existsSync(path.join(target, 'node_modules'))) {
        return target;
    }

    // Two programs may start at once: each installs aside, the first to
    // finish wins.
    const aside = `${target}.${process.pid}`;
    fs.mkdirSync(aside, { recursive: true });
    for (const file of inputs) {
        fs.copyFileSync(path.join(from, file), path.join(aside, file));
    }
    console.error('npm ci: the packages of t/e2e/%s', folder);
    const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund'],
                          { cwd: aside, encoding: 'utf8' });
    if (npm.status !== 0) {
        fs.rmSync(aside, { recursive: true, force: true });
        throw new Error('npm ci failed: '
                        + (npm.error?.message ?? npm.stderr.trim()));
    }
    try {
        fs.renameSync(aside, target);
    } catch {
        fs.rmSync(aside, { recursive: true, force: true });
    }
    return target;
}

// import() of a package in the folder's lock; CommonJS packages come back as
// their exports.
export async function load(folder, name) {
    const target = install(folder);
    const resolve = createRequire(path.join(target, 'package.json')).resolve;
    const module = await import(pathToFileURL(resolve(name)));
    return module.default ?? module;
}

// A file inside a package, by path.
export function packaged(folder, file) {
    return path.join(install(folder), 'node_modules', file);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    for (const folder of process.argv.slice(2)) {
        console.log(install(folder));
    }
}
