"""As in vLLM 0.32: policies with a class method; this one's own answer is easily told."""

import torch

OWN = -7


class DefaultEplbPolicy:
    @classmethod
    def rebalance_experts(
        cls, weight, num_replicas, num_groups, num_nodes, num_ranks, old_global_expert_indices=None
    ):
        return torch.tensor([[OWN] * num_replicas for _ in range(weight.shape[0])])


EPLB_POLICIES = {"default": DefaultEplbPolicy}
