"""Rounds beside the engine's steps: loads are summed over ranks and reported, and shares come back (a share refresh).

In a step that all ranks know, each hands what it has counted to a thread of its own. The threads do the rest, on a
group of their own: they sum, the first asks the gateway, all receive. That every rank is ready is agreed on a second
group by a reduction that is begun in one step and looked at some steps later, so that no step waits for it; then all
switch in that step. A thread that fails says so in the agreement, and rounds end on all ranks: the engine's own are not
touched by that.
"""

import queue
import threading
import time
from datetime import timedelta

from . import settings
from .counts import by_expert
from .placement import refreshed
from .report import report
from .said import named, say_once

_AGREE_STEPS = 4
_AGREE_WITHIN = timedelta(seconds=60)
_THREADS_WITHIN_S = 30
# Fewer tokens than this for an expert on average say more of chance than of the load: they are kept for the next round.
_TELLING = 1000

_FAILED, _BUSY, _DONE = -1, 0, 1


class Rounds:
    """
    rank: Rank; counts: tensor `[layers][slots]` like the engine's, which `counted` adds to
    ranks: global numbers of the group's ranks; every: steps from round to round
    engine: what the report says of it: `name`, `rebalanceEvery`, and the rest that stays
    """

    def __init__(self, rank, counts, ranks, every, engine, reports, local=False):
        import torch
        import torch.distributed as dist

        within = timedelta(seconds=settings.timeout_s() + _THREADS_WITHIN_S)
        options = {"backend": "gloo", "use_local_synchronization": local}
        self._threads = dist.new_group(ranks, timeout=within, **options)
        self._steps = dist.new_group(ranks, timeout=_AGREE_WITHIN, **options)
        self._first = dist.get_rank(self._threads) == 0
        self._root = dist.get_global_rank(self._threads, 0)
        self._world = dist.get_world_size(self._threads)
        self._rank = rank
        self._counts = counts
        self._host = torch.zeros(counts.shape, dtype=counts.dtype)
        if counts.device.type != "cpu":
            self._host = self._host.pin_memory()
        self._every = every
        self._refreshes = bool(rank.pool.entries and settings.refresh_steps())
        self._engine = engine
        self._reports = reports and settings.pool() is not None
        self._kept = None
        self.step = 0
        self.rebalances = 0
        self.finished = 0
        self._began = time.monotonic()
        self._over = False
        self._fault = None
        self._pending = None
        self._flag = None
        self._agreement = None
        self._jobs = queue.SimpleQueue()
        threading.Thread(target=self._work, name="plimsoll", daemon=True).start()

    def counted(self, counts):
        """Tokens of one engine step, `[layers][slots]`."""
        if not self._over:
            self._counts.add_(counts)

    def cleared(self):
        """Slots hold other experts from now on: what was counted before is over."""
        self._counts.zero_()
        self._began = time.monotonic()

    def stepped(self, moving):
        """The end of an engine's step. moving: whether experts are on their way; every rank says the same."""
        if self._over:
            return
        self.step += 1
        if self._pending is None:
            if self.step % self._every == 0:
                self._begin(moving)
        elif self.step % _AGREE_STEPS == 0:
            self._agree(moving)

    def _begin(self, moving):
        now = time.monotonic()
        job = _Job(self._rank.generation, moving, self.step, self.rebalances, 1000 * (now - self._began))
        self._pending = job
        try:
            if self._fault is not None:
                raise RuntimeError(self._fault)
            self._host.copy_(self._counts, non_blocking=True)
            job.copied = _mark(self._counts)
            self.cleared()
            self._jobs.put(job)
        except Exception as fault:  # The others wait to be told.
            job.fail(fault)

    def _agree(self, moving):
        try:
            least = self._agreed()
        except Exception as fault:
            self._give_up(named(fault))
            return
        job = self._pending
        if least == _FAILED:
            self._give_up(job.fault or "another rank's round has failed")
        elif least == _DONE:
            self._pending = None
            self.finished += 1
            if job.staged is not None and job.generation == self._rank.generation and not moving:
                try:
                    self._rank.refreshed(*job.staged)
                except Exception as fault:  # As in `_begin`: in the next round.
                    self._fault = named(fault)

    def _agreed(self):
        """The least state over all ranks when they last said theirs; where one is busy, all say theirs once more."""
        import torch
        import torch.distributed as dist

        least = _BUSY
        if self._agreement is not None:
            self._agreement.wait()
            least = int(self._flag.item())
            self._agreement = None
        if least == _BUSY:
            self._flag = torch.tensor([self._pending.state], dtype=torch.int32)
            self._agreement = dist.all_reduce(
                self._flag, op=dist.ReduceOp.MIN, group=self._steps, async_op=True
            )
        return least

    def _give_up(self, why):
        self._over = True
        self._pending = None
        say_once(f"no more share refreshes and reports from this engine: {why}")

    def _work(self):
        while True:
            job = self._jobs.get()
            try:
                job.staged = self._round(job)
                job.state = _DONE
            except Exception as fault:
                job.fail(fault)

    def _round(self, job):
        import torch.distributed as dist

        if job.copied is not None:
            job.copied.synchronize()
        group = self._threads
        dist.reduce(self._host, dst=self._root, group=group)
        seen = [None] * self._world if self._first else None
        if self._reports:
            dist.gather_object(self._rank.seen(), seen, dst=self._root, group=group)
        counts = slots = None
        box = [None]
        if self._first:
            counts, slots = self._host.tolist(), self._rank.slots_now()
            if self._refreshes and not job.moving and self._steady(job):
                box = [self._refreshed(job, counts, slots)]
        dist.broadcast_object_list(box, src=self._root, group=group)
        if self._first and self._reports and self._steady(job):
            report(self._rank, counts, slots, job, seen, self._engine)
        return self._staged(box[0])

    def _steady(self, job):
        """Whether what was counted is of the placement in force."""
        return job.generation == self._rank.generation

    def _staged(self, answer):
        try:
            return None if answer is None else (answer, self._rank.stage(answer))
        except ValueError as fault:
            say_once(f"the tables stay as they are: {fault}")
            return None

    def _refreshed(self, job, counts, slots):
        """What the gateway makes of the counts; while they are few, nothing, and they are kept."""
        if self._kept is not None and self._kept[0] == job.generation:
            counts = [[a + b for a, b in zip(*rows)] for rows in zip(counts, self._kept[1])]
        load = by_expert(counts, slots, self._rank.live.slots_of.shape[1])
        self._kept = (job.generation, counts)
        if max(map(sum, load)) < _TELLING * len(load[0]):
            return None
        self._kept = None
        return refreshed(load, self._rank.pool, slots)


class _Job:
    def __init__(self, generation, moving, step, rebalances, window_ms):
        self.generation = generation
        self.moving = moving
        self.step = step
        self.rebalances = rebalances
        self.window_ms = window_ms
        self.copied = None
        self.staged = None
        self.fault = None
        self.state = _BUSY

    def fail(self, fault):
        self.fault = named(fault)
        self.state = _FAILED


def _mark(tensor):
    """What a thread waits for until copies of the tensor are there; None where they are at once."""
    if tensor.device.type == "cpu":
        return None
    import torch

    event = torch.Event(tensor.device)
    event.record()
    return event
