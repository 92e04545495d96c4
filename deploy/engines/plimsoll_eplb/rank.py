"""One MoE model on one rank: which tables are in force, and whether they are the engine's own or ours."""

import zlib

from . import tables
from .live_tables import digests
from .said import named, say_once


class Rank:
    """
    live: LiveTables; pool: Pool; number: of this rank in it; hashed: whether the engine hashes tokens as vLLM does
    slots_now(): expert of every slot as the engine has it, `[layers][slots]`
    """

    def __init__(self, live, pool, number, hashed, slots_now):
        self.live = live
        self.pool = pool
        self.number = number
        self.hashed = hashed
        self.slots_now = slots_now
        # Another one as soon as a placement or a table is another; odd while one is being written.
        self.generation = 0
        self.answer = None
        self._in_force = None
        self._ours = {}
        self._own = (-1, None)

    def committed(self, slots, first=0):
        """The engine has put a placement in force, `[layers][slots]` from a layer on, and with it tables of its own."""
        for layer in range(first, first + len(slots)):
            self._ours.pop(layer, None)
        self.generation += 2
        answer = self.answer
        if answer is not None and not answer.entries:
            # It moves nothing, since nothing was counted: the shares are as good as before.
            answer = self._in_force
        self._in_force = answer
        if answer is None or not answer.entries or answer.slots[first : first + len(slots)] != slots:
            return
        try:
            self.switch(*self.stage(answer.of_layers(self.number, first, len(slots))), first)
        except Exception as fault:  # The same on every rank: it is of what all received.
            say_once(f"the tables stay the engine's own: {named(fault)}")

    def refreshed(self, answer, staged):
        """Other shares of the placement in force; `staged` is what `stage` made of them."""
        self._in_force = answer
        self.switch(*staged)

    def stage(self, answer):
        """An answer's table of this rank and its digests, ready for `switch`; waits for nobody."""
        experts = self.live.slots_of.shape[1]
        turn = 0 if self.pool.same else tables.first_turn(self.number, answer.entries)
        counts = answer.counts_of(self.number)
        built = tables.table(answer.slots, counts, experts, answer.entries, turn, self.hashed)
        staged = self.live.staged(built, answer.entries)
        return staged, digests(staged, answer.entries)

    def switch(self, tensor, expected, first=0):
        self.generation += 1
        self.live.write(tensor, first)
        self._ours.update(zip(range(first, first + len(expected)), expected))
        self.generation += 1

    @property
    def weighted(self):
        """Whether every layer dispatches by our shares."""
        return len(self._ours) == self.live.slots_of.shape[0]

    def seen(self):
        """Digests of placement and tables, and of the tables as they should be; of nothing while any of them changes."""
        generation, ours = self.generation, dict(self._ours)
        slots = self.slots_now()
        found = self.live.digests()
        if generation % 2 or generation != self.generation:
            return {}
        if self._own[0] != generation:
            # What the engine itself has put in force is as it should be.
            self._own = (generation, found)
        expected = [ours.get(layer, own) for layer, own in enumerate(self._own[1])]
        return {"map": _digest(slots), "table": _digest(found), "expected": _digest(expected)}


def _digest(rows):
    crc = 0
    for row in rows:
        crc = zlib.crc32(repr(row).encode(), crc)
    return f"{crc:08x}"
