"""SGLang's own code: reads what --init-expert-location is given, and writes what its recorder writes."""

from pathlib import Path
from types import SimpleNamespace

import torch

REAL = {
    "sglang.srt.eplb.expert_location",
    "sglang.srt.eplb.expert_distribution",
    "sglang.srt.eplb.eplb_algorithms",
    "sglang.srt.eplb.eplb_algorithms.deepseek",
    "sglang.srt.eplb.eplb_algorithms.deepseek_vec",
    "sglang.srt.eplb.eplb_algorithms.elasticity_aware",
}

MOE = SimpleNamespace(
    init_expert_location="trivial",
    ep_num_redundant_experts=0,
    ep_dispatch_algorithm="static",
    ep_join_mode=None,
    eplb_algorithm="auto",
    moe_a2a_backend="deepep",
    deepep_mode="normal",
    expert_distribution_recorder_mode="stat",
    expert_distribution_recorder_buffer_size=-1,
    eplb_min_rebalancing_utilization_threshold=1.0,
    elastic_ep_backend=None,
)
PARALLEL = SimpleNamespace(ep_size=1, nnodes=1, tp_size=1, elastic_ep_initial_size=None, ep_join_rank_offset=0)
SCHEDULE = SimpleNamespace(chunked_prefill_size=64)


def prepare() -> None:
    """Gives the mocked surroundings what the code reads of them."""
    import sglang.srt.elastic_ep.elastic_ep as elastic
    import sglang.srt.model_loader as loader
    import sglang.srt.runtime_context as context
    import sglang.srt.utils as utils

    context.get_device = lambda: SimpleNamespace(device="cpu")
    context.get_exec = lambda: SimpleNamespace(moe=MOE, overlap=SimpleNamespace(enable_two_batch_overlap=False))
    context.get_parallel = lambda: PARALLEL
    context.get_schedule = lambda: SCHEDULE
    context.reports_expert_balancedness = lambda: False
    utils.get_device = lambda: "cpu"
    elastic.elastic_expanded_world_enabled = lambda: False
    loader.get_model_architecture = lambda config: (config.architecture, None)
    torch.get_device_module = lambda: SimpleNamespace(empty_cache=lambda: None)


def _alone() -> None:
    """The world is this process."""
    prepare()
    if not torch.distributed.is_initialized():
        store = torch.distributed.HashStore()
        torch.distributed.init_process_group("gloo", rank=0, world_size=1, store=store)


def config(layers: int, experts: int, groups: int):
    """Of a model whose class says where experts are as DeepseekV2ForCausalLM does."""
    from sglang.srt.eplb.expert_location import ModelConfigForExpertLocation

    class Architecture:
        @staticmethod
        def get_model_config_for_expert_location(hf_config):
            return ModelConfigForExpertLocation(layers, experts, groups)

    return SimpleNamespace(architecture=Architecture, hf_config=None)


def read_location(path: Path, layers: int, experts: int, slots: int, ranks: int, groups: int = 1):
    """What a server of so many layers, experts, slots and ranks makes of --init-expert-location, on rank 0."""
    _alone()
    from sglang.srt.eplb.expert_location import compute_initial_expert_location_metadata

    MOE.init_expert_location = str(path)
    MOE.ep_num_redundant_experts = slots - experts
    PARALLEL.ep_size = ranks
    return compute_initial_expert_location_metadata(config(layers, experts, groups), moe_ep_rank=0)


def record(mode: str, dispatch: str, ranks: int, physical_map: torch.Tensor, selected, folder: Path) -> None:
    """
    Writes what the recorder of so many ranks writes, each in its own turn.
    dispatch: DeepEP's, "normal" or "low_latency"
    selected(rank, step, layer): the physical experts of the rank's tokens, [tokens, topk]; None for a dense layer.
    """
    _alone()
    import sglang.srt.environ as environ
    from sglang.srt.eplb import expert_distribution as recorder

    environ.envs.SGLANG_EXPERT_DISTRIBUTION_RECORDER_DIR.get = lambda: str(folder)
    MOE.expert_distribution_recorder_mode = mode
    MOE.deepep_mode = dispatch
    layers, slots = physical_map.shape
    metadata = SimpleNamespace(
        num_layers=layers,
        num_physical_experts=slots,
        num_logical_experts=int(physical_map.max()) + 1,
        num_local_physical_experts=slots // ranks,
        physical_to_logical_map=physical_map,
        ep_size=ranks,
    )
    for rank in range(ranks):
        # The modes stat* sum over ranks before rank 0 writes: here each is the only one, and writes for itself.
        accumulator = recorder._Accumulator.get_class()(metadata, 0 if mode.startswith("stat") else rank)
        gatherer = recorder._SinglePassGatherer.init_new(metadata, rank)
        for step in range(2):
            tokens = selected(rank, step, layers - 1).shape[0]
            gatherer.reset()
            gatherer.on_forward_pass_start(
                SimpleNamespace(
                    input_ids=torch.zeros(tokens, dtype=torch.int64),
                    positions=torch.arange(tokens),
                    extend_seq_lens_cpu=[tokens],
                    forward_mode=SimpleNamespace(value=1),
                )
            )
            for layer in range(layers):
                ids = selected(rank, step, layer)
                if ids is None:
                    continue
                gatherer.on_select_experts(layer, ids)
                # What the rank's own experts receive from all.
                every = torch.cat([selected(sender, step, layer) for sender in range(ranks)]).flatten()
                local = torch.bincount(every, minlength=slots).reshape(ranks, -1)[rank]
                if mode == "stat_approx":
                    gatherer.on_deepep_dispatch_normal(layer, local.tolist(), None, None, None)
                elif dispatch == "low_latency":
                    gatherer.on_deepep_dispatch_low_latency(layer, local)
            accumulator.append(step, "primary", gatherer.collect(), {})
        accumulator.dump("file")
