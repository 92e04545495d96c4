"""A world of threads (ranks.py). A group that is made is of all of them; what is begun happens when it is waited for."""

import ranks


class ReduceOp:
    MIN = staticmethod(min)


def is_initialized():
    return True


def get_world_size(group=None):
    return ranks.group.world_size


def get_rank(group=None):
    return (group or ranks.group).rank_in_group


def get_global_rank(group, group_rank):
    return group_rank


def new_group(members=None, backend=None, timeout=None, use_local_synchronization=False):
    assert backend == "gloo"
    return ranks.new_group(timeout.total_seconds())


class _Work:
    def __init__(self, finish):
        self.wait = finish


def all_reduce(tensor, op=None, group=None, async_op=False):
    def finish():
        tensor.fill_(op(one.item() for one in group.exchange(tensor.clone())))

    if async_op:
        return _Work(finish)
    finish()


def reduce(tensor, dst, group=None):
    for rank, one in enumerate(group.exchange(tensor.clone())):
        if group.rank_in_group == dst and rank != dst:
            tensor.add_(one)


def gather_object(value, into, dst, group=None):
    every = group.exchange(value)
    if group.rank_in_group == dst:
        into[:] = every


def broadcast_object_list(box, src, group=None):
    box[:] = group.exchange(list(box))[src]
