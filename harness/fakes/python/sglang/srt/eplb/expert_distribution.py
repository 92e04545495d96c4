"""As in SGLang 0.5.23: what a pass has counted is added here."""

import torch


class _StatAccumulator:
    def __init__(self, expert_location_metadata, rank):
        self._expert_location_metadata = expert_location_metadata
        self._sum = torch.zeros_like(expert_location_metadata.physical_to_logical_map)

    def append(self, forward_pass_id, gatherer_key, single_pass_data, outputs):
        self._sum.add_(single_pass_data["global_physical_count"])

    def dump(self):
        counts, self._sum = self._sum.tolist(), torch.zeros_like(self._sum)
        return counts
