"""Where a worker's instructions go: callgrind over the worker itself, two
locations beside each other, functions by what the first one adds."""

import re
import subprocess

import gate
import load
from places import work

requests = 2000  # a round: one to warm up, one that is counted
shown = 30


def instructions(location, status, forged):
    """Inclusive instructions a request, by function."""
    file = work / f'callgrind.{location}'
    wrapper = ['valgrind', '--tool=callgrind',
               f'--callgrind-out-file={file}']
    with gate.start(single=True, wrapper=wrapper) as nginx:
        side = load.Side(location, nginx, f'/{location}/1k', status,
                         gate.credentials(
                             nginx, 1, *(['--forged'] if forged else [])))
        control(nginx, '--zero')
        load.run(nginx, [side], rounds=1, requests=requests, connections=4)
        control(nginx, '--dump')
    text = subprocess.run(
        ['callgrind_annotate', '--inclusive=yes', '--auto=no',
         '--threshold=100', f'{file}.1'],
        capture_output=True, text=True, check=True).stdout
    counts = {}
    for line in text.splitlines():
        # callgrind tells the recursions of one function apart.
        found = re.match(r' *([\d,]+) \(.*?\)  (\S+?):(.*?)( \[|$)', line)
        if found and not re.match(r'0x|\(below|main$|__libc', found[3]):
            name = re.sub(r"'\d+$", '', found[3])
            count = int(found[1].replace(',', '')) / (2 * requests)
            counts[name] = max(counts.get(name, 0), count)
        elif 'PROGRAM TOTALS' in line:
            total = int(line.split()[0].replace(',', '')) / (2 * requests)
            counts['all'] = total
    return counts


def control(nginx, what):
    subprocess.run(['callgrind_control', what, str(nginx.worker)],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   check=True)


def compare(names, forged=False):
    """`names`: the location to explain and the one beside it."""
    (one, status), (other, other_status) = names
    above = instructions(one, status, forged)
    below = instructions(other, other_status, forged)
    rows = sorted(((count - below.get(name, 0), count, below.get(name, 0),
                    name) for name, count in above.items()), reverse=True)
    print(f'instructions a request, callees included\n'
          f'{one:>9} {other:>9}     added')
    for added, count, beside, name in rows[:shown]:
        print(f'{count:9.0f} {beside:9.0f} {added:9.0f}  {name[:100]}')


def main():
    compare((('gate', 200), ('open', 200)))
    print()
    compare((('fake', 401), ('s402', 402)), forged=True)


if __name__ == '__main__':
    main()
