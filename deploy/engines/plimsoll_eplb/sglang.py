"""SGLang (0.5.23; entry point `sglang.srt.plugins`): its EPLB asks Plimsoll, and its tables carry Plimsoll's shares.

Every rank computes the placement, and all must come to the same: the first rank asks, the others receive it. With
elastic expert parallelism ranks may compute alone, so there the engine's own algorithm stays.

The live `ExpertLocationMetadata` is updated in place with every placement, all layers or some at a time; our tables
follow in the same step. Between placements rounds (rounds.py) do. Its copies for the CPU stay as the engine made them:
weights are loaded by these.
"""

import functools
import threading

from . import settings
from .live_tables import LiveTables
from .placement import Pool, placement
from .rank import Rank
from .rounds import Rounds
from .said import named, say_once

# The answer before there is a placement: what the engine was started with may be of counts.
_first = threading.local()
# What SGLang's dispatch is in the gateway's words.
_OWN_DISPATCH = {"static": "static", "lp": "shares"}


def register():
    """Called in every process, perhaps more than once."""
    if not settings.url():
        return
    try:
        from sglang.srt.eplb import eplb_algorithms
    except ImportError as fault:
        say_once(f"this SGLang's load balancing is left as it is: {fault}")
        return
    own = eplb_algorithms.rebalance_experts
    if not hasattr(own, "__wrapped__"):
        eplb_algorithms.rebalance_experts = _asking(own)
    try:
        from sglang.srt.eplb import eplb_manager, expert_distribution, expert_location

        manager, metadata = eplb_manager.EPLBManager, expert_location.ExpertLocationMetadata
        found = [
            (owner, name, getattr(owner, name), wrapper)
            for owner, name, wrapper in [
                (manager, "__init__", _joining),
                (manager, "rebalance", _rebalancing),
                (manager, "on_forward_pass_end", _stepping),
                (metadata, "update", _updating),
                (expert_distribution._StatAccumulator, "append", _counting),
            ]
        ]
    except (ImportError, AttributeError) as fault:
        say_once(f"this SGLang's tables are left as they are: {fault}")
        return
    for owner, name, own, wrapper in found:
        if not hasattr(own, "__wrapped__"):
            setattr(owner, name, functools.wraps(own)(wrapper(own)))


def _asking(own):
    @functools.wraps(own)
    def rebalance_experts(
        tokens_per_expert, num_physical_experts, num_local_physical_experts, num_groups, num_nodes, algorithm
    ):
        ranks = num_physical_experts // num_local_physical_experts
        pool = Pool(num_physical_experts, num_groups, num_nodes, ranks, *_dispatch(num_physical_experts))
        answer = _agreed(tokens_per_expert, pool)
        ours = _ours(_current())
        if ours is None:
            _first.answer = answer
        else:
            ours.rank.answer = answer
        if answer is not None:
            return _maps(answer.slots, tokens_per_expert.shape[-1])
        return own(
            tokens_per_expert=tokens_per_expert,
            num_physical_experts=num_physical_experts,
            num_local_physical_experts=num_local_physical_experts,
            num_groups=num_groups,
            num_nodes=num_nodes,
            algorithm=algorithm,
        )

    return rebalance_experts


def _dispatch(width):
    """How the engine picks among an expert's slots; entries of its table; whether ranks must pick alike."""
    from sglang.srt.runtime_context import get_exec

    moe = get_exec().moe
    same = moe.moe_a2a_backend == "none"
    if moe.ep_dispatch_algorithm == "dynamic":
        entries = settings.entries(width)
        return ("shares" if entries else "even"), entries, same
    if moe.ep_dispatch_algorithm == "static":
        say_once("SGLang's static dispatch has one slot per rank and expert, no shares; dynamic has them")
        return "static", 0, same
    if moe.ep_dispatch_algorithm == "lp":
        say_once("SGLang's lp dispatch shares every batch out by itself; its tables stay its own")
        return "shares", 0, same
    return "even", 0, same


def _agreed(tokens_per_expert, pool):
    import torch.distributed
    from sglang.srt.elastic_ep.elastic_ep import ElasticEPStateManager

    if ElasticEPStateManager.instance() is not None:
        return None
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return _ask(tokens_per_expert, pool)
    try:
        from sglang.srt.distributed.parallel_state import get_world_group

        group = get_world_group()
    except Exception as fault:  # The same on every rank.
        say_once(f"the engine places experts itself: its ranks cannot be reached: {fault}")
        return None
    answer = None
    if group.rank_in_group == 0:
        answer = _ask(tokens_per_expert, pool)
    return group.broadcast_object(answer, src=0)


