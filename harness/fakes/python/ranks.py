"""Ranks of one group as threads, with the collectives that matter here; a rank that stays away breaks them."""

import threading

_rank = threading.local()
_MOST_S = 10


class Group:
    def __init__(self, world_size):
        self.world_size = world_size
        self.ranks = list(range(world_size))
        self._barrier = threading.Barrier(world_size, timeout=_MOST_S)
        self._values = [None] * world_size

    @property
    def rank_in_group(self):
        return _rank.number

    def exchange(self, value, rank=None):
        """@returns what every rank has brought"""
        self._values[self.rank_in_group if rank is None else rank] = value
        self._barrier.wait()
        received = list(self._values)
        self._barrier.wait()
        return received

    def broadcast_object(self, obj=None, src=0):
        return self.exchange(obj)[src]


class Seat:
    """A group as one of its ranks has it, in any of its threads."""

    def __init__(self, of):
        self._group = of
        self.rank_in_group = _rank.number

    def exchange(self, value):
        return self._group.exchange(value, self.rank_in_group)


group = None
_made = []


def new_group(_timeout_s):
    """Ranks make their groups in one order."""
    number, _rank.made = _rank.made, _rank.made + 1
    with _making:
        if number == len(_made):
            _made.append(Group(group.world_size))
    return Seat(_made[number])


_making = threading.Lock()


def run(world_size, step):
    """@returns what `step()` gives on every rank"""
    global group
    group = Group(world_size)
    results = [None] * world_size

    def rank(number):
        _rank.number, _rank.made = number, 0
        results[number] = step()

    threads = [threading.Thread(target=rank, args=(number,)) for number in range(world_size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def here():
    """What belongs to this rank alone."""
    return _rank.__dict__
