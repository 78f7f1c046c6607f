"""Figures of what is counted and what is revoked."""

import json
import shutil
import subprocess
import time

import load
from cases import output
from gate import credentials, protected
from nginx import Nginx, free_port
from places import tool, work

server = protected + '''
    server {
        listen 127.0.0.1:{port};
        location /open/ { }
        location /gate/ {
            l402 bench; l402_price 10sat; l402_revocation REVOCATION;
        }
        location /uses/ { l402 bench; l402_price 10sat; l402_uses 10; }
    }
'''


def start(name, zone, revocation='on', **options):
    nginx = Nginx(name, zone + server.replace('REVOCATION', revocation),
                  **options)
    for location in ('open', 'gate', 'uses'):
        nginx.write(f'html/{location}/1k', 'x' * 1024)
    return nginx


def ledger(report, quick):
    limits = {'is_revoked among all entries, missed': (300, 'ns'),
              'is_revoked among all entries, found': (300, 'ns')}
    for line in output('bench_ledger', '100000' if quick else '1000000',
                       str(work)):
        line = json.loads(line)
        most, _ = limits.get(line['figure'], (None, None))
        report.number('ledger', line['figure'],
                      f'{line["value"]:.0f} {line["unit"]}',
                      goal=f'<= {most}' if most else '',
                      ok=line['value'] <= most if most else None)


def revocation(report, quick):
    count = 100_000 if quick else 1_000_000
    nginx = start('revoked', 'l402_zone l402:512m file={dir}/ledger;')
    subprocess.run([tool('bench_revoke'), str(nginx.dir / 'ledger'),
                    str(count)], check=True)
    begun = time.monotonic()
    with nginx:
        took = time.monotonic() - begun
        headers = credentials(nginx, 1_000)
        rounds = load.run(
            nginx, [load.Side('gate', nginx, '/gate/1k', 200, headers),
                    load.Side('open', nginx, '/open/1k', 200, headers)],
            rounds=10 if quick else 200)
    what = f'{count:,} revocations'
    report.ratio('revocation', f'gated ÷ ungated, requests/s, {what}',
                 rounds.rate_ratio('gate', 'open'), at_least=0.95)
    report.ratio('revocation', 'the same by the worker\'s CPU time',
                 rounds.cpu_ratio('gate', 'open'))
    report.number('revocation', f'start of nginx with {what} in the file',
                  f'{took:.1f} s', goal='<= 5', ok=took <= 5)


def uses(report, quick):
    rounds = 10 if quick else 200
    for name, zone, goal in (
            ('zone', 'l402_zone l402:64m;', 0.90),
            ('file', 'l402_zone l402:64m file={dir}/ledger;', None)):
        with start(f'uses-{name}', zone) as nginx:
            for count in (1, 10_000):
                headers = credentials(nginx, count, '--uses')
                got = load.run(
                    nginx,
                    [load.Side('uses', nginx, '/uses/1k', 200, headers),
                     load.Side('open', nginx, '/open/1k', 200, headers)],
                    rounds=rounds)
                what = 'one token' if count == 1 else f'{count:,} tokens'
                where = 'in a file' if name == 'file' else 'in the zone'
                report.ratio('uses', f'counted {where} ÷ ungated, requests/s, '
                             f'{what}', got.rate_ratio('uses', 'open'),
                             at_least=goal)
                report.ratio('uses', 'the same by the worker\'s CPU time',
                             got.cpu_ratio('uses', 'open'))


def workers(report, quick):
    """The client sleeps and is on either core, as the workers are."""
    zone = 'l402_zone l402:64m;'
    with start('workers-1', zone) as one, \
            start('workers-2', zone, workers=2) as two:
        shutil.copy(one.dir / 'keys', two.dir / 'keys')
        two.process.send_signal(1)
        time.sleep(2)
        two.find_worker()
        sides = []
        for nginx, n in ((one, 1), (two, 2)):
            few = credentials(one, 1, '--uses')
            many = credentials(one, 10_000, '--uses')
            sides += [load.Side(f'one{n}', nginx, '/uses/1k', 200, few),
                      load.Side(f'many{n}', nginx, '/uses/1k', 200, many),
                      load.Side(f'open{n}', nginx, '/open/1k', 200, few)]
        got = load.run(one, sides, rounds=6 if quick else 60, sleep=True,
                       connections=32, anywhere=True)
    ungated = got.rate_ratio('open2', 'open1')
    report.ratio('workers', '2 workers ÷ 1, requests/s, ungated', ungated)
    for name, what, goal in (('one', 'one token', 1.0),
                             ('many', '10,000 tokens', 1.5)):
        # Client and workers share the cores: no more than those give.
        report.ratio('workers', f'2 workers ÷ 1, requests/s, {what}',
                     got.rate_ratio(f'{name}2', f'{name}1'),
                     at_least=round(min(goal, 0.97 * ungated.median), 3))


def commands(socket):
    text = subprocess.run(['redis-cli', '-s', socket, 'INFO', 'commandstats'],
                          capture_output=True, text=True, check=True).stdout
    calls = {}
    for line in text.splitlines():
        if line.startswith('cmdstat_'):
            name, rest = line[8:].split(':')
            calls[name] = int(rest.split('calls=')[1].split(',')[0])
    return calls


def redis(report, quick):
    n = 6 if quick else 60
    socket = f'/tmp/l402-bench-{free_port()}'
    server = subprocess.Popen(
        ['redis-server', '--port', '0', '--unixsocket', socket, '--save', '',
         '--maxmemory-policy', 'noeviction'], stdout=subprocess.DEVNULL)
    try:
        time.sleep(1)
        with start('uses-redis', f'l402_zone l402:64m; l402_redis {{ url '
                   f'unix:{socket}; }}') as shared, \
                start('uses-alone', 'l402_zone l402:64m;') as alone:
            time.sleep(2)
            headers = credentials(shared, 1_000, '--uses')
            got = load.run(
                shared, [load.Side('redis', shared, '/uses/1k', 200, headers)],
                rounds=n)
            asked = commands(socket)
            served = sum(r['requests'] for r in got.of['redis'])
            # A first round warms up and is not printed.
            served = served * (n + 1) / n
            per = asked.get("evalsha", 0) / served
            headers = credentials(alone, 1_000, '--uses')
            zone = load.run(
                alone, [load.Side('zone', alone, '/uses/1k', 200, headers)],
                rounds=n)
        got += zone
        report.ratio('redis', 'counted in Redis on this machine ÷ in the '
                     'zone, requests/s', got.rate_ratio('redis', 'zone'))
        report.number('redis', 'scripts run in Redis, a request',
                      f'{per:.2f}', goal='<= 1', ok=per <= 1.02,
                      told='others, a request: ' + ', '.join(
                          f'{name} {calls / served:.2f}'
                          for name, calls in sorted(asked.items())
                          if name != 'evalsha' and calls > served / 100))
    finally:
        server.kill()
        server.wait()
