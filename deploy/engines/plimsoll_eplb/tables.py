"""The engines' tables with weights: an expert's row lists its slots, each as often as its share says.

Pure Python, since it also runs where there is no torch. A thread that builds a table beside the engine's own lets go of
the interpreter after every layer.
"""

import functools
import time
from array import array

# vLLM takes entry `(token × this mod 2³²) mod count` for the token at that place of its batch: 2³² / φ.
_VLLM_MULTIPLIER = 2654435769
# 2¹⁶ / φ: ranks' first turns lie nearly evenly, however many ranks there are.
_SPREAD = 40503


def table(slots, counts, experts, entries, turn=0, hashed=False):
    """Entries of one rank as int64 `[layers][experts][entries]`, flat.

    slots: expert of every slot, `[layers][slots]`
    counts: bytes `[layers][slots]`: in how many of its expert's entries a slot is; of an expert they sum to `entries`
    turn: the rank's first, so that ranks do not all begin with the same replica
    hashed: in the order in which vLLM's hash visits entries
    """
    built = array("q")
    width = len(slots[0])
    if len(counts) != len(slots) * width:
        raise ValueError("the tables that came are of another placement")
    for layer, row in enumerate(slots):
        built.extend(_layer(row, counts[layer * width : (layer + 1) * width], experts, entries, turn, hashed))
        time.sleep(0)
    return built


def first_turn(rank, entries):
    return _SPREAD * rank % 65536 * entries // 65536


def shared_counts(slots, shares, experts, entries):
    """As bytes `[layers][slots]`: the whole entries nearest to the shares `[layers][slots]`, by largest remainders."""
    counts = bytearray()
    for row, weights in zip(slots, shares):
        counts += _nearest(row, weights, experts, entries)
    return bytes(counts)


def _nearest(row, weights, experts, entries):
    counts = bytearray(len(row))
    for held in _replicas(row, experts):
        whole = sum(weights[slot] for slot in held)
        parts = [entries * (weights[slot] / whole if whole > 0 else 1 / len(held)) for slot in held]
        for slot, part in zip(held, parts):
            counts[slot] = int(part)
        left = entries - sum(int(part) for part in parts)
        for part, slot in sorted((int(part) - part, slot) for slot, part in zip(held, parts))[:left]:
            counts[slot] += 1
    return counts


def _replicas(row, experts):
    """The slots of every expert, ascending."""
    held = [[] for _ in range(experts)]
    for slot, expert in enumerate(row):
        held[expert].append(slot)
    return held


def _layer(row, counts, experts, entries, turn, hashed):
    built = array("q")
    for held in _replicas(row, experts):
        of = tuple(counts[slot] for slot in held)
        if sum(of) != entries:
            raise ValueError("the entries that came for an expert are more or less than asked for")
        if len(held) == 1:
            built.extend(held * entries)
        else:
            built.extend([held[replica] for replica in _order(of, turn, hashed)])
    return built


@functools.lru_cache(maxsize=1 << 14)
def _order(counts, turn, hashed):
    """
    Which replica every entry is of, so that any run of tokens is near the shares: smooth weighted round-robin. Each turn
    gives every replica its count, to the one that then has most (the first of equals), which pays all entries for it.
    """
    entries = sum(counts)
    owed = [0] * len(counts)
    turns = []
    for _ in range(entries):
        owed = [has + count for has, count in zip(owed, counts)]
        following = owed.index(max(owed))
        owed[following] -= entries
        turns.append(following)
    turns = turns[turn:] + turns[:turn]
    if not hashed or entries & (entries - 1):
        return turns
    visited = [0] * entries
    for token, replica in enumerate(turns):
        visited[token * _VLLM_MULTIPLIER % entries] = replica
    return visited
