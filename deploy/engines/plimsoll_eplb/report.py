"""What the pool's ranks have counted in a window, and how their dispatch looks (`POST /ep/v1/load`)."""

import json

from . import gateway, settings
from .counts import balancedness, by_expert
from .said import named, say_once


def report(rank, counts, slots, job, seen, engine):
    """
    counts: tokens of the pool, `[layers][slots]`; slots: their experts
    seen: of every rank, its digests (rank.py)
    engine: name, rebalanceEvery and the dispatch of the engine's own tables
    """
    body = {
        "pool": settings.pool(),
        "windowMs": job.window_ms,
        "logical_count": by_expert(counts, slots, rank.live.slots_of.shape[1]),
    }
    state = {
        **engine,
        "step": job.step,
        "rebalances": job.rebalances,
        "dispatch": "shares" if rank.weighted else engine["dispatch"],
        "balancedness": balancedness(counts, rank.pool.ranks),
        "ranks": seen,
    }
    try:
        _post({**body, "engine": state})
    except Exception as fault:  # The next window is reported anyway.
        say_once(f"loads do not reach the gateway: {named(fault)}")


def _post(body):
    try:
        gateway.post("/ep/v1/load", json.dumps(body, separators=(",", ":")).encode())
    except gateway.Refused as fault:
        if "engine" not in str(fault):
            raise
        say_once(f"this gateway takes loads, and not what their engine does: {fault}")
        del body["engine"]
        gateway.post("/ep/v1/load", json.dumps(body, separators=(",", ":")).encode())
