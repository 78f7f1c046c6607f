"""Figures of requests that nobody paid for: what waiting ones do to others,
what a challenge takes, and what it leaves behind."""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import urllib.parse

import load
from nginx import Nginx
from places import repo, work
from statistics_of import Ratio

waiting = 200

server = '''
    l402_invoice_service hung {
        protocol lnd; url RESPONDER/hang; network regtest;
        timeout 600s; max_in_flight 300;
    }
    l402_invoice_service ready {
        protocol lnd; url RESPONDER/ok; network regtest; max_in_flight 64;
    }
    server {
        listen 127.0.0.1:{port};
        location /open/ { }
        location /hung/ { l402 a; l402_price 10sat; l402_invoice_from hung; }
        location /sold/ { l402 b; l402_price 10sat; l402_invoice_from ready; }
    }
'''


@contextlib.contextmanager
def responder():
    """t/e2e's fault responder: it signs invoices faster than a node does."""
    state = work / 'responder'
    subprocess.run([str(repo / 't/e2e/fault_start'), '--dir', str(state),
                    '--parent', str(os.getpid())],
                   check=True, stdout=subprocess.DEVNULL)
    try:
        yield json.loads((state / 'ready.json').read_text())
    finally:
        os.kill(int((state / 'pid').read_text()), 15)


def url_of(ready):
    return next(value for value in ready.values()
                if isinstance(value, str) and value.startswith('http://'))


@contextlib.contextmanager
def running():
    with responder() as ready:
        url = url_of(ready)
        nginx = Nginx('challenge', server.replace('RESPONDER', url))
        nginx.write('html/open/1k', 'x' * 1024)
        with nginx:
            yield nginx, url


@contextlib.contextmanager
def parked(nginx, count):
    """Requests that wait for the hung node, and leave at the end."""
    sockets = []
    for _ in range(count):
        s = socket.create_connection(('127.0.0.1', nginx.port))
        s.sendall(b'GET /hung/ HTTP/1.1\r\nHost: bench\r\n\r\n')
        sockets.append(s)
    try:
        yield sockets
        for s in sockets:
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                raise RuntimeError('a request did not wait: '
                                   + repr(s.recv(200)))
    finally:
        for s in sockets:
            s.close()


def p99_beside_waiting(report, quick):
    alone, beside = [], []
    with running() as (nginx, _):
        side = load.Side('open', nginx, '/open/1k')

        def p99():
            rounds = load.run(nginx, [side], rounds=5, requests=4000)
            return statistics.median(rounds.p99('open'))

        for _ in range(3 if quick else 15):
            alone.append(p99())
            with parked(nginx, waiting):
                beside.append(p99())
    ratio = Ratio(beside, alone)
    report.ratio('waiting', f'p99 of an ungated location beside {waiting} '
                 'waiting requests ÷ alone', ratio, at_most=1.2,
                 told=f'{statistics.median(alone):.0f} and '
                      f'{statistics.median(beside):.0f} µs')


class Raw(load.Side):
    """A call as the module makes it, straight to the node."""

    def __init__(self, name, nginx, url):
        at = urllib.parse.urlsplit(url)
        body = '{"expiry":600,"memo":"b","value_msat":10000}'
        self.name, self.status, self.port = name, 200, at.port
        self.file = nginx.write(
            f'requests/{name}',
            f'POST {at.path}/ok/v1/invoices HTTP/1.1\r\n'
            f'Host: {at.netloc}\r\nContent-Type: application/json\r\n'
            f'Content-Length: {len(body)}\r\n\r\n{body}')


def challenge_time(report, quick):
    with running() as (nginx, url):
        rounds = load.run(
            nginx, [load.Side('challenge', nginx, '/sold/', 402),
                    Raw('node', nginx, url)],
            rounds=5 if quick else 40, requests=200, connections=1)
    with_node = statistics.median(rounds.p50('challenge'))
    node = statistics.median(rounds.p50('node'))
    report.number('challenge', "a challenge, the node's own time taken off",
                  f'{with_node - node:.0f} µs',
                  told=f'{with_node:.0f} µs with it, {node:.0f} µs the node; '
                       f'{statistics.median(rounds.cpu("challenge")):.0f} µs '
                       'CPU time of the worker')


def bytes_below(folder):
    """Logs and what the bench itself wrote are told apart by their folder."""
    total = 0
    for path in folder.rglob('*'):
        if path.is_file() and path.parent.name not in ('logs', 'requests'):
            total += path.stat().st_size
    return total


def kept(nginx):
    status = dict(line.split(':', 1) for line in
                  open(f'/proc/{nginx.worker}/status'))
    shared = int(status['RssShmem'].split()[0]) * 1024
    return {'disk': bytes_below(nginx.dir), 'shared': shared,
            'private': int(status['RssAnon'].split()[0]) * 1024}


def nothing_kept(report, quick):
    count = 10_000 if quick else 100_000
    with running() as (nginx, _):
        side = load.Side('challenge', nginx, '/sold/', 402)
        load.run(nginx, [side], rounds=1, requests=2000)
        before = kept(nginx)
        load.run(nginx, [side], rounds=1, requests=count)
        after = kept(nginx)
    left = (after['disk'] - before['disk'] + after['shared']
            - before['shared'])
    report.number('kept', f'bytes on disk or shared after {count:,} unpaid '
                  'challenges', str(left), goal='0', ok=left == 0,
                  told=f"worker's own memory: "
                       f"{(after['private'] - before['private']) / 1024:.0f}"
                       ' kB more')
