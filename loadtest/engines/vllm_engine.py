"""One rank of vLLM as far as its experts go: its own EPLB, its own groups on gloo, its own mapping kernel.

The kernel is Triton's and runs under Triton's interpreter (TRITON_INTERPRET=1). vLLM's platform on a CPU has no mapping
at all, so it is said to be CUDA-alike while the module with the kernel is imported, and Triton is put in for the stand-in
that a CPU has. Where torch has no accelerator its events are the thread's part alone. All else runs as installed.
"""

import threading
from contextlib import nullcontext
from types import SimpleNamespace

import torch

class _NoEvent:
    """On a CPU what was asked for is done."""

    def __init__(self, *_, **__):
        pass

    def record(self, stream=None):
        pass

    def wait(self, stream=None):
        pass

    def synchronize(self):
        pass

    def elapsed_time(self, _):
        return 0


class _NoStream(_NoEvent):
    pass


def prepare(_told):
    """What is done once for all ranks of the process."""
    torch.Event = _NoEvent
    torch.accelerator.current_stream = _NoStream
    torch.accelerator.set_stream = lambda _: None
    mapping()


def mapping():
    """vLLM's `eplb_map_to_physical_and_record` as it is on a GPU."""
    import triton
    import triton.language
    import vllm.triton_utils
    from vllm.platforms import current_platform

    vllm.triton_utils.triton, vllm.triton_utils.tl = triton, triton.language
    platform = type(current_platform)
    own = platform.is_cuda_alike
    platform.is_cuda_alike = lambda self: True
    try:
        from vllm.model_executor.layers.fused_moe.router.base_router import eplb_map_to_physical_and_record
    finally:
        platform.is_cuda_alike = own
    return eplb_map_to_physical_and_record


class Engine:
    """
    sizes: layers, experts, ranks, nodes, slots (of a rank), groups; every: engine steps from rebalance to rebalance;
    own_tokens: whether each rank routes its own; asynchronous: vLLM's EPLB in its thread
    """

    def __init__(self, rank, sizes):
        from vllm.distributed.eplb import async_worker, eplb_state
        from vllm.config.parallel import EPLBConfig
        from vllm.distributed import parallel_state
        from vllm.model_executor.models.interfaces import MixtureOfExperts

        self._map = mapping()
        world = list(range(sizes.ranks))
        for name in ("_EP", "_EPLB"):
            group = parallel_state.GroupCoordinator([world], rank, "gloo", False, group_name=name)
            setattr(parallel_state, name, group)
        parallel_state._NODE_COUNT = sizes.nodes
        state_of = eplb_state.EplbLayerState
        slots, local = sizes.slots * sizes.ranks, sizes.slots

        class Layer:
            """As the runner of a MoE layer: what EPLB asks of it."""

            def __init__(self, weights):
                self.eplb_state = state_of()
                self._quant_method = SimpleNamespace(supports_internal_mk=sizes.own_tokens)
                self._weights = weights

            def get_expert_weights(self):
                return [self._weights]

            def set_eplb_state(self, moe_layer_idx, **tensors):
                self.eplb_state.set_layer_state(moe_layer_idx, **tensors)

        class Model(MixtureOfExperts):
            def __init__(self, start):
                held = torch.tensor(start[rank * local : (rank + 1) * local])
                # Of an expert's weights its number: where they move can be seen.
                self.moe_layers = [Layer(held.float().unsqueeze(1).repeat(1, 4)) for _ in range(sizes.layers)]
                self.num_moe_layers = sizes.layers
                self.num_expert_groups = sizes.groups
                self.num_logical_experts = self.num_routed_experts = sizes.experts
                self.num_physical_experts = slots
                self.num_local_physical_experts = local
                self.num_shared_experts = 0
                self.num_redundant_experts = slots - sizes.experts

        parallel = SimpleNamespace(
            eplb_config=EPLBConfig(
                window_size=sizes.every // 2,
                step_interval=sizes.every,
                use_async=sizes.asynchronous,
                communicator="torch_gloo",
            ),
            enable_elastic_ep=False,
            num_ubatches=0,
            data_parallel_size=sizes.ranks,
            tensor_parallel_size=1,
            pipeline_parallel_size=1,
            prefill_context_parallel_size=1,
            use_sequence_parallel_moe=False,
        )
        self._sizes = sizes
        self._rank = rank
        self.state = eplb_state.EplbState(parallel, torch.device("cpu"))
        start = self.state.build_initial_global_physical_to_logical_map(sizes.experts, slots - sizes.experts)
        self.model = Model(start)
        config = SimpleNamespace(model="story", compute_hash=lambda: "story")
        self.state.add_model(self.model, config)
        if sizes.asynchronous:
            self._start_worker(async_worker)

    def _start_worker(self, async_worker):
        """As `start_async_worker`, which wants a device."""
        async_worker.device_stream = lambda _: nullcontext()
        threading.Thread(
            target=async_worker.transfer_run_periodically, args=(self.state, _NoStream()), daemon=True
        ).start()

    @property
    def model_state(self):
        return self.state.model_states["story"]

    def rounds(self):
        """The plug-in's, or None."""
        return getattr(getattr(self.model_state, "plimsoll", None), "rounds", None)

    def slots(self):
        return self.model_state.physical_to_logical_map

    def held(self):
        """Expert of every local slot by its weights, `[layers][local slots]`."""
        return torch.stack([weights[0][:, 0].long() for weights in self.model.expert_weights])

    def map(self, ids):
        """Slots of this rank's tokens' experts. ids: `[layers][tokens, topk]`"""
        found = []
        for layer, chosen in zip(self.model.moe_layers, ids):
            state = layer.eplb_state
            found.append(
                self._map(
                    chosen,
                    state.expert_load_view,
                    state.logical_to_physical_map,
                    state.logical_replica_count,
                    state.should_record_tensor,
                )
            )
        return found

    def end_step(self):
        self.state.step()

    def tables(self):
        """Slots an expert's tokens may go to, and the number of entries, of every layer."""
        return self.model_state.logical_to_physical_map, self.model_state.logical_replica_count

