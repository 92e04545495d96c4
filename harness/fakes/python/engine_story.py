"""An engine with the plug-in on some ranks, which are threads: `engine_story.py vllm|sglang`, orders as JSON on stdin.

`{"pool": {ranks, slots, …}, "orders": [{"load": [layers][experts], …}]}`; prints, after each order, what every rank has:
its placement, the slots that its table lists for every expert, and what it counted of its own tokens by slot.
Of an order: `steps` engine steps with `load` each; `rebalance` before them; `rounds`: more steps until the plug-in has
finished so many; `environment` first; `pause`: seconds before a step. `broken`: a rank whose rounds fail. PYTHONPATH names the plug-in's folder and this one's.
"""

import importlib
import json
import os
import sys
import time
from types import SimpleNamespace

import ranks
import torch

engine = sys.argv[1]
told = json.load(sys.stdin)
pool = SimpleNamespace(
    **{"ranks": 4, "slots": 20, "layers": 2, "experts": 16, "same": False, "asynchronous": False, "window": 0, **told["pool"]}
)
plug_in = importlib.import_module(f"plimsoll_eplb.{engine}")
plug_in.register()
plug_in.register()


class Vllm:
    def __init__(self):
        from vllm.distributed.eplb.eplb_state import EplbState

        parallel = SimpleNamespace(
            eplb_config=SimpleNamespace(
                step_interval=10_000, window_size=pool.window, use_async=pool.asynchronous
            ),
            enable_elastic_ep=False,
            data_parallel_size=pool.ranks,
            tensor_parallel_size=1,
            pipeline_parallel_size=1,
            prefill_context_parallel_size=1,
            use_sequence_parallel_moe=False,
        )
        self.state = EplbState(parallel, None)
        layer = SimpleNamespace(_quant_method=SimpleNamespace(supports_internal_mk=not pool.same))
        for name in told.get("models", ["main"]):
            model = SimpleNamespace(
                moe_layers=[layer] * pool.layers,
                num_moe_layers=pool.layers,
                num_physical_experts=pool.slots,
                num_logical_experts=pool.experts,
                num_expert_groups=4,
                expert_weights=torch.zeros((pool.layers, pool.slots)),
            )
            config = SimpleNamespace(model=name, compute_hash=lambda name=name: name)
            self.state.add_model(model, config, name)
        self.model = list(self.state.model_states.values())[-1]
        self.rounds = getattr(getattr(self.model, "plimsoll", None), "rounds", None)

    def live(self):
        model = self.model
        return model.physical_to_logical_map, model.logical_to_physical_map, model.logical_replica_count

    def step(self, counts):
        self.model.expert_load_pass.add_(counts)
        self.state.step()

    def rebalance(self):
        self.state.rearrange()
        for _ in range(pool.layers * pool.asynchronous):
            self.state.step(is_dummy=True)


class Sglang:
    def __init__(self):
        from sglang.srt.eplb import eplb_manager, expert_distribution, expert_location
        from sglang.srt.runtime_context import MOE

        MOE.eplb_rebalance_num_iterations = 10_000
        MOE.moe_a2a_backend = "none" if pool.same else "deepep"
        MOE.ep_dispatch_algorithm = told.get("dispatch", "dynamic")
        row = [slot % pool.experts for slot in range(pool.slots)]
        held = [[slot for slot in range(pool.slots) if row[slot] == expert] for expert in range(pool.experts)]
        most = max(map(len, held))
        replicas = torch.tensor([[slots + [-1] * (most - len(slots)) for slots in held]] * pool.layers)
        self.metadata = expert_location.ExpertLocationMetadata(pool.ranks, torch.tensor([row] * pool.layers), replicas)
        expert_location.set_global_expert_location_metadata(self.metadata)
        self.recorder = expert_distribution._StatAccumulator(self.metadata, None)
        self.manager = eplb_manager.EPLBManager(model_config=None, recorder=self.recorder)
        self.rounds = getattr(getattr(self.metadata, "plimsoll", None), "rounds", None)

    def live(self):
        metadata = self.metadata
        return (
            metadata.physical_to_logical_map,
            metadata.logical_to_all_physical_map,
            metadata.logical_to_all_physical_map_num_valid,
        )

    def step(self, counts):
        self.recorder.append(0, "primary", {"global_physical_count": counts}, {})
        self.manager.on_forward_pass_end()

    def rebalance(self):
        for _ in self.manager.rebalance():
            self.manager.on_forward_pass_end()


def counted(live, load):
    """Tokens by slot, as the table deals them out in turn."""
    slots_of, counts = live[1].tolist(), live[2].tolist()
    rows = []
    for layer, tokens in enumerate(load):
        row = [0] * pool.slots
        for expert, all_of in enumerate(tokens):
            for token in range(all_of):
                row[slots_of[layer][expert][token % counts[layer][expert]]] += 1
        rows.append(row)
    return torch.tensor(rows, torch.int64)


def story():
    rank = {"vllm": Vllm, "sglang": Sglang}[engine]()
    if ranks.group.rank_in_group == told.get("broken"):
        rank.rounds._round = None
    seen = []
    for order in told["orders"]:
        ranks.group.exchange(os.environ.update(order.get("environment", {})))
        if order.get("rebalance"):
            rank.rebalance()
        counts = counted(rank.live(), order["load"])
        finished = 0 if rank.rounds is None else rank.rounds.finished + order.get("rounds", 0)
        for _ in range(order.get("steps", 0)):
            time.sleep(order.get("pause", 0))
            rank.step(counts)
        # Ranks finish rounds in the same step.
        while rank.rounds is not None and rank.rounds.finished < finished:
            time.sleep(0.01)
            rank.step(counts)
        slots, slots_of, entries = rank.live()
        table = [
            [row[:most] for row, most in zip(*layer)] for layer in zip(slots_of.tolist(), entries.tolist())
        ]
        counts = counted(rank.live(), order["load"])
        seen.append({"map": slots.tolist(), "table": table, "counts": counts.tolist()})
    return seen


print(json.dumps(list(zip(*ranks.run(pool.ranks, story)))))