def _ask(tokens_per_expert, pool):
    current = _current()
    previous = None if current is None else current.physical_to_logical_map_cpu.tolist()
    return placement(tokens_per_expert.sum(dim=0).tolist(), pool, previous)


def _current():
    from sglang.srt.eplb.expert_location import get_global_expert_location_metadata

    return get_global_expert_location_metadata()


def _ours(metadata):
    return getattr(metadata, "plimsoll", None)


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


def _joining(own):
    def init(self, *rest, **named_rest):
        own(self, *rest, **named_rest)
        try:
            metadata = _current()
            metadata.plimsoll = _Balanced(metadata, self._model_config)
            metadata.plimsoll.rank.answer = getattr(_first, "answer", None)
            metadata.plimsoll.updated(range(metadata.num_layers))
        except Exception as fault:  # The same on every rank.
            say_once(f"the tables stay the engine's own: {named(fault)}")

    return init


def _rebalancing(own):
    def rebalance(self):
        ours = _ours(_current())
        if ours is None:
            yield from own(self)
            return
        ours.moving = True
        if ours.rounds is not None:
            ours.rounds.rebalances += 1
        try:
            yield from own(self)
        finally:
            ours.moving = False

    return rebalance


def _stepping(own):
    def on_forward_pass_end(self):
        own(self)
        ours = _ours(_current())
        if ours is not None and ours.rounds is not None:
            ours.rounds.stepped(ours.moving)

    return on_forward_pass_end


def _updating(own):
    def update(self, other, update_layer_ids):
        own(self, other, update_layer_ids)
        ours = _ours(self)
        if ours is not None:
            ours.updated(update_layer_ids)

    return update


def _counting(own):
    def append(self, forward_pass_id, gatherer_key, single_pass_data, outputs):
        own(self, forward_pass_id, gatherer_key, single_pass_data, outputs)
        ours = _ours(self._expert_location_metadata)
        if ours is not None and ours.rounds is not None:
            ours.rounds.counted(single_pass_data["global_physical_count"])

    return append


class _Balanced:
    """What the plug-in knows of the process's balanced model on this rank; a draft model is not balanced."""

    def __init__(self, metadata, model_config):
        import sglang
        import torch
        import torch.distributed
        from sglang.srt.eplb.expert_location import ModelConfigForExpertLocation
        from sglang.srt.runtime_context import get_exec, get_parallel

        self.moving = False
        self.rounds = None
        slots = metadata.num_physical_experts
        moe = get_exec().moe
        if metadata.logical_to_all_physical_map_cpu is metadata.logical_to_all_physical_map:
            # A CPU engine's are the same memory, and ours list slots several times.
            metadata.logical_to_all_physical_map_cpu = metadata.logical_to_all_physical_map.clone()
        live = LiveTables(metadata.logical_to_all_physical_map, metadata.logical_to_all_physical_map_num_valid)
        ranks, nodes = metadata.ep_size, get_parallel().nnodes
        groups = ModelConfigForExpertLocation.from_model_config(model_config).num_groups
        dispatch, entries, same = _dispatch(slots)
        if slots == metadata.num_logical_experts:
            entries = 0
        every = settings.round_steps(entries)
        if moe.elastic_ep_backend is not None:
            say_once("with elastic expert parallelism the engine places experts itself, without share refreshes")
            every = 0
        pool = Pool(slots, groups, nodes if ranks % nodes == 0 else 1, ranks, dispatch, entries, same)
        number = torch.distributed.get_rank() % ranks
        self.rank = Rank(live, pool, number, False, lambda: metadata.physical_to_logical_map.tolist())
        if every:
            counts = torch.zeros_like(metadata.physical_to_logical_map, dtype=torch.int64)
            engine = {
                "name": f"sglang {sglang.__version__}",
                "rebalanceEvery": moe.eplb_rebalance_num_iterations,
                "dispatch": _OWN_DISPATCH.get(moe.ep_dispatch_algorithm, "even"),
            }
            self.rounds = Rounds(self.rank, counts, None, every, engine, True)

    def updated(self, layers):
        """The engine has put other placements of these layers in force, and tables of its own."""
        if self.rounds is not None:
            self.rounds.cleared()
        slots = self.rank.slots_now()
        for first, last in _runs(layers):
            self.rank.committed(slots[first:last], first)


def _runs(layers):
    """Runs of numbers that follow each other, as (first, last + 1)."""
    runs = []
    for layer in sorted(layers):
        if runs and runs[-1][1] == layer:
            runs[-1] = (runs[-1][0], layer + 1)
        else:
            runs.append((layer, layer + 1))
    return runs
