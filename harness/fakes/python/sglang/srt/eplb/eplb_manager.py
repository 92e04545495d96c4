"""The interface of SGLang 0.5.23's EPLBManager: when it rebalances, and that it may take several steps to it."""

import ranks

from . import eplb_algorithms
from .expert_location import ExpertLocationMetadata, get_global_expert_location_metadata
from sglang.srt.runtime_context import get_exec


class EPLBManager:
    layers_per_chunk = 1

    def __init__(self, *, model_config, recorder):
        self._model_config = model_config
        self._recorder = recorder
        self._main_generator = self._entrypoint()

    def on_forward_pass_end(self):
        next(self._main_generator)

    def _entrypoint(self):
        while True:
            for _ in range(get_exec().moe.eplb_rebalance_num_iterations):
                yield
            yield from self.rebalance()

    def rebalance(self):
        import torch

        live = get_global_expert_location_metadata()
        load = [[0] * live.num_logical_experts for _ in range(live.num_layers)]
        for counts in ranks.group.exchange(self._recorder.dump()):
            for row, experts, tokens in zip(load, live.physical_to_logical_map.tolist(), counts):
                for expert, more in zip(experts, tokens):
                    row[expert] += more
        slots, replicas, _ = eplb_algorithms.rebalance_experts(
            tokens_per_expert=torch.tensor([load]),
            num_physical_experts=live.num_physical_experts,
            num_local_physical_experts=live.num_physical_experts // live.ep_size,
            num_groups=4,
            num_nodes=2,
            algorithm="auto",
        )
        new = ExpertLocationMetadata(live.ep_size, slots, replicas)
        for layer in range(0, live.num_layers, self.layers_per_chunk):
            if layer:
                yield
            live.update(new, list(range(layer, min(layer + self.layers_per_chunk, live.num_layers))))
