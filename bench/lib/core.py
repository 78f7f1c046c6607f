"""Figures of the verification by itself."""

import json

from cases import collected, output
from statistics_of import Ratio, median

bench = 'bench_verify'


def compressions(report, quick):
    spent = {}
    for line in output(bench, 'compare', '50' if quick else '1000'):
        line = json.loads(line)
        spent.setdefault(line['side'], []).append(
            line['cpu_ns'] / line['requests'])
    times = {side: median(rounds) for side, rounds in spent.items()}
    report.ratio('compressions',
                 'verification ÷ its 23 compressions, CPU time',
                 Ratio(spent['verify'], spent['sha256']), at_most=1.3,
                 told=f'{times["verify"]:.0f} and {times["sha256"]:.0f} ns')
    report.number('compressions', 'verification of a remembered token',
                  f'{times["remembered"]:.0f} ns')


def instructions(report, quick):
    # The first one enters the memory: the difference of two runs leaves it
    # out.
    for mode, what in (('once', 'one accepting verification'),
                       ('remembered', 'one of a remembered token')):
        count = (collected(bench, 'accept', mode, '1100')
                 - collected(bench, 'accept', mode, '100')) / 1000
        report.number('instructions', f'instructions of {what}',
                      f'{count:,.0f}')
