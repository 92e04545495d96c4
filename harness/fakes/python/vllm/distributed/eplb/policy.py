"""As in vLLM 0.32: policies with a class method; this one's own answer, the experts backwards, is easily told."""

import torch


class DefaultEplbPolicy:
    @classmethod
    def rebalance_experts(
        cls, weight, num_replicas, num_groups, num_nodes, num_ranks, old_global_expert_indices=None
    ):
        layers, experts = weight.shape
        return torch.tensor([[(experts - 1 - slot) % experts for slot in range(num_replicas)]] * layers)


EPLB_POLICIES = {"default": DefaultEplbPolicy}
