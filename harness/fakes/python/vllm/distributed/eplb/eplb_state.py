"""The interface of vLLM 0.32's EplbState: when it commits what. Its experts' weights are the experts' numbers."""

from types import SimpleNamespace

import torch

from . import async_worker
from .policy import EPLB_POLICIES

# 1024 in vLLM.
WIDTH = 64


def compute_logical_maps(physical_to_logical_map, num_logical_experts):
    """Of one layer, slots of experts and their number, filled up with −1."""
    held = [[] for _ in range(num_logical_experts)]
    for slot, expert in enumerate(physical_to_logical_map.tolist()):
        held[expert].append(slot)
    rows = [slots + [-1] * (WIDTH - len(slots)) for slots in held]
    return torch.tensor(rows), torch.tensor([len(slots) for slots in held])


def rearrange_expert_weights_inplace(
    old_global_expert_indices, new_global_expert_indices, expert_weights, expert_buffer, ep_group, communicator
):
    expert_weights.copy_(new_global_expert_indices)


def _commit_eplb_maps_for_layer(model_state, new_physical_to_logical_map, layer):
    model_state.physical_to_logical_map[layer].copy_(new_physical_to_logical_map)
    slots, counts = compute_logical_maps(new_physical_to_logical_map, model_state.logical_replica_count.shape[1])
    model_state.logical_to_physical_map[layer].copy_(slots)
    model_state.logical_replica_count[layer].copy_(counts)


_own_commit = _commit_eplb_maps_for_layer


def _commit_eplb_maps(model_state, new_physical_to_logical_map):
    for layer in range(new_physical_to_logical_map.shape[0]):
        _own_commit(model_state, new_physical_to_logical_map[layer], layer)


class EplbState:
    def __init__(self, parallel_config, device):
        self.parallel_config = parallel_config
        self.model_states = {}
        self.policy = EPLB_POLICIES["default"]
        self.expert_rearrangement_step = 0
        self.expert_rearrangement_step_interval = parallel_config.eplb_config.step_interval
        self.is_async = parallel_config.eplb_config.use_async

    def add_model(self, model, model_config, model_name=None):
        layers, slots, experts = model.num_moe_layers, model.num_physical_experts, model.num_logical_experts
        start = torch.tensor([[slot % experts for slot in range(slots)] for _ in range(layers)], dtype=torch.int64)
        model_state = SimpleNamespace(
            physical_to_logical_map=start.clone(),
            logical_to_physical_map=torch.full((layers, experts, WIDTH), -1, torch.int64),
            logical_replica_count=torch.zeros((layers, experts), torch.int64),
            expert_load_pass=torch.zeros((layers, slots), torch.int32),
            window=torch.zeros((layers, slots), torch.int32),
            model_name=model_name or model_config.model,
            model=model,
            expert_buffer=None,
            rebalanced=False,
            pending_result=None,
            communicator=None,
        )
        for layer in range(layers):
            _own_commit(model_state, start[layer], layer)
        self.model_states[model_config.compute_hash()] = model_state

    def step(self, is_dummy=False, is_profile=False, log_stats=False):
        if is_profile:
            self.rearrange(is_profile=True)
            return
        for model_state in self.model_states.values():
            if is_dummy:
                model_state.expert_load_pass.zero_()
            elif self._should_record_current_step(log_stats=log_stats):
                model_state.window.add_(model_state.expert_load_pass)
                model_state.expert_load_pass.zero_()
        self.expert_rearrangement_step += 1
        for model_state in self.model_states.values():
            if model_state.rebalanced:
                _move_to_workspace(model_state)
        if self.expert_rearrangement_step >= self.expert_rearrangement_step_interval:
            self.expert_rearrangement_step = 0
            self.rearrange()

    def _should_record_current_step(self, log_stats=False):
        steps_remaining = self.expert_rearrangement_step_interval - self.expert_rearrangement_step
        return steps_remaining <= self.parallel_config.eplb_config.window_size

    def rearrange(self, is_profile=False, rank_mapping=None, use_last_expert_load=False):
        from vllm.distributed.parallel_state import get_eplb_group

        group = get_eplb_group()
        for model_state in self.model_states.values():
            held = model_state.physical_to_logical_map.tolist()
            load = [[0] * model_state.model.num_logical_experts for _ in held]
            for counts in group.exchange(model_state.window.tolist()):
                for row, experts, tokens in zip(load, held, counts):
                    for expert, more in zip(experts, tokens):
                        row[expert] += more
            if not is_profile:
                model_state.window.zero_()
            model_state.eplb_stats = SimpleNamespace(
                load=torch.tensor(load), slots=len(held[0]), num_gpus=group.world_size
            )
            if self.is_async and not is_profile:
                # The worker's thread would do this beside the steps.
                maps = model_state.physical_to_logical_map.clone()
                new = async_worker.run_rebalance_experts(model_state, self, maps, None)
                model_state.pending_result = [0, new]
                model_state.rebalanced = True
                continue
            stats = model_state.eplb_stats
            new = self.policy.rebalance_experts(
                stats.load, stats.slots, 4, 2, stats.num_gpus, model_state.physical_to_logical_map.cpu()
            )
            if not is_profile:
                rearrange_expert_weights_inplace(
                    model_state.physical_to_logical_map, new, model_state.model.expert_weights, None, None, None
                )
                _commit_eplb_maps(model_state, new_physical_to_logical_map=new)

    def update_mapping(self, model_config, expanded_physical_to_logical):
        model_state = self.model_states[model_config.compute_hash()]
        for layer in range(expanded_physical_to_logical.shape[0]):
            _own_commit(model_state, expanded_physical_to_logical[layer], layer)


def _move_to_workspace(model_state):
    layer, new = model_state.pending_result
    _commit_eplb_maps_for_layer(model_state, new_physical_to_logical_map=new[layer], layer=layer)
    model_state.pending_result[0] += 1
    if layer == new.shape[0] - 1:
        model_state.rebalanced = False
