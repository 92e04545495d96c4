"""What a gateway answers to a load (`POST /ep/v1/solve`): a placement, and the tables that carry its shares.

Whatever goes wrong, the answer is None, and the engine goes on by itself.
"""

import base64
import json
import time
from typing import NamedTuple

from . import gateway, settings
from .said import named, say_once


class Pool(NamedTuple):
    """Where the slots are, and how the engine picks among an expert's.

    groups: of the gate; dispatch: the engine's, with weights "shares"
    entries: of an expert in a weighted table; 0: the engine's own tables stay
    same: one table for all ranks
    """

    slots: int
    groups: int | None
    nodes: int
    ranks: int
    dispatch: str
    entries: int = 0
    same: bool = False


class Answer(NamedTuple):
    """slots: expert of every slot, `[layers][slots]`
    entries, counts: bytes `[ranks or 1][layers][slots]`, in how many of its expert's entries a slot is; 0 and empty
    where the engine's own tables stay
    """

    slots: list
    entries: int = 0
    counts: bytes = b""

    def counts_of(self, rank):
        """Of one rank, `[layers][slots]`."""
        size = len(self.slots) * len(self.slots[0])
        at = 0 if len(self.counts) == size else rank * size
        return self.counts[at : at + size]

    def of_layers(self, rank, first, layers):
        """The same of some layers, with one rank's counts."""
        width = len(self.slots[0])
        counts = self.counts_of(rank)[first * width : (first + layers) * width]
        return Answer(self.slots[first : first + layers], self.entries, counts)


def placement(load, pool, previous=None, most_moves=None):
    """
    load: `[layers][experts]`, tokens; a layer without any keeps what it has.
    previous: `[layers][slots]` as it is now, or None; few slots of it are changed, `most_moves` where that is given.
    """
    if not settings.url():
        return None
    try:
        experts = len(load[0])
        if previous is not None and not is_placement(previous, len(load), pool.slots, experts):
            previous = None
        if not any(any(row) for row in load):
            return Answer(previous or [[slot % experts for slot in range(pool.slots)]] * len(load))
        question = {**_question(load, pool), **({} if previous is None else {"previous": previous})}
        if most_moves is not None:
            question["maxMoves"] = most_moves
        answer = json.loads(_ask(question, pool))
        solved = answer["physical_to_logical_map"]
        if not is_placement(solved, len(load), pool.slots, experts):
            raise ValueError("what came is no placement of all experts")
        return Answer(solved, *_tables(answer.get("dispatch_tables"), len(load), pool))
    except Exception as fault:  # The engine's own algorithm stands by for all of them.
        say_once(f"the engine places experts itself: {named(fault)}")
        return None


def refreshed(load, pool, slots):
    """The shares of the placement in force for a load: an Answer with the same slots, or None."""
    try:
        text = _ask({**_question(load, pool), "previous": slots, "maxMoves": 0}, pool)
        # The rest of the answer would hold up the engine while it is read.
        at = text.find(b'"dispatch_tables"')
        if at < 0:
            raise ValueError("no tables came")
        tables = json.loads(text[text.index(b"{", at) : text.index(b"}", at) + 1])
        return Answer(slots, *_tables(tables, len(load), pool))
    except Exception as fault:
        say_once(f"the tables stay as they are: {named(fault)}")
        return None


def is_placement(rows, layers, slots, experts):
    every = set(range(experts))
    return len(rows) == layers and all(len(row) == slots and set(row) == every for row in rows)


def _question(load, pool):
    question = {
        "load": load,
        "topology": {
            "nodes": pool.nodes,
            "gpusPerNode": pool.ranks // pool.nodes,
            "slotsPerGpu": pool.slots // pool.ranks,
        },
        "dispatch": pool.dispatch,
    }
    if pool.entries:
        question["entries"] = pool.entries
    if pool.entries and pool.same:
        question["sameForAllRanks"] = True
    if pool.nodes > 1 and pool.groups and pool.groups % pool.nodes == 0:
        question["groups"] = pool.groups
    return question


def _ask(question, pool):
    try:
        return gateway.post("/ep/v1/solve", _json(question))
    except gateway.Refused as fault:
        if not any(field in str(fault) for field in ("dispatch", "entries", "sameForAllRanks")):
            raise
        say_once(f"this gateway knows no dispatch of engines, whose own tables stay: {fault}")
        for field in ("dispatch", "entries", "sameForAllRanks"):
            question.pop(field, None)
        return gateway.post("/ep/v1/solve", _json(question))


def _json(question):
    """A row at a time, since the engine's own thread waits for as long as one takes."""
    fields = []
    for name, value in question.items():
        if isinstance(value, list):
            rows = []
            for row in value:
                rows.append(json.dumps(row, separators=(",", ":")))
                time.sleep(0)
            fields.append(f'"{name}":[{",".join(rows)}]')
        else:
            fields.append(f'"{name}":{json.dumps(value)}')
    return f"{{{','.join(fields)}}}".encode()


def _tables(tables, layers, pool):
    """Entries and counts; of nothing where none came, or none was asked for."""
    if tables is None or not pool.entries:
        return 0, b""
    counts = base64.b64decode(tables["counts"])
    if tables["entries"] != pool.entries:
        raise ValueError(f"tables of {tables['entries']} entries came; asked for {pool.entries}")
    if len(counts) != (1 if pool.same else pool.ranks) * layers * pool.slots:
        raise ValueError("the tables that came are of another pool")
    return pool.entries, counts
