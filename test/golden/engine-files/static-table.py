"""Writes sglang-static-table.json: [ranks][layers][experts] from SGLang's own compute_logical_to_rank_dispatch_physical_map.

Needs torch and the file of SGLang 0.5.23 that has the function; what that reads of a running server is fixed here:

python3 static-table.py site-packages/sglang/srt/eplb/expert_location.py
"""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch

RANKS, NODES, EXPERTS = 6, 2, 5
MAP = [[0, 2, 0, 1, 1, 2, 0, 3, 1, 4, 3, 4], [0, 0, 1, 2, 4, 3, 0, 4, 3, 2, 4, 3]]


def module(name, **members):
    sys.modules[name] = ModuleType(name)
    vars(sys.modules[name]).update(members)


for package in ["sglang", "sglang.srt", "sglang.srt.elastic_ep"]:
    module(package)
module("sglang.srt.elastic_ep.elastic_ep", elastic_expanded_world_enabled=lambda: False)
module(
    "sglang.srt.runtime_context",
    get_device=None,
    get_resources=None,
    get_exec=lambda: SimpleNamespace(moe=SimpleNamespace(ep_join_mode=None, moe_a2a_backend="deepep")),
    get_parallel=lambda: SimpleNamespace(ep_size=RANKS, nnodes=NODES),
)
spec = importlib.util.spec_from_file_location("expert_location", sys.argv[1])
sglang = importlib.util.module_from_spec(spec)
sys.modules["expert_location"] = sglang
spec.loader.exec_module(sglang)

replicas = sglang._compute_logical_to_all_physical_map(torch.tensor(MAP), EXPERTS, RANKS, None)
table = [
    sglang.compute_logical_to_rank_dispatch_physical_map(replicas, RANKS, len(MAP[0]), rank).tolist()
    for rank in range(RANKS)
]
(Path(__file__).parent / "sglang-static-table.json").write_text(json.dumps(table) + "\n")
