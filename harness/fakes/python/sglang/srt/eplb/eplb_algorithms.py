"""As in SGLang 0.5.23; its own answer is easily told."""

import torch

OWN = -7


def rebalance_experts(
    tokens_per_expert, num_physical_experts, num_local_physical_experts, num_groups, num_nodes, algorithm
):
    return torch.tensor([[OWN] * num_physical_experts for _ in range(tokens_per_expert.shape[1])]), None, None
