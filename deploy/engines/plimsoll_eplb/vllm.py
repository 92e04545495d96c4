"""vLLM (0.32; entry point `vllm.general_plugins`): its EPLB policies ask Plimsoll.

Every rank computes the placement, and all must come to the same: the first rank of the group asks, the others hear from
it. The group is the one that EPLB has for itself, and this is where every rank of it is at that moment, in the engine's
loop or in EPLB's own thread.
"""

import functools

from .solve import placement, say_once


def register():
    """Called in every process, perhaps more than once."""
    try:
        from vllm.distributed.eplb.policy import EPLB_POLICIES
    except ImportError as fault:
        say_once(f"this vLLM's load balancing is left as it is: {fault}")
        return
    for policy in EPLB_POLICIES.values():
        own = policy.__dict__.get("rebalance_experts")
        if own is not None and not hasattr(own.__func__, "__wrapped__"):
            policy.rebalance_experts = classmethod(_asking(own.__func__))


def _asking(own):
    @functools.wraps(own)
    def rebalance_experts(
        cls, weight, num_replicas, num_groups, num_nodes, num_ranks, old_global_expert_indices=None
    ):
        old = old_global_expert_indices
        answer = _agreed(weight, num_replicas, num_groups, num_nodes, num_ranks, old)
        if answer is None:
            return own(cls, weight, num_replicas, num_groups, num_nodes, num_ranks, old)
        import torch

        return torch.tensor(answer, dtype=torch.int64)

    return rebalance_experts


def _agreed(weight, num_replicas, num_groups, num_nodes, num_ranks, old):
    from vllm.distributed.parallel_state import get_eplb_group

    try:
        group = get_eplb_group()
    except AssertionError:
        group = None
    # While ranks come or go the group is another one than is placed for: so every rank sees it, and places by itself.
    if group is None or group.world_size != num_ranks:
        return None
    answer = None
    if group.rank_in_group == 0:
        answer = placement(weight, num_replicas, num_groups, num_nodes, num_ranks, old)
    return group.broadcast_object(answer, src=0)
