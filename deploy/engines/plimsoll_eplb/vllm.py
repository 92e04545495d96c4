"""vLLM (0.32; entry point `vllm.general_plugins`): its EPLB asks Plimsoll, and its tables carry Plimsoll's shares.

Every rank computes the placement, and all must come to the same: the first rank of the group asks, the others receive
it. The group is the one that EPLB has for itself, and this is where every rank of it is at that moment, in the engine's
loop or in EPLB's own thread.

`EplbState` writes its tables anew with every placement that it commits, whole (synchronous, elastic) or layer by layer
(asynchronous); ours follow in the same step. Between placements rounds (rounds.py) do.
"""

import functools
import threading

from . import settings
from .live_tables import LiveTables
from .placement import Pool, placement
from .rank import Rank
from .rounds import Rounds
from .said import named, say_once
from .start import placement_of_file

# What the policy was answered last, on the way to the commit that follows it in the same thread.
_asked = threading.local()
# How the process's models dispatch, once there are any.
_dispatch = {"dispatch": "even", "entries": 0, "same": False}


def register():
    """Called in every process, perhaps more than once."""
    if not settings.url() and not settings.placement_file():
        return
    try:
        from vllm.distributed.eplb.policy import EPLB_POLICIES
    except ImportError as fault:
        say_once(f"this vLLM's load balancing is left as it is: {fault}")
        return
    for policy in EPLB_POLICIES.values():
        own = policy.__dict__.get("rebalance_experts")
        if own is not None and not hasattr(own.__func__, "__wrapped__"):
            policy.rebalance_experts = classmethod(_asking(own.__func__))
    try:
        from vllm.distributed.eplb import async_worker, eplb_state

        owners = {"module": eplb_state, "worker": async_worker, "state": eplb_state.EplbState}
        found = [(owners[owner], name, getattr(owners[owner], name), wrapper) for owner, name, wrapper in _WRAPPERS]
    except (ImportError, AttributeError) as fault:
        say_once(f"this vLLM's tables are left as they are: {fault}")
        return
    for owner, name, own, wrapper in found:
        if not hasattr(own, "__wrapped__"):
            setattr(owner, name, functools.wraps(own)(wrapper(own)))


def _asking(own):
    @functools.wraps(own)
    def rebalance_experts(
        cls, weight, num_replicas, num_groups, num_nodes, num_ranks, old_global_expert_indices=None
    ):
        old = old_global_expert_indices
        pool = Pool(num_replicas, num_groups, num_nodes, num_ranks, **_dispatch)
        _asked.answer = answer = _agreed(weight, pool, old)
        if answer is None:
            return own(cls, weight, num_replicas, num_groups, num_nodes, num_ranks, old)
        import torch

        return torch.tensor(answer.slots, dtype=torch.int64)

    return rebalance_experts


def _agreed(weight, pool, old):
    from vllm.distributed.parallel_state import get_eplb_group

    try:
        group = get_eplb_group()
    except AssertionError:
        group = None
    # While ranks come or go the group is another one than is placed for: so every rank sees it, and places by itself.
    if group is None or group.world_size != pool.ranks:
        return None
    answer = None
    if group.rank_in_group == 0:
        answer = placement(weight.tolist(), pool, None if old is None else old.tolist())
    return group.broadcast_object(answer, src=0)


def _committing(own):
    def commit(model_state, new_physical_to_logical_map):
        own(model_state, new_physical_to_logical_map)
        ours = _ours(model_state)
        if ours is not None:
            # The synchronous policy was asked for this model, just before.
            ours.rank.answer, _asked.answer = getattr(_asked, "answer", None), None
            ours.committed(new_physical_to_logical_map.tolist())

    return commit


def _committing_layer(own):
    def commit(model_state, new_physical_to_logical_map, layer):
        own(model_state, new_physical_to_logical_map, layer)
        ours = _ours(model_state)
        if ours is not None:
            ours.committed([new_physical_to_logical_map.tolist()], layer)

    return commit


def _answering(own):
    def run(model_state, *rest, **named_rest):
        slots = own(model_state, *rest, **named_rest)
        ours = _ours(model_state)
        if ours is not None:
            ours.rank.answer, _asked.answer = getattr(_asked, "answer", None), None
        return slots

    return run


def _joining(own):
    def add_model(self, model, model_config, model_name=None):
        own(self, model, model_config, model_name)
        model_state = self.model_states[model_config.compute_hash()]
        try:
            model_state.plimsoll = _Model(self, model_state)
            if settings.placement_file():
                model_state.plimsoll.start()
        except Exception as fault:  # The same on every rank.
            say_once(f"the tables of {model_state.model_name} stay the engine's own: {named(fault)}")

    return add_model


def _mapping(own):
    def update_mapping(self, model_config, expanded_physical_to_logical):
        own(self, model_config, expanded_physical_to_logical)
        model_state = self.model_states[model_config.compute_hash()]
        ours = _ours(model_state)
        if ours is not None:
            ours.rank.answer = None
            ours.committed(model_state.physical_to_logical_map.tolist())

    return update_mapping


def _rearranging(own):
    def rearrange(self, is_profile=False, *rest, **named_rest):
        for ours in [] if is_profile else _models(self):
            ours.rearranged()
        return own(self, is_profile, *rest, **named_rest)

    return rearrange


