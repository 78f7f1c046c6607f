"""Collects the figures and prints them as one table."""


class Report:
    def __init__(self):
        self.rows = []
        self.missed = 0

    def ratio(self, name, what, ratio, at_least=None, at_most=None, told=''):
        goal, ok = '', None
        if at_least is not None:
            goal, ok = f'>= {at_least}', ratio.median >= at_least
        if at_most is not None:
            goal, ok = f'<= {at_most}', ratio.median <= at_most
        note = ratio.spread() + (f'; {told}' if told else '')
        self.add(name, what, f'{ratio.median:.3f}', goal, ok, note)

    def number(self, name, what, value, goal='', ok=None, told=''):
        self.add(name, what, value, goal, ok, told)

    def add(self, name, what, value, goal, ok, note):
        word = {None: 'told', True: 'ok', False: 'missed'}[ok]
        self.missed += ok is False
        self.rows.append((name, what, goal, value, word, note))
        print(f'   {what}: {value} {word}', flush=True)

    def table(self):
        head = ('name', 'figure', 'goal', 'measured', '', 'middle half of '
                'the rounds; more')
        rows = [head, *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        return '\n'.join(
            '  '.join([*(text.ljust(width)
                         for text, width in zip(row, widths)), row[5]])
            for row in rows)
