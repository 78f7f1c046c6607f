"""Drives bench_load, and sorts what it prints by sides."""

import contextlib
import json
import os
import subprocess

from cores import client_core, pinned
from places import tool
from statistics_of import Ratio, median


class Side:
    """Where requests go, what they are, and the status that each must get:
    a number, or several as '402+429'."""

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
    def __init__(self, lines=()):
        self.of = {}
        for line in lines:
            self.of.setdefault(line['side'], []).append(line)

    def __iadd__(self, more):
        for side, lines in more.of.items():
            self.of.setdefault(side, []).extend(lines)
        return self

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


def command(nginx, sides, rounds, requests, connections, sleep, source,
            *options):
    return [tool('bench_load'), '--pid', str(nginx.worker),
            '--rounds', str(rounds), '--requests', str(requests),
            '--connections', str(connections), '--sleep', str(int(sleep)),
            '--from', source, *options,
            *[side.argument() for side in sides]]


def run(nginx, sides, rounds, requests=5000, connections=16, sleep=False,
        source='127.0.0.1', before=None, anywhere=False):
    """Not on a core of its own where `anywhere`. `before` is called with a side's name before each of its rounds, the
    first included, which only warms up."""
    ask = ['--ask', '1'] if before else []
    with open(nginx.dir / 'requests/load.errors', 'w+') as errors, \
            subprocess.Popen(
            command(nginx, sides, rounds, requests, connections, sleep, source,
                    *ask),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            text=True,
            preexec_fn=None if anywhere else pinned(client_core)) as process:
        lines = []
        try:
            for line in map(json.loads, process.stdout):
                if 'next' not in line:
                    lines.append(line)
                    continue
                before(line['next'])
                process.stdin.write('\n')
                process.stdin.flush()
        except BaseException:
            process.kill()
            raise
        if process.wait() != 0:
            errors.seek(0)
            raise RuntimeError(errors.read() + nginx.log()[-2000:])
    return Rounds(lines)


@contextlib.contextmanager
def running(nginx, side, connections, source='127.0.0.1', idle=False):
    """A load without an end, beside what is measured. An idle one has the
    time that nobody else on its core wants."""
    def prepare():
        pinned(client_core)()
        if idle:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    with open(nginx.dir / f'requests/{side.name}.errors', 'w+') as errors, \
            open(nginx.dir / f'requests/{side.name}.rounds', 'w+') as rounds:
        process = subprocess.Popen(
            command(nginx, [side], 1_000_000_000, max(connections, 100),
                    connections, True, source),
            stdout=rounds, stderr=errors, preexec_fn=prepare)
        try:
            yield
            if process.poll() is not None:
                errors.seek(0)
                raise RuntimeError('a load ended early: ' + errors.read())
        finally:
            process.kill()
            process.wait()
