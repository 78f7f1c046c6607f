"""Drives bench_load, and sorts what it prints by sides."""

import json
import subprocess

from cores import client_core, pinned
from places import tool
from statistics_of import Ratio, median


class Side:
    """Where requests go, what they are, and the status that each must get."""

    def __init__(self, name, nginx, path, status=200, headers=(), port=None):
        self.name, self.status = name, status
        self.port = port or nginx.port
        self.file = nginx.write(f'requests/{name}', ''.join(
            f'GET {path} HTTP/1.1\r\nHost: bench\r\n'
            f'Accept: */*\r\nUser-Agent: bench\r\n{header}\r\n'
            for header in (headers or [''])))

    def argument(self):
        return f'{self.name}:{self.port}:{self.status}:{self.file}'


class Rounds:
    def __init__(self, lines):
        self.of = {}
        for line in lines:
            self.of.setdefault(line['side'], []).append(line)

    def rates(self, side):
        return [r['requests'] / r['seconds'] for r in self.of[side]]

    def cpu(self, side):
        """Microseconds of the worker a request."""
        return [r['cpu_ns'] / r['requests'] / 1000 for r in self.of[side]]

    def p99(self, side):
        return [r['p99_us'] for r in self.of[side]]

    def p50(self, side):
        return [r['p50_us'] for r in self.of[side]]

    def rate_ratio(self, above, below):
        return Ratio(self.rates(above), self.rates(below))

    def cpu_ratio(self, above, below):
        """Of what a CPU second serves: higher is better, as with rates."""
        return Ratio(self.cpu(below), self.cpu(above))


def run(nginx, sides, rounds, requests=5000, connections=16, sleep=False):
    done = subprocess.run(
        [tool('bench_load'), '--pid', str(nginx.worker),
         '--rounds', str(rounds), '--requests', str(requests),
         '--connections', str(connections), '--sleep', str(int(sleep)),
         *[side.argument() for side in sides]],
        capture_output=True, text=True, preexec_fn=pinned(client_core))
    if done.returncode != 0:
        raise RuntimeError(done.stderr + nginx.log()[-2000:])
    return Rounds(json.loads(line) for line in done.stdout.splitlines())
