"""SGLang (0.5.23; entry point `sglang.srt.plugins`): its EPLB asks Plimsoll.

Every rank computes the placement, and all must come to the same: the first rank asks, the others hear from it. With
elastic expert parallelism ranks may compute alone, so there the engine's own algorithm stays.
"""

import functools

from .solve import placement, say_once


def register():
    """Called in every process, perhaps more than once."""
    try:
        from sglang.srt.eplb import eplb_algorithms
    except ImportError as fault:
        say_once(f"this SGLang's load balancing is left as it is: {fault}")
        return
    own = eplb_algorithms.rebalance_experts
    if not hasattr(own, "__wrapped__"):
        eplb_algorithms.rebalance_experts = _asking(own)


def _asking(own):
    @functools.wraps(own)
    def rebalance_experts(
        tokens_per_expert, num_physical_experts, num_local_physical_experts, num_groups, num_nodes, algorithm
    ):
        num_gpus = num_physical_experts // num_local_physical_experts
        answer = _agreed(tokens_per_expert, num_physical_experts, num_groups, num_nodes, num_gpus)
        if answer is not None:
            return _maps(answer, tokens_per_expert.shape[-1])
        return own(
            tokens_per_expert=tokens_per_expert,
            num_physical_experts=num_physical_experts,
            num_local_physical_experts=num_local_physical_experts,
            num_groups=num_groups,
            num_nodes=num_nodes,
            algorithm=algorithm,
        )

    return rebalance_experts


def _agreed(tokens_per_expert, num_slots, num_groups, num_nodes, num_gpus):
    import torch.distributed
    from sglang.srt.elastic_ep.elastic_ep import ElasticEPStateManager

    if ElasticEPStateManager.instance() is not None:
        return None
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return _ask(tokens_per_expert, num_slots, num_groups, num_nodes, num_gpus)
    try:
        from sglang.srt.distributed.parallel_state import get_world_group

        group = get_world_group()
    except Exception as fault:  # The same on every rank.
        say_once(f"the engine places experts itself: its ranks cannot be reached: {fault}"[:400])
        return None
    answer = None
    if group.rank_in_group == 0:
        answer = _ask(tokens_per_expert, num_slots, num_groups, num_nodes, num_gpus)
    return group.broadcast_object(answer, src=0)


def _ask(tokens_per_expert, num_slots, num_groups, num_nodes, num_gpus):
    from sglang.srt.eplb.expert_location import get_global_expert_location_metadata

    current = get_global_expert_location_metadata()
    previous = None if current is None else current.physical_to_logical_map_cpu
    load = tokens_per_expert.sum(dim=0)
    return placement(load, num_slots, num_groups, num_nodes, num_gpus, previous)


def _maps(physical_to_logical, num_experts):
    """As SGLang wants them: slots to experts, experts to slots (filled up with −1), and how many of those there are."""
    import torch

    replicas = [[[] for _ in range(num_experts)] for _ in physical_to_logical]
    for layer, row in zip(replicas, physical_to_logical):
        for slot, expert in enumerate(row):
            layer[expert].append(slot)
    counts = [[len(slots) for slots in layer] for layer in replicas]
    most = max(map(max, counts))
    filled = [[slots + [-1] * (most - len(slots)) for slots in layer] for layer in replicas]
    return tuple(torch.tensor(rows, dtype=torch.int64) for rows in (physical_to_logical, filled, counts))
