"""Figures of floods that nginx's limit_req holds back, as in the example."""

import contextlib
import json
import os
import re
import subprocess
import time
import urllib.request

import load
from cores import client_core, pinned
from nginx import Nginx, get
from node import Node
from places import repo, work
from statistics_of import Ratio, median

allowed, rate = 10, 1  # burst, and requests a second
flooder = '127.0.0.2'

limit = f'''
    limit_req_zone $l402_unpaid_client zone=unpaid:1m rate={rate}r/s;
    limit_req zone=unpaid burst={allowed} nodelay;
    limit_req_status 429;
    limit_req_log_level info;
'''

shop = limit + '''
    ZONE
    l402_invoice_service node {
        protocol lnd; url URL; network regtest; MORE
    }
    server {
        listen 127.0.0.1:{port};
        location /sold/ { l402 bench; l402_price 10sat; }
    }
'''


def server(url, more='', zone=''):
    return (shop.replace('URL', url).replace('MORE', more)
            .replace('ZONE', zone))


def made_for(requests, stock):
    """How many invoices, how many of the requests got a challenge, and how
    long it took."""
    zone = 'l402_zone stock:4m;' if stock else ''
    more = f'pool {stock};' if stock else ''
    with Node() as node, Nginx(
            'limited', server(node.url(0), more, zone)) as nginx:
        side = load.Side('flood', nginx, '/sold/', '402+429')
        start = time.monotonic()
        # As many again warm up.
        load.run(nginx, [side], rounds=1, requests=requests // 2,
                 source=flooder)
        seconds = time.monotonic() - start
        time.sleep(1)  # a refill may be under way
        return node.made(), seconds


def limited(report, quick):
    requests = 10_000 if quick else 100_000
    for stock in (0, 100):
        made, seconds = made_for(requests, stock)
        # limit_req's burst is what it takes beyond the one that is due.
        least = 1 + allowed + stock
        most = least + rate * seconds
        report.number(
            'limited', f'invoices made for {requests:,} unpaid requests from '
            f'one address, a stock of {stock}', str(made),
            goal=f'<= {most:.1f}', ok=least <= made <= most,
            told=f'1 + burst {allowed} + {rate}/s for {seconds:.1f} s + stock')


# ---- a customer ----

@contextlib.contextmanager
def lightning():
    """Two real nodes with a channel; their addresses."""
    state = work / 'lightning'
    subprocess.run([str(repo / 't/e2e/lightning/start'), '--dir', str(state),
                    '--parent', str(os.getpid())], check=True,
                   stdout=subprocess.DEVNULL, preexec_fn=pinned(client_core))
    try:
        yield json.loads((state / 'ready.json').read_text())
    finally:
        os.kill(int((state / 'pid').read_text()), 15)


def pay(url, invoice):
    request = urllib.request.Request(
        url + '/pay', json.dumps({'invoice': invoice}).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)['preimage']


class Customers:
    """Each from an address of its own: the limit is for one address."""

    def __init__(self, nginx, payer):
        self.nginx, self.payer, self.count = nginx, payer, 0

    def buy(self):
        """Seconds from the first request to the content, and those of them
        that were spent on paying."""
        self.count += 1
        source = f'127.1.{self.count // 250}.{self.count % 250 + 1}'
        start = time.perf_counter()
        offer = self.get(source, 402)
        macaroon, invoice = re.search(
            r'macaroon="([^"]+)", *invoice="([^"]+)"', offer).groups()
        asked = time.perf_counter()
        preimage = pay(self.payer, invoice)
        paid = time.perf_counter()
        self.get(source, 200, [f'Authorization: L402 {macaroon}:{preimage}'])
        return time.perf_counter() - start, paid - asked

    def get(self, source, status, headers=()):
        answer = get(self.nginx.port, '/sold/1k', headers, source)
        if not answer.startswith(f'HTTP/1.1 {status} '):
            raise RuntimeError(f'expected {status}: {answer[:400]}')
        return answer


def customer(report, quick):
    alone, beside = [], []
    with lightning() as places:
        more = f'credential_file {places["L402_NODE_MACAROON"]};'
        with Nginx('customer', server(places['L402_NODE_URL'], more)) as nginx:
            nginx.write('html/sold/1k', 'x' * 1024)
            customers = Customers(nginx, places['L402_PAYER_URL'])
            flood = load.Side('flood', nginx, '/sold/1k', '402+429')
            for _ in range(10):
                customers.buy()

            for _ in range(4 if quick else 30):
                alone += [customers.buy() for _ in range(5)]
                # On the core where customer, wallet and node are, too: it
                # may have what they leave.
                with load.running(nginx, flood, 16, flooder, idle=True):
                    time.sleep(0.5)  # those that the limit lets through
                    beside += [customers.buy() for _ in range(5)]

    def milliseconds(rows, which=0):
        return 1000 * median([row[which] for row in rows])

    def ratio(time_of):
        return Ratio(list(map(time_of, beside)), list(map(time_of, alone)))

    report.ratio('customer', 'time from the first request to what was bought, '
                 'beside a flood from another address that is limited ÷ '
                 'without it', ratio(lambda row: row[0]), at_most=1.2,
                 told=f'{milliseconds(beside):.1f} and '
                      f'{milliseconds(alone):.1f} ms, of which the payment '
                      f'{milliseconds(beside, 1):.1f} and '
                      f'{milliseconds(alone, 1):.1f} ms')
    report.ratio('customer', 'the same without the time of the payment',
                 ratio(lambda row: row[0] - row[1]))
