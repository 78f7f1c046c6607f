"""Figures of requests that nobody paid for and that ask the node: what a
challenge takes, what it does to others, and what it leaves behind."""

import contextlib
import socket
import statistics
import time

import gate
import load
from nginx import Nginx
from node import Node
from statistics_of import Ratio

waiting = 200
many_waiting = 1000
in_flight = 32
start_seconds = 1  # they begin in step

server = '''
    l402_invoice_service hung {
        protocol lnd; url NODE/hang; network regtest;
        timeout 600s; max_in_flight 1000;
    }
    l402_invoice_service ms0 {
        protocol lnd; url NODE/0; network regtest; max_in_flight 32;
    }
    l402_invoice_service ms5 {
        protocol lnd; url NODE/5; network regtest; max_in_flight 32;
    }
    l402_invoice_service ms50 {
        protocol lnd; url NODE/50; network regtest; max_in_flight 32;
    }
    l402_invoice_service about50 {
        protocol lnd; url NODE/50~; network regtest; max_in_flight 32;
    }
    server {
        listen 127.0.0.1:{port};
        location /open/ { }
        location /paid/ {
            l402 bench; l402_price 10sat; l402_invoice_from hung;
        }
        location /hung/ { l402 a; l402_price 10sat; l402_invoice_from hung; }
        location /ms0/ { l402 b; l402_price 10sat; l402_invoice_from ms0; }
        location /ms5/ { l402 b; l402_price 10sat; l402_invoice_from ms5; }
        location /ms50/ { l402 b; l402_price 10sat; l402_invoice_from ms50; }
        location /about50/ {
            l402 b; l402_price 10sat; l402_invoice_from about50;
        }
    }
'''


@contextlib.contextmanager
def running():
    with Node() as node:
        nginx = Nginx('challenge', server.replace('NODE/', node.url('')))
        for location in ('open', 'paid'):
            nginx.write(f'html/{location}/1k', 'x' * 1024)
        with nginx:
            yield nginx, node


@contextlib.contextmanager
def parked(nginx, node, count):
    """Requests that wait for the hung node, and leave at the end."""
    sockets = []
    try:
        for _ in range(count):
            s = socket.create_connection(('127.0.0.1', nginx.port))
            sockets.append(s)
            s.sendall(b'GET /hung/ HTTP/1.1\r\nHost: bench\r\n\r\n')
        node.until_waiting(count)
        yield
        for s in sockets:
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                raise RuntimeError('a request did not wait: '
                                   + repr(s.recv(200)))
    finally:
        for s in sockets:
            s.close()
        node.until_waiting(0)


def p99_beside_waiting(report, quick):
    alone, beside = [], []
    with running() as (nginx, node):
        side = load.Side('open', nginx, '/open/1k')

        def p99():
            rounds = load.run(nginx, [side], rounds=5, requests=4000)
            return statistics.median(rounds.p99('open'))

        for _ in range(3 if quick else 15):
            alone.append(p99())
            with parked(nginx, node, waiting):
                beside.append(p99())
    ratio = Ratio(beside, alone)
    report.ratio('waiting', f'p99 of an ungated location beside {waiting} '
                 'waiting requests ÷ alone', ratio, at_most=1.2,
                 told=f'{statistics.median(alone):.0f} and '
                      f'{statistics.median(beside):.0f} µs')


def paid_beside_hanging(report, quick):
    alone, beside = load.Rounds(), load.Rounds()
    with running() as (nginx, node):
        side = load.Side('paid', nginx, '/paid/1k', 200,
                         gate.credentials(nginx, 1))
        for _ in range(4 if quick else 40):
            alone += load.run(nginx, [side], rounds=3)
            with parked(nginx, node, many_waiting):
                beside += load.run(nginx, [side], rounds=3)
    what = (f'paid requests beside {many_waiting:,} unpaid ones that wait for '
            'a node that hangs ÷ alone')
    report.ratio('hanging', f'{what}, requests/s',
                 Ratio(beside.rates('paid'), alone.rates('paid')),
                 at_least=0.95)
    report.ratio('hanging', 'the same by the worker\'s CPU time',
                 Ratio(alone.cpu('paid'), beside.cpu('paid')),
                 told=f'{statistics.median(alone.cpu("paid")):.2f} and '
                      f'{statistics.median(beside.cpu("paid")):.2f} µs a '
                      'request')


