"""Figures of a request that needs no invoice: let in, or refused with 401."""

import subprocess

import load
from cores import client_core
from nginx import Nginx, get
from places import tool

# No call is ever made to this node.
protected = '''
    l402_invoice_service node {
        protocol lnd; url http://127.0.0.1:1; network regtest;
    }
'''

server = protected + '''
    upstream auth { server 127.0.0.1:AUTH; keepalive 64; }
    server {
        listen 127.0.0.1:{port};
        location /open/ { }
        location /gate/ { l402 bench; l402_price 10sat; }
        location /asks/ { auth_request /auth; }
        location /fake/ {
            l402 bench; l402_price 10sat; l402_invalid_status 401;
        }
        location /s402/ { return 402; }
        location = /auth {
            internal;
            proxy_pass http://auth;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }
    }
'''

says_204 = 'server { listen 127.0.0.1:{port}; return 204; }'


def credentials(nginx, count, *options):
    lines = subprocess.run(
        [tool('bench_mint'), str(nginx.dir / 'keys'), 'bench', str(count),
         *options],
        capture_output=True, text=True, check=True).stdout.splitlines()
    return [f'Authorization: L402 {line}\r\n' for line in lines]


def start(auth_port=1, **options):
    nginx = Nginx('gate', server.replace('AUTH', str(auth_port)), **options)
    for location in ('open', 'gate', 'asks', 'fake'):
        nginx.write(f'html/{location}/1k', 'x' * 1024)
    return nginx


def gated(report, quick, name, count, goal):
    with start() as nginx:
        headers = credentials(nginx, count)
        rounds = load.run(
            nginx, [load.Side('gate', nginx, '/gate/1k', 200, headers),
                    load.Side('open', nginx, '/open/1k', 200, headers)],
            rounds=10 if quick else 200)
        woken = load.run(
            nginx, [load.Side('gate', nginx, '/gate/1k', 200, headers),
                    load.Side('open', nginx, '/open/1k', 200, headers)],
            rounds=10 if quick else 60, sleep=True)
    what = 'one token' if count == 1 else f'{count:,} tokens in turn'
    report.ratio(f'{name}', f'gated ÷ ungated, requests/s, {what}',
                 rounds.rate_ratio('gate', 'open'), at_least=goal)
    report.ratio(f'{name}', f'the same by the worker\'s CPU time, {what}',
                 rounds.cpu_ratio('gate', 'open'), at_least=goal,
                 told=f'{load.median(rounds.cpu("gate")):.2f} and '
                      f'{load.median(rounds.cpu("open")):.2f} µs a request')
    report.ratio(f'{name}', f'CPU time where a client sleeps, {what}',
                 woken.cpu_ratio('gate', 'open'),
                 told=f'{load.median(woken.cpu("gate")):.2f} and '
                      f'{load.median(woken.cpu("open")):.2f} µs a request')


def one_token(report, quick):
    gated(report, quick, 'one-token', 1, 0.97)


def many_tokens(report, quick):
    gated(report, quick, 'many-tokens', 10_000 if quick else 100_000, 0.92)


def auth_request(report, quick):
    with Nginx('auth', says_204, core=client_core) as auth, \
            start(auth.port) as nginx:
        headers = credentials(nginx, 1)
        rounds = load.run(
            nginx, [load.Side('gate', nginx, '/gate/1k', 200, headers),
                    load.Side('asks', nginx, '/asks/1k', 200, headers),
                    load.Side('open', nginx, '/open/1k', 200, headers)],
            rounds=6 if quick else 60)
    report.ratio('auth-request', 'gated ÷ auth_request, requests/s',
                 rounds.rate_ratio('gate', 'asks'))
    report.ratio('auth-request', 'the same by the worker\'s CPU time',
                 rounds.cpu_ratio('gate', 'asks'))
    report.ratio('auth-request', 'auth_request ÷ ungated, requests/s',
                 rounds.rate_ratio('asks', 'open'))
    report.ratio('auth-request', 'the same by the worker\'s CPU time',
                 rounds.cpu_ratio('asks', 'open'))


def forged(report, quick):
    with start() as nginx:
        headers = credentials(nginx, 1, '--forged')
        minted = credentials(nginx, 1, '--forged', '--minted')
        rounds = load.run(
            nginx, [load.Side('fake', nginx, '/fake/1k', 401, headers),
                    load.Side('s402', nginx, '/s402/1k', 402, headers),
                    load.Side('fake2', nginx, '/fake/1k', 401, minted)],
            rounds=10 if quick else 200)
    what = 'forged, 3 caveats, refused with 401 ÷ return 402'
    report.ratio('forged', f'{what}, requests/s',
                 rounds.rate_ratio('fake', 's402'), at_least=0.8)
    report.ratio('forged', 'the same by the worker\'s CPU time',
                 rounds.cpu_ratio('fake', 's402'),
                 told=f'{load.median(rounds.cpu("fake")):.2f} and '
                      f'{load.median(rounds.cpu("s402")):.2f} µs a request')
    report.ratio('forged', 'with the 2 caveats that the module mints, '
                 'requests/s', rounds.rate_ratio('fake2', 's402'))
    report.ratio('forged', 'the same by the worker\'s CPU time',
                 rounds.cpu_ratio('fake2', 's402'))