def _recording(own):
    def should_record(self, log_stats=False):
        return own(self, log_stats) or any(ours.rounds is not None for ours in _models(self))

    return should_record


def _stepping(own):
    def step(self, is_dummy=False, is_profile=False, log_stats=False):
        if not is_dummy and not is_profile:
            for ours in _models(self):
                ours.counted()
        own(self, is_dummy, is_profile, log_stats)
        if not is_profile:
            moving = any(model_state.rebalanced for model_state in self.model_states.values())
            for ours in _models(self):
                ours.stepped(moving)

    return step


def _ours(model_state):
    return getattr(model_state, "plimsoll", None)


def _models(eplb_state):
    found = map(_ours, eplb_state.model_states.values())
    return [ours for ours in found if ours is not None]


class _Model:
    """What the plug-in knows of one of the engine's models (`EplbModelState`) on this rank."""

    def __init__(self, eplb_state, model_state):
        import torch
        import vllm
        from vllm.distributed.parallel_state import get_eplb_group, get_node_count

        parallel = eplb_state.parallel_config
        self.state = model_state
        self.group = get_eplb_group()
        self.ep_group = None
        live = LiveTables(model_state.logical_to_physical_map, model_state.logical_replica_count)
        slots, experts = model_state.physical_to_logical_map.shape[1], live.counts.shape[1]
        entries = settings.entries(live.width) if slots > experts else 0
        same = not _routes_its_own(parallel, model_state.model)
        _dispatch.update(
            dispatch="shares" if entries else "even", entries=entries, same=same or _dispatch["same"]
        )
        ranks, nodes = self.group.world_size, get_node_count()
        pool = Pool(
            slots,
            model_state.model.num_expert_groups,
            nodes if ranks % nodes == 0 else 1,
            ranks,
            "shares" if entries else "even",
            entries,
            same,
        )
        self.rank = Rank(
            live, pool, self.group.rank_in_group, True, lambda: model_state.physical_to_logical_map.tolist()
        )
        self.rounds = None
        every = settings.round_steps(entries)
        if every and parallel.enable_elastic_ep:
            say_once("with elastic expert parallelism there are no share refreshes and no reports")
        elif every:
            draft = "(draft)" in model_state.model_name
            staged = parallel.pipeline_parallel_size > 1
            if settings.pool() and staged:
                say_once("with pipeline stages, which have some of the layers each, loads are not reported")
            counts = torch.zeros_like(model_state.expert_load_pass, dtype=torch.int64)
            engine = {
                "name": f"vllm {vllm.__version__}",
                "rebalanceEvery": eplb_state.expert_rearrangement_step_interval,
                "dispatch": "even",
            }
            self.rounds = Rounds(
                self.rank, counts, self.group.ranks, every, engine, not draft and not staged, local=True
            )

    def start(self):
        """Has the engine's own code move the experts as the file says; all ranks are here, and nothing is served yet."""
        from vllm.distributed.eplb import eplb_state
        from vllm.distributed.parallel_state import get_ep_group

        layers, slots = self.state.physical_to_logical_map.shape
        answer = None
        if self.group.rank_in_group == 0:
            try:
                answer = placement_of_file(
                    layers, slots, self.state.model.num_logical_experts, self.rank.pool.entries
                )
            except Exception as fault:
                say_once(f"{self.state.model_name} starts where the engine puts its experts: {named(fault)}")
        answer = self.group.broadcast_object(answer, src=0)
        if answer is None:
            return
        import torch

        wanted = torch.tensor(answer.slots, dtype=torch.int64)
        eplb_state.rearrange_expert_weights_inplace(
            self.state.physical_to_logical_map,
            wanted,
            self.state.model.expert_weights,
            self.state.expert_buffer,
            get_ep_group().device_group,
            self.state.communicator,
        )
        _asked.answer = answer
        eplb_state._commit_eplb_maps(self.state, new_physical_to_logical_map=wanted)

    def committed(self, slots, first=0):
        self.rank.committed(slots, first)
        if self.rounds is not None:
            self.rounds.cleared()

    def rearranged(self):
        if self.rounds is not None:
            self.rounds.rebalances += 1

    def counted(self):
        if self.rounds is not None:
            self.rounds.counted(self.state.expert_load_pass)

    def stepped(self, moving):
        if self.rounds is not None:
            self.rounds.stepped(moving)


def _routes_its_own(parallel, model):
    """Whether a rank's tables are looked up for its own tokens alone. Else several ranks route the same, and pick alike."""
    alone = parallel.tensor_parallel_size == 1 or parallel.use_sequence_parallel_moe
    if not alone or parallel.data_parallel_size == 1 or parallel.prefill_context_parallel_size > 1:
        return False
    # Others gather the tokens of all ranks first.
    methods = [getattr(layer, "_quant_method", None) for layer in model.moe_layers]
    return all(getattr(method, "supports_internal_mk", False) for method in methods)


_WRAPPERS = [
    ("module", "_commit_eplb_maps", _committing),
    ("module", "_commit_eplb_maps_for_layer", _committing_layer),
    ("worker", "run_rebalance_experts", _answering),
    ("state", "add_model", _joining),
    ("state", "update_mapping", _mapping),
    ("state", "rearrange", _rearranging),
    ("state", "_should_record_current_step", _recording),
    ("state", "step", _stepping),
]
