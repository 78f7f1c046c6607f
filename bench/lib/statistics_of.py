"""Medians of many rounds, and how far the rounds scatter."""

import statistics


class Ratio:
    """Of rounds that were run in pairs: each pair gives one ratio."""

    def __init__(self, above, below):
        self.rounds = sorted(a / b for a, b in zip(above, below))
        self.median = statistics.median(self.rounds)

    def quartiles(self):
        if len(self.rounds) < 4:
            return self.rounds[0], self.rounds[-1]
        low, _, high = statistics.quantiles(self.rounds, n=4)
        return low, high

    def spread(self):
        low, high = self.quartiles()
        return f'{low:.3f} to {high:.3f}, {len(self.rounds)} rounds'


median = statistics.median
