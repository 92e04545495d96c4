"""What the environment says, read when it is needed.

PLIMSOLL_URL            the gateway, e.g. http://10.0.0.1:8080; without it nobody is asked
PLIMSOLL_KEY            sent as a bearer token, where the gateway wants one
PLIMSOLL_TIMEOUT_S      how long an answer may take in all, 2 by default
PLIMSOLL_ENTRIES        entries of an expert in a weighted table, 64 by default, 255 at most; 0: the engine's own tables
PLIMSOLL_REFRESH_STEPS  engine steps from one share refresh to the next, 100 by default; 0: none
PLIMSOLL_POOL           the pool's name in the gateway's configuration; with it loads are reported
PLIMSOLL_PLACEMENT      vLLM: a file with the placement to start with
"""

import os

_MOST_ENTRIES = 255
_REPORT_STEPS = 100


def url():
    return os.environ.get("PLIMSOLL_URL", "").rstrip("/")


def key():
    return os.environ.get("PLIMSOLL_KEY")


def timeout_s():
    return float(os.environ.get("PLIMSOLL_TIMEOUT_S", "2"))


def entries(most):
    """most: what the engine's table has room for"""
    wanted = min(max(0, int(os.environ.get("PLIMSOLL_ENTRIES", "64"))), _MOST_ENTRIES)
    return min(wanted, most)


def refresh_steps():
    return max(0, int(os.environ.get("PLIMSOLL_REFRESH_STEPS", "100")))


def pool():
    return os.environ.get("PLIMSOLL_POOL")


def placement_file():
    return os.environ.get("PLIMSOLL_PLACEMENT")


def round_steps(entries):
    """Steps from one round of counting to the next; 0: nobody wants the counts."""
    if not url():
        return 0
    every = refresh_steps()
    if entries and every:
        return every
    return (every or _REPORT_STEPS) if pool() else 0
