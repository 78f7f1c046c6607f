"""Figures of the stock of ready invoices."""

import contextlib
import re

import load
from nginx import Nginx, get
from node import Node
from statistics_of import Ratio, median

ready = 1000
longest = 600  # characters of an invoice

service = '''
    l402_zone stock:ZONE;
    l402_invoice_service node {
        protocol lnd; url URL; network regtest; invoice_expiry 1h;
        pool READY;
    }
    server {
        listen 127.0.0.1:{port};
        location /stock/ { l402 b; l402_price 10sat; l402_memo MEMO; }
        STATIC
    }
'''

refill_seconds = 60


@contextlib.contextmanager
def running(node, when, count=ready, zone='16m', memo='b', static=''):
    http = (service.replace('ZONE', zone).replace('URL', node.url(when))
            .replace('READY', str(count)).replace('MEMO', memo)
            .replace('STATIC', static))
    with Nginx('stock', http) as nginx:
        yield nginx


def challenge(nginx):
    answer = get(nginx.port, '/stock/', ['Accept: */*'])
    if not answer.startswith('HTTP/1.1 402 '):
        raise RuntimeError('expected a challenge: ' + answer[:400])
    return answer


def quoted(text):
    if '$' in text:
        raise RuntimeError('cannot be said in nginx.conf: ' + text)
    return "'" + text.replace('\\', '\\\\').replace("'", "\\'") + "'"


def static_like(answer):
    """A location that answers 402 with the same body and the same fields."""
    head, body = answer.split('\r\n\r\n', 1)
    lines = []
    for line in head.split('\r\n')[1:]:
        name, value = line.split(': ', 1)
        if name == 'Content-Type':
            lines.append(f'default_type {quoted(value)};')
        elif name not in ('Server', 'Date', 'Content-Length', 'Connection'):
            lines.append(f'add_header {name} {quoted(value)} always;')
    return ('location /static/ { ' + ' '.join(lines)
            + f' return 402 {quoted(body)}; }}')


def check_same(nginx, answer):
    """But for what tells two challenges apart."""
    like = get(nginx.port, '/static/', ['Accept: */*'])

    def shape(text):
        head, body = text.split('\r\n\r\n', 1)
        names = sorted(line.split(':')[0] for line in head.split('\r\n')[1:])
        return names, len(body)

    if shape(like) != shape(answer):
        raise RuntimeError(f'not alike: {like}\n{answer}')
    return len(like)


def sample():
    with Node() as node, running(node, 0) as nginx:
        return challenge(nginx)


def burst_of(node, when, answer, quick):
    """Rounds of bursts and of the same from the configuration."""
    taken = 0

    def fill(side):
        if side == 'stock':
            node.until_made(taken + ready, refill_seconds)

    def before(side):
        nonlocal taken
        fill(side)
        taken += ready if side == 'stock' else 0

    with running(node, when, static=static_like(answer)) as nginx:
        check_same(nginx, answer)
        # Some stocks begin with the first one who asks.
        challenge(nginx)
        taken += 1
        return load.run(
            nginx, [load.Side('stock', nginx, '/stock/', 402),
                    load.Side('static', nginx, '/static/', 402)],
            rounds=5 if quick else 40, requests=ready, before=before)


def burst(report, quick):
    answer = sample()
    for when in (50, 0):
        with Node() as node:
            rounds = burst_of(node, when, answer, quick)
        if when and median(rounds.p99('stock')) > when * 1000:
            raise RuntimeError(
                'these were no challenges from a stock: '
                f'p99 is {median(rounds.p99("stock")):.0f} µs')
        what = (f'a burst of {ready:,} challenges out of a stock of {ready:,}'
                f', a node of {when} ms, ÷ return 402 of {len(answer)} bytes')
        report.ratio('burst', f'{what}, requests/s',
                     rounds.rate_ratio('stock', 'static'), at_least=0.6)
        report.ratio('burst', 'the same by the worker\'s CPU time, refill '
                     'during the burst included',
                     rounds.cpu_ratio('stock', 'static'),
                     told=f'{median(rounds.cpu("stock")):.1f} and '
                          f'{median(rounds.cpu("static")):.1f} µs a request')


def shared(nginx):
    with open(f'/proc/{nginx.worker}/status') as f:
        return int(re.search(r'RssShmem:\s*(\d+)', f.read())[1]) * 1024


def memory(report, quick):
    """Of two stocks of different sizes, so that what both have drops out."""
    few, many = 500, 1000 if quick else 4000
    spent = {}
    for count in (few, many):
        # The invoice is as long as its memo makes it.
        with Node() as node, running(
                node, 0, count, '16m', 'm' * memo_for(longest)) as nginx:
            length = len(re.search(r'invoice="(\w+)"', challenge(nginx))[1])
            node.until_made(count, refill_seconds)
            spent[count] = shared(nginx)
    each = (spent[many] - spent[few]) / (many - few)
    report.number('stock-memory', 'shared memory of a ready invoice of '
                  f'{length} characters', f'{each:.0f} bytes',
                  goal='<= 1024', ok=each <= 1024,
                  told=f'{spent[many]:,} bytes touched for {many:,}, '
                       f'{spent[few]:,} for {few:,}')


def memo_for(characters):
    """Five bits a character: the largest memo of an invoice no longer."""
    with Node() as node:
        without = node.invoice_length('')
    return (characters - without) * 5 // 8
