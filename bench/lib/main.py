"""bench/run's figures, one after the other, and the table at the end."""

import argparse
import resource
import traceback

import cases
import challenge
import core
import counts
import flood
import gate
import stock
import where
from cores import client_core, worker_core
from report import Report

figures = {
    'one-token': gate.one_token,
    'many-tokens': gate.many_tokens,
    'auth-request': gate.auth_request,
    'forged': gate.forged,
    'compressions': core.compressions,
    'instructions': core.instructions,
    'forms': cases.forms,
    'refusals': cases.refusals,
    'allocations': cases.allocations,
    'waiting': challenge.p99_beside_waiting,
    'challenge': challenge.challenge_time,
    'challenge-rate': challenge.challenge_rate,
    'beside': challenge.p99_beside_challenges,
    'hanging': challenge.paid_beside_hanging,
    'burst': stock.burst,
    'stock-memory': stock.memory,
    'limited': flood.limited,
    'customer': flood.customer,
    'kept': challenge.nothing_kept,
    'ledger': counts.ledger,
    'revocation': counts.revocation,
    'uses': counts.uses,
    'workers': counts.workers,
    'redis': counts.redis,
}


def main():
    parser = argparse.ArgumentParser(
        prog='bench/run', description='Measures the figures of the README.')
    parser.add_argument('--quick', action='store_true',
                        help='few rounds: to see that all works')
    parser.add_argument('--where', action='store_true',
                        help='no figures: the functions that a gated and a '
                             'forged request spend instructions in')
    parser.add_argument('figure', nargs='*', help=', '.join(figures))
    options = parser.parse_args()
    for name in options.figure:
        if name not in figures:
            parser.error(f'no figure {name}: there are {", ".join(figures)}')

    # A waiting request holds a descriptor here and two in the worker.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = 16384 if hard == resource.RLIM_INFINITY else min(hard, 16384)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    if worker_core == client_core:
        print('one core only: worker and client share it, and rates say '
              'little; CPU times still do')

    if options.where:
        where.main()
        return 0

    report = Report()
    failed = 0
    for name in options.figure or figures:
        print(f'== {name}', flush=True)
        try:
            figures[name](report, options.quick)
        except Exception:
            traceback.print_exc()
            failed += 1

    print('\n' + report.table())
    if report.missed:
        print(f'\n{report.missed} missed')
    return 1 if failed else 0


if __name__ == '__main__':
    raise SystemExit(main())
