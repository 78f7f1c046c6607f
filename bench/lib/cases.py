"""Figures of verifications by name: bench_forms and bench_refusals have the
cases, and say what each is and what it is compared with."""

import json
import re
import subprocess

from cores import pinned, worker_core
from places import tool, work
from statistics_of import Ratio, median


def output(name, *arguments):
    return subprocess.run(
        [tool(name), *arguments], capture_output=True, text=True, check=True,
        preexec_fn=pinned(worker_core)).stdout.splitlines()


def cases(name):
    return [json.loads(line) for line in output(name, 'list')]


def collected(name, function, *arguments):
    """Instructions in a function and all that it calls."""
    work.mkdir(parents=True, exist_ok=True)
    said = subprocess.run(
        ['valgrind', '--tool=callgrind', f'--toggle-collect={function}',
         f'--callgrind-out-file={work}/callgrind.{name}', tool(name),
         *arguments],
        capture_output=True, text=True, check=True).stderr
    return int(re.search(r'Collected : (\d+)', said)[1])


def times(name, quick):
    """CPU nanoseconds a verification, by side and round."""
    spent = {}
    for line in output(name, 'compare', '30' if quick else '500'):
        line = json.loads(line)
        spent.setdefault(line['side'], []).append(
            line['cpu_ns'] / line['requests'])
    return spent


def compression_instructions(name):
    return collected(name, 'compress', 'floor', '1000') / 1000


def figures(report, quick, figure, name):
    spent = times(name, quick)
    compression = compression_instructions(name)
    for i, case in enumerate(cases(name)):
        beside = case['beside'] or case['case'] + '/floor'
        what, here = case['what'], spent[case['case']]
        count = collected(name, 'accept', 'once', f'{i:02}', '20') / 20
        told = f'{median(here):,.0f} ns; {count:,.0f} instructions'
        if not case['beside']:
            # callgrind's CPU has none for SHA-256, which drowns the others.
            others = count - case['compressions'] * compression
            told += f', {others:,.0f} of them outside compressions'
            what += f' ÷ {case["compressions"]} compressions'
        report.ratio(figure, what, Ratio(here, spent[beside]),
                     at_most=case['at_most'] or None, told=told)


def forms(report, quick):
    figures(report, quick, 'forms', 'bench_forms')


def refusals(report, quick):
    figures(report, quick, 'refusals', 'bench_refusals')


def allocations(report, quick):
    for name, what in (('bench_forms', 'accepting verifications'),
                       ('bench_refusals', 'refusals beside good ones')):
        counts = [json.loads(line) for line in output(name, 'count')]
        total = sum(count[memory] for count in counts
                    for memory in ('without', 'entering', 'remembered'))
        report.number('allocations', f'heap allocations of {len(counts)} '
                      f'{what}, each with and without a memory',
                      str(total), goal='0', ok=total == 0)
