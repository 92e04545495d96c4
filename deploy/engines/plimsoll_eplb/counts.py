"""Tokens by slot: what experts and GPUs had of them."""

import time


def by_expert(counts, slots, experts):
    """Tokens `[layers][experts]` of tokens `[layers][slots]`."""
    load = []
    for row, held in zip(counts, slots):
        of = [0] * experts
        for tokens, expert in zip(row, held):
            if expert >= 0:
                of[expert] += tokens
        load.append(of)
        time.sleep(0)
    return load


def balancedness(counts, ranks):
    """Sum over layers of the mean over GPUs, by that of the largest; None where nothing was counted."""
    mean = most = 0
    for row in counts:
        size = len(row) // ranks
        gpus = [sum(row[at : at + size]) for at in range(0, len(row), size)]
        mean += sum(gpus) / ranks
        most += max(gpus)
    return mean / most if most else None
