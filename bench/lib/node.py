"""bench_node: a Lightning node that makes invoices as it is told to."""

import http.client
import json
import subprocess
import time

from cores import client_core, pinned
from places import tool


class Node:
    def __enter__(self):
        self.process = subprocess.Popen(
            [tool('bench_node')], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, preexec_fn=pinned(client_core))
        self.port = json.loads(self.process.stdout.readline())['port']
        self.control = http.client.HTTPConnection('127.0.0.1', self.port)
        return self

    def __exit__(self, *_):
        self.control.close()
        self.process.stdin.close()
        self.process.wait()

    def url(self, when):
        """`when` it answers: a number of milliseconds, or 'hang'."""
        return f'http://127.0.0.1:{self.port}/{when}'

    def stats(self):
        self.control.request('GET', '/stats')
        return json.load(self.control.getresponse())

    def invoice_length(self, memo):
        """Characters of an invoice as the module asks for it."""
        body = json.dumps({'expiry': 3600, 'memo': memo,
                           'value_msat': 10000}, separators=(',', ':'))
        self.control.request('POST', '/0/v1/invoices', body)
        answer = json.load(self.control.getresponse())
        return len(answer['payment_request'])

    def made(self):
        """Invoices so far."""
        return self.stats()['made']

    def until_waiting(self, count, seconds=30):
        """Until so many calls have no answer."""
        until(lambda: self.stats()['waiting'] == count, seconds,
              lambda: f'{self.stats()} where {count} should wait')

    def until_made(self, count, seconds, still=0.3):
        """Until there are so many invoices, and for a while no more."""
        before, since = -1, 0

        def settled():
            nonlocal before, since
            made = self.made()
            if made != before:
                before, since = made, time.monotonic()
            return made >= count and time.monotonic() - since >= still

        until(settled, seconds,
              lambda: f'{self.made()} invoices were made, not {count}')


def until(what, seconds, otherwise):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise RuntimeError(otherwise())
        time.sleep(0.01)
