"""Figures of the verification by itself."""

import json
import re
import subprocess

from cores import pinned, worker_core
from places import tool, work
from statistics_of import Ratio, median

bench = tool('bench_verify')


def output(*arguments):
    return subprocess.run(
        [bench, *arguments], capture_output=True, text=True, check=True,
        preexec_fn=pinned(worker_core)).stdout.splitlines()


def compressions(report, quick):
    spent = {}
    for line in output('compare', '50' if quick else '1000'):
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


def collected(mode, count):
    work.mkdir(parents=True, exist_ok=True)
    said = subprocess.run(
        ['valgrind', '--tool=callgrind', '--toggle-collect=accept',
         f'--callgrind-out-file={work}/callgrind.{mode}',
         bench, mode, str(count)],
        capture_output=True, text=True, check=True).stderr
    return int(re.search(r'Collected : (\d+)', said)[1])


def instructions(report, quick):
    # The first one enters the memory: the difference of two runs leaves it
    # out.
    for mode, what in (('once', 'one accepting verification'),
                       ('remembered', 'one of a remembered token')):
        count = (collected(mode, 1100) - collected(mode, 100)) / 1000
        report.number('instructions', f'instructions of {what}',
                      f'{count:,.0f}')


def allocations(report, quick):
    counts = json.loads(output('count')[0])
    report.number('allocations', 'heap allocations of one accepting '
                  'verification', str(sum(counts.values())),
                  goal='0', ok=sum(counts.values()) == 0)
