"""Writes the files beside it, as the engines write theirs. Needs torch, safetensors and PyYAML:

python3 -m venv venv && venv/bin/pip install torch==2.15.0 safetensors==0.8.0 PyYAML==6.0.3 numpy
venv/bin/python make.py
"""

import json
from collections import OrderedDict
from pathlib import Path

import torch
import yaml
from safetensors.torch import save_file

folder = Path(__file__).parent


def counts(first, layers, columns, dtype):
    """Layer l, column c of block b holds 100 b + 10 l + c, for the blocks from `first` on."""
    return torch.tensor(
        [[100 * first + 10 * layer + column for column in range(columns)] for layer in range(layers)], dtype=dtype
    )


# SGLang's recorder, modes stat and stat_approx: _StatAccumulator.dump.
steps = torch.stack([counts(step, 2, 4, torch.int32) for step in range(3)])
torch.save(
    {"rank": 0, "logical_count": steps, "average_utilization_rate_over_window": None},
    folder / "recorder-stat.pt",
)

# The same counts as part of a larger storage, experts-first in memory, beside another view of it.
buffer = torch.full((5, 4, 2), -1, dtype=torch.int64)
buffer[1:4] = steps.transpose(1, 2)
torch.save(
    OrderedDict(rank=3, buffer=buffer, logical_count=buffer[1:4].transpose(1, 2), rate=0.75, sizes=(1, 70000, 2**40)),
    folder / "recorder-stat-view.pt",
)

# SGLang's recorder, modes per_pass and per_token: _DetailAccumulator.dump, one file per rank.
last_map = torch.tensor([[0, 1, 2, 3, 0, 1], [3, 2, 1, 0, 3, 2]])
for rank in range(2):
    records = [
        {
            "forward_pass_id": number,
            "rank": rank,
            "gatherer_key": "primary",
            "extend_seq_lens": [1, 300],
            "topk_ids_of_layer": torch.zeros((2, 3, 2), dtype=torch.int32),
            "global_physical_count": counts(number + rank, 2, 6, torch.int32),
        }
        for number in range(2)
    ]
    torch.save(
        {"records": records, "last_physical_to_logical_map": last_map}, folder / "recorder-per-pass" / f"dump_{rank}.pt"
    )

# TensorRT-LLM's expert statistics: iterations 50 and 51 of layers 9 and 10, whose names do not sort as numbers do.
for rank in range(2):
    save_file(
        {
            f"{iteration}_{layer}": counts(rank + iteration - 50, 20, 4, torch.int64)[layer]
            for iteration in (50, 51)
            for layer in (9, 10)
        },
        folder / "tensorrt-llm-statistics" / f"rank{rank}.safetensors",
    )
(folder / "tensorrt-llm-statistics" / "meta_info.json").write_text(
    json.dumps({"num_experts": 4, "num_experts_per_token": 2})
)

# TensorRT-LLM's load balancer YAML: save_eplb_config of its generate_eplb_config.py.
yaml.add_representer(
    list, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)
)
with open(folder / "tensorrt-llm.yaml", "w") as file:
    assignments = {9: [0, 1, 2, 3, 0, 1], 10: [3, 2, 1, 0, 3, 2]}
    config = {"num_slots": 6, "initial_global_assignments": assignments, "layer_updates_per_iter": 0}
    yaml.dump(config, file, width=float("inf"))

# vllm-ascend's expert map: export_tensor_to_file of its eplb utilities.
with open(folder / "vllm-ascend.json", "w") as file:
    layers = [
        {
            "layer_id": layer,
            "device_count": 3,
            "device_list": [
                {"device_id": device, "device_expert": experts[2 * device : 2 * device + 2]} for device in range(3)
            ],
        }
        for layer, experts in enumerate(last_map.tolist())
    ]
    json.dump({"moe_layer_count": 2, "layer_list": layers}, file, indent=4)
