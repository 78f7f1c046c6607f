"""A core for the worker under test, another one for all that drives it."""

import os

cores = sorted(os.sched_getaffinity(0))
worker_core = cores[0]
client_core = cores[-1]


def pinned(core):
    """For subprocess: pins the program before it starts."""
    return lambda: os.sched_setaffinity(0, {core})