class Raw(load.Side):
    """A call as the module makes it, straight to the node."""

    def __init__(self, name, nginx, node, when):
        body = '{"expiry":600,"memo":"b","value_msat":10000}'
        self.name, self.status, self.port = name, 200, node.port
        self.file = nginx.write(
            f'requests/{name}',
            f'POST /{when}/v1/invoices HTTP/1.1\r\n'
            'Host: bench\r\nContent-Type: application/json\r\n'
            f'Content-Length: {len(body)}\r\n\r\n{body}')


def challenge_time(report, quick):
    with running() as (nginx, node):
        rounds = load.run(
            nginx, [load.Side('challenge', nginx, '/ms0/', 402),
                    Raw('node', nginx, node, 0)],
            rounds=5 if quick else 40, requests=200, connections=1)
    with_node = statistics.median(rounds.p50('challenge'))
    node = statistics.median(rounds.p50('node'))
    report.number('challenge', "a challenge, the node's own time taken off",
                  f'{with_node - node:.0f} µs',
                  told=f'{with_node:.0f} µs with it, {node:.0f} µs the node; '
                       f'{statistics.median(rounds.cpu("challenge")):.0f} µs '
                       'CPU time of the worker')


def challenge_rate(report, quick):
    """The client sleeps: it shares its core with the node."""
    for ms in (50, 5, 0):
        with running() as (nginx, node):
            rounds = load.run(
                nginx, [load.Side('challenge', nginx, f'/ms{ms}/', 402),
                        Raw('node', nginx, node, ms)],
                rounds=3 if quick else 15,
                requests=in_flight * (20 if ms == 50 else 100),
                connections=in_flight, sleep=True)
        rate = statistics.median(rounds.rates('challenge'))
        cpu = statistics.median(rounds.cpu('challenge'))
        told = (f'{rate:,.0f}/s; {cpu:.0f} µs CPU time of the worker, which '
                f'is busy for {rate * cpu / 1e4:.0f} %')
        what = f'challenges/s, a node that answers in {ms} ms'
        report.ratio('challenge-rate', f'{what} ÷ calls/s of {in_flight} '
                     'clients of the node itself',
                     rounds.rate_ratio('challenge', 'node'),
                     at_least=0.9 if ms else None, told=told)
        # What they would allow if the rest took no time: where there is a
        # latency, that, and else the worker's CPU.
        most = [in_flight / ms * 1000 if ms else 1e6 / us
                for us in rounds.cpu('challenge')]
        report.ratio('challenge-rate', 'the same ÷ '
                     + (f'{most[0]:,.0f}/s' if ms else
                        'what the worker has CPU time for'),
                     Ratio(rounds.rates('challenge'), most))


def beside(nginx, node, quick, location, when):
    """Rounds of an ungated location alone; beside clients that ask for
    challenges; and beside as many that call the node itself, which takes as
    much of the client's core and nothing of the worker's."""
    side = load.Side('open', nginx, '/open/1k')
    asking = load.Side('asking', nginx, location, 402)
    calls = Raw('calls', nginx, node, when)
    alone, challenged, called = load.Rounds(), load.Rounds(), load.Rounds()

    def measure():
        return load.run(nginx, [side], rounds=5, requests=10_000)

    for _ in range(3 if quick else 20):
        alone += measure()
        with load.running(nginx, calls, in_flight):
            time.sleep(start_seconds)
            called += measure()
        with load.running(nginx, asking, in_flight):
            time.sleep(start_seconds)
            challenged += measure()
    return alone.p99('open'), called.p99('open'), challenged.p99('open')


def p99_beside_challenges(report, quick):
    # A node that always takes the same time keeps the clients in step: one
    # crowd of 32 every 50 ms.
    for location, when, what, goal in (
            ('/about50/', '50~', '40 to 60 ms', 1.2),
            ('/ms50/', '50', '50 ms, clients in step', None)):
        with running() as (nginx, node):
            alone, called, challenged = beside(nginx, node, quick, location,
                                               when)
        told = ', '.join(f'{statistics.median(p99):.0f}'
                         for p99 in (challenged, called, alone))
        report.ratio('beside', 'p99 of an ungated location beside '
                     f'{in_flight} clients that ask for challenges ÷ beside '
                     f'as many of the node itself, which answers in {what}',
                     Ratio(challenged, called), at_most=goal,
                     told=f'{told} µs, the last one alone')
        report.ratio('beside', 'the same ÷ alone, where nobody shares the '
                     'core of the client', Ratio(challenged, alone))


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
        side = load.Side('challenge', nginx, '/ms0/', 402)
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
