"""One rank of SGLang as far as its experts go: its own EPLB manager, recorder, updater and mapping function.

What these modules import beside each other is mocked (mocked_packages.py), since the package wants a GPU.
"""

import importlib
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import torch

import other_files
import sglang_files
from mocked_packages import mock_all_but

_REAL = sglang_files.REAL | {
    "sglang.srt.eplb.eplb_manager",
    "sglang.srt.eplb.expert_location_dispatch",
    "sglang.srt.eplb.expert_location_updater",
}


def prepare(told):
    """What is done once for all ranks of the process: what the modules import is put in its place before they are."""
    package = Path(told.sources) / "sglang"
    mock_all_but({"sglang": package}, _REAL)
    import sglang
    import sglang.srt.distributed.parallel_state as parallel_state
    import sglang.srt.elastic_ep.elastic_ep as elastic
    import sglang.srt.environ as environ
    import sglang.srt.runtime_context as context
    import sglang.srt.utils as utils

    sglang.__version__ = other_files.version(package, "sglang")
    sglang_files.prepare()
    context.get_resources = lambda: _RESOURCES
    context.get_platform = lambda: SimpleNamespace(is_hip=False)
    utils.Withable = _Withable
    utils.get_bool_env_var = lambda *_: False
    environ.envs.SGLANG_LOG_EXPERT_LOCATION_METADATA.get = lambda: False
    environ.envs.SGLANG_EPLB_P2P_BATCH_CHUNK_SIZE.get = lambda: 32
    elastic.ElasticEPStateManager = SimpleNamespace(instance=lambda: None)
    parallel_state.get_world_group = lambda: _World(torch.distributed.get_rank())
    device = SimpleNamespace(
        empty_cache=lambda: None, synchronize=lambda: None, is_current_stream_capturing=lambda: False
    )
    torch.get_device_module = lambda: device
    for name in sorted(_REAL):
        importlib.import_module(name)


_RESOURCES = SimpleNamespace(expert_location_metadata=None, expert_distribution_recorder=None)


class _Withable:
    """As SGLang's: a value while a block runs."""

    value = None

    @contextmanager
    def with_value(self, value):
        self.value = value
        try:
            yield
        finally:
            self.value = None


class Engine:
    """
    sizes: layers, experts, ranks, nodes, slots (of a rank), groups; every: engine steps from rebalance to rebalance;
    own_tokens: whether each rank routes its own (else there is no all-to-all); dispatch: SGLang's algorithm;
    layers_per_chunk: so many are moved in a step, or None
    """

    def __init__(self, rank, sizes):
        from sglang.srt.eplb import (
            eplb_manager,
            expert_distribution,
            expert_location,
            expert_location_dispatch,
            expert_location_updater,
        )

        moe, parallel = sglang_files.MOE, sglang_files.PARALLEL
        moe.ep_num_redundant_experts = sizes.slots * sizes.ranks - sizes.experts
        moe.ep_dispatch_algorithm = sizes.dispatch
        moe.moe_a2a_backend = "deepep" if sizes.own_tokens else "none"
        moe.expert_distribution_recorder_buffer_size = sizes.every
        moe.eplb_rebalance_num_iterations = sizes.every
        moe.eplb_rebalance_layers_per_chunk = sizes.layers_per_chunk
        parallel.ep_size = parallel.tp_size = sizes.ranks
        parallel.nnodes = sizes.nodes
        parallel.tp_rank = rank
        config = sglang_files.config(sizes.layers, sizes.experts, sizes.groups)
        metadata = expert_location.compute_initial_expert_location_metadata(config, moe_ep_rank=rank)
        expert_location.set_global_expert_location_metadata(metadata)
        self._recorder = expert_distribution.ExpertDistributionRecorder.init_new(metadata, rank)
        _RESOURCES.expert_distribution_recorder = self._recorder
        local = metadata.physical_to_logical_map[:, rank * sizes.slots : (rank + 1) * sizes.slots]
        # Of an expert's weights its number: where they move can be seen.
        self._weights = {layer: [row.float().unsqueeze(1).repeat(1, 4)] for layer, row in enumerate(local)}
        model = SimpleNamespace(routed_experts_weights_of_layer=self._weights)
        updater = expert_location_updater.ExpertLocationUpdater()
        self.manager = eplb_manager.EPLBManager(
            model_config=config,
            get_model=lambda: model,
            get_expert_location_updater=lambda: updater,
            get_expert_backup_client=lambda: None,
            get_weight_updater=lambda: SimpleNamespace(update_weights_from_disk=None),
        )
        self._metadata = metadata
        self._dispatch = expert_location_dispatch

    def rounds(self):
        """The plug-in's, or None."""
        return getattr(getattr(self._metadata, "plimsoll", None), "rounds", None)

    def slots(self):
        return self._metadata.physical_to_logical_map

    def held(self):
        """Expert of every local slot by its weights, `[layers][local slots]`."""
        return torch.stack([self._weights[layer][0][:, 0].long() for layer in sorted(self._weights)])

    def map(self, ids):
        """Slots of this rank's tokens' experts. ids: `[layers][tokens, topk]`"""
        found = []
        with self._recorder.with_forward_pass(0, None):
            for layer, chosen in enumerate(ids):
                info = self._dispatch.ExpertLocationDispatchInfo.init_new(layer)
                found.append(self._dispatch.topk_ids_logical_to_physical(chosen, info))
                with self._recorder.with_current_layer(layer):
                    self._recorder.on_select_experts(found[-1])
        return found

    def end_step(self):
        self.manager.on_forward_pass_end()

    def tables(self):
        """Slots an expert's tokens may go to, and the number of entries, of every layer."""
        metadata = self._metadata
        return metadata.logical_to_all_physical_map, metadata.logical_to_all_physical_map_num_valid


class _World:
    """The world's group, as SGLang's coordinator is asked for it."""

    def __init__(self, rank):
        self.rank_in_group = rank

    def broadcast_object(self, value, src=0):
        box = [value]
        torch.distributed.broadcast_object_list(box, src=src)
        return box[0]
