"""The interface of SGLang 0.5.23's ExpertLocationMetadata: which tensors there are, and that they are updated in place."""

from types import SimpleNamespace

import ranks
import torch


def get_global_expert_location_metadata():
    return ranks.here().get("metadata")


def set_global_expert_location_metadata(value):
    ranks.here()["metadata"] = value


class ModelConfigForExpertLocation:
    @staticmethod
    def from_model_config(model_config):
        return SimpleNamespace(num_groups=4)


class ExpertLocationMetadata:
    def __init__(self, ep_size, physical_to_logical_map, logical_to_all_physical_map):
        layers, slots = physical_to_logical_map.shape
        experts = logical_to_all_physical_map.shape[1]
        self.ep_size = ep_size
        self.num_layers, self.num_physical_experts, self.num_logical_experts = layers, slots, experts
        self.physical_to_logical_map = physical_to_logical_map
        self.physical_to_logical_map_cpu = physical_to_logical_map.clone()
        rows = [
            [held + [-1] * (slots - len(held)) for held in layer] for layer in logical_to_all_physical_map.tolist()
        ]
        self.logical_to_all_physical_map = torch.tensor(rows)
        self.logical_to_all_physical_map_cpu = self.logical_to_all_physical_map
        self.logical_to_all_physical_map_num_valid = torch.tensor(
            [[sum(slot >= 0 for slot in held) for held in layer] for layer in rows]
        )

    def update(self, other, update_layer_ids):
        for field in (
            "physical_to_logical_map",
            "physical_to_logical_map_cpu",
            "logical_to_all_physical_map",
            "logical_to_all_physical_map_cpu",
            "logical_to_all_physical_map_num_valid",
        ):
            for layer in update_layer_ids:
                getattr(self, field)[layer].copy_(getattr(other, field)[layer])
